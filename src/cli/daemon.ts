/** `daemon on`: the program goes on in the background. */
import { spawn } from "node:child_process"

/** Set for the child that is to stay. */
const MARK = "HOLDFAST_DAEMON"

export function isDaemonChild(): boolean {
  return process.env[MARK] === "1"
}

/**
 * Starts the program again in a session of its own and ends with its status once it accepts, or once it has
 * failed: a process of Node's cannot fork itself.
 */
export function runDaemon(): Promise<never> {
  const child = spawn(process.execPath, [...process.execArgv, ...process.argv.slice(1)], {
    detached: true,
    env: { ...process.env, [MARK]: "1" },
    // Not the terminal's own: whoever reads from it would wait for the daemon's end.
    stdio: ["ignore", "ignore", "pipe", "ipc"],
  })
  child.stderr?.pipe(process.stderr)
  child.once("message", () => process.exit(0))
  // "close" comes after the last of its messages.
  child.once("close", (code) => process.exit(code ?? 1))
  return new Promise(() => {})
}

/** Standard error of a daemon, and of the programs that it starts in its place, is read for a moment only. */
export function ignoreClosedTerminal(): void {
  if (isDaemonChild()) process.stderr.on("error", () => {})
}

/** Tells the process that started this one that all listeners accept. */
export function reportReady(): void {
  if (!isDaemonChild() || process.send === undefined) return
  process.send("ready", () => process.disconnect())
}
