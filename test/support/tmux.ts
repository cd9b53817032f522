import { execFile } from "node:child_process"
import { existsSync } from "node:fs"
import type { TestContext } from "node:test"
import { setTimeout as pause } from "node:timers/promises"
import { promisify } from "node:util"

const TMUX = "/usr/bin/tmux"
const DEADLINE_MS = 20_000
const LOOK_EVERY_MS = 50

/** Why terminals cannot be had here, or false: made for node:test's `skip`. */
export function tmuxMissing(): string | false {
  return existsSync(TMUX) ? false : `${TMUX} is not installed (Debian: apt-get install tmux)`
}

export interface ScreenOptions {
  readonly columns?: number
  readonly rows?: number
  readonly env?: Readonly<Record<string, string>>
}

const execute = promisify(execFile)

/** A program on a real terminal: a tmux server of its own, which ends with the test. */
export class Screen {
  readonly #socket: string

  private constructor(socket: string) {
    this.#socket = socket
  }

  /** Runs a shell's command line; what is on the screen stays when it has ended, with "(exit N)" below. */
  static async start(t: TestContext, commandLine: string, options: ScreenOptions = {}): Promise<Screen> {
    const screen = new Screen(`holdfast-${process.pid}-${Math.random().toString(36).slice(2)}`)
    t.after(() => screen.#tmux("kill-server").catch(passOverEnded))
    const { columns = 80, rows = 24, env = {} } = options
    const settings = Object.entries({ ...env, SHELL: "/bin/sh" }).flatMap(([key, value]) => [
      "-e",
      `${key}=${value}`,
    ])
    await screen.#tmux(
      ...["-f", "/dev/null", "new-session", "-d", "-x", String(columns), "-y", String(rows), ...settings],
      `${commandLine}; printf '(exit %d)' $?; exec sleep 600`,
    )
    return screen
  }

  /**
   * The lines as they were written, without blanks at their ends: one that was too wide is longer than the screen.
   * `hasEscapes`: with colours as escape sequences.
   */
  async text(hasEscapes = false): Promise<string> {
    const { stdout } = await this.#tmux("capture-pane", "-p", "-J", ...(hasEscapes ? ["-e"] : []))
    return stdout.replaceAll(/[ \t]+$/gm, "").trimEnd()
  }

  /** Types keys as tmux names them: "Enter", "C-c", "Up"; anything else as it is. */
  async keys(...keys: readonly string[]): Promise<void> {
    await this.#tmux("send-keys", ...keys)
  }

  async type(text: string): Promise<void> {
    await this.#tmux("send-keys", "-l", text)
  }

  /** Waits until the screen matches, and returns it. A terminal tells nobody that it has changed: it is looked at. */
  async waitFor(pattern: RegExp): Promise<string> {
    const deadline = Date.now() + DEADLINE_MS
    for (;;) {
      const text = await this.text()
      if (pattern.test(text)) return text
      if (Date.now() > deadline) throw new Error(`no ${pattern} on the screen:\n${text}`)
      await pause(LOOK_EVERY_MS)
    }
  }

  #tmux(...args: readonly string[]): Promise<{ stdout: string }> {
    return execute(TMUX, ["-L", this.#socket, ...args])
  }
}

/** The server ends by itself when the last program in it has ended. */
function passOverEnded(error: Error): void {
  if (!/no server running|error connecting/.test(error.message)) throw error
}
