/** Makes the TLS of `server` blocks from their directives. */
import { createHash } from "node:crypto"
import { HoldfastError, type Position } from "../base/error.ts"
import type { Conf } from "../config/row.ts"
import { positionOf } from "../config/walker.ts"
import type { BuildContext, LocationContext, WorkerServices } from "../runtime/module.ts"
import { applyCommands } from "../tls/conf-command.ts"
import {
  type Credential,
  checkCiphers,
  checkCurves,
  type FileReader,
  loadAuthorities,
  loadCredential,
  loadDhParameters,
  loadRevocationLists,
  NO_REVOCATION,
} from "../tls/credentials.ts"
import type { ServerTlsOptions } from "../tls/handshake-server.ts"
import { ServerTls } from "../tls/server-context.ts"
import {
  LocalSessionCache,
  type SessionCache,
  SharedSessionCache,
  sessionCacheMemory,
  TwoLevelSessionCache,
} from "../tls/session-cache.ts"
import { sharedTicketKey, TICKET_KEY_MEMORY_BYTES } from "../tls/ticket-key.ts"
import { type TlsTuning, UNTUNED } from "../tls/tuning.ts"
import { type CertificatePair, haveVariables } from "./ssl-certificates.ts"
import type { sslDirectives } from "./ssl-directives.ts"
import { handshakeCertificates } from "./ssl-handshake-certificates.ts"
import { makeStapling } from "./ssl-stapling.ts"
import type { CachePart } from "./ssl-values.ts"

type SslConf = Conf<typeof sslDirectives>

/** What a generation has once. */
export interface SslMain {
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

export function newSslMain(): SslMain {
  return {
    contexts: new Map(),
    zones: new Map(),
    built: new WeakMap(),
    credentials: new Map(),
    checked: new Set(),
  }
}

/** Undefined where there is no TLS. `previous`: what the generation before has. */
export function serverTls(
  conf: SslConf,
  context: LocationContext,
  main: SslMain,
  previous: SslMain | undefined,
): ServerTls | undefined {
  const known = main.built.get(conf)
  if (known !== undefined) return known
  const pairs = certificatePairs(conf)
  if (pairs === undefined) return undefined
  const isVariable = haveVariables(pairs)
  const made = new ServerBuilder(conf, context, main, pairs, isVariable).build(previous)
  // Variables may be of the very server: $server_name.
  if (!isVariable) main.built.set(conf, made)
  return made
}

/** Undefined where nothing says that there is TLS. */
function certificatePairs(conf: SslConf): readonly CertificatePair[] | undefined {
  const { ssl_certificate: certificates, ssl_certificate_key: keys } = conf
  if (certificates.length === 0 && !conf.ssl_reject_handshake) return undefined
  if (keys.length < certificates.length)
    throw new HoldfastError(
      "VALUE",
      `no "ssl_certificate_key" is defined for certificate "${certificates.at(-1)?.text}"`,
    )
  return certificates.map((certificate, i) => ({ certificate, key: keys[i] as CertificatePair["key"] }))
}

/** One server's, from its directives. ngx_http_ssl_merge_srv_conf, in its order of errors. */
class ServerBuilder {
  readonly #conf: SslConf
  readonly #context: LocationContext
  readonly #main: SslMain
  readonly #pairs: readonly CertificatePair[]
  readonly #isVariable: boolean
  readonly #read: FileReader

  constructor(
    conf: SslConf,
    context: LocationContext,
    main: SslMain,
    pairs: readonly CertificatePair[],
    isVariable: boolean,
  ) {
    this.#conf = conf
    this.#context = context
    this.#main = main
    this.#pairs = pairs
    this.#isVariable = isVariable
    this.#read = fileReader(context)
  }

