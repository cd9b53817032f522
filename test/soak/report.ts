import type { SoakOptions } from "./options.ts"

export interface Check {
  readonly name: string
  readonly isOk: boolean
  /** The figures behind it, or what is wrong. */
  readonly detail: string
}

/** Memory of the proxy at one moment, garbage collected in every thread, traffic going on. Bytes. */
export interface Memory {
  /** The number of reloads before it. */
  readonly reloads: number
  readonly tunnels: number
  readonly residentBytes: number
  readonly heapBytes: number
  readonly externalBytes: number
  /** Generations in memory, over all threads and divided by their number. */
  readonly generations: number
}

export interface SoakReport {
  readonly options: SoakOptions
  readonly isOk: boolean
  readonly seconds: number
  readonly checks: readonly Check[]
  readonly reloads: {
    readonly good: number
    readonly broken: number
    readonly byKind: Readonly<Record<string, number>>
    /** From the signal until a new connection to every worker sees it. */
    readonly effectMs: { readonly median: number; readonly max: number }
  }
  readonly messages: { readonly fromClients: number; readonly echoes: number; readonly pushed: number }
  readonly roundTripMs: { readonly median: number; readonly p99: number; readonly max: number }
  readonly memory: readonly Memory[]
}

/** The report for people. */
export function reportText(report: SoakReport): string {
  const { options, reloads, messages, roundTripMs } = report
  const kinds = Object.entries(reloads.byKind).map(([kind, count]) => `${count} ${kind}`)
  const lines = [
    `${options.tunnels} tunnels over ${options.tls ? "TLS" : "TCP"}, ${options.workers} workers, ` +
      `messages of ${options.messageBytes} bytes, seed ${options.seed}; ${report.seconds.toFixed(1)} s`,
    `reloads      ${reloads.good} good, ${reloads.broken} broken: ${kinds.join(", ")}`,
    `             in force in every worker after ${fixed(reloads.effectMs.median)} ms (median), ` +
      `${fixed(reloads.effectMs.max)} ms (longest)`,
    `messages     ${messages.fromClients} from clients, ${messages.echoes} echoed, ${messages.pushed} pushed by backends`,
    `round trip   ${fixed(roundTripMs.median)} ms (median), ${fixed(roundTripMs.p99)} ms (99 %), ` +
      `${fixed(roundTripMs.max)} ms (longest)`,
    "memory       reloads  tunnels       RSS     heap  external  generations",
    ...report.memory.map(memoryLine),
    ...report.checks.map(
      ({ name, isOk, detail }) => `${isOk ? "ok    " : "FAILED"}       ${name}: ${detail}`,
    ),
  ]
  return `${lines.join("\n")}\n`
}

function memoryLine(memory: Memory): string {
  const columns = [
    String(memory.reloads).padStart(7),
    String(memory.tunnels).padStart(7),
    megabytes(memory.residentBytes).padStart(8),
    megabytes(memory.heapBytes).padStart(7),
    megabytes(memory.externalBytes).padStart(8),
    memory.generations.toFixed(2).padStart(11),
  ]
  return `             ${columns.join("  ")}`
}

function megabytes(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(1)}M`
}

function fixed(value: number): string {
  return value.toFixed(value < 10 ? 1 : 0)
}
