import assert from "node:assert/strict"
import { once } from "node:events"
import { test } from "node:test"
import { threadId, Worker } from "node:worker_threads"
import { group, pickFor, START_MS, server } from "./balancers/suite.ts"
import { forceUnlock, PeerZone, zoneBytes } from "./zone.ts"

const WORKER = `
import { parentPort, threadId, workerData } from "node:worker_threads"
const { group, server, START_MS } = await import(workerData.suite)
const { PeerSet } = await import(workerData.balancer)
const { PeerZone } = await import(workerData.zoneModule)
if (workerData.die) {
  new PeerZone(2, workerData.zone).lock()
  parentPort.postMessage(threadId)
} else {
  const upstream = group("round_robin", [server(1, { weight: 3 }), server(2)], workerData.zone)
  const tried = new PeerSet()
  const input = { clientAddress: "192.0.2.1", nowMs: START_MS }
  const counts = [0, 0]
  for (let i = 0; i < workerData.rounds; i++) {
    tried.clear()
    const peer = upstream.pick(input, tried)
    counts[peer.index]++
    if (i % 2 === 0) upstream.release(peer, "ok", START_MS)
  }
  parentPort.postMessage(counts)
}
`

function startWorker(data: object): Worker {
  const modules = {
    suite: new URL("./balancers/suite.ts", import.meta.url).href,
    balancer: new URL("./balancer.ts", import.meta.url).href,
    zoneModule: new URL("./zone.ts", import.meta.url).href,
  }
  return new Worker(new URL(`data:text/javascript,${encodeURIComponent(WORKER)}`), {
    workerData: { ...modules, ...data },
  })
}

test("threads that pick at once from one zone lose no count and keep the weights", async () => {
  const zone = new SharedArrayBuffer(zoneBytes(2))
  const rounds = 20_000
  const workers = [1, 2, 3].map(() => startWorker({ zone, rounds }))
  const counts = await Promise.all(
    workers.map(async (worker) => ((await once(worker, "message")) as [number[]])[0]),
  )
  await Promise.all(workers.map((worker) => worker.terminate()))
  const sums = [0, 1].map((peer) => counts.reduce((sum, each) => sum + each[peer], 0))
  assert.deepEqual(sums, [(3 * rounds * 3) / 4, (3 * rounds) / 4])
  const upstream = group("round_robin", [server(1, { weight: 3 }), server(2)], zone)
  assert.equal(upstream.peers[0].connections + upstream.peers[1].connections, (3 * rounds) / 2)
  assert.deepEqual(
    upstream.peers.map((peer) => peer.currentWeight),
    [0, 0],
  )
})

test("a worker that died with the lock does not stop the others", async () => {
  const zone = new SharedArrayBuffer(zoneBytes(2))
  const worker = startWorker({ zone, die: true })
  const [deadThread] = (await once(worker, "message")) as [number]
  await worker.terminate()
  assert.equal(forceUnlock(zone, threadId), false)
  assert.equal(forceUnlock(zone, deadThread), true)
  assert.ok(pickFor(group("round_robin", [server(1), server(2)], zone), "192.0.2.1") !== undefined)
})

test("who comes second to a zone finds the state of the first", () => {
  const zone = new SharedArrayBuffer(zoneBytes(2))
  const peers = [server(1), server(2)]
  const one = group("round_robin", peers, zone)
  one.release(pickFor(one, "192.0.2.1")!, "failed", START_MS)
  const two = group("round_robin", peers, zone)
  assert.deepEqual(
    two.peers.map((peer) => [peer.fails, peer.accessed, peer.effectiveWeight, peer.currentWeight]),
    [
      [1, START_MS, 0, -1],
      [0, 0, 1, 1],
    ],
  )
})

test("a zone that does not fit is refused", () => {
  assert.throws(() => new PeerZone(3, new SharedArrayBuffer(zoneBytes(2))), RangeError)
  const zone = new SharedArrayBuffer(zoneBytes(3))
  group("round_robin", [server(1), server(2)], zone)
  assert.throws(
    () => group("round_robin", [server(1), server(2), server(3)], zone),
    /zone holds 2 peers, not 3/,
  )
  assert.throws(
    () => group("round_robin", [server(1, { backup: true })]),
    /no servers are inside upstream "backend"/,
  )
})
