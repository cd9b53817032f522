/** One TLS handshake, with all that the server sent in it. */
import { X509Certificate } from "node:crypto"
import { isIP, type Socket } from "node:net"
import { Duplex } from "node:stream"
import { type ConnectionOptions, connect, type SecureVersion, type TLSSocket } from "node:tls"
import { Deadline } from "../client/deadline.ts"
import { type Connection, dial } from "../client/dial.ts"
import { DialError, dialErrorOf } from "../client/dial-error.ts"
import { withScheme } from "../client/endpoint.ts"
import { connectText, nameFault } from "./connect-text.ts"
import type { ProbeContext } from "./context.ts"
import { alertName, alertOfCode } from "./tls-alerts.ts"
import {
  CERTIFICATE,
  CERTIFICATE_REQUEST,
  NEW_SESSION_TICKET,
  readAuthorities,
  readCertificates,
  readFlight,
  type ServerFlight,
} from "./tls-wire.ts"

export interface TlsTry {
  /** Protocols to offer (RFC 7301); none: the extension is left out. */
  readonly alpn?: readonly string[]
  /** This version alone; also the ciphers and signatures that are too weak for today. */
  readonly only?: SecureVersion
  /** No name is sent (RFC 6066 §3). */
  readonly isNameless?: boolean
  /** A ClientHello that fits into one packet: no post-quantum key share. */
  readonly isSmall?: boolean
  /** Behind a line of the PROXY protocol that names nobody. */
  readonly isProxied?: boolean
  readonly session?: Buffer
  readonly address?: string
  /** At least: waits for a session to resume, and for what a server of TLS 1.3 has against us. Milliseconds. */
  readonly lingerMs?: number
}

/** The server asked for a client certificate. */
export interface CertificateRequested {
  /** Subjects of the authorities that it names, DER each. */
  readonly authorities: readonly Buffer[]
}

interface Tried {
  readonly address: string
  readonly connectMs: number
  readonly requested: CertificateRequested | undefined
}

export interface TlsOpened extends Tried {
  readonly kind: "opened"
  readonly tlsMs: number
  /** "TLSv1.3" */
  readonly protocol: string
  readonly cipher: string
  readonly alpn: string | undefined
  /** OpenSSL's code for a chain that it does not trust; the name is not looked at. */
  readonly trustError: string | undefined
  /** As sent; empty with a resumed session. */
  readonly chain: readonly X509Certificate[]
  readonly staple: Buffer | undefined
  readonly session: Buffer | undefined
  readonly isReused: boolean
  /** Before TLS 1.3: by which means the session may be resumed. */
  readonly hasTicket: boolean
  /** What came after the handshake: with TLS 1.3 a server looks at client certificates then. */
  readonly late: TlsFailure | undefined
}

export interface TlsFailure {
  readonly stage: DialError["stage"]
  readonly code: string
  /** Plain words. */
  readonly text: string
  /** The name of the alert that came: "protocol_version". */
  readonly alert: string | undefined
  /** The first bytes that came, latin1; may be "". */
  readonly received: string
  readonly elapsedMs: number
}

export interface TlsRefused extends Tried {
  readonly kind: "refused"
  readonly failure: TlsFailure
}

export type TlsResult = TlsOpened | TlsRefused

const MAX_KEPT_BYTES = 131_072
const MAX_SHOWN_BYTES = 256

/** Never throws for what a peer does; the connection is closed in the end. */
export async function tryTls(context: ProbeContext, options: TlsTry): Promise<TlsResult> {
  const deadline = new Deadline(context.client.timeoutMs)
  const { endpoint } = context
  const plain = withScheme(endpoint, false, endpoint.port)
  const { address } = options
  let connection: Connection
  try {
    connection = await dial(plain, {
      ...context.dialOptions,
      deadline,
      ...(address === undefined ? {} : { address }),
    })
  } catch (error) {
    if (!(error instanceof DialError)) throw error
    const failure = failureOf(error, "")
    return {
      kind: "refused",
      address: error.address ?? "",
      connectMs: error.elapsedMs,
      requested: undefined,
      failure,
    }
  }
  return new Attempt(connection, connectionOptions(context, options), options, deadline).run()
}

