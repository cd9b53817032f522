import { setTimeout as pause } from "node:timers/promises"
import type { Bench, Failure, Family, PeerResult, WorkResult } from "../bench.ts"
import { openProgram, portFor } from "../load/loads.ts"
import { Helper } from "../load/programs.ts"
import { guarded } from "../measure.ts"
import type { Peer } from "../peers/peer.ts"
import { summarise } from "../statistics.ts"
import type { Memory } from "../system.ts"

const MESSAGE_BYTES = 32
// Before the first figure: what is allocated once, whatever comes.
const WARM_UP_TUNNELS = 100
const QUIET_MS = 5000
const COUNTS = [1000, 8000]
// With fewer, what is allocated once and in steps weighs more than a tunnel does.
const LIMITED_COUNT = 8000

/** Memory that a tunnel costs which does nothing: after one message there and back on each, and a quiet time. */
export const idleMemory: Family = {
  name: "memory",
  title: "Memory per idle tunnel",
  async measure(bench) {
    const results: WorkResult[] = []
    for (const tls of [false, true]) {
      const suffix = tls ? ", TLS" : ""
      const counts = (bench.isQuick ? COUNTS.slice(0, 1) : COUNTS).filter((count) =>
        bench.wants(`memory ${workName(count, suffix)}`),
      )
      if (counts.length > 0) results.push(...(await measureCounts(bench, tls, counts, suffix)))
    }
    return results
  },
}

function workName(count: number, suffix: string): string {
  return `${count.toLocaleString("en")} idle tunnels${suffix}`
}

async function measureCounts(
  bench: Bench,
  tls: boolean,
  counts: readonly number[],
  suffix: string,
): Promise<WorkResult[]> {
  const failures: Failure[] = []
  const rows = counts.map((): PeerResult[] => [])
  for (const peer of bench.peers) {
    bench.say(`idle tunnels${suffix}: ${peer.name}`)
    await guarded(peer.name, failures, async () => {
      const perTunnel = await measurePeer(bench, peer, tls, counts)
      for (const [index, { rss, pss }] of perTunnel.entries())
        rows[index].push({
          peer: peer.name,
          isReference: peer.isReference,
          value: summarise([rss / 1024]),
          note: `PSS ${(pss / 1024).toFixed(1)} KB`,
        })
    })
  }
  return counts.map((count, index) => ({
    family: "memory",
    work: workName(count, suffix),
    measure: "RSS per tunnel",
    unit: "KB",
    limit: count === LIMITED_COUNT ? (tls ? 1.3 : 0.7) : undefined,
    peers: rows[index],
    failures,
  }))
}

/** Bytes per tunnel at each of `counts`, over what the peer held before the first. */
async function measurePeer(
  bench: Bench,
  peer: Peer,
  tls: boolean,
  counts: readonly number[],
): Promise<{ rss: number; pss: number }[]> {
  await using stack = new AsyncDisposableStack()
  const backend = stack.use(new Helper("backend.ts"))
  const started = await bench.runner.start(stack, peer, Number(await backend.readLine()), 1)
  const options = { port: portFor(started, tls), tls, messageBytes: MESSAGE_BYTES, kind: "websocket" }
  const load = stack.use(await openProgram("websocket-load.ts", { ...options, tunnels: WARM_UP_TUNNELS }))
  const quietMs = bench.isQuick ? QUIET_MS / 10 : QUIET_MS
  const look = async (): Promise<Memory> => {
    await pause(quietMs)
    return bench.times.memory(started.running.pids())
  }
  const before = await look()
  const figures: { rss: number; pss: number }[] = []
  let opened = 0
  for (const count of counts) {
    await load.ask(`add ${count - opened}`)
    opened = count
    const { rssBytes, pssBytes } = await look()
    figures.push({ rss: (rssBytes - before.rssBytes) / count, pss: (pssBytes - before.pssBytes) / count })
  }
  return figures
}
