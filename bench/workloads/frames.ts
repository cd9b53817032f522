import type { Family, WorkResult } from "../bench.ts"
import { messageLoad } from "../load/loads.ts"
import { type CpuWork, compareLoads } from "../measure.ts"
import { holdfast } from "../peers/edges.ts"

const TUNNELS = 100
const SIZES = [
  { bytes: 32, label: "32 B", limit: 1.05 },
  { bytes: 16 * 1024, label: "16 KB", limit: 1.02 },
] as const

/** What it costs that the frames of a WebSocket are followed, over relaying the same bytes. */
export const frames: Family = {
  name: "frames",
  title: "Following the frames of a WebSocket over relaying its bytes",
  async measure(bench) {
    const results: WorkResult[] = []
    for (const { bytes, label, limit } of SIZES) {
      const name = `message, ${label}, there and back`
      if (!bench.wants(`frames ${name}`)) continue
      const work = (workName: string, kind: "websocket" | "bytes"): CpuWork => ({
        name: workName,
        unit: "message",
        connect: (station) =>
          messageLoad(station, { tls: false, tunnels: TUNNELS, messageBytes: bytes, kind }),
      })
      const works = [work("frames followed", "websocket"), work("bytes only", "bytes")]
      results.push(await compareLoads(bench, "frames", holdfast, works, name, limit))
    }
    return results
  },
}