export function failureOf(error: DialError, received: string): TlsFailure {
  const { stage, code, elapsedMs } = error
  const reason = (error.cause as { reason?: string } | undefined)?.reason
  const words = { resolve: nameFault, connect: connectText, proxy: messageOf, tls: messageOf }
  const text = stage === "tls" && reason !== undefined ? reason : words[stage](error)
  return { stage, code, text, alert: alertOfCode(code), received, elapsedMs }
}

function messageOf({ message }: DialError): string {
  return message
}

function connectionOptions(context: ProbeContext, options: TlsTry): ConnectionOptions {
  const { endpoint, client } = context
  const { alpn, only, isNameless, isSmall, session } = options
  return {
    servername: isIP(endpoint.host) === 0 && isNameless !== true ? endpoint.host : "",
    host: endpoint.host,
    rejectUnauthorized: false,
    requestOCSP: true,
    // Names are compared apart from the chain, so that both faults are seen.
    checkServerIdentity: () => undefined,
    cert: client.tls.cert,
    key: client.tls.key,
    ca: client.tls.ca,
    ...(alpn === undefined ? {} : { ALPNProtocols: [...alpn] }),
    ...(only === undefined ? {} : { minVersion: only, maxVersion: only, ciphers: "DEFAULT:@SECLEVEL=0" }),
    ...(isSmall === true ? { ecdhCurve: "X25519:P-256:P-384" } : {}),
    ...(session === undefined ? {} : { session }),
  }
}

class Attempt {
  readonly #connection: Connection
  readonly #options: TlsTry
  readonly #deadline: Deadline
  readonly #tap: Tap
  readonly #tls: TLSSocket
  #secret: Buffer | undefined
  #staple: Buffer | undefined
  #session: Buffer | undefined
  #late: TlsFailure | undefined

