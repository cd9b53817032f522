/** What `proxy_*` say at one location, compiled: nothing is looked up by name while a request runs. */
import type { Conf } from "../../config/row.ts"
import type { LocationContext, WorkerServices } from "../../runtime/module.ts"
import { tempFolder } from "../../runtime/temp-file.ts"
import { DefaultTempPath } from "../../runtime/temp-path.ts"
import { Template } from "../../runtime/template.ts"
import type { Upstream } from "../../upstream/upstream.ts"
import { proxySsl, type UpstreamTls } from "../proxy-ssl.ts"
import { resolveWritten, type UpstreamGroups, upstreamModule } from "../upstream.ts"
import { IDLE_LIMIT_MS, isDefault, type WebSocketSettings, websocket } from "../websocket.ts"
import { checkBuffers } from "./buffer-limits.ts"
import { type CookieRules, compileCookieRules } from "./cookies.ts"
import type { NextUpstreamWord, proxyDirectives, SetHeader } from "./directives.ts"
import { forwardedFor } from "./forwarded-for.ts"
import type { ProxyBind } from "./local-address.ts"
import type { ProxyPass } from "./proxy-pass.ts"
import { compileRedirects, type Redirect } from "./redirect.ts"
import type { SpoolLimits } from "./spool.ts"

/** What to do with a field of an answer. */
export const HIDE = 1
export const CONTENT_TYPE = 2
export const LOCATION_FIELD = 3
export const REFRESH = 4
export const SERVER_FIELD = 5
export const DATE_FIELD = 6
export const SET_COOKIE = 7

/** A field of the request to the upstream. */
export interface RequestField {
  /** "Name: ", ready to be written. */
  readonly prefix: string
  readonly key: string
  readonly value: Template
}

export interface ProxySettings {
  readonly scheme: "http" | "https"
  /** The URL with variables; null where the target is fixed. */
  readonly url: Template | null
  /** The group to choose from; null with variables, which name it request by request. */
  readonly group: Upstream | null
  readonly groups: UpstreamGroups
  readonly services: WorkerServices
  /** $proxy_host and $proxy_port where the target is fixed. */
  readonly host: string
  readonly port: string
  readonly uri: string | undefined
  /** The location's prefix, which `uri` replaces. */
  readonly locationPrefix: string
  readonly versionMinor: 0 | 1
  readonly fields: readonly RequestField[]
  /** Fields of the client that are not passed on: those that `fields` or the framing set. */
  readonly replacedKeys: ReadonlySet<string>
  /** The fields that proxy_set_header names, those with an empty value included. */
  readonly setKeys: ReadonlySet<string>
  /** `proxy_method`, `proxy_set_body`; null where it is the client's. */
  readonly method: Template | null
  readonly body: Template | null
  readonly passHeaders: boolean
  readonly passBody: boolean
  readonly passTrailers: boolean
  readonly connectTimeoutMs: number
  readonly readTimeoutMs: number
  readonly sendTimeoutMs: number
  /** The same for tunnels: `websocket on` has defaults of its own. */
  readonly tunnelReadTimeoutMs: number
  readonly tunnelSendTimeoutMs: number
  readonly webSocket: WebSocketSettings
  readonly isBuffered: boolean
  readonly maxHeadBytes: number
  /** How much of an answer is collected before it goes to the client, where it is buffered. */
  readonly bufferBytes: number
  /** What is kept of it for a slow client. */
  readonly spoolLimits: SpoolLimits
  /** proxy_limit_rate */
  readonly limitRate: Template | null
  readonly bind: ProxyBind | null
  readonly requestBuffering: boolean
  readonly nextUpstream: ReadonlySet<NextUpstreamWord>
  readonly nextUpstreamTries: number
  readonly nextUpstreamTimeoutMs: number
  readonly redirects: readonly Redirect[]
  readonly cookies: CookieRules | null
  /** What to do with fields of an answer, by name in lower case. */
  readonly fieldActions: ReadonlyMap<string, number>
  readonly ignored: ReadonlySet<string>
  /** One range of an answer may be had, whatever the upstream says of that. */
  readonly forcesRanges: boolean
  readonly ignoreClientAbort: boolean
  readonly interceptErrors: boolean
  readonly socketKeepalive: boolean
  readonly tls: UpstreamTls | undefined
  /** Part of the key of kept connections: what must be equal besides the peer. */
  readonly connectionKey: string
}

type ProxyConf = Conf<typeof proxyDirectives>

/** Fields that HTTP keeps between neighbours, or that the framing decides. ngx_http_proxy_headers. */
const NEVER_PASSED = [
  "connection",
  "content-length",
  "transfer-encoding",
  "te",
  "keep-alive",
  "expect",
  "upgrade",
]

