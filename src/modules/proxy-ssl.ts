/** TLS to upstreams: the `proxy_ssl_…` directives of ngx_http_proxy_module. */
import { createHash } from "node:crypto"
import { isIP } from "node:net"
import type { ConnectionOptions, TLSSocket } from "node:tls"
import { HoldfastError } from "../base/error.ts"
import { ERROR } from "../base/logger.ts"
import { ANY, type Conf, directives, HTTP, LOCATION, SERVER } from "../config/row.ts"
import { flag, joinSets, number, string } from "../config/values.ts"
import { defineModule, type LocationContext, type Module } from "../runtime/module.ts"
import { NEXT, type PhaseResult } from "../runtime/phases.ts"
import type { Request } from "../runtime/request.ts"
import { type Template, template } from "../runtime/template.ts"
import { ClientTls, type ClientTlsOptions, upstreamHandshakeError } from "../tls/client-context.ts"
import {
  checkCiphers,
  type FileReader,
  loadAuthorities,
  loadCredential,
  loadRevocationLists,
  NO_REVOCATION,
} from "../tls/credentials.ts"
import { type TlsTuning, UNTUNED } from "../tls/tuning.ts"
import {
  CertificateLoader,
  type CertificatePair,
  haveVariables,
  MadeOfCredentials,
} from "./ssl-certificates.ts"
import { clockOf, tuned } from "./ssl-server.ts"
import {
  certificateCache,
  certificateFile,
  confCommand,
  confFile,
  passwordFile,
  protocols,
} from "./ssl-values.ts"

const IN = HTTP | SERVER | LOCATION
const INTERNAL_ERROR = 500

export const proxySslDirectives = directives({
  proxy_ssl_verify: { in: IN, value: flag, default: "off", doc: "The upstream's certificate is verified." },
  proxy_ssl_trusted_certificate: {
    in: IN,
    value: confFile,
    syntax: "file",
    doc: "The authorities that upstreams' certificates may come from, PEM.",
  },
  proxy_ssl_verify_depth: {
    in: IN,
    value: number,
    default: "1",
    doc: "The most intermediates in an upstream's chain.",
  },
  proxy_ssl_name: {
    in: IN,
    value: template,
    syntax: "name",
    doc: "The name to verify and to send, $proxy_host where it is left out.",
  },
  proxy_ssl_server_name: {
    in: IN,
    value: flag,
    default: "off",
    doc: "The name is sent to the upstream (SNI).",
  },
  proxy_ssl_crl: {
    in: IN,
    value: confFile,
    syntax: "file",
    doc: "Upstreams' certificates that are revoked: lists of their authorities, PEM.",
  },
  proxy_ssl_certificate: {
    in: IN,
    value: certificateFile,
    syntax: "file",
    doc: "The certificate to show to upstreams, PEM. With variables it is read for each request, by the worker.",
  },
  proxy_ssl_certificate_cache: {
    in: IN,
    args: [1, 3],
    parse: certificateCache,
    default: "off",
    syntax: "off | max=N [inactive=time] [valid=time]",
    doc: "How many certificates that variables name are kept, max=, and for how long, valid= and inactive=.",
  },
  proxy_ssl_certificate_key: {
    in: IN,
    value: certificateFile,
    syntax: "file",
    doc: "The secret key of proxy_ssl_certificate, PEM.",
  },
  proxy_ssl_password_file: {
    in: IN,
    value: passwordFile,
    syntax: "file",
    doc: "Pass phrases of the secret key, one a line.",
  },
  proxy_ssl_protocols: {
    in: IN,
    args: [1, ANY],
    parse: protocols,
    join: joinSets,
    default: "TLSv1.2 TLSv1.3",
    syntax: "[SSLv2] [SSLv3] [TLSv1] [TLSv1.1] [TLSv1.2] [TLSv1.3]",
    doc: "The versions of TLS that are spoken.",
  },
  proxy_ssl_ciphers: {
    in: IN,
    value: string,
    default: "DEFAULT",
    syntax: "ciphers",
    doc: "The ciphers of TLS 1.2 and older, as OpenSSL lists them.",
  },
  proxy_ssl_conf_command: {
    in: IN,
    args: 2,
    list: confCommand,
    syntax: "name value",
    doc: "A setting of OpenSSL by its name in SSL_CONF_cmd(3), as far as Node.js has it.",
  },
  proxy_ssl_session_reuse: {
    in: IN,
    value: flag,
    default: "on",
    doc: "Sessions with an upstream are resumed.",
  },
})

type ProxySslConf = Conf<typeof proxySslDirectives>

