/** The signals that the program answers to. ngx_process.c. */
import { isatty } from "node:tty"
import { NOTICE } from "../base/logger.ts"

const SIGNALS = {
  SIGTERM: { number: 15, what: "exiting" },
  SIGINT: { number: 2, what: "exiting" },
  SIGQUIT: { number: 3, what: "shutting down" },
  SIGHUP: { number: 1, what: "reconfiguring" },
  SIGUSR1: { number: 10, what: "reopening logs" },
  SIGUSR2: { number: 12, what: "changing binary" },
  SIGWINCH: { number: 28, what: "stop accepting connections" },
} as const

export type SignalName = keyof typeof SIGNALS

/** The line of the error log for a signal. */
export function signalLine(name: SignalName): { readonly level: number; readonly text: string } {
  const { number, what } = SIGNALS[name]
  return { level: NOTICE, text: `signal ${number} (${name}) received, ${what}` }
}

/** Calls `onSignal` for each from now on. */
export function handleSignals(onSignal: (name: SignalName) => void): void {
  for (const name of Object.keys(SIGNALS) as SignalName[]) {
    // A terminal sends it when its window is resized: nginx heeds it only as a daemon.
    if (name === "SIGWINCH" && [0, 1, 2].some((fd) => isatty(fd))) continue
    process.on(name, () => onSignal(name))
  }
  process.on("SIGPIPE", () => {})
}
