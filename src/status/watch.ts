/** Shows something again and again: in place on a terminal, one after the other elsewhere. */
import type { WriteStream } from "node:tty"

const HOME = "\x1b[H"
const CLEAR = "\x1b[2J"
const REST_OF_LINE = "\x1b[K"
const REST_OF_SCREEN = "\x1b[J"
const HIDE_CURSOR = "\x1b[?25l"
const SHOW_CURSOR = "\x1b[?25h"

/** Puts lines in place of those before. */
export class Screen {
  readonly #out: WriteStream
  #isFirst = true

  constructor(out: WriteStream) {
    this.#out = out
  }

  show(lines: readonly string[]): void {
    const { rows } = this.#out
    // The last line stays free: one that is full would scroll.
    const room = Math.max(rows - 1, 1)
    const fitting =
      lines.length <= room
        ? lines
        : [...lines.slice(0, room - 1), `… ${lines.length - room + 1} more lines: a higher window shows them`]
    const start = this.#isFirst ? HIDE_CURSOR + CLEAR + HOME : HOME
    this.#isFirst = false
    this.#out.write(start + fitting.map((line) => `${line}${REST_OF_LINE}\n`).join("") + REST_OF_SCREEN)
  }

  /** Gives the terminal back. */
  end(): void {
    if (!this.#isFirst) this.#out.write(SHOW_CURSOR)
  }
}

/** Calls `show` every `periodMs`, one call after the other, until SIGINT or SIGTERM: `signal` says so to who works. */
export async function repeat(periodMs: number, show: (signal: AbortSignal) => Promise<void>): Promise<void> {
  const stop = new AbortController()
  const end = (): void => stop.abort()
  process.once("SIGINT", end)
  process.once("SIGTERM", end)
  try {
    while (!stop.signal.aborted) {
      await show(stop.signal)
      await pause(periodMs, stop.signal)
    }
  } finally {
    process.off("SIGINT", end)
    process.off("SIGTERM", end)
  }
}

/** Ends early when `signal` does. */
function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timer)
      signal.removeEventListener("abort", end)
      resolve()
    }
    const timer = setTimeout(end, ms)
    if (signal.aborted) end()
    else signal.addEventListener("abort", end)
  })
}
