/** A line to type in at the foot of a terminal, and lines that are printed above it. */
import { clearScreenDown, createInterface, cursorTo, type Interface, moveCursor } from "node:readline"
import type { Readable } from "node:stream"
import type { WriteStream } from "node:tty"
import { COMMAND_NAMES } from "./actions.ts"
import { isKept, MAX_HISTORY_LINES } from "./history.ts"
import { TerminalOutput } from "./terminal-output.ts"

export interface PromptHandlers {
  readonly line: (line: string) => void
  /** Ctrl-D. */
  readonly end: () => void
  /** Ctrl-C. */
  readonly interrupt: () => void
}

const PROMPT = "> "

/** Owns the terminal until `close`. */
export class Prompt {
  readonly #reader: Interface
  readonly #output: TerminalOutput
  readonly #input: Readable
  #isOpen = true

  /** `history`: oldest first. */
  constructor(input: Readable, output: WriteStream, history: readonly string[], handlers: PromptHandlers) {
    this.#output = new TerminalOutput(output)
    this.#input = input
    this.#reader = createInterface({
      input,
      output: this.#output,
      terminal: true,
      prompt: PROMPT,
      history: history.toReversed(),
      historySize: MAX_HISTORY_LINES,
      removeHistoryDuplicates: true,
      completer: complete,
    })
    this.#reader.on("history", (lines: string[]) => {
      if (lines[0] !== undefined && !isKept(lines[0])) lines.shift()
    })
    this.#reader.on("line", (line) => {
      handlers.line(line)
      if (this.#isOpen) this.#reader.prompt()
    })
    this.#reader.on("SIGINT", handlers.interrupt)
    this.#reader.once("close", () => {
      if (!this.#isOpen) return
      this.close()
      handlers.end()
    })
    input.on("data", this.#redrawAfterPaste)
    this.#reader.prompt()
  }

  /** Prints whole lines; what is being typed moves down. */
  print(text: string): void {
    if (this.#isOpen) this.#clear()
    this.#output.write(text)
    if (this.#isOpen) this.#draw()
  }

  /** Takes the prompt away. What is printed later is printed as it is. */
  close(): void {
    if (!this.#isOpen) return
    this.#clear()
    this.#isOpen = false
    this.#input.off("data", this.#redrawAfterPaste)
    this.#output.release()
    this.#reader.close()
  }

  #clear(): void {
    moveCursor(this.#output, 0, -this.#reader.getCursorPos().rows)
    cursorTo(this.#output, 0)
    clearScreenDown(this.#output)
  }

  /** At the cursor, wherever readline takes it to be: it goes up first, by the rows that it had when it last drew. */
  #draw(): void {
    const drawn = this.#output.hold(() => this.#reader.prompt(true))
    this.#output.write(drawn.replace(UP, ""))
  }

  /** readline does not count the rows of what is pasted, and would draw the next change in the wrong ones. */
  readonly #redrawAfterPaste = (piece: Buffer | string): void => {
    if (!this.#isOpen || piece.length < 2 || this.#reader.getCursorPos().rows === 0) return
    this.#clear()
    this.#draw()
  }
}

/** Cursor Up, ECMA-48 CUU. */
const UP = /^\x1b\[\d+A/

function complete(line: string): [string[], string] {
  const found = line.startsWith("/") ? COMMAND_NAMES.filter((name) => name.startsWith(line)) : []
  return [found.map((name) => `${name} `), line]
}
