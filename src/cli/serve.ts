/** The server: the supervisor, in the foreground or in the background. */
import { HoldfastError } from "../base/error.ts"
import { Supervisor } from "../server/supervisor.ts"
import type { WorkerThreads } from "../server/worker-threads.ts"
import { ignoreClosedTerminal, isDaemonChild, reportReady, runDaemon } from "./daemon.ts"
import type { Invocation } from "./paths.ts"
import { fail } from "./terminal.ts"

/** Resolves when all listeners accept; ends the process where they cannot. */
export async function serve(invocation: Invocation, threads: WorkerThreads): Promise<void> {
  ignoreClosedTerminal()
  const goToBackground = isDaemonChild() ? null : runDaemon
  const supervisor = new Supervisor({ ...invocation, threads, goToBackground })
  try {
    await supervisor.start()
  } catch (error) {
    if (!(error instanceof HoldfastError)) throw error
    fail(error.describe(), "emerg")
    process.exit()
  }
  reportReady()
}