const HIDDEN = [
  "date",
  "server",
  "x-pad",
  "x-accel-expires",
  "x-accel-redirect",
  "x-accel-limit-rate",
  "x-accel-buffering",
  "x-accel-charset",
]

export function compileProxy(conf: ProxyConf, context: LocationContext): ProxySettings | undefined {
  checkBuffers(conf, context.scope)
  const pass = conf.proxy_pass
  if (pass === undefined) return undefined
  const { location } = context
  const webSocket = location.of(websocket) as WebSocketSettings
  const tls = pass.scheme === "https" || pass.url !== null ? location.of(proxySsl) : undefined
  const isPath = location.kind === "prefix" || location.kind === "exact"
  if (isPath && location.pattern.endsWith("/")) location.redirectsToSlash = true
  const groups = context.main(upstreamModule)
  const group = pass.url === null ? groupOf(pass, groups, context) : null
  const isOff = conf.proxy_next_upstream.has("off")
  const cookies = compileCookieRules({
    domains: conf.proxy_cookie_domain,
    paths: conf.proxy_cookie_path,
    flags: conf.proxy_cookie_flags,
  })
  return {
    scheme: pass.scheme,
    url: pass.url,
    group,
    groups,
    services: context.services,
    // A unix socket has no name that a Host field could carry (ngx_http_proxy_set_vars).
    host: pass.address?.path ? "localhost" : pass.host,
    port: portOf(pass),
    uri: pass.uri,
    locationPrefix: location.kind === "prefix" || location.kind === "exact" ? location.pattern : "",
    versionMinor: conf.proxy_http_version === "1.1" ? 1 : 0,
    ...(webSocket.isOn ? webSocketFields(conf, context) : requestFields(conf.proxy_set_header)),
    method: conf.proxy_method ?? null,
    body: conf.proxy_set_body ?? null,
    passHeaders: conf.proxy_pass_request_headers,
    passBody: conf.proxy_pass_request_body,
    passTrailers: conf.proxy_pass_trailers,
    connectTimeoutMs: conf.proxy_connect_timeout,
    readTimeoutMs: conf.proxy_read_timeout,
    sendTimeoutMs: conf.proxy_send_timeout,
    tunnelReadTimeoutMs: tunnelLimit("proxy_read_timeout", conf.proxy_read_timeout, webSocket, context),
    tunnelSendTimeoutMs: tunnelLimit("proxy_send_timeout", conf.proxy_send_timeout, webSocket, context),
    webSocket,
    isBuffered: conf.proxy_buffering && !(webSocket.isOn && isDefault("proxy_buffering", context)),
    maxHeadBytes: conf.proxy_buffer_size,
    bufferBytes: conf.proxy_buffers.sizeBytes,
    spoolLimits: spoolLimits(conf, context),
    limitRate: conf.proxy_limit_rate ?? null,
    bind: conf.proxy_bind ?? null,
    requestBuffering: conf.proxy_request_buffering,
    nextUpstream: isOff ? new Set() : conf.proxy_next_upstream,
    nextUpstreamTries: conf.proxy_next_upstream_tries,
    nextUpstreamTimeoutMs: conf.proxy_next_upstream_timeout,
    redirects: compileRedirects(conf.proxy_redirect, impliedRedirect(pass, location.pattern)),
    cookies,
    fieldActions: fieldActions(conf, cookies !== null),
    ignored: conf.proxy_ignore_headers ?? new Set(),
    forcesRanges: conf.proxy_force_ranges,
    ignoreClientAbort: conf.proxy_ignore_client_abort,
    interceptErrors: conf.proxy_intercept_errors,
    socketKeepalive: conf.proxy_socket_keepalive,
    tls,
    connectionKey: `\n${pass.scheme} ${tls?.key ?? ""}\n${group?.pool.local ? scopeName(context) : ""}`,
  }
}

function spoolLimits(conf: ProxyConf, context: LocationContext): SpoolLimits {
  const { count, sizeBytes } = conf.proxy_buffers
  const path = conf.proxy_temp_path ?? new DefaultTempPath(context.prefix, "proxy_temp", [1, 2])
  return {
    memoryBytes: count * sizeBytes,
    maxFileBytes: conf.proxy_max_temp_file_size,
    folder: tempFolder(path, context.services),
  }
}

/** `keepalive … local`: the location that a kept connection belongs to, by the place where it stands. */
function scopeName({ location }: LocationContext): string {
  const position = location.scope.directive?.position
  return position === undefined ? "" : `${position.file}:${position.line}:${position.column}`
}

function portOf(pass: ProxyPass): string {
  if (pass.address === null || pass.address.path !== "") return ""
  return String(pass.address.port)
}

