/** One configuration, built: what is in force between two reloads. */
import type { Logger } from "../base/logger.ts"
import { mergedConf } from "../config/merge.ts"
import type { Directive } from "../config/parser.ts"
import type { ValueContext } from "../config/row.ts"
import type { Scope } from "../config/scope.ts"
import { positionOf, type Reading } from "../config/walker.ts"
import { core } from "../modules/core/core.ts"
import { httpDirectives } from "../modules/core/http-directives.ts"
import type { Listen, WrittenListen } from "../modules/core/listen.ts"
import { parseLocation } from "../modules/core/location.ts"
import { mainDirectives } from "../modules/core/main-directives.ts"
import type { WrittenName } from "../modules/core/server-name.ts"
import { errorLog, mainErrorLog } from "../modules/error-log.ts"
import { type AnyModule, MODULES } from "../modules/index.ts"
import { checkTlsServers, ssl, type TlsServerToCheck } from "../modules/ssl.ts"
import { Location } from "../runtime/location.ts"
import { LocationTable } from "../runtime/location-table.ts"
import type { WorkerServices } from "../runtime/module.ts"
import { PHASES, type PhaseName, type PhaseResult } from "../runtime/phases.ts"
import type { Request } from "../runtime/request.ts"
import { ServerNames } from "../runtime/server-names.ts"
import { VirtualServer } from "../runtime/virtual-server.ts"
import { type Building, LocationScopeContext, ScopeContext } from "./build-context.ts"

/** An address to listen on, and the servers behind it. */
export interface ListenAddress {
  readonly listen: Listen
  readonly isSsl: boolean
  /** `listen … http2`: for all of its servers. */
  readonly isHttp2: boolean
  readonly names: ServerNames
}

export interface Generation {
  readonly number: number
  readonly addresses: ReadonlyMap<string, ListenAddress>
  /** What each module's `main` built, by the module's index. */
  readonly mains: readonly unknown[]
  readonly log: Logger
  readonly workerConnections: number
  readonly shutdownTimeoutMs: number | undefined
  /** After how long a worker that does nothing counts as stalled; 0: never. */
  readonly stallTimeoutMs: number
}

export interface GenerationOptions {
  readonly number: number
  readonly prefix: string
  readonly services: WorkerServices
  readonly previous: Generation | null
  /** Takes warnings that name no line; left out where another thread has said them. */
  readonly onWarning?: (text: string) => void
}

/** Builds all that the reading says. Throws the first HoldfastError. */
export function buildGeneration(reading: Reading, options: GenerationOptions): Generation {
  return new Builder(reading, options).build()
}

/** Begins what the modules do by themselves, now that the generation is in force in this worker. */
export function activateGeneration(generation: Generation): void {
  if (generation.mains.length === 0) return
  MODULES.forEach((module, index) => {
    module.activate?.(generation.mains[index])
  })
}

/** Retires what the modules made; requests and tunnels that still use a part of it go on. */
export function disposeGeneration(generation: Generation): void {
  // Without an http block nothing was made.
  if (generation.mains.length === 0) return
  MODULES.forEach((module, index) => {
    module.dispose?.(generation.mains[index])
  })
}

class Builder {
  readonly #reading: Reading
  readonly #number: number
  readonly #onWarning: ((text: string) => void) | undefined
  readonly #building: Building
  readonly #locationsBuilt: Location[] = []
  /** The nested locations of those that have none. */
  readonly #noLocations = new LocationTable()

