/** Puts a new file into place, whole or not at all. */
import { closeSync, fsyncSync, linkSync, openSync, renameSync, rmSync, writeFileSync } from "node:fs"
import { errnoText } from "../base/errno.ts"
import { HoldfastError } from "../base/error.ts"

/** Throws FILE, also where there is something of that name. */
export function writeNewFile(path: string, content: string): void {
  const unfinished = `${path}.${process.pid}.tmp`
  try {
    const descriptor = openSync(unfinished, "wx", 0o644)
    try {
      writeFileSync(descriptor, content, "utf8")
      fsyncSync(descriptor)
    } finally {
      closeSync(descriptor)
    }
    giveName(unfinished, path)
  } catch (error) {
    const reason = errnoText(error as NodeJS.ErrnoException)
    throw new HoldfastError("FILE", `"${path}" cannot be written (${reason})`)
  } finally {
    rmSync(unfinished, { force: true })
  }
}

/** Unlike a rename, a link takes no other file's place. */
function giveName(unfinished: string, path: string): void {
  try {
    linkSync(unfinished, path)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code !== "EPERM" && code !== "ENOTSUP" && code !== "ENOSYS") throw error
    // A file system without links.
    renameSync(unfinished, path)
  }
}
