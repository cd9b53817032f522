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
export function runDaemon(): void {
  const child = spawn(process.execPath, [...process.execArgv, ...process.argv.slice(1)], {
    detached: true,
    env: { ...process.env, [MARK]: "1" },
    stdio: ["ignore", "inherit", "inherit", "ipc"],
  })
  child.once("message", () => process.exit(0))
  child.once("exit", (code) => process.exit(code ?? 1))
}

/** Tells the process that started this one that all listeners accept. */
export function reportReady(): void {
  if (!isDaemonChild() || process.send === undefined) return
  process.send("ready", () => process.disconnect())
}
