import type { PeerResult, WorkloadResult } from "./measure.ts"

/** A workload's result for one peer against the reference. */
export interface Verdict {
  /** CPU time against the reference's; undefined when that was not measured. */
  readonly ratio: number | undefined
  readonly verdict: "pass" | "over" | "unknown"
}

/** Compares the medians of a peer with those of the reference in the same run. */
export function judge(result: WorkloadResult, peer: PeerResult): Verdict {
  const reference = result.peers.find(({ isReference }) => isReference)
  if (reference === undefined) return { ratio: undefined, verdict: "unknown" }
  const ratio = peer.cpuMicros.median / reference.cpuMicros.median
  return { ratio, verdict: ratio <= result.limit ? "pass" : "over" }
}

const COLUMNS = ["work", "peer", "CPU per unit", "spread", "per second", "ratio", "limit", ""] as const

/** The results as a Markdown table, to be read in a terminal and to be put into README.md as it is. */
export function formatTable(results: readonly WorkloadResult[]): string {
  const rows: string[][] = [[...COLUMNS]]
  for (const result of results) for (const peer of result.peers) rows.push(formatRow(result, peer))
  const widths = COLUMNS.map((_, column) => Math.max(...rows.map((row) => row[column].length)))
  const lines = rows.map((row) => `| ${row.map((cell, column) => cell.padEnd(widths[column])).join(" | ")} |`)
  lines.splice(1, 0, `|${widths.map((width) => "-".repeat(width + 2)).join("|")}|`)
  return lines.join("\n")
}

function formatRow(result: WorkloadResult, peer: PeerResult): string[] {
  const { median, min, max } = peer.cpuMicros
  const { isReference } = peer
  const { ratio, verdict } = judge(result, peer)
  return [
    result.workload,
    peer.peer,
    `${median.toFixed(1)} µs`,
    `${min.toFixed(1)}–${max.toFixed(1)}`,
    Math.round(peer.perSecond.median).toString(),
    isReference || ratio === undefined ? "" : ratio.toFixed(2),
    isReference ? "" : result.limit.toFixed(2),
    isReference ? "" : verdict,
  ]
}
