/** TLS to clients: ngx_http_ssl_module. */
import { createHash } from "node:crypto"
import { HoldfastError, type Position } from "../base/error.ts"
import { INFO } from "../base/logger.ts"
import type { Conf } from "../config/row.ts"
import { ANY, directives, HTTP, SERVER } from "../config/row.ts"
import { flag, joinSets, number, oneOf, seconds, size, string } from "../config/values.ts"
import { type BuildContext, defineModule, type Module, type WorkerServices } from "../runtime/module.ts"
import { NEXT, type PhaseResult } from "../runtime/phases.ts"
import type { Request } from "../runtime/request.ts"
import {
  type Credential,
  checkCiphers,
  checkCurves,
  type FileReader,
  loadAuthorities,
  loadCredential,
  loadDhParameters,
} from "../tls/credentials.ts"
import { ServerTls, type ServerTlsOptions } from "../tls/server-context.ts"
import {
  LocalSessionCache,
  type SessionCache,
  SharedSessionCache,
  sessionCacheMemory,
  TwoLevelSessionCache,
} from "../tls/session-cache.ts"
import { sharedTicketKey, TICKET_KEY_MEMORY_BYTES } from "../tls/ticket-key.ts"
import {
  type CachePart,
  confFile,
  confFileEntry,
  passwordFile,
  protocols,
  sessionCache,
  ticketKeyFile,
} from "./ssl-values.ts"
import { sslVariables } from "./ssl-variables.ts"

const IN = HTTP | SERVER

export const sslDirectives = directives({
  ssl_certificate: {
    in: IN,
    args: 1,
    list: confFileEntry,
    doc: "The certificate with its intermediates, PEM; once for each type of key.",
  },
  ssl_certificate_key: {
    in: IN,
    args: 1,
    list: confFileEntry,
    doc: "The secret key of the ssl_certificate at the same place, PEM.",
  },
  ssl_password_file: { in: IN, value: passwordFile, doc: "Pass phrases of secret keys, one a line." },
  ssl_protocols: {
    in: IN,
    args: [1, ANY],
    parse: protocols,
    join: joinSets,
    default: "TLSv1.2 TLSv1.3",
    doc: "The versions of TLS that are spoken.",
  },
  ssl_ciphers: {
    in: IN,
    value: string,
    default: "HIGH:!aNULL:!MD5",
    doc: "The ciphers of TLS 1.2 and older, as OpenSSL lists them.",
  },
  ssl_prefer_server_ciphers: {
    in: IN,
    value: flag,
    default: "off",
    doc: "The server's order of ciphers goes before the client's.",
  },
  ssl_ecdh_curve: {
    in: IN,
    value: string,
    default: "auto",
    doc: "The groups of key exchange, as OpenSSL lists them.",
  },
  ssl_dhparam: { in: IN, value: confFile, doc: "Parameters for DHE ciphers, PEM." },
  ssl_buffer_size: { in: IN, value: size, default: "16k", doc: "The largest TLS record that is sent." },
  ssl_session_cache: {
    in: IN,
    args: [1, 2],
    list: sessionCache,
    doc: "Where sessions are kept that are resumed by their id: off, none, builtin[:number], shared:name:size.",
  },
  ssl_session_timeout: { in: IN, value: seconds, default: "5m", doc: "How long a session may be resumed." },
  ssl_session_tickets: { in: IN, value: flag, default: "on", doc: "Sessions are resumed by tickets too." },
  ssl_session_ticket_key: {
    in: IN,
    args: 1,
    list: ticketKeyFile,
    doc: "A file with the key of tickets; the first one is used.",
  },
  ssl_client_certificate: {
    in: IN,
    value: confFile,
    doc: "The authorities that clients' certificates may come from, PEM.",
  },
  ssl_trusted_certificate: {
    in: IN,
    value: confFile,
    doc: "More authorities for clients' certificates, PEM.",
  },
  ssl_verify_client: {
    in: IN,
    value: oneOf("off", "on", "optional", "optional_no_ca"),
    default: "off",
    doc: "Whether clients must show a certificate.",
  },
  ssl_verify_depth: {
    in: IN,
    value: number,
    default: "1",
    doc: "The most intermediates in a client's chain.",
  },
  ssl_reject_handshake: { in: IN, value: flag, default: "off", doc: "Every handshake is rejected." },
})

type SslConf = Conf<typeof sslDirectives>

/** What a generation has once. */
interface SslMain {
  /** By a hash of all settings and files: servers with equal ones share, and so do generations. */
  readonly contexts: Map<string, ServerTls>
  readonly zones: Map<string, { readonly cache: SharedSessionCache; readonly sizeBytes: number }>
  /** Servers that say nothing of TLS themselves have one configuration, and what was built of it. */
  readonly built: WeakMap<SslConf, ServerTls>
  /** Of this generation, by their paths: loading one makes a context of OpenSSL to see whether it can be used. */
  readonly credentials: Map<string, Credential>
  /** Ciphers and curves that were tried in the same way. */
  readonly checked: Set<string>
}

