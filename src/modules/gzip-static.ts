/** gzip_static: files that are there compressed, beside those of the URI. ngx_http_gzip_static_module. */
import { closeSync } from "node:fs"
import { errnoText } from "../base/errno.ts"
import { CRIT, ERROR } from "../base/logger.ts"
import { directives, HTTP, LOCATION, SERVER } from "../config/row.ts"
import { oneOf } from "../config/values.ts"
import { defineModule } from "../runtime/module.ts"
import { NEXT, type PhaseResult } from "../runtime/phases.ts"
import type { Request } from "../runtime/request.ts"
import { filePath } from "./core/document-root.ts"
import { addVary, gzipClient, takesGzip } from "./gzip/gzip-client.ts"
import { NOT_FOUND, type OpenFile, openFile, statusOfError } from "./static/open-file.ts"
import { sendOpenFile } from "./static/send-open-file.ts"

const FAILED = 500

export const gzipStatic = defineModule({
  name: "gzip_static",
  directives: directives({
    gzip_static: {
      in: HTTP | SERVER | LOCATION,
      value: oneOf("off", "on", "always"),
      default: "off",
      doc: "Whether the file with .gz behind its name is sent in place of it to clients that take gzip, or always.",
    },
  }),
  location: ({ gzip_static: mode }): "on" | "always" | undefined => (mode === "off" ? undefined : mode),
})

/** Answers with the compressed file; NEXT where there is none, or the client does not take it. */
export function answerCompressed(request: Request): PhaseResult {
  const mode = request.location.of(gzipStatic)
  if (mode === undefined) return NEXT
  const takes = mode === "always" || takesGzip(request)
  // Without gzip_vary nothing changes for who does not take it.
  if (!takes && request.location.of(gzipClient)?.varies !== true) return NEXT
  const folderAndName = filePath(request)
  if (folderAndName === undefined) return FAILED
  const file = open(request, `${folderAndName}.gz`)
  if (file === undefined) return NEXT
  if (mode === "on") addVary(request)
  if (takes && file.stats.isFile()) return sendOpenFile(request, file, "gzip")
  closeSync(file.descriptor)
  if (!takes || file.stats.isDirectory()) return NEXT
  request.log(CRIT, `"${file.path}" is not a regular file`)
  return NOT_FOUND
}

function open(request: Request, path: string): OpenFile | undefined {
  try {
    return openFile(path)
  } catch (error) {
    const failure = error as NodeJS.ErrnoException
    const status = statusOfError(failure)
    if (status !== NOT_FOUND)
      request.log(status === FAILED ? CRIT : ERROR, `open() "${path}" failed (${errnoText(failure)})`)
    return undefined
  }
}
