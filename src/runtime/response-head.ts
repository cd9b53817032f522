/** The response's head as text: what every answer carries, whatever made it. ngx_http_header_filter. */

import type { Request } from "./request.ts"
import { serverToken } from "./special-response.ts"

/** `Server` and `Date` (`date`: the time now as an IMF-fixdate), unless they are the upstream's. */
export function serverFields(request: Request, date: string): string {
  const { response } = request
  let fields = ""
  if (!response.hasServer) fields += `Server: ${serverToken(request.location.settings.serverTokens)}\r\n`
  if (!response.hasDate) fields += `Date: ${date}\r\n`
  return fields
}