export const ssl: Module<ServerTls, SslMain> = defineModule({
  name: "ssl",
  directives: sslDirectives,
  variables: sslVariables((request) => request.server.location.of(ssl)),
  main: (): SslMain => ({
    contexts: new Map(),
    zones: new Map(),
    built: new WeakMap(),
    credentials: new Map(),
    checked: new Set(),
  }),
  location: (conf, context) =>
    context.location.kind === "server" ? serverTls(conf, context, context.main(ssl)) : undefined,
  phases: { serverRewrite: checkClient },
})

function serverTls(conf: SslConf, context: BuildContext, main: SslMain): ServerTls | undefined {
  const known = main.built.get(conf)
  if (known !== undefined) return known
  const made = buildServer(conf, context, main)
  if (made !== undefined) main.built.set(conf, made)
  return made
}

/** ngx_http_ssl_merge_srv_conf, in its order of errors. */
function buildServer(conf: SslConf, context: BuildContext, main: SslMain): ServerTls | undefined {
  const { ssl_certificate: certificates, ssl_certificate_key: keys } = conf
  if (certificates.length === 0 && !conf.ssl_reject_handshake) return undefined
  if (keys.length < certificates.length)
    throw new HoldfastError(
      "VALUE",
      `no "ssl_certificate_key" is defined for certificate "${certificates.at(-1)?.text}"`,
    )
  once(main, `ciphers ${conf.ssl_ciphers}`, () => checkCiphers(conf.ssl_ciphers))
  const read = fileReader(context)
  const credentials = certificates.map(({ path }, index) =>
    credential(path, (keys[index] as { path: string }).path, conf.ssl_password_file ?? [], read, main),
  )
  const settings = {
    credentials,
    clientAuthorities: clientAuthorities(conf, read),
    dhparam: conf.ssl_dhparam === undefined ? undefined : loadDhParameters(conf.ssl_dhparam.path, read),
    protocols: conf.ssl_protocols,
    ciphers: conf.ssl_ciphers,
    preferServerCiphers: conf.ssl_prefer_server_ciphers,
    ecdhCurve: conf.ssl_ecdh_curve,
    verifyClient: conf.ssl_verify_client,
    verifyDepth: conf.ssl_verify_depth,
    sessionTickets: conf.ssl_session_tickets,
    ticketKey: conf.ssl_session_ticket_key[0] ?? randomTicketKey(context.services),
    sessionTimeoutMs: conf.ssl_session_timeout,
    rejectHandshake: conf.ssl_reject_handshake,
    bufferSize: conf.ssl_buffer_size,
    alpnProtocols: ["http/1.1", "http/1.0", "http/0.9"],
  }
  once(main, `curves ${conf.ssl_ecdh_curve}`, () => checkCurves(conf.ssl_ecdh_curve))
  return sharedContext(settings, conf.ssl_session_cache, context)
}

/** Runs a check that throws, unless it has been passed in this generation. */
function once(main: SslMain, what: string, check: () => void): void {
  if (main.checked.has(what)) return
  check()
  main.checked.add(what)
}

function credential(
  path: string,
  keyPath: string,
  passphrases: readonly string[],
  read: FileReader,
  main: SslMain,
): Credential {
  const name = JSON.stringify([path, keyPath, passphrases])
  const known = main.credentials.get(name)
  if (known !== undefined) return known
  const loaded = loadCredential(path, keyPath, passphrases, read)
  main.credentials.set(name, loaded)
  return loaded
}

/** One key for all workers and generations where the configuration names none. */
function randomTicketKey(services: WorkerServices): Buffer {
  return sharedTicketKey(services.sharedMemory("ssl_session_ticket_key", TICKET_KEY_MEMORY_BYTES))
}

function clientAuthorities(conf: SslConf, read: FileReader): readonly string[] {
  const { ssl_client_certificate: client, ssl_trusted_certificate: trusted, ssl_verify_client: verify } = conf
  if (verify !== "off" && verify !== "optional_no_ca" && client === undefined && trusted === undefined)
    throw new HoldfastError(
      "VALUE",
      "no ssl_client_certificate or ssl_trusted_certificate for ssl_verify_client",
    )
  const fromClient = verify === "off" || client === undefined ? [] : loadAuthorities(client.path, read)
  // Read even where nobody is verified: nginx refuses a file that it cannot load.
  const fromTrusted = trusted === undefined ? [] : loadAuthorities(trusted.path, read)
  return [...fromClient, ...fromTrusted]
}

type Settings = Omit<ServerTlsOptions, "sessionCache">

/** The ServerTls of an equal server of this generation or of the one before, or a new one. */
function sharedContext(
  settings: Settings,
  cacheParts: readonly (readonly CachePart[])[],
  context: BuildContext,
): ServerTls {
  const parts = cacheParts.flat()
  const main: SslMain = context.main(ssl)
  const hash = createHash("sha256")
  hash.update(JSON.stringify([{ ...settings, protocols: [...settings.protocols].sort() }, parts]))
  const key = hash.digest("hex")
  const known = main.contexts.get(key) ?? context.previousMain(ssl)?.contexts.get(key)
  // The zones are made in each generation all the same: their sizes must agree.
  const cache = makeCache(parts, main, context)
  const made = known ?? newContext({ ...settings, sessionCache: cache }, context.services)
  main.contexts.set(key, made)
  return made
}