/** TLS to the upstreams of one location. */
export interface UpstreamTls {
  /** Equal for equal settings; connections may be shared where this and `name` are equal. */
  readonly key: string
  /**
   * Whether the connection may keep the peer's sessions by itself. False with proxy_ssl_verify: sessions of verified
   * upstreams are kept here, by the name that was verified, and come with `connectionOptions`.
   */
  readonly sessionReuse: boolean
  /**
   * What must be equal beside `key`: the name that is verified and sent, and where certificates have variables, those.
   * `proxyHost` is `$proxy_host`, with a port or without.
   */
  name(request: Request, proxyHost: string): string
  /** What to connect with. */
  connectionOptions(request: Request, proxyHost: string): ConnectionOptions
  /** Judges the upstream when the handshake is done: undefined, or nginx's words for the error log. */
  verify(socket: TLSSocket, request: Request, proxyHost: string): string | undefined
  /** The line for the error log when the handshake failed. */
  handshakeError(error: NodeJS.ErrnoException): string
  /** Before the upstream is asked: NEXT, or 500 where the certificate that variables name cannot be loaded. */
  prepare(request: Request): PhaseResult
}

/** By a hash of settings and files: locations with equal ones share, and so do generations. */
type Contexts = Map<string, ClientTls>

export const proxySsl: Module<UpstreamTls, Contexts> = defineModule({
  name: "proxySsl",
  directives: proxySslDirectives,
  main: (): Contexts => new Map(),
  // Files are looked at only where there is TLS to an upstream, as in nginx.
  location: (conf, context): UpstreamTls | undefined =>
    needsTls(context) ? build(conf, context) : undefined,
  phases: { precontent: (request, tls) => tls.prepare(request) },
})

/** Whether this level's proxy_pass is https, or may be: its scheme comes from a variable. */
function needsTls(context: LocationContext): boolean {
  const url = context.directiveOf("proxy_pass")?.args[0]?.text
  return url !== undefined && (url.toLowerCase().startsWith("https://") || url.includes("$"))
}

/** ngx_http_proxy_set_ssl, in its order of errors. */
function build(conf: ProxySslConf, context: LocationContext): LocationTls {
  checkCiphers(conf.proxy_ssl_ciphers)
  const read = fileReader(context)
  const pair = certificatePair(conf)
  const isVariable = pair !== undefined && haveVariables([pair])
  const isStatic = pair !== undefined && !isVariable
  const passphrases = conf.proxy_ssl_password_file ?? []
  const credential = isStatic
    ? loadCredential(pair.certificate.path, pair.key.path, passphrases, read)
    : undefined
  const trusted = authorities(conf, read)
  const crl = conf.proxy_ssl_crl
  const revocation =
    !conf.proxy_ssl_verify || crl === undefined || crl.text === ""
      ? NO_REVOCATION
      : loadRevocationLists(crl.path, read)
  const options: ClientTlsOptions = {
    ...tuning(conf, context),
    credential,
    authorities: [...trusted, ...revocation.authorities],
    crls: revocation.crls,
    verify: conf.proxy_ssl_verify,
    verifyDepth: conf.proxy_ssl_verify_depth,
    sendsName: conf.proxy_ssl_server_name,
    reusesSessions: conf.proxy_ssl_session_reuse,
  }
  const settings = JSON.stringify({ ...options, protocols: [...options.protocols].sort() })
  const hash = createHash("sha256").update(settings).digest("hex")
  const main: Contexts = context.main(proxySsl)
  const tls = main.get(hash) ?? context.previousMain(proxySsl)?.get(hash) ?? newContext(options)
  main.set(hash, tls)
  const name = conf.proxy_ssl_name
  return new LocationTls(
    tls,
    name,
    `${hash} ${name?.source ?? ""}`,
    conf.proxy_ssl_session_reuse && !conf.proxy_ssl_verify,
    isVariable ? variableCertificate(conf, options, pair, context) : null,
  )
}

function tuning(conf: ProxySslConf, context: LocationContext): TlsTuning {
  const settings: TlsTuning = {
    ...UNTUNED,
    protocols: conf.proxy_ssl_protocols,
    ciphers: conf.proxy_ssl_ciphers,
    preferServerCiphers: false,
    ecdhCurve: "auto",
    sessionTickets: true,
  }
  return tuned(settings, conf.proxy_ssl_conf_command, "proxy_ssl_conf_command", context)
}

