import { type ChildProcess, spawn } from "node:child_process"
import { createInterface } from "node:readline"
import { fileURLToPath } from "node:url"

/** A helper program of the measurements: one of the scripts beside this file. Owns the process. */
export class Helper {
  readonly #name: string
  readonly #child: ChildProcess
  readonly #lines: AsyncIterator<string>

  /** Starts `script` (a file beside this one) with `args`; its messages go to standard error. */
  constructor(script: string, args: ReadonlyArray<string | number>) {
    this.#name = script
    const path = fileURLToPath(new URL(script, import.meta.url))
    this.#child = spawn(process.execPath, [path, ...args.map(String)], { stdio: ["pipe", "pipe", "inherit"] })
    if (this.#child.stdout === null) throw new Error("no pipe")
    this.#lines = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]()
  }

  /** The next line that it prints; rejects when it ended. */
  async readLine(): Promise<string> {
    const { value, done } = await this.#lines.next()
    if (done === true) throw new Error(`bench/${this.#name} ended early`)
    return value
  }

  writeLine(line: string): void {
    this.#child.stdin?.write(`${line}\n`)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ended = new Promise((resolve) => this.#child.once("close", resolve))
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      this.#child.kill("SIGTERM")
      await ended
    }
  }
}

/** Runs a program to its end and gives what it printed; rejects when it fails. */
export function runProgram(command: string, args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, [...args], { stdio: ["ignore", "pipe", "inherit"] })
    let output = ""
    child.stdout.setEncoding("latin1").on("data", (text: string) => {
      output += text
    })
    child.once("error", reject)
    child.once("close", (code) =>
      code === 0 ? resolve(output) : reject(new Error(`${command} exited with ${code}`)),
    )
  })
}
