/** What the supervisor and its workers tell each other. */
import type { SourcesRecord } from "../config/sources.ts"
import type { WorkerReport } from "./worker-report.ts"

/** A configuration as the supervisor read it: each worker builds the same generation from it. */
export interface ConfigurationPayload {
  readonly number: number
  readonly file: string
  readonly prefix: string
  readonly parameter: string
  readonly record: SourcesRecord
  readonly hosts: ReadonlyMap<string, readonly string[]>
  readonly memory: ReadonlyMap<string, SharedArrayBuffer>
}

export interface WorkerData {
  readonly workerIndex: number
  /** Memory of all workers, each with its own part: of CounterTable, of Heartbeat. */
  readonly counters: SharedArrayBuffer
  readonly heartbeats: SharedArrayBuffer
  /** Of ConnectionNumbers. */
  readonly connections: SharedArrayBuffer
  readonly errorLogPath: string | undefined
}

export type ToWorker =
  /** Build the generation and open its new addresses; answer with `prepared` or `refused`. */
  | { readonly type: "prepare"; readonly payload: ConfigurationPayload }
  /** All workers agreed: the prepared generation is in force. */
  | { readonly type: "commit" }
  /** Some worker did not: forget it. */
  | { readonly type: "abort"; readonly number: number }
  /** Open the log files anew; answer with `reopened`. */
  | { readonly type: "reopen" }
  /** Answer with `status`. */
  | { readonly type: "status"; readonly question: number }
  /** Accept nothing more until the next commit; what is open lives on. */
  | { readonly type: "pause" }
  /** Accept nothing more, and end once the last connection has; tunnels are not told. */
  | { readonly type: "retire" }
  /** The same, but tunnels get their goodbye. */
  | { readonly type: "quit" }
  | { readonly type: "stop" }

/** `number`: the generation that is spoken of. */
export type FromWorker =
  | { readonly type: "reopened" }
  | { readonly type: "prepared"; readonly number: number }
  | { readonly type: "refused"; readonly number: number; readonly reason: string }
  | { readonly type: "status"; readonly question: number; readonly report: WorkerReport }
  /** The thread gives up, for this reason. */
  | { readonly type: "failing"; readonly reason: string }
