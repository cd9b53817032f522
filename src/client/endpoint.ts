/** What a client is to connect to: a WebSocket URL, RFC 6455 §3. */
import { HoldfastError } from "../base/error.ts"

export interface Endpoint {
  /** wss: or https: */
  readonly secure: boolean
  /** A name in its ASCII form, or an address without brackets. */
  readonly host: string
  readonly port: number
  /** What the request line has: path and query, never empty. */
  readonly target: string
  /** The Host header: with the port where it is not the scheme's own. */
  readonly authority: string
  /** `user:password` decoded, for Basic authentication; undefined where the URL has none. Never to be shown. */
  readonly userinfo: string | undefined
  /** The URL for people: without credentials. */
  readonly url: string
}

const SECURE: ReadonlyMap<string, boolean> = new Map([
  ["ws:", false],
  ["wss:", true],
  ["http:", false],
  ["https:", true],
])

/** Throws USAGE. http: and https: are taken for ws: and wss:. */
export function parseEndpoint(text: string): Endpoint {
  if (!text.includes("://")) throw usage(text, `it has no scheme: did you mean wss://${text}`)
  if (!URL.canParse(text)) throw usage(text, "it cannot be parsed")
  const url = new URL(text)
  const secure = SECURE.get(url.protocol)
  if (secure === undefined) throw usage(text, "its scheme must be ws: or wss:")
  if (url.hash !== "") throw usage(text, "a WebSocket URL has no fragment (RFC 6455 §3)")
  return {
    ...addressOf(
      secure,
      url.hostname.replace(/^\[|\]$/g, ""),
      url.port === "" ? undefined : Number(url.port),
    ),
    target: url.pathname + url.search,
    userinfo: userinfoOf(url),
    url: shownUrl(secure, url.host, url.pathname + url.search),
  }
}

/** The same host, another target. */
export function withTarget(endpoint: Endpoint, target: string): Endpoint {
  return { ...endpoint, target, url: shownUrl(endpoint.secure, endpoint.authority, target) }
}

/** The same host and target by the other scheme, on `port`. */
export function withScheme(endpoint: Endpoint, secure: boolean, port?: number): Endpoint {
  const address = addressOf(secure, endpoint.host, port)
  return { ...endpoint, ...address, url: shownUrl(secure, address.authority, endpoint.target) }
}

/** The Origin that a page of the same site would have (RFC 6454 §6.2). */
export function ownOrigin(endpoint: Endpoint): string {
  return `${endpoint.secure ? "https" : "http"}://${endpoint.authority}`
}

/** `host:port`, with brackets around an IPv6 address. */
export function hostPort(host: string, port: number): string {
  return `${bracketed(host)}:${port}`
}

function addressOf(secure: boolean, host: string, port: number | undefined) {
  const ownPort = secure ? 443 : 80
  const authority = port === undefined || port === ownPort ? bracketed(host) : hostPort(host, port)
  return { secure, host, port: port ?? ownPort, authority }
}

function bracketed(host: string): string {
  return host.includes(":") ? `[${host}]` : host
}

function userinfoOf({ username, password }: URL): string | undefined {
  return username === "" && password === ""
    ? undefined
    : `${decodeURIComponent(username)}:${decodeURIComponent(password)}`
}

function shownUrl(secure: boolean, host: string, target: string): string {
  return `${secure ? "wss" : "ws"}://${host}${withoutSecrets(target)}`
}

const SECRET =
  /([?&](?:[^=&]*(?:token|secret|password|passwd|api_?key|apikey|signature|sig|auth|session|jwt|ticket|code)[^=&]*)=)[^&]+/gi

/** A target whose query has no value that looks like a credential. */
export function withoutSecrets(target: string): string {
  return target.replace(SECRET, "$1***")
}

/** The values that `withoutSecrets` takes out, as they stand there and decoded. */
export function secretsOfTarget(target: string): string[] {
  return [...target.matchAll(SECRET)].flatMap(([whole, name]) => {
    const value = whole.slice((name as string).length)
    return [value, decoded(value)]
  })
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

function usage(text: string, why: string): HoldfastError {
  return new HoldfastError(
    "USAGE",
    `"${text.replace(/\/\/[^/@]*@/, "//***@")}" is no URL of a WebSocket: ${why}`,
  )
}
