/** Lines for whoever started the program. */
import { PRODUCT } from "../runtime/special-response.ts"

/** A line for the terminal; `text` is bytes as latin1. */
export function say(text: string): void {
  process.stderr.write(`${PRODUCT}: ${text}\n`, "latin1")
}

/** Says what is wrong and makes the exit status 1. */
export function fail(message: string, level: "emerg" | "alert" | "error" = "error"): void {
  say(`[${level}] ${message}`)
  process.exitCode = 1
}
