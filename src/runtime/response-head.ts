/** The response's head as text: what every answer carries, whatever made it. ngx_http_header_filter. */

import type { Request } from "./request.ts"
import { serverToken } from "./special-response.ts"

/** Lets the modules of the location change the head (add_header). Once an answer. */
export function runHeaderFilters(request: Request): void {
  const filters = request.location.headerFilters
  if (filters === null) return
  for (let i = 0; i < filters.length; i++) (filters[i] as (typeof filters)[number])(request)
}

/** `Server` and `Date` (`date`: the time now as an IMF-fixdate), unless they are the upstream's. */
export function serverFields(request: Request, date: string): string {
  const { response } = request
  let fields = ""
  if (!response.hasServer) fields += `Server: ${serverToken(request.location.settings.serverTokens)}\r\n`
  if (!response.hasDate) fields += `Date: ${date}\r\n`
  return fields
}
