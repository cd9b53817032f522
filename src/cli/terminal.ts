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

/**
 * Ends `command` where standard output cannot be written, a full disk say. Not where its reader has gone: whoever reads
 * the first lines only, as `head` does, closes the pipe.
 */
export function watchOutput(command: string, exitStatus: number): void {
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") return
    process.stderr.write(`${PRODUCT} ${command}: cannot write the output: ${error.message}\n`)
    process.exit(exitStatus)
  })
}
