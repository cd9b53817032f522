/** What readline writes to a terminal, with a way to have it first. */
import { Writable } from "node:stream"
import type { WriteStream } from "node:tty"

export class TerminalOutput extends Writable {
  readonly #terminal: WriteStream
  /** What was written meanwhile; undefined where it goes on. */
  #held: string | undefined
  readonly #resize = (): void => void this.emit("resize")

  constructor(terminal: WriteStream) {
    super({ decodeStrings: false })
    this.#terminal = terminal
    terminal.on("resize", this.#resize)
  }

  /** For readline, which counts rows by it. */
  get columns(): number {
    return this.#terminal.columns
  }

  /** What `action` writes, which does not reach the terminal. */
  hold(action: () => void): string {
    this.#held = ""
    action()
    const text = this.#held
    this.#held = undefined
    return text
  }

  /** The terminal's size is of no interest any more. */
  release(): void {
    this.#terminal.off("resize", this.#resize)
  }

  override _write(chunk: string | Buffer, _encoding: BufferEncoding, done: () => void): void {
    if (this.#held === undefined) this.#terminal.write(chunk)
    else this.#held += chunk.toString()
    done()
  }
}
