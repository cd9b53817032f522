/** Addresses as the configuration writes them: `host:port`, `[v6]:port`, `unix:path`. ngx_parse_url. */
import { isIPv6 } from "node:net"
import { parseNumber } from "./values.ts"

/** What ngx_parse_url says of an address that is none. */
export type AddressFault =
  | "no host"
  | "invalid host"
  | "invalid port"
  | "invalid port range"
  | "invalid IPv6 address"
  | "no path in the unix domain socket"
  | "too long path in the unix domain socket"

/** An address in its parts; names are not resolved. */
export interface ParsedAddress {
  /** A name, an IPv4 address, or an IPv6 address without brackets; "" for a unix socket. */
  readonly host: string
  /** The default where left out; 0 for a unix socket. */
  readonly port: number
  readonly hasPort: boolean
  /** The last port of a range; equal to `port` where there is none. */
  readonly lastPort: number
  /** The unix socket's path, or "". */
  readonly path: string
  /** What follows host and port from the first `/` or `?` on, where the use allows it; "" for nothing. */
  readonly uri: string
}

export interface AddressUse {
  readonly defaultPort: number
  /** `listen`: a number alone is a port, `*` is every address, and there are port ranges. */
  readonly isListen?: boolean
  /** `proxy_pass`: a URI may follow. */
  readonly hasUri?: boolean
}

/** sizeof(sockaddr_un.sun_path) with its closing NUL. */
const MAX_UNIX_PATH_BYTES = 107
const MAX_PORT = 65_535

/** Parses `text`, or says what is wrong with it. Of `*` and of a port alone the host is "*". */
export function parseAddress(text: string, use: AddressUse): ParsedAddress | AddressFault {
  if (text.slice(0, 5).toLowerCase() === "unix:") return parseUnix(text.slice(5), use)
  return text.startsWith("[") ? parseIpv6(text, use) : parseName(text, use)
}

function parseUnix(rest: string, { hasUri }: AddressUse): ParsedAddress | AddressFault {
  const colon = hasUri === true ? rest.indexOf(":") : -1
  const path = colon === -1 ? rest : rest.slice(0, colon)
  if (path === "") return "no path in the unix domain socket"
  if (path.length > MAX_UNIX_PATH_BYTES) return "too long path in the unix domain socket"
  const uri = colon === -1 ? "" : rest.slice(colon + 1)
  return { host: "", port: 0, hasPort: false, lastPort: 0, path, uri }
}

function parseIpv6(text: string, use: AddressUse): ParsedAddress | AddressFault {
  const bracket = text.indexOf("]")
  if (bracket === -1) return "invalid host"
  const slash = text.indexOf("/", bracket)
  if (slash !== -1 && use.hasUri !== true) return "invalid host"
  const end = slash === -1 ? text.length : slash
  const ports = parsePorts(text.slice(bracket + 1, end), use)
  if (typeof ports === "string") return ports
  const host = text.slice(1, bracket)
  if (host === "") return "no host"
  return isIPv6(host) ? { host, ...ports, path: "", uri: text.slice(end) } : "invalid IPv6 address"
}

function parseName(text: string, use: AddressUse): ParsedAddress | AddressFault {
  const end = startOfUri(text)
  if (end < text.length && use.hasUri !== true) return "invalid host"
  const name = text.slice(0, end)
  const colon = name.indexOf(":")
  if (colon === -1 && use.isListen === true && /^\d+(-\d+)?$/.test(name)) {
    const alone = parsePorts(`:${name}`, use)
    return typeof alone === "string" ? alone : { host: "*", ...alone, path: "", uri: "" }
  }
  const ports = parsePorts(colon === -1 ? "" : name.slice(colon), use)
  if (typeof ports === "string") return ports
  const host = colon === -1 ? name : name.slice(0, colon)
  return host === "" ? "no host" : { host, ...ports, path: "", uri: text.slice(end) }
}

function startOfUri(text: string): number {
  for (let i = 0; i < text.length; i++) if (text[i] === "/" || text[i] === "?") return i
  return text.length
}

type Ports = Pick<ParsedAddress, "port" | "hasPort" | "lastPort">

/** `text` begins with the colon, or is empty. */
function parsePorts(text: string, { defaultPort, isListen }: AddressUse): Ports | AddressFault {
  if (text === "") return { port: defaultPort, hasPort: false, lastPort: defaultPort }
  if (!text.startsWith(":")) return "invalid host"
  const dash = isListen === true ? text.indexOf("-") : -1
  const port = parseNumber(dash === -1 ? text.slice(1) : text.slice(1, dash))
  const lastPort = dash === -1 ? port : parseNumber(text.slice(dash + 1))
  if (port === undefined || lastPort === undefined) return "invalid port"
  if (port < 1 || port > MAX_PORT || lastPort < 1 || lastPort > MAX_PORT) return "invalid port"
  return port > lastPort ? "invalid port range" : { port, hasPort: true, lastPort }
}
