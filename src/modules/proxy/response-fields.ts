/** The upstream's fields: which reach the client, which steer this server. ngx_http_upstream_process_headers. */

import { parseHttpDate } from "../../http/date.ts"
import { HeaderList } from "../../http/header-list.ts"
import type { ResponseHead } from "../../http/response-head.ts"
import { parseTarget } from "../../http/target.ts"
import { finalize, internalRedirect, namedRedirect } from "../../runtime/phases.ts"
import type { Request } from "../../runtime/request.ts"
import { NO_RANGES, ONE_RANGE } from "../../runtime/response.ts"
import { type CookieRules, rewriteCookie } from "./cookies.ts"
import { rewriteLocation, rewriteRefresh } from "./redirect.ts"
import {
  CONTENT_TYPE,
  DATE_FIELD,
  HIDE,
  LOCATION_FIELD,
  type ProxySettings,
  REFRESH,
  SERVER_FIELD,
  SET_COOKIE,
} from "./settings.ts"

/** Puts status and fields of `head` into the request's response. */
export function takeResponseHead(request: Request, settings: ProxySettings, head: ResponseHead): void {
  const { response } = request
  response.status = request.errorStatus > 0 ? request.errorStatus : head.status
  response.reason = request.errorStatus > 0 ? null : head.reason
  response.contentLength = head.chunked ? -1 : head.contentLength
  // They were the upstream's to answer.
  response.isConditional = false
  response.allowedRanges = settings.forcesRanges ? ONE_RANGE : NO_RANGES
  copyFields(request, settings, head)
  if (settings.forcesRanges)
    response.modifiedSeconds = parseHttpDate(response.headers.get("last-modified") ?? "")
  takeAccelFields(request, settings, head)
}

function copyFields(request: Request, settings: ProxySettings, head: ResponseHead): void {
  const { response } = request
  const { names, keys, values } = head.headers
  const actions = settings.fieldActions
  for (let i = 0; i < keys.length; i++) {
    const key = keys[i] as string
    const value = values[i] as string
    const action = actions.get(key)
    if (action === undefined) response.headers.push(names[i] as string, key, value)
    else if (action === CONTENT_TYPE) response.contentType = value
    else if (action === LOCATION_FIELD) {
      const rewritten = rewriteLocation(request, settings.redirects, value)
      if (rewritten !== undefined) response.isLocationOwn = true
      response.headers.push(names[i] as string, key, rewritten ?? value)
    } else if (action === REFRESH)
      response.headers.push(
        names[i] as string,
        key,
        rewriteRefresh(request, settings.redirects, value) ?? value,
      )
    else if (action === SET_COOKIE) {
      const cookies = settings.cookies as CookieRules
      response.headers.push(names[i] as string, key, rewriteCookie(request, cookies, value) ?? value)
    } else if (action !== HIDE) {
      if (action === SERVER_FIELD) response.hasServer = true
      if (action === DATE_FIELD) response.hasDate = true
      response.headers.push(names[i] as string, key, value)
    }
  }
}

/** Keeps the trailer section, and what of it goes on to the client. ngx_http_upstream_process_trailers. */
export function takeTrailers(request: Request, settings: ProxySettings, trailers: HeaderList | null): void {
  if (trailers === null) return
  request.upstreamTrailers = trailers
  const relayed = new HeaderList()
  for (let i = 0; i < trailers.length; i++) {
    const key = trailers.keys[i] as string
    if (settings.fieldActions.get(key) !== HIDE)
      relayed.push(trailers.names[i] as string, key, trailers.values[i] as string)
  }
  request.response.relayedTrailers = relayed
}

/** X-Accel-Buffering, X-Accel-Charset; the redirect was looked at before. X-Accel-Expires speaks to a cache. */
function takeAccelFields(request: Request, settings: ProxySettings, head: ResponseHead): void {
  const { headers } = head
  const charset = headers.get("x-accel-charset")
  if (charset !== undefined && charset !== "" && !settings.ignored.has("x-accel-charset"))
    request.setNote("x-accel-charset", charset)
  const buffering = headers.get("x-accel-buffering")?.toLowerCase()
  if (buffering !== undefined && !settings.ignored.has("x-accel-buffering"))
    request.setNote("x-accel-buffering", buffering)
}

/** Fields that an internal redirect by X-Accel-Redirect keeps. */
const KEPT = ["content-disposition", "set-cookie", "accept-ranges", "cache-control", "expires"]

/** X-Accel-Redirect: what to do instead of relaying the answer; undefined where it does not redirect. */
export function isRedirectedByUpstream(
  request: Request,
  settings: ProxySettings,
  head: ResponseHead,
): (() => void) | undefined {
  const target = head.headers.get("x-accel-redirect")
  if (target === undefined || settings.ignored.has("x-accel-redirect")) return undefined
  return () => {
    const { response } = request
    for (let i = 0; i < head.headers.length; i++) {
      const key = head.headers.keys[i] as string
      if (KEPT.includes(key))
        response.headers.push(head.headers.names[i] as string, key, head.headers.values[i] as string)
    }
    response.contentType = head.headers.get("content-type") ?? ""
    if (target.startsWith("@")) return namedRedirect(request, target)
    const parsed = parseTarget("GET", target, request.server.mergeSlashes)
    if (parsed === undefined || !target.startsWith("/")) return finalize(request, 404)
    if (request.method !== "HEAD") request.method = "GET"
    internalRedirect(request, parsed.uri, parsed.args)
  }
}

/** proxy_intercept_errors: the error page of the status takes the answer's place. */
export function interceptsError(
  request: Request,
  settings: ProxySettings,
  head: ResponseHead,
): (() => void) | undefined {
  if (!settings.interceptErrors || head.status < 300) return undefined
  const { errorPages } = request.location.settings
  if (errorPages === null || !errorPages.has(head.status)) return undefined
  return () => {
    if (head.status === 401) copyChallenges(request, head)
    finalize(request, head.status)
  }
}

/** What a client must know to answer a 401 goes with the page that takes its place. */
function copyChallenges(request: Request, { headers }: ResponseHead): void {
  for (let i = 0; i < headers.length; i++)
    if (headers.keys[i] === "www-authenticate")
      request.response.headers.push(
        headers.names[i] as string,
        "www-authenticate",
        headers.values[i] as string,
      )
}
