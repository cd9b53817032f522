/**
 * What users write, read one by one. Each function throws USAGE with the reason, and returns only what can stand in a
 * configuration as the one word that it is.
 */
import { isIP, isIPv4, isIPv6 } from "node:net"
import { homedir } from "node:os"
import { join, resolve } from "node:path"
import { domainToASCII } from "node:url"
import { HoldfastError } from "../base/error.ts"
import { type AddressFault, type AddressUse, type ParsedAddress, parseAddress } from "../config/address.ts"
import { parseMilliseconds } from "../config/values.ts"
import type { Backend, Listen } from "./plan.ts"

const MAX_SHOWN = 60
const MAX_NAME_LENGTH = 253

/** A text as messages have it: whatever it holds, on one line. */
export function shown(text: string): string {
  return JSON.stringify(text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN)}…` : text)
}

function refuse(reason: string): HoldfastError {
  return new HoldfastError("USAGE", reason)
}

/** Several values in one answer, with blanks or commas between them. */
export function splitList(text: string): string[] {
  return text.split(/[\s,]+/).filter((part) => part !== "")
}

const LABEL = "[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
const HOST_NAME = new RegExp(`^${LABEL}(?:\\.${LABEL})*$`)

/** Whether `text`, in lower case, is a name that a host may have. */
function isHostName(text: string): boolean {
  return text.length <= MAX_NAME_LENGTH && HOST_NAME.test(text) && !/^[\d.]+$/.test(text)
}

/**
 * A name of `server_name`: a host name (in Punycode where it is not ASCII), `*.example.com`, `.example.com`, or an
 * address. In lower case, without the dot at its end.
 */
export function parseName(text: string): string {
  const name = text.toLowerCase().replace(/\.$/, "")
  if (isIPv4(name)) return name
  const bare = name.replace(/^\[(.*)\]$/, "$1")
  if (isIPv6(bare) && !bare.includes("%")) return new URL(`http://[${bare}]`).hostname
  const [prefix = ""] = /^\*?\./.exec(name) ?? []
  const ascii = prefix + hostNameOf(name.slice(prefix.length))
  if (name === "_" || !isHostName(ascii.slice(prefix.length)))
    throw refuse(`${shown(text)} is no host name, such as example.com or *.example.com`)
  return ascii
}

function hostNameOf(name: string): string {
  return /^[\x00-\x7f]*$/.test(name) ? name : domainToASCII(name)
}

/** Whether only this machine can mean it. RFC 6761 §6.3. */
export function isLoopbackName(name: string): boolean {
  return name === "localhost" || name.endsWith(".localhost") || isLoopbackHost(name)
}

function isLoopbackHost(host: string): boolean {
  return /^127\.\d+\.\d+\.\d+$/.test(host) || host === "::1" || host === "[::1]"
}

/** The name in the certificate of backends. */
export function parseBackendName(text: string): string {
  const name = text.toLowerCase()
  if (!isHostName(name)) throw refuse(`${shown(text)} is no host name`)
  return name
}

