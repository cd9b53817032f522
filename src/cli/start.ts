/** The start of the server: first of all a worker's thread, which loads its code while this one loads its own. */
import { WorkerThreads } from "../server/worker-threads.ts"
import type { Invocation } from "./paths.ts"

/** Resolves when all listeners accept; ends the process where the program cannot start. */
export async function start(invocation: Invocation): Promise<void> {
  const threads = new WorkerThreads(invocation.errorLogPath)
  threads.startAhead()
  const { serve } = await import("./serve.ts")
  await serve(invocation, threads)
}