  constructor(connection: Connection, settings: ConnectionOptions, options: TlsTry, deadline: Deadline) {
    this.#connection = connection
    this.#options = options
    this.#deadline = deadline
    if (options.isProxied === true) connection.socket.write("PROXY UNKNOWN\r\n")
    this.#tap = new Tap(connection.socket)
    this.#tls = connect({ ...settings, socket: this.#tap as unknown as Socket })
    this.#tls.on("keylog", (line: Buffer) => {
      const [label, , secret] = line.toString("latin1").trim().split(" ")
      if (label === "SERVER_HANDSHAKE_TRAFFIC_SECRET") this.#secret = Buffer.from(secret ?? "", "hex")
    })
    this.#tls.on("OCSPResponse", (response: Buffer | null) => {
      if (response !== null && response.length > 0) this.#staple = response
    })
    this.#tls.on("session", (session: Buffer) => {
      this.#session = session
    })
  }

  async run(): Promise<TlsResult> {
    const failure = await this.#settled()
    const tlsMs = this.#deadline.elapsedMs - this.#connection.connectMs
    if (failure === undefined) await this.#linger(tlsMs)
    const result = failure === undefined ? this.#opened(tlsMs) : this.#refused(failure)
    // An error that comes later is of no interest, and would end the program.
    this.#tls.on("error", () => {}).destroy()
    this.#connection.socket.on("error", () => {}).destroy()
    return result
  }

  /** Returns why it failed. */
  #settled(): Promise<DialError | undefined> {
    const tls = this.#tls
    return new Promise((resolve) => {
      const settle = (error: DialError | undefined): void => {
        disarm()
        tls.off("error", failed).off("close", closed).off("secureConnect", opened)
        tls.on("error", () => {})
        resolve(error)
      }
      const failed = (error: unknown): void => settle(dialErrorOf("tls", error, this.#deadline.elapsedMs))
      const closed = (): void => settle(this.#error("CLOSED", "the connection was closed"))
      const opened = (): void => settle(undefined)
      const disarm = this.#deadline.arm(() => {
        const after = `no answer within ${this.#deadline.limitMs / 1000} s`
        settle(this.#error("TIMEOUT", this.#tap.received.length > 0 ? "no end of the TLS handshake" : after))
      })
      tls.on("error", failed).on("close", closed).on("secureConnect", opened)
    })
  }

  #error(code: string, text: string): DialError {
    return new DialError("tls", text, { code, elapsedMs: this.#deadline.elapsedMs })
  }

  /** Until there is a session, or the server has had its say. */
  #linger(tlsMs: number): Promise<void> {
    const { lingerMs = 0 } = this.#options
    const tls = this.#tls
    if (lingerMs === 0) return Promise.resolve()
    // Before TLS 1.3 a session is there with the end of the handshake, a moment after the event.
    const asked = this.#requested() !== undefined
    const deadline = new Deadline(Math.min(Math.max(lingerMs, 2 * tlsMs), this.#deadline.leftMs))
    return new Promise((resolve) => {
      const settle = (): void => {
        disarm()
        tls.off("session", session).off("error", failed).off("close", settle)
        resolve()
      }
      const session = (): void => {
        if (!asked) settle()
      }
      const failed = (error: unknown): void => {
        this.#late = failureOf(dialErrorOf("tls", error, this.#deadline.elapsedMs), "")
        settle()
      }
      const disarm = deadline.arm(settle)
      tls.on("session", session).on("error", failed).on("close", settle).resume()
      if (this.#session !== undefined) session()
    })
  }

  #flight(): ServerFlight {
    return readFlight(this.#tap.received, this.#secret)
  }

  #requested(): CertificateRequested | undefined {
    const { messages, isTls13 } = this.#flight()
    const request = messages.find(({ type }) => type === CERTIFICATE_REQUEST)
    return request === undefined ? undefined : { authorities: readAuthorities(request, isTls13) }
  }

  #tried(): Tried {
    const { address, connectMs } = this.#connection
    return { address, connectMs, requested: this.#requested() }
  }

  #opened(tlsMs: number): TlsOpened {
    const tls = this.#tls
    const { messages, isTls13 } = this.#flight()
    const sent = messages.find(({ type }) => type === CERTIFICATE)
    const chain = sent === undefined ? [] : readCertificates(sent, isTls13).flatMap(parseCertificate)
    const leaf = tls.getPeerX509Certificate()
    return {
      kind: "opened",
      ...this.#tried(),
      tlsMs,
      protocol: tls.getProtocol() ?? "",
      cipher: tls.getCipher().name,
      alpn: tls.alpnProtocol === false || tls.alpnProtocol === null ? undefined : tls.alpnProtocol,
      trustError: trustErrorOf(tls),
      // One that was sent in a way that we cannot read is known at least to OpenSSL.
      chain: chain.length === 0 && leaf !== undefined ? [leaf] : chain,
      staple: this.#staple,
      session: this.#session,
      isReused: tls.isSessionReused(),
      hasTicket: messages.some(({ type }) => type === NEW_SESSION_TICKET),
      late: this.#late,
    }
  }

  #refused(error: DialError): TlsRefused {
    const received = this.#tap.received.subarray(0, MAX_SHOWN_BYTES).toString("latin1")
    const { alert } = this.#flight()
    const failure = failureOf(error, received)
    return {
      kind: "refused",
      ...this.#tried(),
      failure: alert === undefined ? failure : { ...failure, alert: alertName(alert) },
    }
  }
}

/** Node says that it is an Error; it is a code, or nothing. */
function trustErrorOf(tls: TLSSocket): string | undefined {
  if (tls.authorized) return undefined
  const error: unknown = tls.authorizationError
  if (error === null || error === undefined) return undefined
  return error instanceof Error ? ((error as NodeJS.ErrnoException).code ?? error.message) : String(error)
}

function parseCertificate(der: Buffer): X509Certificate[] {
  try {
    return [new X509Certificate(der)]
  } catch {
    return []
  }
}

/** Passes bytes through and keeps those that come, up to a limit. */
class Tap extends Duplex {
  readonly #socket: Socket
  readonly #kept: Buffer[] = []
  #length = 0

  constructor(socket: Socket) {
    super({ allowHalfOpen: true })
    this.#socket = socket
    socket.on("data", (chunk: Buffer) => {
      this.#keep(chunk)
      if (!this.push(chunk)) socket.pause()
    })
    socket.on("end", () => this.push(null))
    socket.on("error", (error) => this.destroy(error))
    socket.on("close", () => this.destroy())
  }

  get received(): Buffer {
    return Buffer.concat(this.#kept)
  }

  #keep(chunk: Buffer): void {
    const room = MAX_KEPT_BYTES - this.#length
    if (room <= 0) return
    const piece = chunk.subarray(0, room)
    this.#kept.push(Buffer.from(piece))
    this.#length += piece.length
  }

  override _read(): void {
    this.#socket.resume()
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#socket.write(chunk, done)
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#socket.end(done)
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#socket.destroy()
    done(error)
  }
}
