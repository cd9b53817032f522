/** Variables that are looked up in fields, arguments and cookies. ngx_http_variables.c, ngx_http_parse.c. */
import type { HeaderList } from "../http/header-list.ts"
import { asciiLowerCase, equalsIgnoreCase } from "../http/octets.ts"
import type { Request } from "../runtime/request.ts"
import { closesConnection } from "../runtime/special-response.ts"
import type { VariableGetter } from "../runtime/variables.ts"

/** `$http_x_forwarded_for`: all fields of that name as one value. */
export function requestField(rest: string): VariableGetter {
  const find = fieldFinder(rest)
  return (request) => find(request.head.headers)
}

/** `$sent_http_…`: fields of the response, those among them that frame it. */
export function sentField(rest: string): VariableGetter {
  const framing = FRAMING_FIELDS[asciiLowerCase(rest)]
  if (framing !== undefined) return framing
  const find = fieldFinder(rest)
  return (request) => find(request.response.headers)
}

/** `$upstream_http_…`: fields of the upstream's response. */
export function upstreamField(rest: string): VariableGetter {
  const find = fieldFinder(rest)
  return (request) => (request.upstreamHeaders === null ? undefined : find(request.upstreamHeaders))
}

/**
 * Finds fields by a variable's name, in which `_` stands for `-`; a field whose name has a `_` of its own is
 * found too.
 */
export function fieldFinder(rest: string): (headers: HeaderList) => string | undefined {
  const key = asciiLowerCase(rest).replaceAll("_", "-")
  if (!key.includes("-")) return (headers) => headers.getJoined(key)
  return (headers) => headers.getJoined(key) ?? byUnderscores(headers, key)
}

function byUnderscores(headers: HeaderList, key: string): string | undefined {
  const { keys, values } = headers
  let joined: string | undefined
  for (let i = 0; i < keys.length; i++) {
    const other = keys[i]
    if (other.length !== key.length || !other.includes("_") || other.replaceAll("_", "-") !== key) continue
    joined = joined === undefined ? values[i] : `${joined}, ${values[i]}`
  }
  return joined
}

const FRAMING_FIELDS: Readonly<Record<string, VariableGetter | undefined>> = {
  content_type: (request) => notEmpty(request.response.contentType),
  content_length: ({ response }) => (response.contentLength < 0 ? undefined : String(response.contentLength)),
  connection: sentConnection,
  keep_alive: sentKeepAlive,
  transfer_encoding: sentTransferEncoding,
}

function sentConnection(request: Request): string {
  const { status } = request.response
  if (status === 101) return "upgrade"
  return isKept(request) ? "keep-alive" : "close"
}

function sentKeepAlive(request: Request): string | undefined {
  const { keepaliveHeaderSeconds } = request.location.settings
  if (keepaliveHeaderSeconds === 0 || request.response.status === 101 || !isKept(request)) return undefined
  return `timeout=${keepaliveHeaderSeconds}`
}

function sentTransferEncoding({ head, response }: Request): string | undefined {
  const { status, contentLength } = response
  const hasBody = status >= 200 && status !== 204 && status !== 304
  return hasBody && contentLength < 0 && head.versionMinor > 0 && !head.isHttp2 ? "chunked" : undefined
}

function isKept({ head, response }: Request): boolean {
  return head.keepAlive && !closesConnection(response.status)
}

/** `$arg_name`: the value as sent, of the first argument of that name in any case. ngx_http_arg. */
export function argument(name: string): VariableGetter {
  const key = asciiLowerCase(name)
  return (request) => findArgument(request.args, key)
}

/** `key` is in lower case. */
export function findArgument(args: string, key: string): string | undefined {
  for (let start = 0; start < args.length; ) {
    const next = args.indexOf("&", start)
    const end = next === -1 ? args.length : next
    const equals = start + key.length
    if (equals < end && args.charCodeAt(equals) === EQUALS && equalsIgnoreCase(args, start, equals, key))
      return args.slice(equals + 1, end)
    start = end + 1
  }
  return undefined
}

const EQUALS = 61
const SEMICOLON = 59
const COMMA = 44
const SPACE = 32

/** `$cookie_name`: of the Cookie fields in their order. */
export function cookie(name: string): VariableGetter {
  const key = asciiLowerCase(name)
  return (request) => {
    const { keys, values } = request.head.headers
    for (let i = 0; i < keys.length; i++) {
      if (keys[i] !== "cookie") continue
      const found = findCookie(values[i], key, false)
      if (found !== undefined) return found
    }
    return undefined
  }
}

/** `$upstream_cookie_name`: of the upstream's Set-Cookie fields. */
export function upstreamCookie(name: string): VariableGetter {
  const key = asciiLowerCase(name)
  return (request) => {
    if (request.upstreamHeaders === null) return undefined
    const { keys, values } = request.upstreamHeaders
    for (let i = 0; i < keys.length; i++) {
      if (keys[i] !== "set-cookie") continue
      const found = findCookie(values[i], key, true)
      if (found !== undefined) return found
    }
    return undefined
  }
}

/**
 * The value of cookie `key` (lower case; names are compared in any case) in one field, up to the semicolon.
 * ngx_http_parse_multi_header_lines, and with `isFirstOnly` ngx_http_parse_set_cookie_lines.
 */
export function findCookie(field: string, key: string, isFirstOnly: boolean): string | undefined {
  const end = field.length
  let at = 0
  while (at < end) {
    const nameEnd = at + key.length
    if (nameEnd < end && equalsIgnoreCase(field, at, nameEnd, key)) {
      const equals = skipSpaces(field, nameEnd)
      if (field.charCodeAt(equals) === EQUALS) {
        const start = skipSpaces(field, equals + 1)
        const semicolon = field.indexOf(";", start)
        return field.slice(start, semicolon === -1 ? end : semicolon)
      }
    }
    if (isFirstOnly) return undefined
    while (at < end) {
      const code = field.charCodeAt(at++)
      if (code === SEMICOLON || code === COMMA) break
    }
    at = skipSpaces(field, at)
  }
  return undefined
}

function skipSpaces(text: string, at: number): number {
  while (text.charCodeAt(at) === SPACE) at++
  return at
}

/** `$remote_user`: the user of Basic authorization (RFC 7617). ngx_http_auth_basic_user. */
export function basicUser(request: Request): string | undefined {
  const field = request.head.headers.get("authorization")
  if (field === undefined || field.length < 7 || !equalsIgnoreCase(field, 0, 6, "basic ")) return undefined
  const start = skipSpaces(field, 6)
  if (!isBase64(field, start)) return undefined
  const decoded = Buffer.from(field.slice(start), "base64").toString("latin1")
  const colon = decoded.indexOf(":")
  return colon > 0 ? decoded.slice(0, colon) : undefined
}

/** Node's decoder passes over what is not of the alphabet; nginx refuses it. */
function isBase64(text: string, start: number): boolean {
  for (let i = start; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code === EQUALS) return true
    const lower = code | 32
    const isLetter = lower >= 97 && lower <= 122
    if (!isLetter && !(code >= 48 && code <= 57) && code !== 43 && code !== 47) return false
  }
  return start < text.length
}

function notEmpty(text: string): string | undefined {
  return text === "" ? undefined : text
}
