import assert from "node:assert/strict"
import { once } from "node:events"
import { test } from "node:test"
import { threadId, Worker } from "node:worker_threads"
import { PeerSet } from "./balancer.ts"
import { findIn, group, number, pickFor, START_MS, server } from "./balancers/suite.ts"
import type { Peer, PeerOptions } from "./peer.ts"
import { unixAddress } from "./peer.ts"
import { Upstream } from "./upstream.ts"
import {
  forceUnlock,
  localMemory,
  MAX_WORKERS,
  PeerLock,
  prunePeers,
  repairPeers,
  sharedMemory,
  UPSTREAM_MEMORY,
} from "./zone.ts"

const WORKER = `
import { parentPort, threadId, workerData } from "node:worker_threads"
const { findIn, group, server, START_MS } = await import(workerData.suite)
const { PeerSet } = await import(workerData.balancer)
const { sharedMemory } = await import(workerData.zoneModule)
const { map, workerIndex, rounds, locked } = workerData
const memory = sharedMemory("backend", findIn(map), workerIndex)
const upstream = group("round_robin", [server(1, { weight: 3 }), server(2)], memory)
const tried = new PeerSet()
const input = { clientAddress: "192.0.2.1", hashKey: "", boundTo: "", nowMs: START_MS }
const counts = [0, 0]
for (let i = 0; i < rounds; i++) {
  tried.clear()
  const peer = upstream.pick(input, tried)
  counts[peer.index]++
  if (i % 2 === 0) peer.release("ok", START_MS)
}
if (locked) memory.lock.lock()
parentPort.postMessage({ counts, threadId })
`

interface Done {
  readonly counts: number[]
  readonly threadId: number
}

interface Task {
  readonly map: Map<string, SharedArrayBuffer>
  readonly workerIndex: number
  readonly rounds: number
  /** It ends with the group's lock held. */
  readonly locked?: boolean
}

