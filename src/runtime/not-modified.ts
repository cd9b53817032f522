/** Answers 304 to who has what it asks for. ngx_http_not_modified_filter_module. */
import { httpDate } from "../http/date.ts"
import { hasConditions, testPreconditions } from "../http/preconditions.ts"
import type { Request } from "./request.ts"
import { NO_RANGES } from "./response.ts"

const NOT_MODIFIED = 304

/** Sets Last-Modified; an error page has none. */
export function setModified({ response }: Request, modifiedSeconds: number): void {
  if (response.status !== 200) return
  response.modifiedSeconds = modifiedSeconds
  response.headers.set("Last-Modified", httpDate(modifiedSeconds * 1000))
}

/**
 * Makes a 304 of a 200 where the client has what it would get, as its first header filter. Returns 0, or 412 where a
 * condition fails: the head is not to be sent then, and the request finished with that.
 */
export function applyPreconditions(request: Request): number {
  if (!hasConditions(request.headers)) return 0
  const { response } = request
  const { modifiedSeconds, headers } = response
  const validators = { modifiedSeconds, etag: headers.get("etag") }
  const result = testPreconditions(request.headers, validators, request.location.settings.ifModifiedSince)
  if (result === NOT_MODIFIED) {
    response.status = NOT_MODIFIED
    response.contentType = ""
    response.contentLength = -1
    headers.remove("content-encoding")
    headers.remove("accept-ranges")
    return 0
  }
  // The answer begins anew: what was made for this one does not belong to the error.
  if (result !== 0) {
    headers.truncate(0)
    response.allowedRanges = NO_RANGES
  }
  return result
}
