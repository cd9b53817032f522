/** Where the files of URIs are; $document_root, $realpath_root, $request_filename. ngx_http_core_module. */
import { realpathSync } from "node:fs"
import { errnoText } from "../../base/errno.ts"
import { ALERT, CRIT } from "../../base/logger.ts"
import { ALIAS_WHOLE } from "../../runtime/location.ts"
import type { Request } from "../../runtime/request.ts"
import type { VariableRows } from "../../runtime/variables.ts"

/** What `root` or `alias` says: the folder, or with an alias what takes the place of a part of the URI. */
export function rootPath(request: Request): string {
  const { path, prefix } = request.location.settings.documentRoot
  if (path.constant !== undefined) return path.constant
  const text = path.evaluate(request)
  return text.startsWith("/") ? text : prefix + text
}

/**
 * The path of the file that the URI names, be there one or not. Undefined where an alias cannot tell, since the URI
 * was rewritten; that is logged. ngx_http_map_uri_to_path.
 */
export function filePath(request: Request): string | undefined {
  const { alias } = request.location.settings.documentRoot
  if (alias === 0) return rootPath(request) + request.uri
  if (!request.isLocationValid) {
    request.log(
      ALERT,
      `"alias" cannot be used in location "${request.location.pattern}" where URI was rewritten`,
    )
    return undefined
  }
  if (alias !== ALIAS_WHOLE) return rootPath(request) + request.uri.slice(alias)
  return request.addsUriToAlias ? rootPath(request) + request.uri : rootPath(request)
}

/** The document root with all links followed; asks the disk each time, as nginx does. */
function realpathRoot(request: Request): string | undefined {
  const path = rootPath(request)
  try {
    return realpathSync(Buffer.from(path, "latin1"), "latin1")
  } catch (error) {
    const reason = errnoText(error as NodeJS.ErrnoException)
    request.log(CRIT, `realpath() "${path}" failed (${reason})`)
    return undefined
  }
}

export const documentVariables: VariableRows["names"] = {
  document_root: rootPath,
  realpath_root: realpathRoot,
  request_filename: filePath,
}
