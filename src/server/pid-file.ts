/** The pid file. Made when all listeners accept, and while the process may still do so. */
import { closeSync, ftruncateSync, openSync, renameSync, rmSync, writeSync } from "node:fs"
import { errnoText } from "../base/errno.ts"
import { HoldfastError } from "../base/error.ts"
import { toSystemPath } from "../config/sources.ts"

export class PidFile {
  #path: string
  readonly #fd: number

  /** Makes it in one step: whoever sees the file can read the number. Throws FILE in nginx's words. */
  constructor(path: string) {
    this.#path = path
    const unfinished = toSystemPath(`${path}.${process.pid}`)
    try {
      this.#fd = openSync(unfinished, "w", 0o644)
      writeSync(this.#fd, `${process.pid}\n`)
      renameSync(unfinished, toSystemPath(path))
    } catch (error) {
      rmSync(unfinished, { force: true })
      const reason = errnoText(error as NodeJS.ErrnoException)
      throw new HoldfastError("FILE", `open() "${path}" failed (${reason})`)
    }
  }

  /** Gives the file another name. Throws FILE in nginx's words. */
  moveTo(path: string): void {
    try {
      renameSync(toSystemPath(this.#path), toSystemPath(path))
    } catch (error) {
      const reason = errnoText(error as NodeJS.ErrnoException)
      throw new HoldfastError("FILE", `rename() ${this.#path} to ${path} failed (${reason})`)
    }
    this.#path = path
  }

  /** Removes the file. A process that gave its privileges up may not do that in a system folder: it is emptied. */
  remove(): void {
    try {
      rmSync(toSystemPath(this.#path), { force: true })
    } catch {
      ftruncateSync(this.#fd, 0)
    }
    closeSync(this.#fd)
  }
}
