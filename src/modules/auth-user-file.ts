/** User files of `auth_basic_user_file`: lines of `user:password`, `user:password:comment`, `# comment`. */
import { readFileSync, statSync } from "node:fs"
import { toSystemPath } from "../config/sources.ts"

const LF = 10
const CR = 13
const HASH = 35
const COLON = 58

/** Beyond this many files (their names may have variables) all are forgotten and read again. */
const MAX_FILES = 256

interface ReadFile {
  readonly text: string
  readonly state: string
}

/** The files that were asked for. A file that has changed is read again with the next request, as in nginx. */
export class UserFiles {
  readonly #files = new Map<string, ReadFile>()

  /** What stands behind `user` in the file; undefined where the user is not in it. Throws the system's error. */
  passwordOf(path: string, user: string): string | undefined {
    return findPassword(this.#read(path), user)
  }

  #read(path: string): string {
    const systemPath = toSystemPath(path)
    const { dev, ino, size, mtimeNs, ctimeNs } = statSync(systemPath, { bigint: true })
    const state = `${dev}:${ino}:${size}:${mtimeNs}:${ctimeNs}`
    const known = this.#files.get(path)
    if (known?.state === state) return known.text
    const text = readFileSync(systemPath, "latin1")
    if (this.#files.size >= MAX_FILES) this.#files.clear()
    this.#files.set(path, { text, state })
    return text
  }
}

/** The state machine of ngx_http_auth_basic_handler: the first line of the user counts. */
export function findPassword(text: string, user: string): string | undefined {
  const wanted = `${user}:`
  let at = 0
  while (at < text.length) {
    const first = text.charCodeAt(at)
    if (first === LF) {
      at++
      continue
    }
    let same = 0
    if (first !== HASH && first !== CR) {
      while (same < wanted.length && text[at + same] === wanted[same]) same++
      if (same === wanted.length) return text.slice(at + same, passwordEnd(text, at + same))
    }
    // The byte that differs is passed over, even where it ends the line.
    const lineEnd = text.indexOf("\n", at + same + 1)
    if (lineEnd === -1) return undefined
    at = lineEnd + 1
  }
  return undefined
}

function passwordEnd(text: string, start: number): number {
  let end = start
  for (; end < text.length; end++) {
    const code = text.charCodeAt(end)
    if (code === LF || code === CR || code === COLON) break
  }
  return end
}