  build(previous: SslMain | undefined): ServerTls {
    const conf = this.#conf
    const read = this.#read
    this.#once(`ciphers ${conf.ssl_ciphers}`, () => checkCiphers(conf.ssl_ciphers))
    const credentials = this.#isVariable ? [] : this.#pairs.map((pair) => this.#credential(pair))
    const authorities = clientAuthorities(conf, read)
    const crl = conf.ssl_crl
    const revocation =
      crl === undefined || crl.text === "" ? NO_REVOCATION : loadRevocationLists(crl.path, read)
    const dhparam = conf.ssl_dhparam === undefined ? undefined : loadDhParameters(conf.ssl_dhparam.path, read)
    this.#once(`curves ${conf.ssl_ecdh_curve}`, () => checkCurves(conf.ssl_ecdh_curve))
    const parts = conf.ssl_session_cache.flat()
    const sessionCache = makeCache(parts, this.#main, this.#context)
    const stapled = credentials.map((credential, i) => ({
      credential,
      path: (this.#pairs[i] as CertificatePair).certificate.path,
    }))
    const clientCertificates = [...authorities, ...revocation.authorities]
    const stapling = makeStapling(
      conf,
      stapled,
      clientCertificates,
      read,
      this.#context,
      clockOf(this.#context.services),
    )
    const options: ServerTlsOptions = {
      ...this.#tuning(),
      credentials,
      clientAuthorities: clientCertificates,
      crls: revocation.crls,
      dhparam,
      verifyClient: conf.ssl_verify_client,
      verifyDepth: conf.ssl_verify_depth,
      ticketKey: conf.ssl_session_ticket_key[0] ?? randomTicketKey(this.#context.services),
      sessionTimeoutMs: conf.ssl_session_timeout,
      sessionCache,
      stapling,
      rejectHandshake: conf.ssl_reject_handshake,
      bufferSize: conf.ssl_buffer_size,
      alpnProtocols: ["http/1.1", "http/1.0", "http/0.9"],
    }
    return this.#isVariable ? this.#variable(options) : this.#shared(options, parts, previous)
  }

  #credential({ certificate, key }: CertificatePair): Credential {
    const passphrases = this.#conf.ssl_password_file ?? []
    const name = JSON.stringify([certificate.path, key.path, passphrases])
    const { credentials } = this.#main
    const known = credentials.get(name)
    if (known !== undefined) return known
    const loaded = loadCredential(certificate.path, key.path, passphrases, this.#read)
    credentials.set(name, loaded)
    return loaded
  }

  #tuning(): TlsTuning {
    const conf = this.#conf
    const settings: TlsTuning = {
      ...UNTUNED,
      protocols: conf.ssl_protocols,
      ciphers: conf.ssl_ciphers,
      preferServerCiphers: conf.ssl_prefer_server_ciphers,
      ecdhCurve: conf.ssl_ecdh_curve,
      sessionTickets: conf.ssl_session_tickets,
    }
    return tuned(settings, conf.ssl_conf_command, "ssl_conf_command", this.#context)
  }

  /** Runs a check that throws, unless it has been passed in this generation. */
  #once(what: string, check: () => void): void {
    if (this.#main.checked.has(what)) return
    check()
    this.#main.checked.add(what)
  }

  /** The ServerTls of an equal server of this generation or of the one before, or a new one. */
  #shared(options: ServerTlsOptions, parts: readonly CachePart[], previous: SslMain | undefined): ServerTls {
    const conf = this.#conf
    const { sessionCache: _cache, stapling: _stapling, protocols, ...settings } = options
    const stapled = conf.ssl_stapling
      ? [conf.ssl_stapling_responder, conf.ssl_stapling_verify, options.stapling?.key ?? ""]
      : []
    const hash = createHash("sha256")
    hash.update(JSON.stringify([settings, [...protocols].sort(), parts, stapled]))
    const key = hash.digest("hex")
    const known = this.#main.contexts.get(key) ?? previous?.contexts.get(key)
    const now = clockOf(this.#context.services)
    const made = known ?? newContext(() => new ServerTls(options, now))
    this.#main.contexts.set(key, made)
    return made
  }

  #variable(options: ServerTlsOptions): ServerTls {
    const now = clockOf(this.#context.services)
    const makeSource = handshakeCertificates(this.#conf, options, this.#pairs, this.#context, now)
    return newContext(() => new ServerTls(options, now, makeSource))
  }
}

/** The worker's wall clock, and nothing else of what is around: TLS sockets hold it as long as they live. */
export function clockOf(services: WorkerServices): () => number {
  return () => services.nowMs()
}

/** What commands make of `settings`; `name` is the directive's. */
export function tuned(
  settings: TlsTuning,
  commands: readonly { readonly name: string; readonly value: string }[],
  name: string,
  context: BuildContext,
): TlsTuning {
  if (commands.length === 0) return settings
  return applyCommands(settings, commands, (what) => {
    const directive = context.directiveOf(name)
    const position: Position | undefined = directive === undefined ? undefined : positionOf(directive)
    throw new HoldfastError(
      "UNSUPPORTED",
      `${what} of "${name}" is not supported: Node.js has no such setting`,
      position,
    )
  })
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

function newContext(make: () => ServerTls): ServerTls {
  try {
    return make()
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
