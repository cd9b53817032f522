/**
 * Every file that a configuration reads, read once: the supervisor reads from the disk and hands the record
 * to the workers, so that all build the same generation from the same bytes.
 */
import { readFileSync } from "node:fs"
import { errnoText } from "../base/errno.ts"
import { HoldfastError, type Position } from "../base/error.ts"
import { globPaths, hasWildcards } from "./glob.ts"

/** What was read; structured-cloneable. */
export interface SourcesRecord {
  readonly files: Map<string, Uint8Array>
  readonly globs: Map<string, readonly string[]>
}

export class Sources {
  readonly record: SourcesRecord
  readonly #isReplay: boolean

  /** With a `record`, replays it and never touches the disk. */
  constructor(record?: SourcesRecord) {
    this.record = record ?? { files: new Map(), globs: new Map() }
    this.#isReplay = record !== undefined
  }

  /** The configuration files among them, in the order of reading. */
  readonly configurationFiles: string[] = []

  /** The file's bytes. Throws FILE in nginx's words; `position` is the directive to blame. */
  read(path: string, position?: Position): Buffer {
    const known = this.record.files.get(path)
    if (known !== undefined) return Buffer.from(known.buffer, known.byteOffset, known.byteLength)
    if (this.#isReplay)
      throw new HoldfastError("FILE", `"${path}" is not among the files that were read`, position)
    try {
      const bytes = readFileSync(toSystemPath(path))
      this.record.files.set(path, bytes)
      return bytes
    } catch (error) {
      throw new HoldfastError(
        "FILE",
        `open() "${path}" failed (${errnoText(error as NodeJS.ErrnoException)})`,
        position,
      )
    }
  }

  /** The files that `pattern` names, sorted. A path without wildcards names itself, there or not. */
  glob(pattern: string): readonly string[] {
    if (!hasWildcards(pattern)) return [pattern]
    const known = this.record.globs.get(pattern)
    if (known !== undefined) return known
    const found = globPaths(pattern)
    this.record.globs.set(pattern, found)
    return found
  }
}

/** Text of the configuration is bytes as latin1; the system wants the bytes. */
export function toSystemPath(path: string): Buffer {
  return Buffer.from(path, "latin1")
}
