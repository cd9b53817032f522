import type { HeaderList } from "../http/header-list.ts"
import type { RequestHead } from "../http/request-head.ts"
import { escapeUri, type Target } from "../http/target.ts"
import type { Client, Remote } from "./client.ts"
import type { Exchange } from "./exchange.ts"
import type { Handler, Location } from "./location.ts"
import type { FailureCause } from "./module.ts"
import type { CompiledRegex } from "./regex.ts"
import { Response } from "./response.ts"
import type { VirtualServer } from "./virtual-server.ts"

const NO_HANDLERS: Handler[] = []

/** One attempt at an upstream, for the `$upstream_…` variables and the log. Times in milliseconds, -1 for none. */
export interface UpstreamState {
  readonly peer: string
  status: number
  /** In the group's queue before the attempt. */
  queueMs: number
  connectMs: number
  headerMs: number
  responseMs: number
  /** Why it failed before an answer; null where it has not. */
  failure: FailureCause | null
  bytesReceived: number
  bytesSent: number
  responseLength: number
}

/** The error that an error page took the place of. */
export interface FirstError {
  readonly location: Location
  readonly status: number
  /** How many upstreams had been asked by then. */
  readonly attempts: number
}

/** Something that a request has and that does not go away with its memory: a file. */
export interface Held {
  release(): void
}

/** One request, from its head to its line in the access log. */
export class Request {
  readonly client: Client
  /** The client, until realip finds another: what logs, rules, limits and balancers take for it. */
  remote: Remote
  readonly head: RequestHead
  /** Something may be put in front of the one that the connection has made: limit_rate does. */
  exchange: Exchange
  readonly response = new Response()
  /** performance.now() when its first byte came. */
  readonly startMs: number
  /** `$connection_requests`: how many requests the connection has had, this one included. */
  readonly connectionRequests: number
  server: VirtualServer
  location: Location

  method: string
  /** Decoded and normalised. Changes by internal redirects. */
  uri: string
  args: string
  hasArgs: boolean
  /** The path as the client sent it, without arguments. */
  readonly rawPath: string
  /** `$request_uri` */
  readonly unparsedUri: string
  /** `$host`: of the request line, of the Host header, or the server's name. */
  host: string
  /** The host that the client named, "" where it named none. */
  readonly sentHost: string

  /** Where the phases stand. */
  handlers: Handler[] = NO_HANDLERS
  cursor = 0
  isInServerPhase = true
  needsSlash = false
  uriChanges = 0
  isInternal = false
  /** The URI is not the one that the client sent: a proxy must not pass the raw one on. */
  isUriChanged = false
  /** False after `rewrite … break`: the location that serves the URI is not the one that it would be found by. */
  isLocationValid = true
  /** try_files has found a file behind an alias that stands for the whole path: the URI is what follows it. */
  addsUriToAlias = false
  errorPageTaken = false
  /** The status to show in place of the page's own; 0 for none. */
  errorStatus = 0
  /** Null while no error page was asked for. */
  firstError: FirstError | null = null
  /** The body is read and thrown away: what follows answers without it. */
  isDiscardingBody = false
  /** An error of our own was answered: the connection is closed after the answer. */
  isLast = false

  /** `$1` … of the last match; null before one. */
  captures: readonly (string | undefined)[] | null = null
  namedCaptures: Map<string, string> | null = null
  /** `$upstream_…`; null until an upstream was asked. */
  upstreamStates: UpstreamState[] | null = null
  /** The upstream's own fields, for `$upstream_http_…`. */
  upstreamHeaders: HeaderList | null = null
  /** Its trailer section, where proxy_pass_trailers wants it, for `$upstream_trailer_…`. */
  upstreamTrailers: HeaderList | null = null
  /** "http://10.0.0.1:3000/ws/": for the error log. */
  upstreamUrl = ""
  /** The request that this is a subrequest of; null for a client's own. */
  parent: Request | null = null
  /** The access phase under `satisfy any`: 0 before a verdict, the refusal so far (401, 403), or ACCESS_GRANTED. */
  accessCode = 0
  /** What is to be given back when the request is over; null where that is nothing. */
  #held: Held[] | null = null
  /** What variables and modules keep for this request, by a key of their own. */
  #notes: Map<unknown, unknown> | null = null

  constructor(
    client: Client,
    head: RequestHead,
    exchange: Exchange,
    server: VirtualServer,
    target: Target,
    startMs: number,
  ) {
    this.client = client
    this.remote = client
    this.head = head
    this.exchange = exchange
    this.server = server
    this.location = server.location
    this.startMs = startMs
    this.connectionRequests = client.requests
    this.method = head.method
    this.rawPath = target.rawPath
    this.unparsedUri = target.unparsedUri
    this.uri = target.uri
    this.args = target.args
    this.hasArgs = target.hasArgs
    this.sentHost = target.host || head.hostName
    this.host = this.sentHost
  }

  get headers(): HeaderList {
    return this.head.headers
  }

  /** Matches and keeps the captures; false leaves them as they were. */
  match(compiled: CompiledRegex, text: string): boolean {
    const found = compiled.regex.exec(text)
    if (found === null) return false
    this.captures = found
    if (compiled.names.length > 0) {
      this.namedCaptures ??= new Map()
      for (const name of compiled.names) this.namedCaptures.set(name, found.groups?.[name] ?? "")
    }
    return true
  }

  /** A subrequest sees what its request has noted. */
  note<T>(key: unknown): T | undefined {
    const own = this.#notes?.get(key) as T | undefined
    return own === undefined && this.parent !== null ? this.parent.note(key) : own
  }

  setNote(key: unknown, value: unknown): void {
    this.#notes ??= new Map()
    this.#notes.set(key, value)
  }

  /** Has `held` released when the client's request is over and logged: it is the client's, be this a subrequest or not. */
  hold(held: Held): void {
    if (this.parent !== null) return this.parent.hold(held)
    if (this.#held === null) this.#held = [held]
    else this.#held.push(held)
  }

  /** Gives back what it holds. For who ends requests. */
  releaseHeld(): void {
    const held = this.#held
    this.#held = null
    if (held !== null) for (const one of held) one.release()
  }

  uriEscaped(): string {
    return escapeUri(this.uri)
  }

  /** Writes to the error log with nginx's tail: client, server, request, upstream, host, referrer. */
  log(level: number, message: string): void {
    const logger = this.location.logger
    if (level > logger.level) return
    logger.log(level, message + this.logTail(), this.client.number)
  }

  /** `, client: …, server: …, request: "…"`. ngx_http_log_error_handler. */
  logTail(): string {
    const headers = this.head.headers
    const host = headers.get("host")
    const referrer = headers.get("referer")
    let tail = `, client: ${this.remote.address}, server: ${this.server.name}, request: "${this.head.requestLine}"`
    if (this.parent !== null) tail += `, subrequest: "${this.uri}"`
    if (this.upstreamUrl !== "") tail += `, upstream: "${this.upstreamUrl}"`
    if (host !== undefined) tail += `, host: "${host}"`
    if (referrer !== undefined) tail += `, referrer: "${referrer}"`
    return tail
  }
}
