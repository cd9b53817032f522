/** Reads a configuration and builds it, as `-t` and `-s` do. */
import { CounterTable } from "../observe/counters.ts"
import { type Checked, checkConfiguration } from "../server/check-configuration.ts"
import { Services } from "../server/services.ts"
import type { Invocation } from "./paths.ts"
import { say } from "./terminal.ts"

/** Throws the first HoldfastError; warnings go to the terminal. */
export function check(invocation: Invocation): Promise<Checked> {
  const memory = new Map<string, SharedArrayBuffer>()
  const services = new Services({
    workerIndex: 0,
    counters: new CounterTable(new SharedArrayBuffer(CounterTable.bytes(1)), 0),
    memory,
    threadId: process.pid,
    errorLogPath: invocation.errorLogPath,
  })
  return checkConfiguration({
    ...invocation,
    services,
    number: 0,
    memory,
    onWarning: (text) => say(`[warn] ${text}`),
  })
}
