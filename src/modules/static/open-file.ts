/** Files that are to be sent. ngx_open_cached_file, without the cache. */
import { closeSync, constants, fstatSync, openSync, type Stats } from "node:fs"
import { errnoText } from "../../base/errno.ts"
import { CRIT, ERROR } from "../../base/logger.ts"
import type { Request } from "../../runtime/request.ts"

const { O_RDONLY, O_NONBLOCK } = constants

/** A file that is open; whoever has it closes it. */
export interface OpenFile {
  readonly descriptor: number
  /** Bytes as latin1. */
  readonly path: string
  readonly stats: Stats
}

/**
 * Opens `path` (bytes as latin1) at once, as nginx does: what a server sends again and again is in the system's cache,
 * and to ask for it by another thread costs more than to have it. Does not wait for the other end of a pipe. Throws the
 * system's error.
 */
export function openFile(path: string): OpenFile {
  const descriptor = openSync(Buffer.from(path, "latin1"), O_RDONLY | O_NONBLOCK)
  try {
    return { descriptor, path, stats: fstatSync(descriptor) }
  } catch (error) {
    closeSync(descriptor)
    throw error
  }
}

export const NOT_FOUND = 404
const FORBIDDEN = 403
const FAILED = 500

/** The status for an error of the system: the file is not there, nobody may read it, or something is wrong here. */
export function statusOfError({ code }: NodeJS.ErrnoException): number {
  switch (code) {
    case "ENOENT":
    case "ENOTDIR":
    case "ENAMETOOLONG":
      return NOT_FOUND
    case "EACCES":
    case "ELOOP":
    case "EMLINK":
      return FORBIDDEN
    default:
      return FAILED
  }
}

/** Logs that `path` could not be opened, and returns the status for it. */
export function failOpening(request: Request, path: string, error: NodeJS.ErrnoException): number {
  const status = statusOfError(error)
  if (status !== NOT_FOUND || request.location.settings.logNotFound)
    request.log(status === FAILED ? CRIT : ERROR, `open() "${path}" failed (${errnoText(error)})`)
  return status
}