/** Runs a thread to its end. */
async function work(task: Task): Promise<Done> {
  const modules = {
    suite: new URL("./balancers/suite.ts", import.meta.url).href,
    balancer: new URL("./balancer.ts", import.meta.url).href,
    zoneModule: new URL("./zone.ts", import.meta.url).href,
  }
  const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(WORKER)}`), {
    workerData: { ...modules, ...task },
  })
  try {
    return ((await once(worker, "message")) as [Done])[0]
  } finally {
    await worker.terminate()
  }
}

/** As worker 9 of the threads' group. */
function threadsGroup(map: Map<string, SharedArrayBuffer>): Upstream {
  const peers = [server(1, { weight: 3 }), server(2)]
  return group("round_robin", peers, sharedMemory("backend", findIn(map), 9))
}

function filledMap(): Map<string, SharedArrayBuffer> {
  const map = new Map<string, SharedArrayBuffer>()
  threadsGroup(map)
  return map
}

function connections(upstream: Upstream): number[] {
  return [...upstream.peers, ...upstream.backups].map((peer) => peer.connections)
}

test("threads that pick at once from one zone lose no count and keep the weights", async () => {
  const map = filledMap()
  const rounds = 20_000
  const done = await Promise.all([1, 2, 3].map((workerIndex) => work({ map, workerIndex, rounds })))
  const sums = [0, 1].map((peer) => done.reduce((sum, { counts }) => sum + counts[peer], 0))
  assert.deepEqual(sums, [(3 * rounds * 3) / 4, (3 * rounds) / 4])
  const upstream = threadsGroup(map)
  assert.equal(upstream.peers[0].connections + upstream.peers[1].connections, (3 * rounds) / 2)
  assert.deepEqual(
    upstream.peers.map((peer) => peer.currentWeight),
    [0, 0],
  )
})

test("a worker that died with the lock does not stop the others, and its connections go with it", async () => {
  const map = filledMap()
  await work({ map, workerIndex: 1, rounds: 8 })
  const dead = await work({ map, workerIndex: 2, rounds: 8, locked: true })
  for (const [key, memory] of map)
    if (key.startsWith(`${UPSTREAM_MEMORY}lock/`)) assert.equal(forceUnlock(memory, threadId), false)
  repairPeers(map, 2, dead.threadId)
  const upstream = threadsGroup(map)
  const sum = (): number => connections(upstream).reduce((total, each) => total + each, 0)
  assert.equal(sum(), 4)
  assert.ok(pickFor(upstream, "192.0.2.1") !== undefined)
  // The other workers' connections are theirs still, and what is given back to them is taken off once.
  repairPeers(map, 2, dead.threadId)
  assert.equal(sum(), 5)
  repairPeers(map, 1, 0)
  assert.equal(sum(), 1)
})

test("a repair goes on where another dead worker has the lock", async () => {
  const map = filledMap()
  const first = await work({ map, workerIndex: 1, rounds: 2, locked: true })
  repairPeers(map, 2, first.threadId + 1)
  repairPeers(map, 1, first.threadId)
  assert.deepEqual(connections(threadsGroup(map)), [0, 0])
  assert.ok(pickFor(threadsGroup(map), "192.0.2.1") !== undefined)
})

test("a worker beyond the slots is refused", () => {
  assert.throws(() => sharedMemory("backend", findIn(new Map()), MAX_WORKERS), RangeError)
  sharedMemory("backend", findIn(new Map()), MAX_WORKERS - 1)
})

test("a lock that nobody gives back is waited for in vain", () => {
  const memory = new SharedArrayBuffer(8)
  const lock = new PeerLock(memory)
  assert.ok(lock.lockWithin(3))
  assert.ok(!new PeerLock(memory).lockWithin(3))
  lock.unlock()
  assert.ok(new PeerLock(memory).lockWithin(3))
})

/** A later generation of the group finds the state of an earlier one, in either kind of memory. */
for (const isShared of [false, true]) {
  const kind = isShared ? "shared" : "local"
  const generations = (): ((peers: PeerOptions[]) => Upstream) => {
    const find = findIn(new Map())
    return (peers) =>
      group("round_robin", peers, isShared ? sharedMemory("backend", find, 0) : localMemory("backend", find))
  }

  test(`${kind}: who comes second finds the state of the first`, () => {
    const next = generations()
    const peers = [server(1), server(2)]
    pickFor(next(peers), "192.0.2.1")!.release("failed", START_MS)
    assert.deepEqual(
      next(peers).peers.map((peer) => [
        peer.fails,
        peer.accessed,
        peer.checked,
        peer.effectiveWeight,
        peer.currentWeight,
      ]),
      [
        [1, START_MS, START_MS, 0, -1],
        [0, 0, 0, 1, 1],
      ],
    )
  })

  test(`${kind}: connections and failures go with the address, whatever the group becomes`, () => {
    const next = generations()
    const one = next([server(1, { maxConns: 1 }), server(2), server(3)])
    const held = [1, 2, 3].map((n) => taken(one, n))
    held[1].release("failed", START_MS)
    const two = next([server(4), server(2, { backup: true }), server(1, { maxConns: 1 })])
    assert.deepEqual(
      [...two.peers, ...two.backups].map((peer) => [number(peer), peer.connections, peer.fails]),
      [
        [4, 0, 0],
        [1, 1, 0],
        [2, 0, 1],
      ],
    )
    assert.ok(!two.peers[1].isAvailable(START_MS))
    held[0].release("ok", START_MS)
    assert.ok(two.peers[1].isAvailable(START_MS))
    // One that was out of the group for a generation is found again, too.
    assert.equal(next([server(3)]).peers[0].connections, 1)
  })

  test(`${kind}: peers at one address are told apart`, () => {
    const next = generations()
    const one = next([server(1), server(1)])
    pickFor(one, "192.0.2.1")!.release("failed", START_MS)
    pickFor(one, "192.0.2.1")
    const two = next([server(2), server(1), server(1)])
    assert.deepEqual(
      two.peers.map((peer) => [peer.fails, peer.connections]),
      [
        [0, 0],
        [1, 0],
        [0, 1],
      ],
    )
  })

  test(`${kind}: a weight that changes begins anew, the others go on`, () => {
    const next = generations()
    const one = next([server(1, { weight: 4 }), server(2, { weight: 4 })])
    for (const peer of one.peers) taken(one, number(peer)).release("failed", START_MS)
    const two = next([server(1, { weight: 4 }), server(2, { weight: 6 })])
    assert.deepEqual(
      two.peers.map((peer) => [peer.effectiveWeight, peer.currentWeight, peer.fails]),
      [
        [0, 0, 1],
        [6, 0, 1],
      ],
    )
    // It was only built, and is not in force: the first is as it was.
    assert.deepEqual(
      one.peers.map((peer) => peer.effectiveWeight),
      [0, 0],
    )
  })

  test(`${kind}: a group that is only written in another order chooses as if nothing had been`, () => {
    const sequence = (upstreams: readonly Upstream[]): number[] =>
      upstreams.map((upstream) => number(pickFor(upstream, "192.0.2.1")))
    const peers = [server(1, { weight: 5 }), server(2, { weight: 2 }), server(3, { weight: 1 })]
    const alone = group("round_robin", peers)
    const next = generations()
    const [one, two] = [next(peers), next([peers[0], peers[2], peers[1]])]
    assert.deepEqual(
      sequence([one, one, one, two, two, two, two, two]),
      sequence([alone, alone, alone, alone, alone, alone, alone, alone]),
    )
  })
}

/** Picks until it is the peer of that number; all others are given back. */
function taken(upstream: Upstream, wanted: number): Peer {
  const tried = new PeerSet()
  for (;;) {
    const peer = pickFor(upstream, "192.0.2.1", START_MS, tried)
    assert.ok(peer !== undefined)
    if (number(peer) === wanted) return peer
    peer.release("idle", START_MS)
  }
}

test("groups of other names share nothing, odd names and paths included", () => {
  const find = findIn(new Map())
  const odd = (name: string, path: string): Upstream => {
    const peers = [{ ...server(1), address: unixAddress(path) }, server(2)]
    const memory = sharedMemory(name, find, 0)
    return new Upstream({ name, peers, method: "round_robin", keepalive: undefined, memory, drainMs: null })
  }
  pickFor(odd("a\nb", "/c"), "192.0.2.1")
  assert.deepEqual(connections(odd("a\nb", "/c")), [1, 0])
  for (const [name, path] of [
    ["a", "b\n/c"],
    ["a\nb", "/d"],
    ["a", "/c"],
    ["b", "/c"],
  ] as const)
    assert.deepEqual(connections(odd(name, path)), [0, 0])
})

function namedBy(...upstreams: Upstream[]): (name: string) => boolean {
  const names = new Set(upstreams.flatMap((upstream) => upstream.memoryNames))
  return (name) => names.has(name)
}

for (const isShared of [false, true]) {
  const kind = isShared ? "shared" : "local"
  const memoryIn = (map: Map<string, SharedArrayBuffer>): Parameters<typeof group>[2] =>
    isShared ? sharedMemory("backend", findIn(map), 0) : localMemory("backend", findIn(map))

  test(`${kind}: a thousand generations with ever new addresses leave memory as it was`, () => {
    const map = new Map<string, SharedArrayBuffer>()
    map.set("ssl_session_cache:S 4096", new SharedArrayBuffer(4096))
    let before = group("round_robin", [server(1), server(2)], memoryIn(map))
    const size = map.size
    for (let n = 2; n < 1000; n++) {
      const now = group("round_robin", [server(n), server(n + 1)], memoryIn(map))
      prunePeers(map, namedBy(now, before))
      assert.ok(map.size <= size + 1, `${map.size} entries`)
      before = now
    }
    assert.ok(map.has("ssl_session_cache:S 4096"))
    prunePeers(map, () => false)
    assert.deepEqual([...map.keys()], ["ssl_session_cache:S 4096"])
  })

  test(`${kind}: a row lives as long as a connection counts on it, and its group's lock with it`, () => {
    const map = new Map<string, SharedArrayBuffer>()
    const old = group("round_robin", [server(1), server(2)], memoryIn(map))
    const held = taken(old, 1)
    prunePeers(map, () => false)
    assert.equal(map.size, isShared ? 2 : 1)
    const again = group("round_robin", [server(3), server(1)], memoryIn(map))
    assert.equal(again.peers[1].connections, 1)
    held.release("ok", START_MS)
    assert.equal(again.peers[1].connections, 0)
    prunePeers(map, () => false)
    assert.equal(map.size, 0)
  })
}

test("a worker whose map has another row than the supervisor's takes the supervisor's", () => {
  const supervisor = new Map<string, SharedArrayBuffer>()
  const peers = [server(1), server(2)]
  group("round_robin", peers, sharedMemory("backend", findIn(supervisor), 0))
  const worker = new Map(supervisor)
  prunePeers(supervisor, () => false)
  // The address comes back: the supervisor builds first, and hands its map over.
  const checked = group("round_robin", peers, sharedMemory("backend", findIn(supervisor), 0))
  for (const [key, memory] of supervisor) worker.set(key, memory)
  const built = group("round_robin", peers, sharedMemory("backend", findIn(worker), 1))
  pickFor(built, "192.0.2.1")
  assert.deepEqual(connections(checked), [1, 0])
})

test("a group without primaries is refused", () => {
  assert.throws(
    () => group("round_robin", [server(1, { backup: true })]),
    /no servers are inside upstream "backend"/,
  )
})
