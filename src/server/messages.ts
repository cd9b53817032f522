/** What the supervisor and its workers tell each other. */
import type { SourcesRecord } from "../config/sources.ts"

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
  readonly workers: number
  readonly counters: SharedArrayBuffer
  readonly errorLogPath: string | undefined
  readonly payload: ConfigurationPayload
}

export type ToWorker =
  /** Build the generation and open its new addresses; answer with `prepared` or `refused`. */
  | { readonly type: "prepare"; readonly payload: ConfigurationPayload }
  /** All workers agreed: the prepared generation is in force. */
  | { readonly type: "commit" }
  /** Some worker did not: forget it. */
  | { readonly type: "abort" }
  | { readonly type: "reopen" }
  | { readonly type: "quit" }
  | { readonly type: "stop" }

export type FromWorker =
  | { readonly type: "prepared" }
  | { readonly type: "refused"; readonly reason: string }
  /** All logs are written, all connections closed: the thread ends now. */
  | { readonly type: "done" }
