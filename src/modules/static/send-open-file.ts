/** The answer that a file makes: head, conditions, ranges, body. */
import { closeSync } from "node:fs"
import { contentTypeOf } from "../../runtime/content-type.ts"
import { setModified } from "../../runtime/not-modified.ts"
import { DONE, type PhaseResult } from "../../runtime/phases.ts"
import type { Request } from "../../runtime/request.ts"
import { ANY_RANGES, NO_RANGES } from "../../runtime/response.ts"
import { sendHead } from "../../runtime/send-head.ts"
import { sendFile, wholeFile } from "./file-sender.ts"
import type { OpenFile } from "./open-file.ts"

const NO_CONTENT = 204
const NOT_MODIFIED = 304

/** Answers with `file`, which is closed whatever becomes of it. `coding`: what it is compressed with; "" for nothing. */
export function sendOpenFile(request: Request, file: OpenFile, coding = ""): PhaseResult {
  let isTaken = false
  try {
    const status = beginAnswer(request, file, coding)
    if (status !== 0) return status
    const { exchange, response } = request
    if (hasNoBody(request)) exchange.end()
    else {
      isTaken = true
      sendFile(request, file, response.partial ?? wholeFile(file.stats.size))
    }
    return DONE
  } finally {
    if (!isTaken) closeSync(file.descriptor)
  }
}

/** Sends the head; a status where another answer is to be given. */
function beginAnswer(request: Request, { stats }: OpenFile, coding: string): number {
  const { response } = request
  const { settings } = request.location
  const modifiedSeconds = Math.floor(stats.mtimeMs / 1000)
  request.isDiscardingBody = true
  response.status = request.errorStatus > 0 ? request.errorStatus : 200
  response.contentLength = stats.size
  response.contentType ||= contentTypeOf(request)
  response.allowedRanges = coding === "" ? ANY_RANGES : NO_RANGES
  setModified(request, modifiedSeconds)
  if (settings.etag) {
    response.headers.set("ETag", `"${modifiedSeconds.toString(16)}-${stats.size.toString(16)}"`)
  }
  if (coding !== "") response.headers.push("Content-Encoding", "content-encoding", coding)
  return sendHead(request)
}

/** Nobody takes a body: a HEAD, a status without one, a subrequest of which only the head is wanted. */
function hasNoBody({ head, parent, response: { status } }: Request): boolean {
  return head.method === "HEAD" || parent !== null || status === NOT_MODIFIED || status === NO_CONTENT
}
