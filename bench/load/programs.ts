import { type ChildProcess, spawn } from "node:child_process"
import { createInterface } from "node:readline"
import { fileURLToPath } from "node:url"

/** A helper program of the measurements: one of the scripts beside this file. Owns the process. */
export class Helper {
  readonly #name: string
  readonly #child: ChildProcess
  readonly #lines: AsyncIterator<string>

  /** Starts `script` (a file beside this one) with `options` as JSON; its messages go to standard error. */
  constructor(script: string, options: object = {}) {
    this.#name = script
    const path = fileURLToPath(new URL(script, import.meta.url))
    const args = ["--max-semi-space-size=16", path, JSON.stringify(options)]
    this.#child = spawn(process.execPath, args, { stdio: ["pipe", "pipe", "inherit"] })
    if (this.#child.stdout === null) throw new Error("no pipe")
    // A helper that has ended is found out by the next line that is waited for.
    this.#child.stdin?.on("error", () => {})
    this.#lines = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]()
  }

  get pid(): number {
    return this.#child.pid ?? -1
  }

  /** The next line that it prints; rejects when it ended. */
  async readLine(): Promise<string> {
    const { value, done } = await this.#lines.next()
    if (done === true) throw new Error(`bench/load/${this.#name} ended early`)
    return value
  }

  writeLine(line: string): void {
    this.#child.stdin?.write(`${line}\n`)
  }

  /** Writes a line and gives the line that comes back. */
  async ask(line: string): Promise<string> {
    this.writeLine(line)
    return await this.readLine()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    const ended = new Promise((resolve) => this.#child.once("close", resolve))
    this.#child.kill("SIGKILL")
    await ended
  }
}

/**
 * Runs a program to its end and gives what it printed; rejects when it fails. `interruptAfterMs`: when it is told to
 * come to its end, by SIGINT.
 */
export function runProgram(
  command: string,
  args: readonly string[],
  interruptAfterMs?: number,
): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, [...args], { stdio: ["ignore", "pipe", "pipe"] })
    const interrupt = (): unknown => child.kill("SIGINT")
    const timer = interruptAfterMs === undefined ? undefined : setTimeout(interrupt, interruptAfterMs)
    let output = ""
    let messages = ""
    child.stdout.setEncoding("latin1").on("data", (text: string) => {
      output += text
    })
    child.stderr.setEncoding("latin1").on("data", (text: string) => {
      messages += text
    })
    child.once("error", reject)
    child.once("close", (code) => {
      clearTimeout(timer)
      if (code === 0) resolve(output === "" ? messages : output)
      else reject(new Error(`${command} exited with ${code}: ${(messages + output).slice(0, 500)}`))
    })
  })
}
