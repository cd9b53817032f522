/** Temporary files of bodies: made, written, read, and gone whatever becomes of the request. ngx_file.c. */
import { close, closeSync, constants, mkdirSync, openSync, read, unlink, unlinkSync, writev } from "node:fs"
import { errnoText } from "../base/errno.ts"
import { toSystemPath } from "../config/sources.ts"
import type { WorkerServices } from "./module.ts"
import type { TempPath } from "./temp-path.ts"

/** What one read of a file brings at most. */
export const READ_BYTES = 64 * 1024

const CREATE = constants.O_CREAT | constants.O_EXCL | constants.O_RDWR
/** Where a number is taken already, the next one is far away. ngx_next_temp_number. */
const COLLISION_STEP = 123_456
const FOLDER_MODE = 0o700
const FILE_MODE = 0o600
const DIGITS = 10

/** A call that the system refused; `message` as nginx logs it, at [crit]. */
export class TempFileError extends Error {
  constructor(call: string, path: string, error: unknown) {
    super(`${call} "${path}" failed (${errnoText(error as NodeJS.ErrnoException)})`)
    this.name = "TempFileError"
  }
}

/** Told once how a call went; never after `close`. */
export type WriteDone = (error: TempFileError | null) => void
export type ReadDone = (error: TempFileError | null, piece: Buffer) => void

/** The folder at `place`; files of all workers are numbered together. */
export function tempFolder(place: TempPath, services: Pick<WorkerServices, "sharedMemory">): TempFolder {
  return new TempFolder(place, services.sharedMemory("temporary files", Int32Array.BYTES_PER_ELEMENT))
}

/** Where temporary files of one kind are made, by one worker. */
export class TempFolder {
  readonly #place: TempPath
  /** The last number that was given to a file, of all workers: one signed integer of 32 bits. */
  readonly #numbers: Int32Array

  constructor(place: TempPath, numbers: SharedArrayBuffer) {
    this.#place = place
    this.#numbers = new Int32Array(numbers)
  }

  /**
   * Makes an empty file, for its owner alone to read. Without `keepsName` its name is taken away at once, so that the
   * system removes the file when it is closed, or when the process ends. Both are calls without waiting, one right
   * after the other: nothing can come in between that would leave the file behind. Throws TempFileError.
   */
  open(keepsName: boolean): TempFile {
    const folder = this.#folder()
    let name = this.#name(folder, 1)
    let hasLevels = false
    for (;;) {
      try {
        const fd = openSync(toSystemPath(name), CREATE, FILE_MODE)
        if (!keepsName) removeName(fd, name)
        return new TempFile(fd, name)
      } catch (error) {
        if (error instanceof TempFileError) throw error
        const { code } = error as NodeJS.ErrnoException
        if (code === "EEXIST") {
          name = this.#name(folder, COLLISION_STEP)
          hasLevels = false
        } else if (code === "ENOENT" && this.#place.levels.length > 0 && !hasLevels) {
          makeLevels(folder, name)
          hasLevels = true
        } else throw new TempFileError("open()", name, error)
      }
    }
  }

  #folder(): string {
    try {
      return this.#place.folder()
    } catch (error) {
      throw new TempFileError("mkdir()", (error as NodeJS.ErrnoException).path ?? "", error)
    }
  }

  /** The last digits of the number name the levels, from the end on. ngx_create_hashed_filename. */
  #name(folder: string, step: number): string {
    const number = (Atomics.add(this.#numbers, 0, step) + step) >>> 0
    const digits = String(number).padStart(DIGITS, "0")
    let path = folder
    let end = DIGITS
    for (const length of this.#place.levels) {
      path += `/${digits.slice(end - length, end)}`
      end -= length
    }
    return `${path}/${digits}`
  }
}

function removeName(fd: number, name: string): void {
  try {
    unlinkSync(toSystemPath(name))
  } catch (error) {
    closeSync(fd)
    throw new TempFileError("unlink()", name, error)
  }
}

/** Makes the folders between `folder`, which is there, and the file `name`. ngx_create_path. */
function makeLevels(folder: string, name: string): void {
  for (let at = name.indexOf("/", folder.length + 1); at !== -1; at = name.indexOf("/", at + 1)) {
    const path = name.slice(0, at)
    try {
      mkdirSync(toSystemPath(path), FOLDER_MODE)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw new TempFileError("mkdir()", path, error)
    }
  }
}

/** An open temporary file. Its owner closes it; what is under way then ends first, and is told to nobody. */
export class TempFile {
  readonly name: string
  /** How much has been written. */
  bytes = 0
  readonly #fd: number
  #callsUnderWay = 0
  #isClosed = false
  #losesName = false

  constructor(fd: number, name: string) {
    this.#fd = fd
    this.name = name
  }

  /** Appends all of `pieces`, which must not change meanwhile. One write at a time. */
  write(pieces: Buffer[], done: WriteDone): void {
    let left = 0
    for (const piece of pieces) left += piece.length
    if (left === 0) return done(null)
    this.#callsUnderWay++
    writev(this.#fd, pieces, this.bytes, (error, written) => {
      this.bytes += error ? 0 : written
      if (this.#isOver()) return
      if (error) return done(new TempFileError("pwritev()", this.name, error))
      if (written === left) done(null)
      else this.write(rest(pieces, written), done)
    })
  }

  /** Reads at most READ_BYTES from `position`, not beyond what has been written. The piece is the caller's to free. */
  read(position: number, done: ReadDone): void {
    const length = Math.min(READ_BYTES, this.bytes - position)
    const piece = Buffer.allocUnsafeSlow(length)
    this.#callsUnderWay++
    read(this.#fd, piece, 0, length, position, (error, bytes) => {
      if (this.#isOver()) return
      if (error) return done(new TempFileError("pread()", this.name, error), NOTHING)
      done(null, bytes === length ? piece : piece.subarray(0, bytes))
    })
  }

  /** Whether nobody wants to know any more how a call went. */
  #isOver(): boolean {
    this.#callsUnderWay--
    if (this.#isClosed && this.#callsUnderWay === 0) this.#close()
    return this.#isClosed
  }

  /** Gives the file up. `losesName`: one that was made with `keepsName` is removed now. A second call does nothing. */
  close(losesName = false): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#losesName = losesName
    if (this.#callsUnderWay === 0) this.#close()
  }

  /** Nobody can do anything about a failure of these. */
  #close(): void {
    if (this.#losesName) unlink(toSystemPath(this.name), () => {})
    close(this.#fd, () => {})
  }
}

const NOTHING = Buffer.alloc(0)

/** What is left of `pieces` behind the first `bytes`. */
function rest(pieces: readonly Buffer[], bytes: number): Buffer[] {
  let skip = bytes
  let at = 0
  while (at < pieces.length && skip >= (pieces[at] as Buffer).length) skip -= (pieces[at++] as Buffer).length
  const left = pieces.slice(at)
  if (skip > 0) left[0] = (left[0] as Buffer).subarray(skip)
  return left
}
