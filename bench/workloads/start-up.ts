import type { Family, WorkResult } from "../bench.ts"
import { Helper } from "../load/programs.ts"
import { measureEach } from "../measure.ts"
import { packageNote, withPackage } from "../peers/installed.ts"
import { summarise } from "../statistics.ts"

const MIN_ROUNDS = 3

/** From the start of the process to the first answer that went to the backend and back. */
export const startUp: Family = {
  name: "start-up",
  title: "Start-up time",
  async measure(bench): Promise<WorkResult[]> {
    const work = "start to the first answer"
    if (!bench.wants(`start-up ${work}`)) return []
    await using stack = new AsyncDisposableStack()
    const installed = await withPackage(stack, bench.peers)
    await using backend = new Helper("backend.ts")
    const backendPort = Number(await backend.readLine())
    const rounds = bench.isQuick ? 1 : Math.max(MIN_ROUNDS, bench.rounds)
    const { values, failures } = await measureEach(bench, installed, work, rounds, async (peer) => {
      await using stack = new AsyncDisposableStack()
      const started = await bench.runner.start(stack, peer, backendPort, 1)
      return [started.startMs, bench.times.cpuMicros(started.running.pids()) / 1000]
    })
    const peers = [...values].map(([peer, [wall, cpu]]) => ({
      peer: peer.name,
      isReference: peer.isReference,
      value: wall ?? summarise([0]),
      note: `CPU ${cpu.median.toFixed(0)} ms${packageNote(peer)}`,
    }))
    return [{ family: "start-up", work, measure: "time", unit: "ms", peers, failures }]
  },
}
