/** The head of the request to the upstream. ngx_http_proxy_create_request. */
import { listContains } from "../../http/hop-by-hop.ts"
import { onOneLine } from "../../http/octets.ts"
import { escapeLineEnds, escapeUri } from "../../http/target.ts"
import type { Request } from "../../runtime/request.ts"
import { asksForWebSocket } from "../websocket.ts"
import type { ProxySettings } from "./settings.ts"

/** How the body goes to the upstream: its length in bytes, or one of these. */
export const NO_BODY = -1
export const CHUNKED_BODY = -2

/** What is asked for, and where: fixed by the configuration, or named by variables. */
export interface ProxyTarget {
  readonly method: string
  readonly scheme: "http" | "https"
  /** $proxy_host */
  readonly host: string
  /** The URI to ask for, escaped. */
  readonly uri: string
}

/**
 * The URI for a proxy_pass without variables: as the client sent it where nothing replaces it, the normalised
 * one with its prefix replaced otherwise.
 */
export function upstreamUri(request: Request, settings: ProxySettings): string {
  if (settings.uri === undefined && !request.isUriChanged) return originalTarget(request)
  // After `rewrite … break` the location's prefix means nothing, and so does what would replace it.
  const replaces = settings.uri !== undefined && request.isLocationValid
  const rest = replaces ? request.uri.slice(settings.locationPrefix.length) : request.uri
  // Bytes that came unescaped go on as they came (r->quoted_uri).
  const isQuoted =
    request.isInternal || request.unparsedUri.includes("%") || request.unparsedUri.includes("#")
  const uri = (replaces ? settings.uri : "") + (isQuoted ? escapeUri(rest) : rest)
  return request.hasArgs ? `${uri}?${request.args}` : uri
}

/** $request_uri without the scheme and host of an absolute form. */
export function originalTarget(request: Request): string {
  const target = request.head.target
  if (target.startsWith("/") || target === "*") return target
  return request.rawPath + (request.hasArgs ? `?${request.args}` : "")
}

/** The method to ask with. */
export function upstreamMethod(request: Request, settings: ProxySettings): string {
  return settings.method === null ? request.method : settings.method.evaluate(request)
}

/** Writes the head, its empty line included, as a latin1 string. `bodyBytes` may be NO_BODY or CHUNKED_BODY. */
export function buildRequestHead(
  request: Request,
  settings: ProxySettings,
  target: ProxyTarget,
  bodyBytes: number,
): string {
  const isHandshake = settings.webSocket.isOn && asksForWebSocket(request.head)
  const minor = isHandshake ? 1 : settings.versionMinor
  let head = `${onOneLine(target.method)} ${escapeLineEnds(target.uri)} HTTP/1.${minor}\r\n`
  const { fields, setKeys } = settings
  for (let i = 0; i < fields.length; i++) {
    const field = fields[i] as (typeof fields)[number]
    const value = onOneLine(field.value.evaluate(request))
    if (value !== "") head += `${field.prefix + value}\r\n`
  }
  // `set $proxy_host` has a say in it.
  if (!setKeys.has("host")) head += `Host: ${request.namedCaptures?.get("proxy_host") ?? target.host}\r\n`
  if (isHandshake) head += "Upgrade: websocket\r\nConnection: upgrade\r\n"
  if (bodyBytes >= 0) {
    if (!setKeys.has("content-length")) head += `Content-Length: ${bodyBytes}\r\n`
  } else if (bodyBytes === CHUNKED_BODY) head += "Transfer-Encoding: chunked\r\n"
  if (settings.passHeaders) head += passedFields(request, settings.replacedKeys)
  return `${head}\r\n`
}

/** Whether the upstream is asked for an upgrade: in HTTP/1.1, by both fields. */
export function asksForUpgrade(request: Request, settings: ProxySettings): boolean {
  if (settings.webSocket.isOn && asksForWebSocket(request.head)) return true
  if (settings.versionMinor === 0) return false
  const sent = (key: string): string =>
    settings.fields.find((field) => field.key === key)?.value.evaluate(request) ?? ""
  return sent("upgrade") !== "" && listContains(sent("connection"), "upgrade")
}

function passedFields(request: Request, own: ReadonlySet<string>): string {
  const { names, keys, values } = request.headers
  let fields = ""
  for (let i = 0; i < keys.length; i++) {
    if (own.has(keys[i] as string)) continue
    fields += `${names[i]}: ${values[i]}\r\n`
  }
  return fields
}