  constructor(reading: Reading, options: GenerationOptions) {
    this.#reading = reading
    this.#number = options.number
    this.#onWarning = options.onWarning
    this.#building = {
      reading,
      services: options.services,
      number: options.number,
      prefix: options.prefix,
      mainLog: mainErrorLog(reading.main, options.services, options.prefix),
      mains: [],
      previousMains: options.previous?.mains ?? null,
    }
  }

  build(): Generation {
    const { main, defaults } = this.#reading
    const conf = mergedConf(main, mainDirectives, defaults)
    const events = main.blocks("events")[0]
    const http = main.blocks("http")[0]
    const eventsConf = events === undefined ? undefined : mergedConf(events, mainDirectives, defaults)
    const addresses = http === undefined ? new Map<string, ListenAddress>() : this.#http(http)
    this.#building.previousMains = null
    return {
      number: this.#number,
      addresses,
      mains: this.#building.mains,
      log: this.#building.mainLog,
      workerConnections: (eventsConf ?? conf).worker_connections,
      // 0 is no limit, as in nginx.
      shutdownTimeoutMs: conf.worker_shutdown_timeout || undefined,
      stallTimeoutMs: conf.worker_stall_timeout,
    }
  }

  #http(http: Scope): Map<string, ListenAddress> {
    const context = new ScopeContext(this.#building, http)
    for (const module of MODULES) {
      if (module.buildMain === undefined) continue
      const conf = mergedConf(http, module.directives, this.#reading.defaults)
      this.#building.mains[module.index] = module.buildMain(conf, context)
    }
    const addresses = new Addresses(this.#onWarning)
    for (const scope of http.blocks("server")) this.#server(scope, addresses)
    const closed = addresses.close()
    for (const location of this.#locationsBuilt) location.releaseScope()
    return closed
  }

  #server(scope: Scope, addresses: Addresses): void {
    const conf = mergedConf(scope, httpDirectives, this.#reading.defaults)
    const table = new LocationTable()
    const level = new Location("server", "", null, false, scope, table)
    this.#fill(level)
    level.handlers = handlers(level, AFTER_REWRITE_HANDLERS)
    const names = conf.server_name.flat()
    const large = conf.large_client_header_buffers
    const server = new VirtualServer(serverTitle(names), level, table, {
      head: {
        maxLineBytes: Math.max(large.sizeBytes, conf.client_header_buffer_size),
        maxHeadBytes: Math.max(large.sizeBytes * large.count, conf.client_header_buffer_size),
        underscoresInHeaders: conf.underscores_in_headers,
        ignoreInvalidHeaders: conf.ignore_invalid_headers,
      },
      clientHeaderTimeoutMs: conf.client_header_timeout,
      mergeSlashes: conf.merge_slashes,
    })
    this.#locations(scope, table)
    server.handlers = handlers(level, SERVER_HANDLERS)
    addresses.add(conf.listen, server, names)
  }

  #locations(parent: Scope, table: LocationTable): void {
    for (const scope of parent.blocks("location")) {
      const hasNested = scope.blocks("location").length > 0
      const directive = scope.directive as NonNullable<Scope["directive"]>
      const blame = this.#reading.context(directive, parent)
      const pattern = parseLocation(
        directive.args.map((word) => word.text),
        blame,
      )
      const location = new Location(
        pattern.kind,
        pattern.pattern,
        pattern.regex,
        pattern.isNoRegex,
        scope,
        hasNested ? new LocationTable() : this.#noLocations,
      )
      if (!table.add(location)) blame.fail(`duplicate location "${location.pattern}"`)
      this.#fill(location)
      location.handlers = handlers(location, LOCATION_HANDLERS)
      if (hasNested) this.#locations(scope, location.nested)
    }
    table.close()
  }

  /** Builds every module's part of a location. */
  #fill(location: Location): void {
    const { scope, built } = location
    const context = new LocationScopeContext(this.#building, location)
    for (const { index, directives, buildLocation } of MODULES)
      built[index] = buildLocation?.(mergedConf(scope, directives, this.#reading.defaults), context)
    const settings = location.of(core)
    const logger = location.of(errorLog)
    if (settings === undefined || logger === undefined) throw new Error("core modules build nothing")
    location.settings = settings
    location.logger = logger
    location.headerFilters = filters(location, HEADER_FILTERS)
    location.logHandlers = filters(location, LOG_HANDLERS)
    location.tunnelLogStarters = filters(location, TUNNEL_LOG_STARTERS)
    this.#locationsBuilt.push(location)
    for (const inner of context.inners ?? []) this.#fillInner(inner, location)
  }

  /** A location within another answers as that one does where it does not say how itself. */
  #fillInner(inner: Location, outer: Location): void {
    this.#fill(inner)
    if (CONTENT_INDEXES.every((index) => inner.built[index] === undefined))
      for (const index of CONTENT_INDEXES) inner.built[index] = outer.built[index]
    inner.handlers = handlers(inner, AFTER_REWRITE_HANDLERS)
  }
}

/** A handler of a module, which gets what the module built for the location. */
interface HandlerPart<R> {
  readonly index: number
  readonly handle: (request: Request, built: unknown) => R
}

/** The modules' handlers of one kind, in the modules' order. */
function partsOf<R>(partOf: (module: AnyModule) => HandlerPart<R>["handle"] | undefined): HandlerPart<R>[] {
  const parts: HandlerPart<R>[] = []
  for (const module of MODULES) {
    const handle = partOf(module)
    if (handle !== undefined) parts.push({ index: module.index, handle })
  }
  return parts
}

function phaseParts(phases: readonly PhaseName[]): readonly HandlerPart<PhaseResult>[] {
  return phases.flatMap((phase) => partsOf((module) => module.phases[phase]))
}

const SERVER_HANDLERS = phaseParts(["serverRewrite"])
const LOCATION_HANDLERS = phaseParts(PHASES.slice(PHASES.indexOf("rewrite")))
/** Of a server where no location matches, and of locations that a rewrite has led into. */
const AFTER_REWRITE_HANDLERS = phaseParts(PHASES.slice(PHASES.indexOf("rewrite") + 1))
const CONTENT_INDEXES = phaseParts(["content"]).map(({ index }) => index)
const HEADER_FILTERS = partsOf((module) => module.headers)
const LOG_HANDLERS = partsOf((module) => module.log)
const TUNNEL_LOG_STARTERS = partsOf((module) => module.logTunnel)

/** Those of modules that built something for `location`. */
function handlers<R>(location: Location, parts: readonly HandlerPart<R>[]): ((request: Request) => R)[] {
  return parts
    .filter(({ index }) => location.built[index] !== undefined)
    .map(({ index, handle }) => {
      const built = location.built[index]
      return (request) => handle(request, built)
    })
}

function filters<R>(
  location: Location,
  parts: readonly HandlerPart<R>[],
): ((request: Request) => R)[] | null {
  const found = handlers(location, parts)
  return found.length === 0 ? null : found
}

/** $server_name: the first name as written; a leading dot does not count. */
function serverTitle(names: readonly WrittenName[]): string {
  const first = names[0]
  if (first === undefined) return ""
  if (first.text.startsWith(".")) return first.text.slice(1).toLowerCase()
  const exact = first.names[0]
  return exact?.kind === "exact" ? exact.name : first.text
}

/** Collects the servers of each address. ngx_http_add_listen, ngx_http_server_names. */
class Addresses {
  readonly #byKey = new Map<
    string,
    {
      listens: WrittenListen[]
      servers: [VirtualServer, readonly WrittenName[]][]
      defaultAt: number
      hasDefault: boolean
    }
  >()
  readonly #onWarning: ((text: string) => void) | undefined

  constructor(onWarning: ((text: string) => void) | undefined) {
    this.#onWarning = onWarning
  }

  add(listens: readonly WrittenListen[], server: VirtualServer, names: readonly WrittenName[]): void {
    const seen = new Set<string>()
    for (const listen of listens.length === 0 ? [implicitListen()] : listens) {
      if (seen.has(listen.key)) listen.context.fail(`a duplicate listen ${listen.key}`)
      seen.add(listen.key)
      const known = this.#byKey.get(listen.key) ?? {
        listens: [],
        servers: [],
        defaultAt: 0,
        hasDefault: false,
      }
      this.#byKey.set(listen.key, known)
      if (listen.hasSocketOptions) {
        if (known.listens.some((other) => other.hasSocketOptions))
          listen.context.fail(`duplicate listen options for ${listen.key}`)
      }
      if (listen.isDefault) {
        if (known.hasDefault) listen.context.fail(`a duplicate default server for ${listen.key}`)
        known.hasDefault = true
        known.defaultAt = known.servers.length
      }
      known.listens.push(listen)
      known.servers.push([server, names])
    }
  }

  close(): Map<string, ListenAddress> {
    const addresses = new Map<string, ListenAddress>()
    for (const [key, { listens, servers, defaultAt }] of this.#byKey) {
      const names = new ServerNames((servers[defaultAt] as (typeof servers)[number])[0])
      for (const [server, written] of servers) this.#addNames(names, server, written, key)
      const isSsl = listens.some((listen) => listen.isSsl)
      if (isSsl)
        checkTlsServers(
          tlsServer(names.default),
          servers.map(([server]) => tlsServer(server)),
        )
      const isHttp2 = listens.some((listen) => listen.isHttp2)
      addresses.set(key, { listen: mergedListen(listens), isSsl, isHttp2, names })
    }
    return addresses
  }

  #addNames(names: ServerNames, server: VirtualServer, written: readonly WrittenName[], key: string): void {
    const all = written.length === 0 ? [{ text: "", names: [{ kind: "exact" as const, name: "" }] }] : written
    for (const { text, names: forms } of all) {
      const isTaken = forms.map((form) => names.add(form, server)).includes(false)
      if (isTaken) this.#onWarning?.(`conflicting server name "${text}" on ${key}, ignored`)
    }
  }
}

