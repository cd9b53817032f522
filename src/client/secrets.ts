/** What the user gave and nobody else may see: taken out of everything that is shown, wherever it comes back. */
import { basic, type ClientOptions } from "./client-options.ts"
import { type Endpoint, secretsOfTarget } from "./endpoint.ts"
import { HIDDEN } from "./redact.ts"

/** Fields that are given for routing and tests, and are worth being seen. */
const OPEN_FIELDS: ReadonlySet<string> = new Set([
  "accept",
  "accept-encoding",
  "accept-language",
  "cache-control",
  "connection",
  "forwarded",
  "host",
  "origin",
  "pragma",
  "upgrade",
  "user-agent",
  "x-forwarded-for",
  "x-forwarded-host",
  "x-forwarded-proto",
  "x-real-ip",
])
/** A shorter one would be found in words that have nothing to do with it. */
const LEAST_LENGTH = 4

/** Replaces secrets in texts. */
export class Secrets {
  readonly #values: readonly string[]

  constructor(client: ClientOptions, endpoints: readonly Endpoint[]) {
    const values = [...ofClient(client), ...endpoints.flatMap(ofEndpoint)]
    // The longest first: one may be part of another.
    this.#values = [...new Set(values)]
      .filter(({ length }) => length >= LEAST_LENGTH)
      .sort((a, b) => b.length - a.length)
  }

  hide(text: string): string {
    let shown = text
    for (const value of this.#values) shown = shown.replaceAll(value, HIDDEN)
    return shown
  }

  /** The same of all texts in plain data. */
  hideIn<T>(value: T): T
  hideIn(value: unknown): unknown {
    if (typeof value === "string") return this.hide(value)
    if (Array.isArray(value)) return value.map((item) => this.hideIn(item))
    if (typeof value !== "object" || value === null) return value
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, this.hideIn(item)]))
  }
}

function ofClient({ headers, cookies, proxy }: ClientOptions): string[] {
  const given = headers.filter(([name]) => !OPEN_FIELDS.has(name.toLowerCase()))
  return [
    ...given.flatMap(([, value]) => [value, ...value.split(" ").slice(1)]),
    ...cookies.map((cookie) => cookie.slice(cookie.indexOf("=") + 1)),
    ...(proxy?.authorization === undefined ? [] : ofBasic(proxy.authorization)),
  ]
}

function ofEndpoint({ target, userinfo }: Endpoint): string[] {
  return [...secretsOfTarget(target), ...(userinfo === undefined ? [] : ofBasic(basic(userinfo)))]
}

/** The value, its base64, and the password. */
function ofBasic(authorization: string): string[] {
  const encoded = authorization.slice(authorization.indexOf(" ") + 1)
  const userinfo = Buffer.from(encoded, "base64").toString("utf8")
  return [encoded, userinfo, userinfo.slice(userinfo.indexOf(":") + 1)]
}
