/** $document_root, $realpath_root, $request_filename. ngx_http_variables.c, ngx_http_map_uri_to_path. */
import { realpathSync } from "node:fs"
import { errnoText } from "../../base/errno.ts"
import { CRIT } from "../../base/logger.ts"
import type { Request } from "../../runtime/request.ts"
import type { VariableRows } from "../../runtime/variables.ts"

/** The file that a URI names, be there one or not. */
function requestFilename({ location, uri }: Request): string {
  return location.settings.documentRoot + uri
}

/** The document root with all links followed; asks the disk each time, as nginx does. */
function realpathRoot(request: Request): string | undefined {
  const { documentRoot } = request.location.settings
  try {
    return realpathSync(Buffer.from(documentRoot, "latin1"), "latin1")
  } catch (error) {
    const reason = errnoText(error as NodeJS.ErrnoException)
    request.log(CRIT, `realpath() "${documentRoot}" failed (${reason})`)
    return undefined
  }
}

export const documentVariables: VariableRows["names"] = {
  document_root: ({ location }) => location.settings.documentRoot,
  realpath_root: realpathRoot,
  request_filename: requestFilename,
}
