/** The values of `ssl_*` and `proxy_ssl_*` rows that need more than a number or a word. */
import { HoldfastError } from "../base/error.ts"
import type { ValueContext } from "../config/row.ts"
import { confPath, parseNumber, parseSize, someOf } from "../config/values.ts"
import { positionOf } from "../config/walker.ts"
import { readPassphrases } from "../tls/credentials.ts"
import { ticketKeyOf } from "../tls/ticket-key.ts"

/** A file of the configuration: as written, for messages, and where it is. */
export interface ConfFile {
  readonly text: string
  readonly path: string
}

/** A file whose bytes are read later, when it is known that they are needed. */
export function confFile(text: string, context: ValueContext): ConfFile {
  if (text.includes("$"))
    throw unsupported(`variables in "${context.directive.name}" are not supported`, context)
  if (/^(data|engine|store):/.test(text))
    throw unsupported(
      `"${text.slice(0, text.indexOf(":") + 1)}" in "${context.directive.name}" is not supported`,
      context,
    )
  return { text, path: confPath(text, context) }
}

/** For list rows of one argument. */
export function confFileEntry(args: readonly string[], context: ValueContext): ConfFile {
  return confFile(args[0] as string, context)
}

function unsupported(message: string, context: ValueContext): HoldfastError {
  return new HoldfastError("UNSUPPORTED", message, positionOf(context.directive))
}

export const protocols = someOf("sslv2", "sslv3", "tlsv1", "tlsv1.1", "tlsv1.2", "tlsv1.3")

/** The pass phrases in a file; read at once, so that an error names the line. */
export function passwordFile(text: string, context: ValueContext): readonly string[] {
  return readPassphrases(confPath(text, context), (path) => context.readFile(path))
}

/** A key for tickets, as Node takes it. */
export function ticketKeyFile(args: readonly string[], context: ValueContext): Buffer {
  const path = confPath(args[0] as string, context)
  return ticketKeyOf(context.readFile(path)) ?? context.fail(`"${path}" must be 48 or 80 bytes`)
}

/** One parameter of `ssl_session_cache`. */
export type CachePart =
  | { readonly kind: "off" | "none" }
  | { readonly kind: "builtin"; readonly sessions: number }
  | { readonly kind: "shared"; readonly name: string; readonly sizeBytes: number }

/** SSL_SESSION_CACHE_MAX_SIZE_DEFAULT */
const BUILTIN_SESSIONS = 20_480
const MIN_SHARED_BYTES = 8 * 4096

/** ngx_http_ssl_session_cache. */
export function sessionCache(args: readonly string[], context: ValueContext): readonly CachePart[] {
  return args.map((text) => cachePart(text, context))
}

function cachePart(text: string, context: ValueContext): CachePart {
  if (text === "off" || text === "none") return { kind: text }
  if (text === "builtin") return { kind: "builtin", sessions: BUILTIN_SESSIONS }
  const [kind, first = "", ...rest] = text.split(":")
  if (kind === "builtin" && rest.length === 0) {
    const sessions = parseNumber(first)
    if (sessions !== undefined) return { kind, sessions }
  }
  if (kind === "shared" && first !== "" && rest.length > 0) {
    const sizeBytes = parseSize(rest.join(":"))
    if (sizeBytes !== undefined) {
      if (sizeBytes < MIN_SHARED_BYTES) context.fail(`session cache "${text}" is too small`)
      return { kind, name: first, sizeBytes }
    }
  }
  return context.fail(`invalid session cache "${text}"`)
}
