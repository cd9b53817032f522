/** Checks many configurations in the test's own process: reads each and builds all of it, as `-t` does. */
import { HoldfastError } from "../../src/base/error.ts"
import { Sources } from "../../src/config/sources.ts"
import { CounterTable } from "../../src/observe/counters.ts"
import { buildGeneration, disposeGeneration } from "../../src/server/generation.ts"
import { read } from "../../src/server/read.ts"
import { Services } from "../../src/server/services.ts"

/** What came of one configuration. */
export interface Outcome {
  /** As `-t` words it, with file and line; null where the configuration holds. */
  readonly error: string | null
  readonly code: string | null
  readonly warnings: readonly string[]
}

/**
 * Checks `text` (latin1) as the file `file`, which need not be there. Host names are not looked up: each has the
 * address 127.0.0.1. Whatever is thrown that is no HoldfastError is the caller's: it is a fault of the program.
 */
export function checkInProcess(text: string, file: string, prefix: string): Outcome {
  const warnings: string[] = []
  const services = new Services({
    workerIndex: 0,
    counters: new CounterTable(new SharedArrayBuffer(CounterTable.bytes(1)), 0),
    memory: new Map(),
    threadId: 1,
    errorLogPath: undefined,
  })
  try {
    const sources = new Sources()
    sources.record.files.set(file, Buffer.from(text, "latin1"))
    const reading = read({ sources, file, prefix, parameter: "", warn: (message) => warnings.push(message) })
    services.hosts = new Map([...reading.hosts.keys()].map((host) => [host, ["127.0.0.1"]]))
    const { result, release } = services.logFiles.lease(() =>
      buildGeneration(reading, {
        number: 0,
        prefix,
        services,
        previous: null,
        onWarning: (message) => warnings.push(message),
      }),
    )
    disposeGeneration(result)
    release()
    return { error: null, code: null, warnings }
  } catch (error) {
    if (!(error instanceof HoldfastError)) throw error
    return { error: error.describe(), code: error.code, warnings }
  } finally {
    services.close()
  }
}