/** A location's prefix, as nginx compares it: with its escapes resolved. */
export function parsePath(text: string): string {
  if (!text.startsWith("/")) throw refuse(`${shown(text)} is no path: it must begin with "/"`)
  if (/[?#]/.test(text)) throw refuse(`${shown(text)} is more than a path: "?" and "#" end one`)
  const path = decoded(text)
  if (!isCleanText(path)) throw refuse(`${shown(text)} has characters that no path has`)
  // nginx merges slashes and resolves dots before it looks for a location.
  if (/\/\/|\/\.{1,2}(?:\/|$)/.test(path))
    throw refuse(`${shown(text)} is never asked for: "//", "." and ".." are resolved before`)
  return path
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    throw refuse(`${shown(text)} has a "%" that begins no escape`)
  }
}

/** No control characters, and nothing that UTF-8 cannot hold. */
function isCleanText(text: string): boolean {
  return !/[\x00-\x1f\x7f]/.test(text) && text.isWellFormed()
}

const SCHEME = /^(https?|wss?):\/\//i

/** host:port, a port of this machine, unix:/path; with http://, ws://, https:// or wss:// in front where one likes. */
export function parseBackend(text: string): Backend {
  const [prefix = "", word = ""] = SCHEME.exec(text) ?? []
  const rest = text.slice(prefix.length)
  if (rest.startsWith("unix:") || rest.startsWith("/")) return unixBackend(rest, schemeOf(word))
  // What stands before an "@" may be a password: it is not repeated.
  if (rest.includes("@")) throw refuse("a backend is host:port, without a user")
  if (rest.includes("://")) throw refuse(`${shown(text)}: a backend speaks http, https, ws or wss`)
  const host = prefix === "" ? rest : rest.replace(/\/$/, "")
  if (/[/?#]/.test(host))
    throw refuse(`${shown(text)} has a path: backends get that of the client, give host:port alone`)
  return tcpBackend(host, text, schemeOf(word))
}

function schemeOf(word: string): Backend["scheme"] {
  if (word === "") return null
  return /^(?:https|wss)$/i.test(word) ? "https" : "http"
}

function unixBackend(text: string, scheme: Backend["scheme"]): Backend {
  const address = text.startsWith("/") ? `unix:${text}` : text
  // The limit is one of bytes.
  const parsed = parseAddress(Buffer.from(address, "utf8").toString("latin1"), { defaultPort: 0 })
  if (typeof parsed === "string") throw refuse(`${shown(text)}: ${parsed}`)
  if (!parsed.path.startsWith("/") || !isCleanText(address))
    throw refuse(`${shown(text)} is no unix socket: write unix:/path/to/socket`)
  return { address, hostName: "", scheme }
}

function tcpBackend(text: string, whole: string, scheme: Backend["scheme"]): Backend {
  const port = /^:?(\d+)$/.exec(text)?.[1]
  const parsed = readAddress(port === undefined ? text : `127.0.0.1:${port}`, whole, {
    defaultPort: scheme === "https" ? 443 : 80,
  })
  if (!parsed.hasPort && scheme === null)
    throw refuse(`${shown(whole)} has no port: write host:port, such as 127.0.0.1:3000`)
  const host = parsed.host.toLowerCase()
  if (isIP(host) === 0 && !isHostName(host)) throw refuse(`${shown(whole)} names no host`)
  return {
    address: `${isIPv6(host) ? `[${host}]` : host}:${parsed.port}`,
    hostName: isIP(host) === 0 ? host : "",
    scheme,
  }
}

/** Takes addresses with a zone (`fe80::1%eth0`) for faulty, as nginx does. */
function readAddress(text: string, whole: string, use: AddressUse): ParsedAddress {
  const isBareIpv6 = !text.startsWith("[") && text.indexOf(":") !== text.lastIndexOf(":")
  if (isBareIpv6) throw refuse(`${shown(whole)}: an IPv6 address stands in brackets, as in [::1]:3000`)
  const parsed: ParsedAddress | AddressFault = parseAddress(text, use)
  if (typeof parsed === "string") throw refuse(`${shown(whole)}: ${parsed}`)
  if (parsed.host.includes("%")) throw refuse(`${shown(whole)}: invalid host`)
  return parsed
}

/** A port, address:port or [v6]:port to listen on. */
export function parseListen(text: string): Listen {
  const address = text.replace(/^localhost:/i, "127.0.0.1:")
  const { host, port, hasPort, lastPort } = readAddress(address, text, { defaultPort: 0, isListen: true })
  if (host !== "*" && isIP(host) === 0)
    throw refuse(`${shown(text)} is nothing to listen on: a port, or address:port`)
  if (!hasPort || port !== lastPort) throw refuse(`${shown(text)}: one port is needed, as in ${host}:443`)
  const shape = isIPv6(host) ? `[${host}]:${port}` : `${host}:${port}`
  return { text: host === "*" ? String(port) : shape, host, port, isLoopback: isLoopbackHost(host) }
}

const MIN_TIMEOUT_MS = 60_000
const MAX_TIMEOUT_MS = 24 * 86_400_000

/** nginx's time text in one word, with its unit. */
export function parseTimeout(text: string): string {
  const word = text.trim().replaceAll(/([a-z]) +/gi, "$1")
  const time = /\d$/.test(word) ? `${word}s` : word
  const milliseconds = /\s/.test(time) ? undefined : parseMilliseconds(time)
  if (milliseconds === undefined) throw refuse(`${shown(text)} is no time, such as 3600s or 1h`)
  if (milliseconds < MIN_TIMEOUT_MS)
    throw refuse(`${shown(text)} cuts WebSockets that are silent for less than a minute; 60s at least`)
  if (milliseconds > MAX_TIMEOUT_MS) throw refuse(`${shown(text)} is more than 24 days`)
  return time
}

/** A path of this machine, made absolute: whoever reads it later may stand in another folder. */
export function parseFile(text: string): string {
  if (text === "" || !isCleanText(text)) throw refuse(`${shown(text)} is no path`)
  return resolve(text === "~" || text.startsWith("~/") ? join(homedir(), text.slice(1)) : text)
}

/** The same, for directives in which a "$" begins a variable. */
export function parseConfiguredFile(text: string): string {
  if (text.includes("$")) throw refuse(`${shown(text)}: a "$" in a path would be read as a variable`)
  return parseFile(text)
}

/** The address of a name server. */
export function parseResolver(text: string): string {
  const bracketed = isIPv6(text) && !text.includes("%") ? `[${text}]` : text
  const { host, port, hasPort } = readAddress(bracketed, text, { defaultPort: 53 })
  if (isIP(host) === 0) throw refuse(`${shown(text)} is no address of a name server, such as 127.0.0.53`)
  const shape = isIPv6(host) ? `[${host}]` : host
  return hasPort ? `${shape}:${port}` : shape
}
