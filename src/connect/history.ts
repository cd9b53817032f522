/** What was typed, kept from one run to the next. */
import { appendFileSync, chmodSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs"
import { homedir } from "node:os"
import { dirname, join } from "node:path"

export const MAX_HISTORY_LINES = 1000
/** Nobody else is to read what was sent. */
const FILE_MODE = 0o600
const FOLDER_MODE = 0o700

/** $XDG_STATE_HOME/holdfast/connect-history; without it below ~/.local/state (XDG Base Directory Specification). */
export function historyPath(env: Readonly<Record<string, string | undefined>>): string {
  const given = env["XDG_STATE_HOME"] ?? ""
  // The specification has relative paths ignored.
  const folder = given.startsWith("/") ? given : join(homedir(), ".local", "state")
  return join(folder, "holdfast", "connect-history")
}

/** Lines that begin with a blank are not kept, as shells have it. */
export function isKept(line: string): boolean {
  return line !== "" && !/^\s/.test(line)
}

/** The file of one run. A run adds its lines as they come, so that those of two runs at once are all kept. */
export class History {
  readonly #path: string
  /** Why it cannot be kept; said once. */
  #complain: ((text: string) => void) | undefined

  constructor(path: string, complain: (text: string) => void) {
    this.#path = path
    this.#complain = complain
  }

  /** The lines of earlier runs, oldest first. The file is cut to the newest of them. */
  load(): string[] {
    return this.#try([], () => {
      const lines = this.#read()
      const kept = lines.slice(-MAX_HISTORY_LINES)
      if (kept.length < lines.length) this.#replace(kept)
      return kept
    })
  }

  add(line: string): void {
    if (!isKept(line)) return
    this.#try(undefined, () => {
      mkdirSync(dirname(this.#path), { recursive: true, mode: FOLDER_MODE })
      appendFileSync(this.#path, `${line}\n`, { mode: FILE_MODE })
    })
  }

  /** Cuts what this run has added. */
  close(): void {
    this.load()
  }

  #read(): string[] {
    try {
      chmodSync(this.#path, FILE_MODE)
      return readFileSync(this.#path, "utf8").split("\n").filter(isKept)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return []
      throw error
    }
  }

  #replace(lines: readonly string[]): void {
    const fresh = `${this.#path}.${process.pid}`
    writeFileSync(fresh, `${lines.join("\n")}\n`, { mode: FILE_MODE })
    renameSync(fresh, this.#path)
  }

  #try<T>(otherwise: T, action: () => T): T {
    try {
      return action()
    } catch (error) {
      this.#complain?.(`the history is not kept: ${(error as Error).message}`)
      this.#complain = undefined
      return otherwise
    }
  }
}
