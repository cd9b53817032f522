/** Why there is no WebSocket, in words for whoever wanted one. */
import { errnoText } from "../base/errno.ts"
import type { DialError, DialStage } from "../client/dial-error.ts"
import { type Endpoint, hostPort } from "../client/endpoint.ts"
import { openSslText } from "../tls/openssl-error.ts"
import { verifyErrorOf } from "../tls/verify-error.ts"
import type { ConnectEvent } from "./events.ts"

export interface OpenErrorOptions {
  /** Of an answer that refuses the handshake. */
  readonly status?: number
  /** Lines that show what came in its place. */
  readonly details?: readonly string[]
  /** Whether another try may do better. */
  readonly isPassing: boolean
  readonly cause?: unknown
}

/** No WebSocket was opened. The message may have credentials that came back: not to be shown as it is. */
export class OpenError extends Error {
  readonly stage: DialStage | "handshake"
  readonly status: number | undefined
  readonly details: readonly string[]
  readonly isPassing: boolean

  constructor(stage: DialStage | "handshake", message: string, options: OpenErrorOptions) {
    super(message, { cause: options.cause })
    this.name = "OpenError"
    this.stage = stage
    this.status = options.status
    this.details = options.details ?? []
    this.isPassing = options.isPassing
  }

  get event(): Extract<ConnectEvent, { event: "error" }> {
    const { stage, status, message, details } = this
    return { event: "error", stage, status, message, details }
  }
}

/** Of a TLS handshake; all others are about certificates and versions. */
const PASSING_FAULTS: ReadonlySet<string> = new Set(["TIMEOUT", "CLOSED", "ECONNRESET"])

/** What dial threw, in words. */
export function openErrorOf(error: DialError, endpoint: Endpoint): OpenError {
  const { stage } = error
  const isPassing = stage === "tls" ? PASSING_FAULTS.has(error.code) : !error.code.startsWith("STATUS_4")
  return new OpenError(stage, TEXTS[stage](error, endpoint), { isPassing, cause: error })
}

const TEXTS: Readonly<Record<DialStage, (error: DialError, endpoint: Endpoint) => string>> = {
  resolve: ({ code, message }, { host }) =>
    code === "ENOTFOUND"
      ? `the name ${host} has no address`
      : `the name ${host} cannot be resolved: ${message}`,
  connect: (error, { host, port }) => {
    const { code, address, message } = error
    const why = code === "TIMEOUT" ? message : systemText(error)
    return `cannot connect to ${hostPort(address ?? host, port)} (${why})`
  },
  proxy: (error) => (error.code.startsWith("E") ? `the proxy fails (${systemText(error)})` : error.message),
  tls: tlsText,
}

/** "111: Connection refused" */
function systemText({ cause, message }: DialError): string {
  return cause instanceof Error ? errnoText(cause) : message
}

const TRUST: ReadonlyMap<string, string> = new Map([
  ["DEPTH_ZERO_SELF_SIGNED_CERT", "self-signed; --ca FILE trusts it"],
  ["SELF_SIGNED_CERT_IN_CHAIN", "its authority is not known here; --ca FILE trusts one"],
  [
    "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
    "its issuer did not come with it (an intermediate certificate is missing?) and is not known here; --ca FILE trusts one",
  ],
  ["UNABLE_TO_GET_ISSUER_CERT_LOCALLY", "the issuer of its chain is not known here; --ca FILE trusts one"],
])

function tlsText(error: DialError): string {
  const { code, message, cause } = error
  if (code === "TIMEOUT" || code === "CLOSED") return message
  if (code === "ERR_TLS_CERT_ALTNAME_INVALID")
    return `the certificate is for another name: ${reasonOf(cause, message)}`
  const known = TRUST.get(code)
  const verify = verifyErrorOf(code)
  if (known !== undefined || verify.text !== code)
    return `the certificate is not trusted: ${known ?? verify.text} (${code})`
  const text = cause instanceof Error ? openSslText(cause) : message
  const hint = code.includes("WRONG_VERSION_NUMBER")
    ? " (no TLS at this port: is it ws:// in place of wss://?)"
    : ""
  return `the TLS handshake failed: ${text}${hint}`
}

/** "Host: a. is not in the cert's altnames: DNS:b" */
function reasonOf(cause: unknown, message: string): string {
  const isNamed = cause instanceof Error && "reason" in cause && typeof cause.reason === "string"
  return isNamed ? String(cause.reason) : message
}
