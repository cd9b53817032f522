/** `listen`: addresses and their parameters. ngx_http_core_listen, ngx_parse_url. */
import { isIPv4, isIPv6, Socket } from "node:net"
import { parseAddress } from "../../config/address.ts"
import type { ValueContext } from "../../config/row.ts"
import { parseMilliseconds, parseNumber } from "../../config/values.ts"

/** `so_keepalive`; what is undefined is the system's. */
export interface Keepalive {
  readonly isOn: boolean
  readonly idleMs: number | undefined
  readonly intervalMs: number | undefined
  /** How many probes without an answer end the connection. */
  readonly count: number | undefined
}

/** One address to listen on, as one `listen` directive says. */
export interface Listen {
  /** Equal for the same address: "0.0.0.0:80", "[::]:80", "unix:/run/x.sock". */
  readonly key: string
  /** "" for a unix socket. */
  readonly host: string
  readonly port: number
  /** The unix socket's path, "" for TCP. */
  readonly path: string
  readonly isDefault: boolean
  readonly isSsl: boolean
  /** `http2`: every server of the address speaks it. */
  readonly isHttp2?: boolean
  /** Each connection begins with a header of the PROXY protocol. */
  readonly isProxyProtocol: boolean
  /** Undefined: the system's. */
  readonly backlog: number | undefined
  readonly ipv6Only: boolean
  /** Whether a parameter of the socket stands here: one `listen` of an address may have them. */
  readonly hasSocketOptions?: boolean
  /** `so_keepalive`: undefined leaves the system's default. */
  readonly keepalive: Keepalive | undefined
}

/** One `listen` as it stands in the configuration, with its line to blame. */
export interface WrittenListen extends Listen {
  readonly context: ValueContext
}

interface Address {
  readonly host: string
  readonly port: number
  readonly path: string
}

const DEFAULT_PORT = 80

/** The longest path of a unix socket: sun_path of unix(7) without its last zero. */
export const MAX_SOCKET_PATH_BYTES = 107

/** Parses the arguments of `listen`. A host name gives one entry for each of its addresses. */
export function parseListen(args: readonly string[], context: ValueContext): WrittenListen {
  const text = args[0] as string
  const address = parseListenAddress(text, context)
  const parameters = parseParameters(args.slice(1), context)
  return { ...parameters, ...address, key: addressKey(address), context }
}

export function addressKey({ host, port, path }: Address): string {
  if (path !== "") return `unix:${path}`
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`
}

function parseListenAddress(text: string, context: ValueContext): Address {
  const found = parseAddress(text, { defaultPort: DEFAULT_PORT, isListen: true })
  const place = `in "${text}" of the "listen" directive`
  if (typeof found === "string") return context.fail(`${found} ${place}`)
  const { host, port, path } = found
  if (port !== found.lastPort) return context.fail(`port ranges as ${place} are not supported by Holdfast`)
  if (path !== "") return { host, port, path }
  if (host === "*") return { host: "0.0.0.0", port, path }
  if (isIPv4(host) || isIPv6(host)) return { host, port, path }
  if (host.toLowerCase() === "localhost") return { host: "127.0.0.1", port, path }
  return context.fail(
    `host not found ${place} (Holdfast takes addresses there and "localhost", no other name)`,
  )
}

type Parameters = Omit<Listen, "key" | "host" | "port" | "path">

/** Parameters of the socket that have no effect here. */
const WITHOUT_EFFECT = ["bind", "reuseport", "deferred"]
const HTTP2_DEPRECATED = 'the "listen ... http2" directive is deprecated, use the "http2" directive instead'
/** Parameters that Node.js has nothing for, and what to do. */
const UNSUPPORTED: ReadonlyMap<string, string> = new Map([
  ["quic", 'there is no QUIC in Node.js yet; use "http2 on"'],
  ["rcvbuf", "set it for all sockets by sysctl net.ipv4.tcp_rmem"],
  ["sndbuf", "set it for all sockets by sysctl net.ipv4.tcp_wmem"],
  ...["fastopen", "setfib", "accept_filter", "multipath"].map((name): [string, string] => [
    name,
    "Node.js has no such option of a socket; remove it",
  ]),
])

function parseParameters(args: readonly string[], context: ValueContext): Parameters {
  let isDefault = false
  let isSsl = false
  let isHttp2 = false
  let isProxyProtocol = false
  let backlog: number | undefined
  let ipv6Only = true
  let hasSocketOptions = false
  let keepalive: Listen["keepalive"]
  for (const arg of args) {
    const equals = arg.indexOf("=")
    const name = equals === -1 ? arg : arg.slice(0, equals)
    const value = arg.slice(equals + 1)
    if (arg === "default_server" || arg === "default") isDefault = true
    else if (arg === "ssl") isSsl = true
    else if (arg === "http2") {
      isHttp2 = true
      context.warn(HTTP2_DEPRECATED)
    } else if (arg === "proxy_protocol") isProxyProtocol = true
    else if (UNSUPPORTED.has(name))
      context.fail(
        `the "${name}" parameter of the "listen" directive is not supported by Holdfast: ${UNSUPPORTED.get(name)}`,
      )
    else {
      hasSocketOptions = true
      if (WITHOUT_EFFECT.includes(arg)) continue
      if (name === "backlog") {
        backlog = parseNumber(value)
        if (!backlog) context.fail(`invalid backlog "${arg}"`)
      } else if (arg === "ipv6only=on" || arg === "ipv6only=off") ipv6Only = value === "on"
      else if (arg.startsWith("ipv6only=o")) context.fail(`invalid ipv6only flags "${value}"`)
      else if (name === "so_keepalive") keepalive = parseKeepalive(value, context)
      else context.fail(`invalid parameter "${arg}"`)
    }
  }
  return { isDefault, isSsl, isHttp2, isProxyProtocol, backlog, ipv6Only, keepalive, hasSocketOptions }
}

/** Arguments of `setKeepAlive` where Node takes an interval and a count: from 24.19 on. */
const KEEPALIVE_ARGUMENTS = 4

/** `on`, `off`, or `[idle]:[interval]:[count]`, of which those at the end may be left out. ngx_http_core_listen. */
function parseKeepalive(value: string, context: ValueContext): Keepalive {
  const isWord = value === "on" || value === "off"
  if (isWord) return { isOn: value === "on", idleMs: undefined, intervalMs: undefined, count: undefined }
  const invalid = (): never => context.fail(`invalid so_keepalive value: "${value}"`)
  const [idle, interval, probes, ...more] = value.split(":")
  const idleMs = wholeSeconds(idle, invalid)
  const intervalMs = wholeSeconds(interval, invalid)
  const count = probes ? (parseNumber(probes) ?? invalid()) || undefined : undefined
  if (more.length > 0 || (idleMs === undefined && intervalMs === undefined && count === undefined)) invalid()
  const isFine = intervalMs !== undefined || count !== undefined
  if (isFine && Socket.prototype.setKeepAlive.length < KEEPALIVE_ARGUMENTS)
    context.fail(
      `the interval and the count of so_keepalive need Node.js 24.19 or later, this is ${process.versions.node}`,
    )
  return { isOn: true, idleMs, intervalMs, count }
}

/** Undefined for nothing and for zero: both leave it to the system. */
function wholeSeconds(text: string | undefined, invalid: () => never): number | undefined {
  if (!text) return undefined
  const ms = parseMilliseconds(text)
  if (ms === undefined || ms % 1000 !== 0) return invalid()
  return ms === 0 ? undefined : ms
}
