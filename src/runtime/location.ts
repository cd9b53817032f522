/** A location as a request meets it: everything compiled, nothing looked up by name. */
import type { Logger } from "../base/logger.ts"
import type { Scope } from "../config/scope.ts"
import type { IfModifiedSince } from "../http/preconditions.ts"
import type { LocationTable } from "./location-table.ts"
import type { LocationPart, TunnelLogger } from "./module.ts"
import type { PhaseResult } from "./phases.ts"
import type { CompiledRegex } from "./regex.ts"
import type { Request } from "./request.ts"
import type { TempFolder } from "./temp-file.ts"
import type { Template } from "./template.ts"

export type Handler = (request: Request) => PhaseResult
export type Filter = (request: Request) => void
export type TunnelLogStarter = (request: Request) => TunnelLogger | undefined

/** `error_page`: where to go instead of the built-in page. */
export interface ErrorPage {
  /** A URI for an internal redirect, `@name`, or a URL for a redirect of the client. */
  readonly target: Template
  /** The status to answer: -1 as it was, 0 the target's own (`=`), or a number (`=200`). */
  readonly answer: number
}

/** `alias` in a location with a regular expression: its path takes the place of the whole URI. */
export const ALIAS_WHOLE = -1

/** `root` and `alias`: the files that URIs name. */
export interface DocumentRoot {
  /** The folder's path: that of `root` without a slash at its end, that of `alias` as it is written. */
  readonly path: Template
  /** What a path begins with that its variables leave relative; ends in a slash. */
  readonly prefix: string
  /** How many octets of the URI `path` takes the place of, or ALIAS_WHOLE; 0 for `root`. */
  readonly alias: number
}

/** The settings of core directives that the engine itself reads. */
export interface CoreSettings {
  readonly keepaliveTimeoutMs: number
  /** The `Keep-Alive: timeout=` header, in seconds; 0 sends none. */
  readonly keepaliveHeaderSeconds: number
  readonly keepaliveRequests: number
  readonly keepaliveTimeMs: number
  readonly clientBodyTimeoutMs: number
  readonly clientMaxBodyBytes: number
  readonly clientBodyBufferBytes: number
  /** Whether bodies always go to a file, which stays (on) or is removed with the request (clean). */
  readonly clientBodyInFile: "off" | "on" | "clean"
  readonly clientBodyTemp: TempFolder
  readonly sendTimeoutMs: number
  readonly lingeringClose: "off" | "on" | "always"
  readonly lingeringTimeMs: number
  readonly lingeringTimeoutMs: number
  readonly resetTimedoutConnection: boolean
  readonly tcpNodelay: boolean
  readonly serverTokens: "on" | "off" | "build"
  readonly defaultType: string
  /** MIME types by extension, in lower case. */
  readonly types: ReadonlyMap<string, string>
  readonly errorPages: ReadonlyMap<number, ErrorPage> | null
  /** Errors of error pages have pages, too. */
  readonly recursiveErrorPages: boolean
  readonly isInternal: boolean
  readonly documentRoot: DocumentRoot
  readonly etag: boolean
  readonly ifModifiedSince: IfModifiedSince
  /** The most ranges of one request; 0: none. */
  readonly maxRanges: number
  readonly absoluteRedirect: boolean
  readonly serverNameInRedirect: boolean
  readonly portInRedirect: boolean
  readonly logNotFound: boolean
  readonly logSubrequest: boolean
  readonly chunkedTransferEncoding: boolean
}

export type LocationKind = "server" | "prefix" | "exact" | "regex" | "named"

export class Location {
  readonly kind: LocationKind
  /** The pattern as written; "" for the server's own level. */
  readonly pattern: string
  readonly regex: CompiledRegex | null
  /** `^~`: no regular expression is looked at when this one is the longest prefix. */
  readonly isNoRegex: boolean
  #scope: Scope | null
  readonly nested: LocationTable
  /** What each module built for this level, by the module's index. */
  readonly built: unknown[] = []
  /** The phases' handlers in their order; a request's cursor walks them. */
  handlers: Handler[] = []
  headerFilters: Filter[] | null = null
  logHandlers: Filter[] | null = null
  tunnelLogStarters: TunnelLogStarter[] | null = null
  settings!: CoreSettings
  logger!: Logger
  /** A prefix location ending in `/` with a proxy_pass answers its name without the slash with a 301. */
  redirectsToSlash = false

  constructor(
    kind: LocationKind,
    pattern: string,
    regex: CompiledRegex | null,
    isNoRegex: boolean,
    scope: Scope,
    nested: LocationTable,
  ) {
    this.kind = kind
    this.pattern = pattern
    this.regex = regex
    this.isNoRegex = isNoRegex
    this.#scope = scope
    this.nested = nested
  }

  /** The block that this was built from, while the generation is being built. */
  get scope(): Scope {
    if (this.#scope === null) throw new Error("a location's block is there only while it is being built")
    return this.#scope
  }

  /** Lets go of the block: it would keep the whole configuration's text and tree in memory. */
  releaseScope(): void {
    this.#scope = null
  }

  /** What `module` built for this location. */
  of<L>(module: LocationPart<L>): L | undefined {
    return this.built[module.index] as L | undefined
  }
}
