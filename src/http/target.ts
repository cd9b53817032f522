import { parseHost } from "./host.ts"
import { HEX_VALUE } from "./octets.ts"

export { parseHost }

const SLASH = 0x2f
const DOT = 0x2e
const PERCENT = 0x25
const QUESTION = 0x3f
const HASH = 0x23

/** A request target (RFC 9112 §3.2) as nginx understands it. */
export interface Target {
  /** The host of an absolute form as `parseHost` gives it, else "": it outweighs the Host field. */
  host: string
  /** The path as sent, up to "?" or "#"; begins with "/", or is "*". */
  rawPath: string
  /** $uri: decoded, without dot segments, slashes merged where that is wanted. May hold any octet but NUL. */
  uri: string
  /** $args: between "?" and "#" or the end, as sent. */
  args: string
  /** Whether "?" was there; `args` may be empty all the same. */
  hasArgs: boolean
  /** Whether `uri` had to be worked out from `rawPath`: it held "%", "//", "/." or was followed by "#". */
  complex: boolean
  /** $request_uri: path, arguments and fragment as sent; "/" stands for a missing path. */
  unparsedUri: string
}

/** What stands for the target of a request whose line could not be read. */
export const NO_TARGET: Target = {
  host: "",
  rawPath: "",
  uri: "",
  args: "",
  hasArgs: false,
  complex: false,
  unparsedUri: "",
}

/**
 * Reads `target`, whose octets the head parser has let through. Undefined where nginx answers 400: a bad
 * escape, an escaped NUL, dot segments above the root, a bad host, a form that is none of origin-form,
 * absolute-form, and "*" for OPTIONS (ngx_http_parse_request_line, ngx_http_parse_complex_uri).
 */
export function parseTarget(method: string, target: string, mergeSlashes: boolean): Target | undefined {
  if (target.charCodeAt(0) === SLASH) return parseOrigin("", target, mergeSlashes)
  if (target === "*")
    return method === "OPTIONS"
      ? { host: "", rawPath: "*", uri: "*", args: "", hasArgs: false, complex: false, unparsedUri: "*" }
      : undefined
  return method === "CONNECT" ? undefined : parseAbsolute(target, mergeSlashes)
}

/** scheme "://" authority path: the scheme may be any of letters, since what counts is the way it came. */
function parseAbsolute(target: string, mergeSlashes: boolean): Target | undefined {
  let at = 0
  while (isAlpha(target.charCodeAt(at))) at++
  if (at === 0 || !target.startsWith("://", at)) return undefined
  const start = at + 3
  let end = start
  while (end < target.length && !isAuthorityEnd(target.charCodeAt(end))) {
    if (!isHostOctet(target.charCodeAt(end))) return undefined
    end++
  }
  const host = parseHost(target.slice(start, end))
  if (host === undefined) return undefined
  const rest = target.slice(end)
  return parseOrigin(host, rest.charCodeAt(0) === SLASH ? rest : `/${rest}`, mergeSlashes)
}

function isAuthorityEnd(c: number): boolean {
  return c === SLASH || c === QUESTION
}

/** Fewer than in a Host field, as in nginx: letters, digits, "." and "-", and what ports and IPv6 addresses need. */
function isHostOctet(c: number): boolean {
  return isAlpha(c) || (c >= 0x2d && c <= 0x3a && c !== SLASH) || c === 0x5b || c === 0x5d
}

/** Reads `text`, which begins with "/". */
function parseOrigin(host: string, text: string, mergeSlashes: boolean): Target | undefined {
  let complex = false
  let pathEnd = 1
  let previous = SLASH
  for (; pathEnd < text.length; pathEnd++) {
    const c = text.charCodeAt(pathEnd)
    if (c === QUESTION || c === HASH) break
    if (c === PERCENT || (previous === SLASH && (c === SLASH || c === DOT))) complex = true
    previous = c
  }
  const rawPath = pathEnd === text.length ? text : text.slice(0, pathEnd)
  const hasArgs = text.charCodeAt(pathEnd) === QUESTION
  const hash = pathEnd === text.length ? -1 : text.indexOf("#", pathEnd)
  const args = hasArgs ? text.slice(pathEnd + 1, hash < 0 ? text.length : hash) : ""
  const uri = complex ? normalizePath(rawPath, mergeSlashes) : rawPath
  if (uri === undefined) return undefined
  return { host, rawPath, uri, args, hasArgs, complex: complex || hash >= 0, unparsedUri: text }
}

/** What stands before the octet at hand, since the last slash. */
const USUAL = 0
const AFTER_SLASH = 1
const AFTER_DOT = 2
const AFTER_DOT_DOT = 3

