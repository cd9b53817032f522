/** The options that every command with a client has: who it is and how it gets there. */
import { readFileSync } from "node:fs"
import { isIP } from "node:net"
import { createSecureContext } from "node:tls"
import { HoldfastError } from "../base/error.ts"
import { parseDuration } from "./duration.ts"
import { hostPort } from "./endpoint.ts"

/** For parseArgs. */
export const CLIENT_OPTIONS = {
  header: { type: "string", short: "H", multiple: true, default: [] as string[] },
  cookie: { type: "string", short: "b", multiple: true, default: [] as string[] },
  origin: { type: "string" },
  subprotocol: { type: "string", short: "s", multiple: true, default: [] as string[] },
  cert: { type: "string" },
  key: { type: "string" },
  ca: { type: "string" },
  insecure: { type: "boolean", short: "k", default: false },
  resolve: { type: "string", multiple: true, default: [] as string[] },
  proxy: { type: "string" },
  timeout: { type: "string", default: "10s" },
} as const

export const CLIENT_USAGE = `  -H, --header "NAME: VALUE"   send this header field; may be repeated
  -b, --cookie NAME=VALUE      send this cookie; may be repeated
  --origin ORIGIN              the page's origin, or none (default: the URL's)
  -s, --subprotocol NAME       offer this subprotocol; may be repeated
  --cert FILE, --key FILE      a client's certificate and its key
  --ca FILE                    trust the authorities of this file, and no others
  -k, --insecure               go on although the certificate is not trusted
  --resolve HOST:PORT:ADDRESS  connect there for that host; may be repeated
  --proxy URL                  go through this HTTP proxy (CONNECT)
  --timeout TIME               how long to wait for anything (default: 10s)
`

export interface ProxyServer {
  readonly secure: boolean
  readonly host: string
  readonly port: number
  /** The value of Proxy-Authorization; never to be shown. */
  readonly authorization: string | undefined
}

export interface ClientTlsFiles {
  readonly cert: Buffer | undefined
  readonly key: Buffer | undefined
  /** In place of Node's own list of authorities. */
  readonly ca: Buffer | undefined
  readonly insecure: boolean
}

export interface ClientOptions {
  /** Name and value, in order. */
  readonly headers: readonly (readonly [string, string])[]
  /** `name=value` each. */
  readonly cookies: readonly string[]
  /** "none": no Origin at all. Undefined: the endpoint's own. */
  readonly origin: string | undefined
  readonly subprotocols: readonly string[]
  readonly tls: ClientTlsFiles
  /** Addresses by `host:port`, in place of a lookup. */
  readonly resolve: ReadonlyMap<string, readonly string[]>
  readonly proxy: ProxyServer | undefined
  readonly timeoutMs: number
}

/** What parseArgs made of CLIENT_OPTIONS. */
export interface ClientValues {
  readonly header: readonly string[]
  readonly cookie: readonly string[]
  readonly origin?: string | undefined
  readonly subprotocol: readonly string[]
  readonly cert?: string | undefined
  readonly key?: string | undefined
  readonly ca?: string | undefined
  readonly insecure: boolean
  readonly resolve: readonly string[]
  readonly proxy?: string | undefined
  readonly timeout: string
}

/** Throws USAGE, and FILE for a file that cannot be read. */
export function clientOptionsOf(values: ClientValues): ClientOptions {
  return {
    headers: values.header.map(parseHeader),
    cookies: values.cookie.map(parseCookie),
    origin: values.origin === undefined ? undefined : fieldValue("origin", values.origin),
    subprotocols: values.subprotocol.flatMap((list) => list.split(",")).map(parseSubprotocol),
    tls: readTlsFiles(values),
    resolve: parseResolve(values.resolve),
    proxy: values.proxy === undefined ? undefined : parseProxy(values.proxy),
    timeoutMs: parseDuration("timeout", values.timeout),
  }
}

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
const VALUE = /^[\t\u0020-\u007e\u0080-\u00ff]*$/

