/** Questions at a terminal: one line each, a default in brackets, asked again until the answer will do. */
import { createInterface, type Interface } from "node:readline"
import type { Readable, Writable } from "node:stream"
import { HoldfastError } from "../base/error.ts"

/** The user left: by Ctrl-C (130, as a shell counts SIGINT) or by the end of the input. */
export class Left extends Error {
  readonly exitStatus: 130 | 2

  constructor(exitStatus: 130 | 2) {
    super("nothing was written")
    this.exitStatus = exitStatus
  }
}

export class Prompter {
  readonly #reader: Interface
  readonly #output: Writable
  /** Lines that nobody has asked for yet, as when several are pasted. */
  readonly #lines: string[] = []
  #left: Left | null = null
  #wake = (): void => {}

  constructor(input: Readable, output: Writable) {
    this.#output = output
    this.#reader = createInterface({ input, output, terminal: true, historySize: 0 })
    this.#reader.on("line", (line) => {
      this.#lines.push(line)
      this.#wake()
    })
    this.#reader.once("SIGINT", () => this.#leave(130))
    this.#reader.once("close", () => this.#leave(2))
  }

  /** A line between the questions. */
  say(text: string): void {
    this.#output.write(`${text}\n`)
  }

  /** Asks until `parse` takes the answer; it throws USAGE with the reason where it does not. Throws Left. */
  async ask<T>(question: string, fallback: string, parse: (text: string) => T): Promise<T> {
    for (;;) {
      const answer = (await this.#line(`${question}${fallback === "" ? "" : ` [${fallback}]`}: `)).trim()
      try {
        return parse(answer === "" ? fallback : answer)
      } catch (error) {
        if (!(error instanceof HoldfastError)) throw error
        this.say(`  ${error.message}`)
      }
    }
  }

  /** Throws Left. */
  confirm(question: string): Promise<boolean> {
    return this.ask(`${question} (y/n)`, "n", (text) => {
      if (/^y(?:es)?$/i.test(text)) return true
      if (/^no?$/i.test(text)) return false
      throw new HoldfastError("USAGE", "y or n")
    })
  }

  close(): void {
    this.#left ??= new Left(2)
    this.#reader.close()
  }

  async #line(prompt: string): Promise<string> {
    if (this.#left !== null) throw this.#left
    this.#reader.setPrompt(prompt)
    this.#reader.prompt()
    while (this.#lines.length === 0) {
      if (this.#left !== null) throw this.#left
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
    return this.#lines.shift() ?? ""
  }

  #leave(exitStatus: 130 | 2): void {
    // After Ctrl-C comes "close", too: the first counts.
    if (this.#left !== null) return
    this.#left = new Left(exitStatus)
    this.#output.write("\n")
    this.#reader.close()
    this.#wake()
  }
}