function newContext(options: ServerTlsOptions, services: WorkerServices): ServerTls {
  try {
    return new ServerTls(options, () => services.nowMs())
  } catch (error) {
    throw new HoldfastError("VALUE", `SSL_CTX cannot be made (SSL: ${(error as Error).message})`)
  }
}

/** `off` and `none` store nothing; `builtin` and `shared` together look here first, then in the shared zone. */
function makeCache(parts: readonly CachePart[], main: SslMain, context: BuildContext): SessionCache | null {
  let local: SessionCache | null = null
  let shared: SessionCache | null = null
  for (const part of parts) {
    if (part.kind === "builtin") local = new LocalSessionCache(part.sessions)
    else if (part.kind === "shared") shared = zone(part.name, part.sizeBytes, main, context)
    else local = null
  }
  return local !== null && shared !== null ? new TwoLevelSessionCache(local, shared) : (local ?? shared)
}

/** ngx_shared_memory_add: one size for one name. */
function zone(name: string, sizeBytes: number, main: SslMain, context: BuildContext): SessionCache {
  const known = main.zones.get(name)
  if (known === undefined) {
    const cache = new SharedSessionCache(context.services.sharedMemory(sessionCacheMemory(name), sizeBytes))
    main.zones.set(name, { cache, sizeBytes })
    return cache
  }
  if (known.sizeBytes !== sizeBytes) {
    const directive = context.directiveOf("ssl_session_cache")
    const message = `the size ${sizeBytes} of shared memory zone "${name}" conflicts with already declared size ${known.sizeBytes}`
    if (directive === undefined) throw new HoldfastError("VALUE", message)
    context.blame(directive).fail(message)
  }
  return known.cache
}

/** Reads files for errors that name no line, as nginx's of this module. */
function fileReader(context: BuildContext): FileReader {
  const directive = context.directiveOf("ssl_certificate") ?? context.directiveOf("ssl_reject_handshake")
  return (path) => {
    if (directive === undefined)
      throw new HoldfastError("FILE", `open() "${path}" failed (no directive names it)`)
    return context.blame(directive).readFile(path)
  }
}

/** One server of an address with `listen … ssl`, for `checkTlsServers`. */
export interface TlsServerToCheck {
  readonly tls: ServerTls | undefined
  /** The line of its `server {`. */
  readonly position: Position
}

/**
 * Throws nginx's `no "ssl_certificate" is defined for the "listen ... ssl" directive in file:line` where the
 * default server of an address has neither certificate nor ssl_reject_handshake; and, where it only rejects, for
 * the first of the others that has neither. `servers`: those of one address, in the file's order. ngx_http_ssl_init.
 */
export function checkTlsServers(defaultServer: TlsServerToCheck, servers: readonly TlsServerToCheck[]): void {
  if (defaultServer.tls === undefined) throw noCertificate(defaultServer.position)
  if (!defaultServer.tls.rejectHandshake) return
  for (const server of servers) if (server.tls === undefined) throw noCertificate(server.position)
}

function noCertificate({ file, line }: Position): HoldfastError {
  return new HoldfastError(
    "VALUE",
    `no "ssl_certificate" is defined for the "listen ... ssl" directive in ${file}:${line}`,
  )
}

/**
 * `ssl_verify_client`, before any other phase: 495 for a certificate that was not accepted, 496 for none, 421 for
 * a request to a server with other rules than those under which the client was asked. ngx_http_process_request,
 * ngx_http_set_virtual_server. Stricter than nginx in one point: a client that named no server is held to this too.
 */
function checkClient(request: Request, server: ServerTls): PhaseResult {
  if (server.verifyClient === "off" || request.isInternal) return NEXT
  const socket = request.client.tls
  if (socket === null) return NEXT
  const { certificate, error } = server.verdictOf(socket)
  if (isOtherServer(request, server, certificate !== undefined)) {
    request.log(
      INFO,
      "client attempted to request the server name different from the one that was negotiated while reading client request headers",
    )
    return 421
  }
  if (error !== null && !server.tolerates(error)) {
    request.log(
      INFO,
      `client SSL certificate verify error: (${error.number}:${error.text}) while reading client request headers`,
    )
    return 495
  }
  if (server.verifyClient === "on" && certificate === undefined) {
    request.log(INFO, "client sent no required SSL certificate while reading client request headers")
    return 496
  }
  return NEXT
}

function isOtherServer(request: Request, server: ServerTls, hasCertificate: boolean): boolean {
  const socket = request.client.tls
  const asked = socket?.servername
  if (typeof asked === "string" && asked.toLowerCase() !== request.host) return true
  return socket !== null && hasCertificate && !server.hasAsked(socket)
}
