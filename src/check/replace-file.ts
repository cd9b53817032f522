/** Gives a file another content, at once: whoever reads it sees the old one or the new one. */
import {
  closeSync,
  fchmodSync,
  fchownSync,
  fsyncSync,
  openSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from "node:fs"
import { errnoText } from "../base/errno.ts"
import { HoldfastError } from "../base/error.ts"

/** Keeps mode and owner; a link stays one, what it leads to is replaced. Throws FILE. */
export function replaceFile(path: string, content: Buffer): void {
  let temporary: string | null = null
  try {
    const real = realpathSync(path)
    const { mode, uid, gid } = statSync(real)
    const name = `${real}.${process.pid}.tmp`
    const descriptor = openSync(name, "wx", 0o600)
    temporary = name
    try {
      writeAll(descriptor, content)
      // Whoever may not give a file away may still write one that is his.
      if (uid !== process.getuid?.() || gid !== process.getgid?.()) fchownSync(descriptor, uid, gid)
      fchmodSync(descriptor, mode & 0o7777)
      fsyncSync(descriptor)
    } finally {
      closeSync(descriptor)
    }
    renameSync(name, real)
  } catch (error) {
    if (temporary !== null) rmSync(temporary, { force: true })
    const reason = errnoText(error as NodeJS.ErrnoException)
    throw new HoldfastError("FILE", `"${path}" cannot be rewritten (${reason})`)
  }
}

function writeAll(descriptor: number, content: Buffer): void {
  for (let done = 0; done < content.length; ) done += writeSync(descriptor, content, done)
}