/**
 * `path` decoded, its dot segments removed, its slashes merged if `mergeSlashes`; undefined where it is not
 * well-formed or leaves the root. As in ngx_http_parse_complex_uri, an escaped "/" or "." counts like a plain
 * one, and an escaped "%", "#" or "?" only stands for itself.
 */
function normalizePath(path: string, mergeSlashes: boolean): string | undefined {
  const out = Buffer.allocUnsafe(path.length)
  let length = 0
  let state = USUAL
  for (let i = 0; i < path.length; i++) {
    let c = path.charCodeAt(i)
    if (c === PERCENT) {
      c = hexPair(path, i + 1)
      if (c <= 0) return undefined
      i += 2
    }
    if (c === SLASH) {
      if (state === AFTER_DOT) length--
      else if (state === AFTER_DOT_DOT) {
        length = parentEnd(out, length)
        if (length < 0) return undefined
      } else if (state === USUAL || !mergeSlashes) out[length++] = c
      state = AFTER_SLASH
      continue
    }
    out[length++] = c
    if (c === DOT && state === AFTER_SLASH) state = AFTER_DOT
    else if (c === DOT && state === AFTER_DOT) state = AFTER_DOT_DOT
    else state = USUAL
  }
  if (state === AFTER_DOT) length--
  else if (state === AFTER_DOT_DOT) length = parentEnd(out, length)
  return length < 0 ? undefined : out.toString("latin1", 0, length)
}

/** The length of `out` up to the slash of the segment before its last, "..", which ends at `length`; -1 when there is none. */
function parentEnd(out: Buffer, length: number): number {
  let at = length - 4
  while (at >= 0 && out[at] !== SLASH) at--
  return at < 0 ? -1 : at + 1
}

/** The octet that two hexadecimal digits at `at` stand for; -1 where they are none. */
function hexPair(text: string, at: number): number {
  const high = hexDigit(text, at)
  const low = hexDigit(text, at + 1)
  return high > 15 || low > 15 ? -1 : high * 16 + low
}

function hexDigit(text: string, at: number): number {
  const c = text.charCodeAt(at)
  return c <= 255 ? HEX_VALUE[c] : 255
}

function isAlpha(c: number): boolean {
  const lower = c | 0x20
  return lower >= 0x61 && lower <= 0x7a
}

/** Octets that ngx_escape_uri escapes as NGX_ESCAPE_URI: controls, obs-text, and what no URI may hold. */
const ESCAPED_IN_URI: Uint8Array = escapeTable(' "#%<>?\\^`{|}')
/** The same as NGX_ESCAPE_ARGS: those that would end or split the arguments too. */
const ESCAPED_IN_ARGS: Uint8Array = escapeTable(' "#%&+;<>?\\^`{|}')

function escapeTable(octets: string): Uint8Array {
  const table = new Uint8Array(256)
  table.fill(1, 0, 0x20)
  table.fill(1, 0x7f)
  for (const c of octets) table[c.charCodeAt(0)] = 1
  return table
}

/** `uri` with everything escaped that a path must not hold (ngx_escape_uri, NGX_ESCAPE_URI). */
export function escapeUri(uri: string): string {
  return escapeOctets(uri, ESCAPED_IN_URI)
}

/** `uri` without line ends, which would end the line that it is put into; all else stays as it is. */
export function escapeLineEnds(uri: string): string {
  if (!uri.includes("\n") && !uri.includes("\r")) return uri
  return uri.replaceAll("\r", "%0D").replaceAll("\n", "%0A")
}

/** `text` with everything escaped that one argument must not hold (ngx_escape_uri, NGX_ESCAPE_ARGS). */
export function escapeArgs(text: string): string {
  return escapeOctets(text, ESCAPED_IN_ARGS)
}

function escapeOctets(text: string, table: Uint8Array): string {
  let escaped = ""
  let from = 0
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i)
    if (table[c] === 0) continue
    escaped += `${text.slice(from, i)}%${c < 16 ? "0" : ""}${c.toString(16).toUpperCase()}`
    from = i + 1
  }
  return from === 0 ? text : escaped + text.slice(from)
}

/**
 * `text` with its escapes decoded (ngx_unescape_uri, type 0). As there, a broken escape is no error: "%" with
 * no hexadecimal digit behind it falls away, "%" and one digit fall away with the octet after them.
 */
export function unescapeUri(text: string): string {
  let decoded = ""
  let from = 0
  for (let at = text.indexOf("%"); at >= 0; at = text.indexOf("%", from)) {
    decoded += text.slice(from, at)
    if (hexDigit(text, at + 1) > 15) {
      // The octet behind "%" is taken as it is, another "%" too.
      decoded += text.slice(at + 1, at + 2)
      from = at + 2
      continue
    }
    const octet = hexPair(text, at + 1)
    if (octet >= 0) decoded += String.fromCharCode(octet)
    from = at + 3
  }
  return decoded + text.slice(from)
}
