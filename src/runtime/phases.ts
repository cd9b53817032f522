/**
 * The phases that a request goes through, after ngx_http_core_run_phases:
 *
 *   server rewrite -> find location -> rewrite -> preaccess -> access -> precontent -> content or files -> log
 *
 * Each phase's handlers were collected when the location was built; here a cursor walks them.
 */
import { ALERT, ERROR } from "../base/logger.ts"
import type { ErrorPage, Filter, Handler, Location } from "./location.ts"
import type { Request } from "./request.ts"
import { closesConnection, isSilent, sendErrorResponse, wireStatus } from "./special-response.ts"

/**
 * Phases of a location, in their order. `serverRewrite` belongs to the server. `files` is the part of nginx's content
 * phase that is reached where no handler has the location for itself.
 */
export const PHASES = [
  "serverRewrite",
  "rewrite",
  "preaccess",
  "access",
  "precontent",
  "content",
  "files",
] as const
export type PhaseName = (typeof PHASES)[number]

/** Go on with the next handler. */
export const NEXT = 0
/** The handler answers, or has answered: the engine does nothing more. */
export const DONE = 1
/** The handler waits for something and will call `resumePhases`. */
export const WAIT = 2
/** The URI was rewritten: the phases begin anew with the location of the new one. */
export const REWRITTEN = 3
/** One of the above, or an HTTP status to finish with (its error page included). */
export type PhaseResult = number

/** More rewrites and internal redirects than this are a cycle: 500. NGX_HTTP_MAX_URI_CHANGES. */
export const MAX_URI_CHANGES = 10

/** Starts a request whose server and URI are known. */
export function startPhases(request: Request): void {
  request.location = request.server.location
  request.handlers = request.server.handlers
  request.cursor = 0
  request.isInServerPhase = true
  request.isLocationValid = true
  request.addsUriToAlias = false
  resumePhases(request)
}

/** Goes on where the cursor stands: after WAIT, or at a new location. */
export function resumePhases(request: Request): void {
  for (;;) {
    const handlers = request.handlers
    if (request.cursor >= handlers.length) {
      if (!request.isInServerPhase) return notFound(request)
      request.isInServerPhase = false
      if (!enterLocation(request)) return
      continue
    }
    const result = runHandler(request, handlers[request.cursor++] as Handler)
    if (result === NEXT) continue
    if (result === REWRITTEN && relocate(request)) continue
    if (result >= 100) finalize(request, result)
    return
  }
}

/** Goes to the location of a URI that a rewrite made. ngx_http_core_post_rewrite_phase. */
function relocate(request: Request): boolean {
  if (++request.uriChanges > MAX_URI_CHANGES) {
    request.log(ERROR, `rewrite or internal redirection cycle while processing "${request.uri}"`)
    finalize(request, 500)
    return false
  }
  request.location = request.server.location
  return enterLocation(request)
}

function notFound(request: Request): void {
  request.log(ERROR, "no handler found")
  finalize(request, 404)
}

/** A handler that throws costs its request, never the worker. */
function runHandler(request: Request, handler: Handler): PhaseResult {
  try {
    return handler(request)
  } catch (error) {
    failRequest(request, error)
    return DONE
  }
}

/** The log phase, and the end: once for each request, whatever became of it. */
export function runLogHandlers(request: Request): void {
  const handlers = request.location.logHandlers
  if (handlers !== null) for (const handler of handlers) runLogHandler(request, handler)
  request.releaseHeld()
}

function runLogHandler(request: Request, handler: Filter): void {
  try {
    handler(request)
  } catch (error) {
    request.log(ALERT, `unhandled error while logging: ${errorText(error)}`)
  }
}

function errorText(error: unknown): string {
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error)
  return text.replaceAll("\n", " | ")
}

/** Ends a request in which our own code threw: `[alert]` with the stack, 500 where nothing was sent yet. */
export function failRequest(request: Request, error: unknown): void {
  request.log(ALERT, `unhandled error: ${errorText(error)}`)
  request.exchange.producer?.release()
  if (request.exchange.isHeadSent) return request.exchange.abort()
  try {
    finalize(request, 500)
  } catch {
    // The error page fails as well.
    request.exchange.abort()
  }
}