function certificatePair(conf: ProxySslConf): CertificatePair | undefined {
  const certificate = conf.proxy_ssl_certificate
  if (certificate === undefined || certificate.text === "") return undefined
  const key = conf.proxy_ssl_certificate_key
  if (key === undefined)
    throw new HoldfastError(
      "VALUE",
      `no "proxy_ssl_certificate_key" is defined for certificate "${certificate.text}"`,
    )
  return { certificate, key }
}

/** A certificate that each request names. */
interface VariableCertificate {
  readonly pair: CertificatePair
  readonly loader: CertificateLoader
  readonly contexts: MadeOfCredentials<ClientTls>
}

function variableCertificate(
  conf: ProxySslConf,
  options: ClientTlsOptions,
  pair: CertificatePair,
  { services }: LocationContext,
): VariableCertificate {
  const cache = conf.proxy_ssl_certificate_cache
  return {
    pair,
    loader: new CertificateLoader(conf.proxy_ssl_password_file ?? [], cache, clockOf(services)),
    contexts: new MadeOfCredentials(([credential]) => new ClientTls({ ...options, credential })),
  }
}

function newContext(options: ClientTlsOptions): ClientTls {
  try {
    return new ClientTls(options)
  } catch (error) {
    throw new HoldfastError("VALUE", `SSL_CTX cannot be made (SSL: ${(error as Error).message})`)
  }
}

function authorities(conf: ProxySslConf, read: FileReader): readonly string[] {
  if (!conf.proxy_ssl_verify) return []
  const trusted = conf.proxy_ssl_trusted_certificate
  if (trusted === undefined || trusted.text === "")
    throw new HoldfastError("VALUE", "no proxy_ssl_trusted_certificate for proxy_ssl_verify")
  return loadAuthorities(trusted.path, read)
}

function fileReader(context: LocationContext): FileReader {
  const directive = context.directiveOf("proxy_pass")
  return (path) => {
    if (directive === undefined)
      throw new HoldfastError("FILE", `open() "${path}" failed (no directive names it)`)
    return context.blame(directive).readFile(path)
  }
}

/** The ClientTls with the certificate that a request names. */
const CHOSEN = Symbol("proxy_ssl_certificate")

class LocationTls implements UpstreamTls {
  readonly key: string
  readonly sessionReuse: boolean
  readonly #tls: ClientTls
  readonly #name: Template | undefined
  readonly #certificate: VariableCertificate | null

  constructor(
    tls: ClientTls,
    name: Template | undefined,
    key: string,
    sessionReuse: boolean,
    certificate: VariableCertificate | null,
  ) {
    this.#tls = tls
    this.#name = name
    this.key = key
    this.sessionReuse = sessionReuse
    this.#certificate = certificate
  }

  /** Loads the request's certificate where variables name it. ngx_http_upstream_ssl_certificate. */
  prepare(request: Request): PhaseResult {
    const certificate = this.#certificate
    if (certificate === null || certificate.loader.isNone(certificate.pair, request)) return NEXT
    try {
      const credential = certificate.loader.load(certificate.pair, request)
      request.setNote(CHOSEN, certificate.contexts.get([credential]))
      return NEXT
    } catch (error) {
      if (!(error instanceof HoldfastError)) throw error
      request.log(ERROR, error.message)
      return INTERNAL_ERROR
    }
  }

  name(request: Request, proxyHost: string): string {
    const name = this.#verifiedName(request, proxyHost)
    const certificate = this.#certificate
    return certificate === null ? name : `${name}\n${certificate.loader.names(certificate.pair, request)}`
  }

  connectionOptions(request: Request, proxyHost: string): ConnectionOptions {
    return this.#tlsOf(request).connectionOptions(this.#verifiedName(request, proxyHost))
  }

  verify(socket: TLSSocket, request: Request, proxyHost: string): string | undefined {
    return this.#tlsOf(request).verify(socket, this.#verifiedName(request, proxyHost))
  }

  handshakeError(error: NodeJS.ErrnoException): string {
    return upstreamHandshakeError(error)
  }

  #verifiedName(request: Request, proxyHost: string): string {
    return withoutPort(this.#name === undefined ? proxyHost : this.#name.evaluate(request))
  }

  #tlsOf(request: Request): ClientTls {
    return this.#certificate === null ? this.#tls : (request.note<ClientTls>(CHOSEN) ?? this.#tls)
  }
}

/** `$proxy_host` may carry a port; a name that is verified does not. ngx_http_upstream_ssl_name. */
function withoutPort(name: string): string {
  if (name.startsWith("[")) return name.slice(0, name.indexOf("]") + 1)
  const colon = name.lastIndexOf(":")
  return colon === -1 || isIP(name) === 6 ? name : name.slice(0, colon)
}
