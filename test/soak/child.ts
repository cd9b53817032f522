import { type ChildProcess, fork } from "node:child_process"
import { once } from "node:events"
import { fileURLToPath } from "node:url"

interface Answer {
  readonly id: number
  readonly result?: unknown
  readonly error?: string
}

interface Question {
  readonly id: number
  readonly command: unknown
}

/** A program of this folder that answers commands. Owns the process. */
export class Child {
  readonly #process: ChildProcess
  readonly #name: string
  readonly #waiting = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>()
  #lastId = 0

  /** `script`: a file beside this one. */
  constructor(script: string, args: readonly string[]) {
    this.#name = script
    const path = fileURLToPath(new URL(script, import.meta.url))
    this.#process = fork(path, [...args], { execArgv: [], stdio: ["ignore", "inherit", "inherit", "ipc"] })
    this.#process.on("message", (answer: Answer) => this.#receive(answer))
    this.#process.once("exit", () => this.#fail(new Error(`${this.#name} ended`)))
    this.#process.once("error", (error) => this.#fail(error))
  }

  get pid(): number {
    return this.#process.pid ?? -1
  }

  /** Sends a command and waits for its answer; rejects with the child's error, or when it ends. */
  ask<Result>(command: unknown): Promise<Result> {
    return new Promise((resolve, reject) => {
      if (!this.#process.connected) return reject(new Error(`${this.#name} ended`))
      const id = ++this.#lastId
      this.#waiting.set(id, { resolve: (value) => resolve(value as Result), reject })
      this.#process.send({ id, command } satisfies Question)
    })
  }

  #receive(answer: Answer): void {
    const waiting = this.#waiting.get(answer.id)
    this.#waiting.delete(answer.id)
    if (answer.error !== undefined) waiting?.reject(new Error(`${this.#name}: ${answer.error}`))
    else waiting?.resolve(answer.result)
  }

  #fail(error: Error): void {
    for (const { reject } of this.#waiting.values()) reject(error)
    this.#waiting.clear()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return
    const exit = once(this.#process, "exit")
    this.#process.kill("SIGKILL")
    await exit
  }
}

/** The child's side: answers each command with what `handle` gives. Ends with its parent. */
export function answerParent<Command>(handle: (command: Command) => unknown): void {
  process.on("message", async ({ id, command }: Question) => {
    let answer: Answer
    try {
      answer = { id, result: await handle(command as Command) }
    } catch (error) {
      answer = { id, error: error instanceof Error ? error.message : String(error) }
    }
    process.send?.(answer)
  })
  process.on("disconnect", () => process.exit())
}