/**
 * Finds the location of `request.uri`; the server's own level where none matches. Returns false when the request was
 * answered instead. ngx_http_core_find_config_phase.
 */
function enterLocation(request: Request): boolean {
  request.needsSlash = false
  const found = request.server.locations.find(request) ?? request.server.location
  useLocation(request, found)
  if (found.settings.isInternal && !request.isInternal) {
    finalize(request, 404)
    return false
  }
  const limit = found.settings.clientMaxBodyBytes
  if (limit > 0 && request.head.contentLength > limit && !request.isDiscardingBody) {
    request.log(ERROR, `client intended to send too large body: ${request.head.contentLength} bytes`)
    request.isDiscardingBody = true
    finalize(request, 413)
    return false
  }
  if (request.needsSlash) {
    request.response.setLocation(`${request.uriEscaped()}/${request.hasArgs ? `?${request.args}` : ""}`)
    finalize(request, 301)
    return false
  }
  return true
}

function useLocation(request: Request, location: Location): void {
  request.location = location
  request.handlers = location.handlers
  request.cursor = 0
}

/** Processes the request again under another URI. ngx_http_internal_redirect. */
export function internalRedirect(request: Request, uri: string, args: string): void {
  if (++request.uriChanges > MAX_URI_CHANGES) {
    request.log(ERROR, `rewrite or internal redirection cycle while internally redirecting to "${uri}"`)
    return finalize(request, 500)
  }
  request.uri = uri
  request.args = args
  request.hasArgs = args !== ""
  request.isInternal = true
  request.isUriChanged = true
  startPhases(request)
}

/** Goes to `location @name`. ngx_http_named_location. */
export function namedRedirect(request: Request, name: string): void {
  if (++request.uriChanges > MAX_URI_CHANGES) {
    request.log(ERROR, `rewrite or internal redirection cycle while redirect to named location "${name}"`)
    return finalize(request, 500)
  }
  const found = request.server.locations.named(name)
  if (found === undefined) {
    request.log(ERROR, `could not find named location "${name}"`)
    return finalize(request, 500)
  }
  request.isInternal = true
  request.isInServerPhase = false
  useLocation(request, found)
  resumePhases(request)
}

/** Finishes with `status`: by error_page where one is set, by the built-in page otherwise. */
export function finalize(request: Request, status: number): void {
  if (request.exchange.isHeadSent) return request.exchange.abort()
  if (closesConnection(status)) request.isLast = true
  request.errorStatus = 0
  request.response.contentType = ""
  const page = isSilent(status) ? undefined : errorPageOf(request, status)
  if (page === undefined) return sendErrorResponse(request, status)
  request.firstError ??= {
    location: request.location,
    status,
    attempts: request.upstreamStates?.length ?? 0,
  }
  request.errorStatus = page.answer === -1 ? wireStatus(status) : page.answer
  const target = page.target.evaluate(request)
  if (target.startsWith("@")) return namedRedirect(request, target)
  if (!target.startsWith("/")) return redirectClient(request, page.answer, target)
  // The page itself is fetched by GET, as nginx does, but for a HEAD.
  if (request.method !== "HEAD") request.method = "GET"
  const question = target.indexOf("?")
  if (question === -1) internalRedirect(request, target, "")
  else internalRedirect(request, target.slice(0, question), target.slice(question + 1))
}

/** What `error_page` says of `status` here; once a request, unless recursive_error_pages is on. */
function errorPageOf(request: Request, status: number): ErrorPage | undefined {
  const { errorPages, recursiveErrorPages } = request.location.settings
  if (errorPages === null || request.errorPageTaken || request.uriChanges > MAX_URI_CHANGES) return undefined
  if (!recursiveErrorPages) request.errorPageTaken = true
  return errorPages.get(status)
}

function redirectClient(request: Request, answer: number, url: string): void {
  const isRedirect = answer === 301 || answer === 302 || answer === 303 || answer === 307 || answer === 308
  request.errorStatus = 0
  request.response.setLocation(url)
  sendErrorResponse(request, isRedirect ? answer : 302)
}
