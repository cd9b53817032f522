/** `listen`: addresses and their parameters. ngx_http_core_listen, ngx_parse_url. */
import { isIPv4, isIPv6 } from "node:net"
import { parseAddress } from "../../config/address.ts"
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
  /** Whether a parameter of the socket stands here: one `listen` of an address may have them. */
  readonly hasSocketOptions?: boolean
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

type Parameters = Omit<Listen, "key" | "host" | "port" | "path" | "context">

/** Parameters of the socket that have no effect here. */
const WITHOUT_EFFECT = ["bind", "reuseport", "deferred"]
const UNSUPPORTED = "rcvbuf sndbuf fastopen setfib accept_filter http2 quic proxy_protocol multipath".split(
  " ",
)

function parseParameters(args: readonly string[], context: ValueContext): Parameters {
  let isDefault = false
  let isSsl = false
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
    else if (UNSUPPORTED.includes(name))
      context.fail(`the "${name}" parameter of the "listen" directive is not supported by Holdfast`)
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
  return { isDefault, isSsl, backlog, ipv6Only, keepalive, hasSocketOptions }
}

function parseKeepalive(value: string, context: ValueContext): Listen["keepalive"] {
  if (value === "on") return { isOn: true, idleMs: undefined }
  if (value === "off") return { isOn: false, idleMs: undefined }
  const parts = value.split(":")
  const idleMs = parts[0] === "" ? undefined : parseMilliseconds(parts[0] as string)
  if (parts.length !== 3 || value === "::" || (parts[0] !== "" && idleMs === undefined))
    context.fail(`invalid so_keepalive value: "${value}"`)
  if (parts[1] !== "" || parts[2] !== "")
    context.fail("the interval and count of so_keepalive are the system's: Holdfast sets only the idle time")
  return { isOn: true, idleMs }
}
