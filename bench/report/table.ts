import type { PeerResult, WorkResult } from "../bench.ts"

/** A peer's result against the reference. */
export interface Verdict {
  /** The value against the reference's; undefined when that was not measured. */
  readonly ratio: number | undefined
  readonly verdict: "pass" | "over" | "unknown"
}

// A side that used this much of a processor had no more to give.
const SATURATED = 0.93

/** Compares the median of a peer with that of the reference in the same run, on a curve also with its own smallest. */
export function judge({ peers, point, limit }: WorkResult, { value, growth }: PeerResult): Verdict {
  const reference = peers.find(({ isReference }) => isReference)?.value.median ?? 0
  const ratio = reference > 0 ? value.median / reference : undefined
  const judged = point === undefined ? ratio : growth
  if (judged === undefined || limit === undefined) return { ratio, verdict: "unknown" }
  return { ratio, verdict: judged <= limit ? "pass" : "over" }
}

/**
 * Whose speed the units per second show where it is not the proxy's: the load generator's or the backend's. CPU time
 * per unit holds all the same.
 */
export function limitedBy({ busy }: PeerResult): "load" | "backend" | undefined {
  if (busy === undefined) return undefined
  const most = Math.max(busy.proxy, busy.load, busy.backend)
  if (busy.load >= SATURATED && busy.load === most) return "load"
  if (busy.backend >= SATURATED && busy.backend === most) return "backend"
  return undefined
}

type Column = readonly [head: string, cell: (result: WorkResult, peer: PeerResult) => string]

const COLUMNS: readonly Column[] = [
  ["work", (result) => result.work],
  ["peer", (_result, peer) => peer.peer],
  ["", ({ unit }, { value }) => `${formatNumber(value.median)} ${unit}`],
  ["spread", (_result, { value }) => formatSpread(value.values)],
  ["ratio", formatRatio],
  ["growth", (_result, { growth }) => growth?.toFixed(2) ?? ""],
  ["limit", (result, peer) => (isJudged(result, peer) ? (result.limit?.toFixed(2) ?? "") : "")],
  ["verdict", formatVerdict],
  ["per second", (_result, { perSecond }) => (perSecond === undefined ? "" : formatCount(perSecond.median))],
  ["proxy / load / backend", formatBusy],
  ["", (_result, { note }) => note ?? ""],
]

/** Results that are measured alike as a Markdown table; columns that would be empty are left out. */
export function formatTable(results: readonly WorkResult[]): string {
  const rows = results.flatMap((result) => result.peers.map((peer) => ({ result, peer })))
  const columns = COLUMNS.map(([head, cell], index) => ({
    head: index === 2 ? commonMeasure(results) : head,
    cells: rows.map(({ result, peer }) => cell(result, peer)),
  })).filter(({ cells }) => cells.some((text) => text !== ""))
  const widths = columns.map(({ head, cells }) => Math.max(head.length, ...cells.map((text) => text.length)))
  const line = (texts: readonly string[]): string =>
    `| ${texts.map((text, index) => text.padEnd(widths[index])).join(" | ")} |`
  return [
    line(columns.map(({ head }) => head)),
    `|${widths.map((width) => "-".repeat(width + 2)).join("|")}|`,
    ...rows.map((_, row) => line(columns.map(({ cells }) => cells[row]))),
  ].join("\n")
}

/** What the figures of all of them count, in one word where it is not the same. */
export function commonMeasure(results: readonly WorkResult[]): string {
  const [first, ...others] = new Set(results.map(({ measure }) => measure))
  return others.length === 0 ? (first ?? "") : "CPU per unit"
}

/** What is to be known about the figures of a table: who failed, and where another than the proxy set the pace. */
export function formatRemarks(results: readonly WorkResult[]): string[] {
  const remarks = new Set<string>()
  for (const { work, failures } of results)
    for (const { peer, why } of failures) remarks.add(`${peer} did not do "${work}": ${why}`)
  const isLimited = results.some(({ peers }) => peers.some((peer) => limitedBy(peer) !== undefined))
  if (isLimited)
    remarks.add(
      "`*`: the load generator or the backend had no more to give, so that the number per second is its own and " +
        "not the proxy's. CPU time per unit of work holds.",
    )
  return [...remarks]
}

/** Three digits that count. */
export function formatNumber(value: number): string {
  if (value >= 100) return value.toFixed(0)
  return value >= 10 ? value.toFixed(1) : value.toFixed(2)
}

export function formatCount(value: number): string {
  return Math.round(value).toLocaleString("en")
}

function formatSpread(values: readonly number[]): string {
  if (values.length < 2) return ""
  return `${formatNumber(Math.min(...values))}–${formatNumber(Math.max(...values))}`
}

function formatRatio(result: WorkResult, peer: PeerResult): string {
  const { ratio } = judge(result, peer)
  return peer.isReference || ratio === undefined ? "" : ratio.toFixed(2)
}

function formatVerdict(result: WorkResult, peer: PeerResult): string {
  return isJudged(result, peer) ? judge(result, peer).verdict : ""
}

/** Limits are for what is ours. */
function isJudged({ limit }: WorkResult, { peer }: PeerResult): boolean {
  return limit !== undefined && (peer === "holdfast" || peer === "frames followed")
}

function formatBusy(_result: WorkResult, peer: PeerResult): string {
  if (peer.busy === undefined) return ""
  const mark = limitedBy(peer) === undefined ? "" : " *"
  const { proxy, load, backend } = peer.busy
  return `${[proxy, load, backend].map((part) => (part * 100).toFixed(0)).join(" / ")} %${mark}`
}