/** The `upstream` block of that name, or the group that the URL itself implies. */
function groupOf(pass: ProxyPass, groups: UpstreamGroups, context: LocationContext): Upstream {
  const address = pass.address as NonNullable<ProxyPass["address"]>
  const named = groups.get(address.hasPort ? address.host : pass.host)
  if (named !== undefined && !address.path) {
    if (address.hasPort) pass.context.fail(`upstream "${address.host}" may not have port ${address.port}`)
    return named
  }
  const name = `${pass.host}|${address.port}`
  const known = groups.get(name)
  if (known !== undefined) return known
  const addresses = resolveWritten(address, context)
  if (addresses === undefined) return pass.context.fail(`host not found in upstream "${address.host}"`)
  return groups.addImplied(name, addresses)
}

/** `proxy_redirect default`: the URL of proxy_pass becomes the location's prefix. */
function impliedRedirect(pass: ProxyPass, pattern: string): { from: string; to: string } | undefined {
  if (pass.url !== null) return undefined
  const base = `${pass.scheme}://${pass.host}`
  return pass.uri === undefined ? { from: `${base}/`, to: "/" } : { from: base + pass.uri, to: pattern }
}

/** `websocket on` lets an idle tunnel live for longer than an idle request, unless a directive says how long. */
function tunnelLimit(
  name: string,
  limitMs: number,
  webSocket: WebSocketSettings,
  context: LocationContext,
): number {
  return webSocket.isOn && isDefault(name, context) ? IDLE_LIMIT_MS : limitMs
}

type RequestFields = Pick<ProxySettings, "fields" | "replacedKeys" | "setKeys">

/** The fields of `websocket on`, those that proxy_set_header names replaced. Upgrade and Connection are its own. */
function webSocketFields(conf: ProxyConf, context: LocationContext): RequestFields {
  const { own: written } = context.scope
  // Said once: where one of the two stands, not at each location below.
  const directive =
    written.has("proxy_set_header") || written.has("websocket")
      ? context.directiveOf("proxy_set_header")
      : undefined
  const own = conf.proxy_set_header.filter(({ name }) => {
    const key = name.toLowerCase()
    if (key !== "upgrade" && key !== "connection") return true
    if (directive !== undefined)
      context.blame(directive).warn(`"proxy_set_header ${name}" has no effect beside "websocket on"`)
    return false
  })
  const keys = new Set(own.map(({ name }) => name.toLowerCase()))
  return requestFields([...own, ...WEBSOCKET_FIELDS.filter(({ name }) => !keys.has(name.toLowerCase()))])
}

const WEBSOCKET_FIELDS: readonly SetHeader[] = [
  { name: "Host", value: new Template("$host", [(request) => request.host]) },
  { name: "X-Real-IP", value: new Template("$remote_addr", [(request) => request.remote.address]) },
  { name: "X-Forwarded-For", value: new Template("$proxy_add_x_forwarded_for", [forwardedFor]) },
  {
    name: "X-Forwarded-Proto",
    value: new Template("$scheme", [(request) => (request.client.tls === null ? "http" : "https")]),
  },
]

function requestFields(headers: readonly SetHeader[]): RequestFields {
  const fields = headers.map(toField)
  const setKeys = new Set(fields.map((field) => field.key))
  return {
    fields: fields.filter((field) => field.value.constant !== ""),
    replacedKeys: new Set([...NEVER_PASSED, "host", ...setKeys]),
    setKeys,
  }
}

function toField({ name, value }: SetHeader): RequestField {
  return { prefix: `${name}: `, key: name.toLowerCase(), value }
}

function fieldActions(conf: ProxyConf, rewritesCookies: boolean): ReadonlyMap<string, number> {
  const actions = new Map<string, number>()
  for (const key of [...HIDDEN, ...conf.proxy_hide_header]) actions.set(key, HIDE)
  // The field is this server's own then.
  if (conf.proxy_force_ranges) actions.set("accept-ranges", HIDE)
  for (const key of conf.proxy_pass_header) actions.delete(key)
  if (!actions.has("server")) actions.set("server", SERVER_FIELD)
  if (!actions.has("date")) actions.set("date", DATE_FIELD)
  // What frames the message or belongs to the connection is this hop's own.
  for (const key of ["connection", "keep-alive", "transfer-encoding", "content-length"])
    actions.set(key, HIDE)
  if (!actions.has("content-type")) actions.set("content-type", CONTENT_TYPE)
  if (!actions.has("location")) actions.set("location", LOCATION_FIELD)
  if (!actions.has("refresh")) actions.set("refresh", REFRESH)
  if (rewritesCookies && !actions.has("set-cookie")) actions.set("set-cookie", SET_COOKIE)
  return actions
}