function parseHeader(text: string): readonly [string, string] {
  const colon = text.indexOf(":")
  const name = text.slice(0, Math.max(colon, 0)).trim()
  // The text is not shown: it may be a credential.
  if (!TOKEN.test(name)) throw usage(`invalid --header: it must be "NAME: VALUE"`)
  return [name, fieldValue("header", text.slice(colon + 1).trim())]
}

function parseCookie(text: string): string {
  if (!/^[^=;\s]+=[^;]*$/.test(text)) throw usage("invalid --cookie: it must be NAME=VALUE")
  return fieldValue("cookie", text)
}

function parseSubprotocol(text: string): string {
  const name = text.trim()
  if (!TOKEN.test(name)) throw usage(`invalid --subprotocol "${text}": it must be a token (RFC 6455 §4.1)`)
  return name
}

function fieldValue(option: string, value: string): string {
  const bytes = Buffer.from(value, "utf8").toString("latin1")
  if (!VALUE.test(bytes)) throw usage(`invalid --${option}: a header field has no control characters`)
  return bytes
}

function readTlsFiles({ cert, key, ca, insecure }: ClientValues): ClientTlsFiles {
  if ((cert === undefined) !== (key === undefined)) throw usage("--cert and --key go together")
  const files = { cert: read("cert", cert), key: read("key", key), ca: read("ca", ca), insecure }
  // OpenSSL passes over what is none, and would trust nobody then.
  if (
    files.ca !== undefined &&
    !/-----BEGIN (TRUSTED |X509 )?CERTIFICATE-----/.test(files.ca.toString("latin1"))
  )
    throw new HoldfastError("FILE", `cannot use --ca ${ca}: it has no certificate in PEM form`)
  try {
    createSecureContext({ cert: files.cert, key: files.key, ca: files.ca })
  } catch (error) {
    const names = [cert, key, ca].filter((name) => name !== undefined).join(", ")
    throw new HoldfastError("FILE", `cannot use ${names}: ${(error as Error).message}`)
  }
  return files
}

function read(option: string, path: string | undefined): Buffer | undefined {
  if (path === undefined) return undefined
  try {
    return readFileSync(path)
  } catch (error) {
    throw new HoldfastError("FILE", `cannot read --${option} ${path}: ${(error as Error).message}`)
  }
}

/** `host:port:address`, as curl has it: several addresses with commas, IPv6 with or without brackets. */
function parseResolve(texts: readonly string[]): Map<string, string[]> {
  const map = new Map<string, string[]>()
  for (const text of texts) {
    const match = /^(\[[^\]]+\]|[^:]+):(\d+):(.+)$/.exec(text)
    const addresses = (match?.[3] ?? "").split(",").map((address) => address.trim().replace(/^\[|\]$/g, ""))
    if (match === null || !addresses.every((address) => isIP(address) !== 0))
      throw usage(`invalid --resolve "${text}": it must be HOST:PORT:ADDRESS`)
    map.set(hostPort((match[1] as string).replace(/^\[|\]$/g, "").toLowerCase(), Number(match[2])), addresses)
  }
  return map
}

function parseProxy(text: string): ProxyServer {
  const url = URL.parse(text.includes("://") ? text : `http://${text}`)
  if (url === null || (url.protocol !== "http:" && url.protocol !== "https:"))
    throw usage("invalid --proxy: it must be http://HOST:PORT or https://HOST:PORT")
  const secure = url.protocol === "https:"
  const userinfo = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`
  return {
    secure,
    host: url.hostname.replace(/^\[|\]$/g, ""),
    port: url.port === "" ? (secure ? 443 : 80) : Number(url.port),
    authorization: userinfo === ":" ? undefined : basic(userinfo),
  }
}

/** RFC 7617. */
export function basic(userinfo: string): string {
  return `Basic ${Buffer.from(userinfo, "utf8").toString("base64")}`
}

function usage(message: string): HoldfastError {
  return new HoldfastError("USAGE", message)
}
