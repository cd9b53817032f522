import { readFileSync, writeFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { formatNumber } from "../report/table.ts"
import type { Breakdown, Part } from "./breakdown.ts"
import type { CpuRow } from "./cpu.ts"
import type { MemoryRow } from "./memory.ts"
import type { Owner } from "./places.ts"

const README = fileURLToPath(new URL("../README.md", import.meta.url))
const BEGIN = "<!-- profile: written by `npm run bench:profile -- --write-readme` -->"
const END = "<!-- /profile -->"

/** All that one run found. */
export interface Findings {
  /** When, on what, by which command. */
  readonly caption: string
  readonly rows: readonly CpuRow[]
  readonly memory: readonly MemoryRow[]
}

// Owners in the order of the columns.
const OWNERS: readonly (readonly [owner: Owner, head: string])[] = [
  ["kernel", "kernel"],
  ["native", "C++"],
  ["node", "Node's JS"],
  ["own", "Holdfast's JS"],
  ["collector", "collector"],
  ["others", "other threads"],
]

// Less than this, in the share of the whole, is left out of lists.
const SMALL = 0.005

/** One row in full: each owner by its parts, then the functions. */
export function formatRow({ work, unit, reference, breakdown }: CpuRow): string {
  const { total, samples, owners, functions } = breakdown
  const lines = [
    `${work}: ${formatNumber(total)} µs a ${unit}, nginx ${formatReference(reference)}; ` +
      `${samples} samples`,
  ]
  for (const [owner, head] of OWNERS) {
    lines.push(formatPart({ name: head, micros: owners[owner].micros }, total, "  "))
    const parts = owner === "collector" ? [] : owners[owner].parts
    for (const part of parts.filter(({ micros }) => micros >= total * SMALL))
      lines.push(formatPart(part, total, "    "))
  }
  lines.push("  most often in")
  for (const part of functions) lines.push(formatPart(part, total, "    "))
  if (reference !== undefined) {
    lines.push("  nginx's system calls")
    for (const part of reference.calls.filter(({ micros }) => micros >= total * SMALL))
      lines.push(formatPart(part, total, "    "))
  }
  return lines.join("\n")
}

function formatReference(reference: CpuRow["reference"]): string {
  if (reference === undefined) return "not there"
  return `${formatNumber(reference.total)} µs, of these ${formatNumber(reference.kernel)} in the kernel`
}

function formatPart({ name, micros }: Part, total: number, indent: string): string {
  const share = ((micros / total) * 100).toFixed(1)
  return `${indent}${micros.toFixed(2).padStart(8)} µs ${share.padStart(5)} %  ${name}`
}

/** What an idle tunnel holds, by kind. */
export function formatMemory({ name, tunnels, rss, heap, native, slack, kinds }: MemoryRow): string {
  const kilobytes = (bytes: number): string => `${(bytes / 1024).toFixed(2).padStart(8)} KB`
  return [
    `${name}, ${tunnels.toLocaleString("en")} of them: ${(rss / 1024).toFixed(1)} KB of RSS each`,
    `  ${kilobytes(heap)}  live on the worker's heap`,
    ...kinds.map(
      ({ name, bytes, count }) => `    ${kilobytes(bytes)}  ${count.toFixed(1).padStart(5)} × ${name}`,
    ),
    `  ${kilobytes(slack)}  the heap's pages beyond that: garbage and free space`,
    `  ${kilobytes(native)}  outside the heap: C++ objects, libuv, OpenSSL, buffers`,
  ].join("\n")
}

/** The tables of the README. */
export function formatTables({ caption, rows, memory }: Findings): string {
  const cpu = table(
    ["µs per unit", "nginx", "its kernel", "Holdfast", ...OWNERS.map(([, head]) => head)],
    rows.map(({ work, reference, breakdown }) => [
      work,
      ...[reference?.total, reference?.kernel].map((micros) => micros?.toFixed(1) ?? ""),
      breakdown.total.toFixed(1),
      ...OWNERS.map(([owner]) => formatOwner(breakdown, owner)),
    ]),
  )
  const kilobytes = (bytes: number): string => (bytes / 1024).toFixed(1)
  const idle = table(
    ["KB per tunnel", "tunnels", "RSS", "live on the heap", "heap beyond that", "outside the heap"],
    memory.map((row) => [
      row.name,
      row.tunnels.toLocaleString("en"),
      ...[row.rss, row.heap, row.slack, row.native].map(kilobytes),
    ]),
  )
  return [caption, ...(rows.length > 0 ? [cpu] : []), ...(memory.length > 0 ? [idle] : [])].join("\n\n")
}

function formatOwner({ owners }: Breakdown, owner: Owner): string {
  return owners[owner].micros.toFixed(1)
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((text, column) => Math.max(text.length, ...rows.map((row) => row[column].length)))
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((text, column) => text.padEnd(widths[column])).join(" | ")} |`
  return [line(head), `|${widths.map((width) => "-".repeat(width + 2)).join("|")}|`, ...rows.map(line)].join(
    "\n",
  )
}

/** Puts the tables between the marks of the README. */
export function writeReadme(findings: Findings): void {
  const page = readFileSync(README, "utf8")
  const begin = page.indexOf(BEGIN)
  const end = page.indexOf(END)
  if (begin < 0 || end < begin) throw new Error(`${README} has no marks for the profile`)
  writeFileSync(README, `${page.slice(0, begin)}${BEGIN}\n\n${formatTables(findings)}\n\n${page.slice(end)}`)
}
