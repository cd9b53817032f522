/** How every answer of a handler begins: header filters, then the head. ngx_http_send_header. */
import { applyPreconditions } from "./not-modified.ts"
import { takeRanges } from "./range-filter.ts"
import type { Request } from "./request.ts"
import { NO_RANGES } from "./response.ts"

/** Lets the modules of the location change the head (add_header). Once an answer. */
export function runHeaderFilters(request: Request): void {
  const filters = request.location.headerFilters
  if (filters === null) return
  for (let i = 0; i < filters.length; i++) (filters[i] as (typeof filters)[number])(request)
}

function filterHead(request: Request): number {
  const { response } = request
  if (response.status === 200 && response.isConditional) {
    const refusal = applyPreconditions(request)
    if (refusal !== 0) return refusal
  }
  runHeaderFilters(request)
  return response.allowedRanges === NO_RANGES ? 0 : takeRanges(request)
}

/**
 * Sends the head of `request.response`. A header filter may put something in front of `request.exchange` that changes
 * the body (gzip): the body goes to the exchange that is there afterwards. A subrequest's head goes to nobody, so
 * nothing is added to it.
 *
 * Returns 0, or a status (412, 416) where a condition of the request fails, or no range that it wants is there:
 * nothing was sent, and the request is to be finished with that.
 */
export function sendHead(request: Request): number {
  if (request.parent === null) {
    const refusal = filterHead(request)
    if (refusal !== 0) return refusal
  }
  request.exchange.sendHead()
  return 0
}
