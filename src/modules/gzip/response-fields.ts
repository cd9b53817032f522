/** What the fields of an answer say of bytes that are not sent any more once its coding has changed. */
import { NO_RANGES, type Response } from "../../runtime/response.ts"

/** Takes away Content-Length and Accept-Ranges, and makes the ETag weak: the answer means the same, its bytes differ. */
export function dropStrongFields(response: Response): void {
  response.contentLength = -1
  response.allowedRanges = NO_RANGES
  response.headers.remove("accept-ranges")
  const tag = response.headers.get("etag")
  if (tag === undefined || tag.startsWith("W/")) return
  // What is no entity tag cannot be made a weak one. ngx_http_weak_etag.
  if (tag.startsWith('"')) response.headers.set("ETag", `W/${tag}`)
  else response.headers.remove("etag")
}
