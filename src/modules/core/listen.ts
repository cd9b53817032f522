/** `listen`: addresses and their parameters. ngx_http_core_listen, ngx_parse_url. */
import { isIPv4, isIPv6 } from "node:net"
import type { ValueContext } from "../../config/row.ts"
import { parseMilliseconds, parseNumber } from "../../config/values.ts"

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
  /** Undefined: the system's. */
  readonly backlog: number | undefined
  readonly ipv6Only: boolean
  /** `so_keepalive`: undefined leaves the system's default. */
  readonly keepalive: { readonly isOn: boolean; readonly idleMs: number | undefined } | undefined
  readonly context: ValueContext
}

interface Address {
  readonly host: string
  readonly port: number
  readonly path: string
}

const DEFAULT_PORT = 80

/** Parses the arguments of `listen`. A host name gives one entry for each of its addresses. */
export function parseListen(args: readonly string[], context: ValueContext): Listen {
  const text = args[0] as string
  const address = parseAddress(text, context)
  const parameters = parseParameters(args.slice(1), context, address)
  return { ...parameters, ...address, key: addressKey(address), context }
}

export function addressKey({ host, port, path }: Address): string {
  if (path !== "") return `unix:${path}`
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`
}

function parseAddress(text: string, context: ValueContext): Address {
  if (text.startsWith("unix:")) {
    const path = text.slice("unix:".length)
    if (path === "") context.fail(`no path in the unix domain socket in "${text}" of the "listen" directive`)
    return { host: "", port: 0, path }
  }
  const [host, port] = splitPort(text, context)
  if (host === "" || host === "*") return { host: "0.0.0.0", port, path: "" }
  if (host.startsWith("[")) {
    const bare = host.slice(1, -1)
    if (!isIPv6(bare)) context.fail(`invalid IPv6 address in "${text}" of the "listen" directive`)
    return { host: bare, port, path: "" }
  }
  if (isIPv4(host)) return { host, port, path: "" }
  if (host === "localhost") return { host: "127.0.0.1", port, path: "" }
  return context.fail(`host not found in "${text}" of the "listen" directive`)
}

function splitPort(text: string, context: ValueContext): readonly [string, number] {
  const invalidPort = (): never => context.fail(`invalid port in "${text}" of the "listen" directive`)
  const toPort = (digits: string): number => {
    const port = parseNumber(digits)
    return port === undefined || port < 1 || port > 65535 ? invalidPort() : port
  }
  if (text.startsWith("[")) {
    const end = text.indexOf("]")
    if (end === -1) context.fail(`invalid host in "${text}" of the "listen" directive`)
    const rest = text.slice(end + 1)
    if (rest === "") return [text, DEFAULT_PORT]
    return rest.startsWith(":") ? [text.slice(0, end + 1), toPort(rest.slice(1))] : invalidPort()
  }
  const colon = text.indexOf(":")
  if (colon !== -1) return [text.slice(0, colon), toPort(text.slice(colon + 1))]
  return /^\d+$/.test(text) ? ["", toPort(text)] : [text, DEFAULT_PORT]
}

type Parameters = Omit<Listen, "key" | "host" | "port" | "path" | "context">

function parseParameters(args: readonly string[], context: ValueContext, address: Address): Parameters {
  let isDefault = false
  let isSsl = false
  let backlog: number | undefined
  let ipv6Only = true
  let keepalive: Listen["keepalive"]
  for (const arg of args) {
    const equals = arg.indexOf("=")
    const name = equals === -1 ? arg : arg.slice(0, equals)
    const value = arg.slice(equals + 1)
    if (arg === "default_server" || arg === "default") isDefault = true
    else if (arg === "ssl") isSsl = true
    else if (arg === "bind" || arg === "reuseport" || arg === "deferred") continue
    else if (name === "backlog") {
      backlog = parseNumber(value)
      if (backlog === undefined || backlog === 0) context.fail(`invalid backlog "${value}"`)
    } else if (name === "ipv6only") ipv6Only = parseIpv6Only(value, context, address)
    else if (name === "so_keepalive") keepalive = parseKeepalive(value, context)
    else if (
      name === "rcvbuf" ||
      name === "sndbuf" ||
      name === "fastopen" ||
      name === "setfib" ||
      name === "accept_filter" ||
      arg === "http2" ||
      arg === "quic" ||
      arg === "proxy_protocol" ||
      arg === "multipath"
    )
      context.fail(`the "${name}" parameter of the "listen" directive is not supported by Holdfast`)
    else context.fail(`invalid parameter "${arg}"`)
  }
  return { isDefault, isSsl, backlog, ipv6Only, keepalive }
}

function parseIpv6Only(value: string, context: ValueContext, address: Address): boolean {
  if (!address.host.includes(":")) context.fail(`ipv6only is not supported on addr "${addressKey(address)}"`)
  if (value !== "on" && value !== "off") context.fail(`invalid ipv6only flags "${value}"`)
  return value === "on"
}

function parseKeepalive(value: string, context: ValueContext): Listen["keepalive"] {
  if (value === "on") return { isOn: true, idleMs: undefined }
  if (value === "off") return { isOn: false, idleMs: undefined }
  const parts = value.split(":")
  const idleMs = parts[0] === "" ? undefined : parseMilliseconds(parts[0] as string)
  if (parts.length !== 3 || (parts[0] !== "" && idleMs === undefined))
    context.fail(`invalid so_keepalive value: "${value}"`)
  if (parts[1] !== "" || parts[2] !== "")
    context.fail("the interval and count of so_keepalive are the system's: Holdfast sets only the idle time")
  return { isOn: true, idleMs }
}