function tlsServer(server: VirtualServer): TlsServerToCheck {
  const { location } = server
  return { tls: location.of(ssl), position: positionOf(location.scope.directive as Directive) }
}

/** Parameters of one address may stand in any of its `listen` directives. */
function mergedListen(listens: readonly WrittenListen[]): Listen {
  // The line to blame leads to the whole tree of the configuration, which is not to live on with the address.
  const { context: _context, ...first } = listens[0] as WrittenListen
  const backlog = listens.find((listen) => listen.backlog !== undefined)?.backlog
  const keepalive = listens.find((listen) => listen.keepalive !== undefined)?.keepalive
  const isProxyProtocol = listens.some((listen) => listen.isProxyProtocol)
  return { ...first, isProxyProtocol, backlog, keepalive }
}

/** `listen *:80`, or *:8000 without the privilege. */
function implicitListen(): WrittenListen {
  const port = process.getuid?.() === 0 ? 80 : 8000
  return {
    key: `0.0.0.0:${port}`,
    host: "0.0.0.0",
    port,
    path: "",
    isDefault: false,
    isSsl: false,
    isProxyProtocol: false,
    backlog: undefined,
    ipv6Only: true,
    keepalive: undefined,
    context: {
      fail: (message: string) => {
        throw new Error(message)
      },
    } as ValueContext,
  }
}
