/** Built-in pages for errors and redirects. ngx_http_special_response_handler. */
import { reasonPhrase } from "../http/status.ts"
import type { Request } from "./request.ts"
import { sendHead } from "./send-head.ts"

/** `Server`, and the foot of built-in pages. */
export const PRODUCT = "holdfast"
export const VERSION = "0.1.0"

/** Statuses after which the connection is not kept: what follows on it cannot be trusted. */
export function closesConnection(status: number): boolean {
  switch (status) {
    case 400:
    case 408:
    case 413:
    case 414:
    case 494:
    case 495:
    case 496:
    case 497:
    case 500:
    case 501:
      return true
    default:
      return false
  }
}

/** Titles of nginx's own statuses, which reach the client as 400. */
const OWN_TITLES: Readonly<Record<number, readonly [title: string, detail: string]>> = {
  494: ["400 Request Header Or Cookie Too Large", "Request Header Or Cookie Too Large"],
  495: ["400 The SSL certificate error", "The SSL certificate error"],
  496: ["400 No required SSL certificate was sent", "No required SSL certificate was sent"],
  497: ["400 The plain HTTP request was sent to HTTPS port", "The plain HTTP request was sent to HTTPS port"],
}

/** Titles of pages that differ from the reason phrase, as nginx's do. */
const TITLES: Readonly<Record<number, string>> = { 302: "Found", 401: "Authorization Required" }

/** The status that goes out: 494 to 497 are kinds of 400. */
export function wireStatus(status: number): number {
  return status >= 494 && status <= 497 ? 400 : status
}

export function serverToken(tokens: "on" | "off" | "build"): string {
  return tokens === "off" ? PRODUCT : `${PRODUCT}/${VERSION}`
}

/** The connection is closed without a word: what a client does not wait for, or is not to know. */
export function isSilent(status: number): boolean {
  return status === 408 || status === 444 || status === 499
}

/** Answers `status` with its built-in page and ends the request. */
export function sendErrorResponse(request: Request, status: number): void {
  const { response } = request
  request.isDiscardingBody = true
  if (isSilent(status)) {
    response.status = status
    return request.exchange.abort()
  }
  const shown = request.errorStatus > 0 ? request.errorStatus : status
  response.status = shown
  response.reason = null
  response.contentType = ""
  response.isConditional = false
  response.contentLength = shown === 204 || shown === 304 ? -1 : 0
  const body = hasPage(shown)
    ? Buffer.from(page(shown, serverToken(request.location.settings.serverTokens)), "latin1")
    : null
  if (body !== null) {
    response.contentType = "text/html"
    response.contentLength = body.length
  }
  sendHead(request)
  if (body !== null) request.exchange.write(body)
  request.exchange.end()
}

/** The statuses that nginx has a page for; others are answered without a body. */
function hasPage(status: number): boolean {
  if (status < 400)
    return status === 301 || status === 302 || status === 303 || status === 307 || status === 308
  if (status <= 416) return status !== 407
  return (
    status === 421 ||
    status === 429 ||
    (status >= 494 && status <= 497) ||
    (status >= 500 && status <= 505) ||
    status === 507
  )
}

function page(status: number, token: string): string {
  const own = OWN_TITLES[status]
  const title = own === undefined ? `${status} ${TITLES[status] ?? reasonPhrase(status)}` : own[0]
  const heading = own === undefined ? title : "400 Bad Request"
  const detail = own === undefined ? "" : `<center>${own[1]}</center>\r\n`
  return (
    `<html>\r\n<head><title>${title}</title></head>\r\n<body>\r\n<center><h1>${heading}</h1></center>\r\n` +
    `${detail}<hr><center>${token}</center>\r\n</body>\r\n</html>\r\n`
  )
}
