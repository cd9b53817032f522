/**
 * Files and folders: what answers where no handler has a location for itself. ngx_http_static_module, and the order of
 * nginx's content phase: index, autoindex, gzip_static, static, and the error where none of them has an answer.
 */
import { closeSync } from "node:fs"
import { CRIT, ERROR } from "../../base/logger.ts"
import { directives } from "../../config/row.ts"
import { defineModule } from "../../runtime/module.ts"
import { NEXT, type PhaseResult } from "../../runtime/phases.ts"
import type { Request } from "../../runtime/request.ts"
import { answerWithListing } from "../autoindex.ts"
import { filePath } from "../core/document-root.ts"
import { answerCompressed } from "../gzip-static.ts"
import { answerWithIndex } from "../index-file.ts"
import { failOpening, NOT_FOUND, type OpenFile, openFile } from "./open-file.ts"
import { sendOpenFile } from "./send-open-file.ts"

const MOVED = 301
const FORBIDDEN = 403
const NOT_ALLOWED = 405
const FAILED = 500

export const staticFiles = defineModule({
  name: "static",
  directives: directives({}),
  location: (): true => true,
  phases: { files: answer },
})

function answer(request: Request): PhaseResult {
  const { method } = request
  const reads = method === "GET" || method === "HEAD"
  const isFolder = request.uri.endsWith("/")
  if (isFolder && (reads || method === "POST")) {
    const result = answerWithIndex(request)
    if (result !== NEXT) return result
  }
  if (reads) {
    const result = isFolder ? answerWithListing(request) : answerCompressed(request)
    if (result !== NEXT) return result
  } else if (method !== "POST") return NOT_ALLOWED
  return isFolder ? forbidFolder(request) : answerWithFile(request)
}

/** ngx_http_core_content_phase */
function forbidFolder(request: Request): number {
  const path = filePath(request)
  if (path !== undefined) request.log(ERROR, `directory index of "${path}" is forbidden`)
  return FORBIDDEN
}

function answerWithFile(request: Request): PhaseResult {
  const path = filePath(request)
  if (path === undefined) return FAILED
  let file: OpenFile
  try {
    file = openFile(path)
  } catch (error) {
    return failOpening(request, path, error as NodeJS.ErrnoException)
  }
  const refusal = refusalOf(request, file)
  if (refusal === 0) return sendOpenFile(request, file)
  closeSync(file.descriptor)
  return refusal
}

/** The status for what is no file to be sent; 0 for one that is. */
function refusalOf(request: Request, { path, stats }: OpenFile): number {
  if (stats.isDirectory()) {
    request.response.setLocation(`${request.uriEscaped()}/${request.args === "" ? "" : `?${request.args}`}`)
    return MOVED
  }
  if (!stats.isFile()) {
    request.log(CRIT, `"${path}" is not a regular file`)
    return NOT_FOUND
  }
  return request.method === "POST" ? NOT_ALLOWED : 0
}
