/** What stands at a path: the tests of `if` and of try_files. ngx_open_cached_file with test_only. */
import { type Stats, statSync } from "node:fs"
import { errnoText } from "../../base/errno.ts"
import { CRIT } from "../../base/logger.ts"
import type { Request } from "../../runtime/request.ts"

const OWNER_MAY_EXECUTE = 0o100
const MISSING = ["ENOENT", "ENOTDIR", "ENAMETOOLONG"]

/**
 * What `path` (bytes as latin1) leads to, links followed; undefined where it leads nowhere. Asks the disk at once, as
 * nginx does; an error that is more than a missing file is logged.
 */
export function statFile(request: Request, path: string): Stats | undefined {
  try {
    return statSync(Buffer.from(path, "latin1"), { throwIfNoEntry: false })
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (!MISSING.includes(code ?? ""))
      request.log(CRIT, `stat() "${path}" failed (${errnoText(error as NodeJS.ErrnoException)})`)
    return undefined
  }
}

/** -f, -d, -e, -x of a path that leads somewhere. */
export const FILE_TESTS: Readonly<Record<string, (found: Stats) => boolean>> = {
  f: (found) => found.isFile(),
  d: (found) => found.isDirectory(),
  e: (found) => found.isFile() || found.isDirectory(),
  x: (found) => (found.mode & OWNER_MAY_EXECUTE) !== 0,
}
