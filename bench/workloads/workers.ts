import { cpuFamily } from "./cpu-family.ts"
import { messageWork, SMALLEST } from "./messages.ts"
import { smallGet } from "./requests.ts"

/** The same work with more than one worker; what one worker costs is in the other families. */
export const workers = cpuFamily("workers", "More than one worker", (bench) =>
  bench.workers
    .filter((count) => count > 1)
    .flatMap((count) =>
      [smallGet(false, ""), messageWork(SMALLEST, false, "")].map((work) => ({
        ...work,
        name: `${work.name}, ${count} workers`,
        limit: undefined,
        workers: count,
      })),
    ),
)
