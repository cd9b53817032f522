/** A program at a terminal of 80 columns, by script(1). */
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process"
import { existsSync } from "node:fs"
import type { TestContext } from "node:test"
import { stripVTControlCharacters } from "node:util"

const SCRIPT = "/usr/bin/script"
const DEADLINE_MS = 20_000
export const CTRL_C = "\x03"
export const CTRL_D = "\x04"

/** Why terminals cannot be had here, or false: made for node:test's `skip`. */
export function terminalMissing(): string | false {
  return existsSync(SCRIPT) ? false : `${SCRIPT} is not installed (Debian: apt-get install bsdutils)`
}

export class Terminal {
  readonly #child: ChildProcessWithoutNullStreams
  readonly #exit: Promise<number | null>
  #text = ""
  #read = 0
  #wake = (): void => {}

  /** Runs a shell's command line in `cwd`; it is ended with the test. */
  constructor(t: TestContext, commandLine: string, cwd: string) {
    const line = `stty cols 80 rows 50; ${commandLine}`
    this.#child = spawn(SCRIPT, ["-qefc", line, "/dev/null"], {
      cwd,
      env: { ...process.env, SHELL: "/bin/sh", TERM: "xterm" },
    })
    this.#child.stdout.setEncoding("utf8").on("data", (text: string) => {
      this.#text += text
      this.#wake()
    })
    this.#child.stdin.on("error", () => {})
    this.#exit = new Promise((resolve) => this.#child.once("close", (code) => resolve(code)))
    t.after(async () => {
      this.#child.kill("SIGKILL")
      await this.#exit
    })
  }

  /** What is on the terminal so far, without colours and cursor movements. */
  get text(): string {
    return stripVTControlCharacters(this.#text).replaceAll("\r", "")
  }

  /** Waits until what came since the last answer ends with `question` and its default, then types `answer`. */
  async answer(question: string, answer: string): Promise<void> {
    await this.waitFor(new RegExp(`${question.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&")}[^\n]*: $`))
    this.#read = this.text.length
    this.#child.stdin.write(answer.length === 1 && answer < " " ? answer : `${answer}\r`)
  }

  /** Waits until what came since the last answer matches. */
  async waitFor(pattern: RegExp): Promise<void> {
    const deadline = Date.now() + DEADLINE_MS
    // Lines that are too wide are broken by the terminal, not by the program: the text has no break there.
    while (!pattern.test(this.text.slice(this.#read))) {
      if (Date.now() > deadline) throw new Error(`no ${pattern} in:\n${this.text}`)
      await new Promise<void>((resolve, reject) => {
        const timer = setTimeout(resolve, DEADLINE_MS)
        this.#wake = () => {
          clearTimeout(timer)
          resolve()
        }
        this.#exit.then(() => {
          clearTimeout(timer)
          if (pattern.test(this.text.slice(this.#read))) resolve()
          else reject(new Error(`it ended without ${pattern}:\n${this.text}`))
        })
      })
    }
  }

  /** Waits for its end; returns the exit status. */
  exit(): Promise<number | null> {
    return this.#exit
  }
}
