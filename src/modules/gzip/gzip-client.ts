/**
 * gzip_vary, gzip_http_version, gzip_proxied, gzip_disable: which clients get gzip. ngx_http_core_module;
 * ngx_http_gzip_ok. What is said here holds for all that sends a coding: gzip, gunzip, files that are there compressed.
 */
import { ANY, type Conf, directives, HTTP, LOCATION, SERVER, type ValueContext } from "../../config/row.ts"
import type { Scope } from "../../config/scope.ts"
import { flag, joinSets, oneOf, someOf } from "../../config/values.ts"
import { parseHttpDate } from "../../http/date.ts"
import type { HeaderList } from "../../http/header-list.ts"
import { defineModule, type LocationContext, type Module } from "../../runtime/module.ts"
import type { CompiledRegex } from "../../runtime/regex.ts"
import type { Request } from "../../runtime/request.ts"
import { compileConfigured } from "../core/regex-value.ts"
import { acceptsGzipCoding } from "./accept-encoding.ts"

const ALL = HTTP | SERVER | LOCATION

/** One `gzip_disable`. */
interface DisabledClients {
  readonly isOldExplorer: boolean
  readonly regexes: readonly CompiledRegex[]
}

const rows = directives({
  gzip_vary: {
    in: ALL,
    value: flag,
    default: "off",
    doc: "Adds `Vary: Accept-Encoding` to answers that gzip or gunzip are for, compressed or not.",
  },
  gzip_http_version: {
    in: ALL,
    value: oneOf("1.0", "1.1"),
    default: "1.1",
    syntax: "1.0 | 1.1",
    doc: "The least version of HTTP that a request must have for an answer in gzip.",
  },
  gzip_proxied: {
    in: ALL,
    args: [1, ANY],
    parse: someOf(
      "off",
      "expired",
      "no-cache",
      "no-store",
      "private",
      "no_last_modified",
      "no_etag",
      "auth",
      "any",
    ),
    join: joinSets,
    default: "off",
    syntax: "off | expired | no-cache | no-store | private | no_last_modified | no_etag | auth | any …",
    doc: "Which answers to requests with `Via`, those of other proxies, may be in gzip.",
  },
  gzip_disable: {
    in: ALL,
    args: [1, ANY],
    list: parseDisable,
    syntax: "regex … | msie6",
    doc: "Regular expressions for the `User-Agent` of clients that get no gzip; `msie6` is Internet Explorer 4 to 6.",
  },
})

type GzipClientConf = Conf<typeof rows>

interface GzipClient {
  readonly varies: boolean
  readonly minVersionMinor: number
  readonly proxied: ReadonlySet<string>
  readonly refusesOldExplorer: boolean
  readonly disabled: readonly CompiledRegex[] | null
}

type Shared = WeakMap<GzipClientConf, GzipClient>

/** There is one of these for every location, shared where nothing differs. */
export const gzipClient: Module<GzipClient, Shared> = defineModule({
  name: "gzip_client",
  directives: rows,
  main: (): Shared => new WeakMap(),
  location: clientOf,
})

function parseDisable(args: readonly string[], context: ValueContext): DisabledClients {
  const patterns = args.filter((text) => text !== "msie6")
  return {
    isOldExplorer: patterns.length < args.length,
    regexes: patterns.map((text) => compileConfigured(text, true, context)),
  }
}

function clientOf(conf: GzipClientConf, context: LocationContext): GzipClient {
  const shared = context.main(gzipClient)
  let client = shared.get(conf)
  if (client === undefined) {
    const regexes = conf.gzip_disable.flatMap((disabled) => disabled.regexes)
    client = {
      varies: conf.gzip_vary,
      minVersionMinor: conf.gzip_http_version === "1.0" ? 0 : 1,
      proxied: conf.gzip_proxied,
      refusesOldExplorer: refusesOldExplorer(context.scope),
      disabled: regexes.length === 0 ? null : regexes,
    }
    shared.set(conf, client)
  }
  return client
}

/** `msie6` is inherited by itself: the expressions of a lower level do not take it back. */
function refusesOldExplorer(scope: Scope): boolean {
  for (let level: Scope | null = scope; level !== null; level = level.parent) {
    const own = (level.own.get("gzip_disable")?.value ?? []) as readonly DisabledClients[]
    if (own.some((disabled) => disabled.isOldExplorer)) return true
  }
  return false
}

const VARIES = Symbol("Vary: Accept-Encoding")

/** Says that the answer depends on Accept-Encoding, where gzip_vary wants it said: once, however many ask for it. */
export function addVary(request: Request): void {
  if (request.location.of(gzipClient)?.varies !== true || request.note<true>(VARIES) === true) return
  request.setNote(VARIES, true)
  request.response.headers.push("Vary", "vary", "Accept-Encoding")
}

/** Whether the answer to `request` may be in gzip; its response is that which is to be sent. ngx_http_gzip_ok. */
export function takesGzip(request: Request): boolean {
  const accepted = request.headers.get("accept-encoding")
  if (accepted === undefined || !acceptsGzipCoding(accepted)) return false
  const client = request.location.of(gzipClient) as GzipClient
  const agent = request.headers.get("user-agent")
  if (client.refusesOldExplorer && agent !== undefined && isOldExplorer(agent)) return false
  if (request.head.versionMinor < client.minVersionMinor) return false
  if (request.headers.has("via") && !isProxiedAllowed(request, client.proxied)) return false
  return client.disabled === null || agent === undefined || !matchesAny(client.disabled, agent)
}

/** Internet Explorer 4 to 6, but for 6 of Windows XP SP2. ngx_http_process_user_agent. */
function isOldExplorer(agent: string): boolean {
  const at = agent.indexOf("MSIE ")
  if (at === -1 || at + 7 >= agent.length || agent[at + 6] !== ".") return false
  const version = agent[at + 5]
  return version === "4" || version === "5" || (version === "6" && !agent.includes("SV1", at + 8))
}

function matchesAny(regexes: readonly CompiledRegex[], text: string): boolean {
  for (let i = 0; i < regexes.length; i++) if ((regexes[i] as CompiledRegex).regex.test(text)) return true
  return false
}

function isProxiedAllowed(request: Request, proxied: ReadonlySet<string>): boolean {
  if (proxied.has("off")) return false
  if (proxied.has("any") || (proxied.has("auth") && request.headers.has("authorization"))) return true
  const { headers } = request.response
  const expires = headers.get("expires")
  if (expires !== undefined) return proxied.has("expired") && isExpired(request, expires)
  if (headers.has("cache-control")) {
    for (const word of ["no-cache", "no-store", "private"])
      if (proxied.has(word) && hasCacheWord(headers, word)) return true
    return false
  }
  if (proxied.has("no_last_modified") && headers.has("last-modified")) return false
  return !(proxied.has("no_etag") && headers.has("etag"))
}

function isExpired(request: Request, expires: string): boolean {
  const time = parseHttpDate(expires)
  const date = request.response.headers.get("date")
  const now = date === undefined ? Math.floor(request.client.clock.nowMs() / 1000) : parseHttpDate(date)
  return time !== -1 && now !== -1 && time < now
}

/** Whether a directive `word`, without a value, stands in Cache-Control. ngx_http_parse_multi_header_lines. */
function hasCacheWord({ keys, values }: HeaderList, word: string): boolean {
  for (let i = 0; i < keys.length; i++) {
    if (keys[i] !== "cache-control") continue
    for (const part of (values[i] as string).toLowerCase().split(/[;,] */))
      if (part.trimEnd() === word) return true
  }
  return false
}
