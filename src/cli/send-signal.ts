/** `-s`: a signal for the program that runs. ngx_signal_process. */
import { readFileSync } from "node:fs"
import { constants } from "node:os"
import { errnoText } from "../base/errno.ts"
import { toSystemPath } from "../config/sources.ts"
import { check } from "./check.ts"
import { SIGNALS, type SignalWord } from "./options.ts"
import type { Invocation } from "./paths.ts"
import { fail } from "./terminal.ts"

/** Throws HoldfastError where the configuration, which names the pid file, does not hold. */
export async function sendSignal(signal: SignalWord, invocation: Invocation): Promise<void> {
  const { pidPath } = await check(invocation)
  let text: string
  try {
    text = readFileSync(toSystemPath(pidPath), "latin1")
  } catch (error) {
    return fail(`open() "${pidPath}" failed (${errnoText(error as NodeJS.ErrnoException)})`)
  }
  const pid = Number(text.trim())
  if (!Number.isInteger(pid) || pid <= 0) return fail(`invalid PID number "${text.trim()}" in "${pidPath}"`)
  try {
    process.kill(pid, SIGNALS[signal])
  } catch (error) {
    const number = constants.signals[SIGNALS[signal]]
    fail(`kill(${pid}, ${number}) failed (${errnoText(error as NodeJS.ErrnoException)})`, "alert")
  }
}
