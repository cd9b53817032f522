/** The values of `ssl_*` and `proxy_ssl_*` rows that need more than a number or a word. */
import { HoldfastError } from "../base/error.ts"
import type { ValueContext } from "../config/row.ts"
import { confPath, flag, parseNumber, parseSize, parseWholeSeconds, someOf } from "../config/values.ts"
import { positionOf } from "../config/walker.ts"
import { type Template, template } from "../runtime/template.ts"
import type { ConfCommand } from "../tls/conf-command.ts"
import { isData, readPassphrases } from "../tls/credentials.ts"
import { ticketKeyOf } from "../tls/ticket-key.ts"

/** A file of the configuration: as written, for messages, and where it is. */
export interface ConfFile {
  readonly text: string
  readonly path: string
}

/** A file whose bytes are read later, when it is known that they are needed. */
export function confFile(text: string, context: ValueContext): ConfFile {
  return { text, path: confPath(text, context) }
}

/** A certificate or a key: a file, or what is behind `data:`; with variables, known only when it is needed. */
export interface CertificateFile extends ConfFile {
  /** Null without variables. */
  readonly template: Template | null
  /** What a path of the template is relative to. */
  readonly confPrefix: string
}

export function certificateFile(text: string, context: ValueContext): CertificateFile {
  if (/^(engine|store):/.test(text)) {
    const scheme = text.slice(0, text.indexOf(":") + 1)
    const message = `"${scheme}" in "${context.directive.name}" is not supported`
    throw new HoldfastError("UNSUPPORTED", message, positionOf(context.directive))
  }
  const compiled = template(text, context)
  return {
    text,
    path: isData(text) ? text : confPath(text, context),
    template: compiled.constant === undefined ? compiled : null,
    confPrefix: context.confPrefix,
  }
}

/** For list rows of one argument. */
export function certificateEntry(args: readonly string[], context: ValueContext): CertificateFile {
  return certificateFile(args[0] as string, context)
}

/** `ssl_certificate_cache`, `proxy_ssl_certificate_cache`. */
export interface CertificateCache {
  readonly max: number
  readonly validMs: number
  readonly inactiveMs: number
}

const VALID_MS = 60_000
const INACTIVE_MS = 10_000

/** Null for `off`. ngx_http_ssl_certificate_cache. */
export function certificateCache(args: readonly string[], context: ValueContext): CertificateCache | null {
  let max = 0
  let validMs = VALID_MS
  let inactiveMs = INACTIVE_MS
  let isOff = false
  for (const text of args) {
    const invalid = (): never => context.fail(`invalid parameter "${text}"`)
    if (text.startsWith("max=")) max = parseNumber(text.slice("max=".length)) || invalid()
    else if (text.startsWith("valid=")) validMs = parseWholeSeconds(text.slice("valid=".length)) ?? invalid()
    else if (text.startsWith("inactive="))
      inactiveMs = parseWholeSeconds(text.slice("inactive=".length)) ?? invalid()
    else if (text === "off") isOff = true
    else invalid()
  }
  if (isOff) return null
  if (max === 0) context.fail(`"${context.directive.name}" must have the "max" parameter`)
  return { max, validMs, inactiveMs }
}

/** One `ssl_conf_command` or `proxy_ssl_conf_command`. */
export function confCommand(args: readonly string[]): ConfCommand {
  const [name, value] = args as [string, string]
  return { name, value }
}

/** A flag that can only be off here. */
export function neverOn(reason: string): (text: string, context: ValueContext) => boolean {
  return (text, context) => {
    if (!flag(text, context)) return false
    const message = `"${context.directive.name} on" is not supported by Holdfast: ${reason}`
    throw new HoldfastError("UNSUPPORTED", message, positionOf(context.directive))
  }
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
