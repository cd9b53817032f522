/** What a context of OpenSSL is told of protocols, ciphers and groups, in Node's options. */
import type { SecureContextOptions, SecureVersion } from "node:tls"
import { type Protocol, protocolOptions } from "./protocols.ts"

/** What directives say of it, and what commands of `ssl_conf_command` have made of that. */
export interface TlsTuning {
  readonly protocols: ReadonlySet<Protocol>
  /** OpenSSL's cipher list for TLS 1.2 and older. */
  readonly ciphers: string
  /** The suites of TLS 1.3, best first; at least one. */
  readonly cipherSuites: string
  readonly preferServerCiphers: boolean
  /** OpenSSL's list of groups, or "auto". */
  readonly ecdhCurve: string
  /** OpenSSL's default where undefined. */
  readonly signatureAlgorithms: string | undefined
  /** Bounds beside those of `protocols`. */
  readonly minVersion: SecureVersion | undefined
  readonly maxVersion: SecureVersion | undefined
  readonly sessionTickets: boolean
  /** More of SSL_OP_…, combined. */
  readonly secureOptions: number
}

/** The suites of TLS 1.3 as OpenSSL has them by default. */
export const TLS13_SUITES = "TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256"

/** What only `ssl_conf_command` changes. */
export const UNTUNED = {
  cipherSuites: TLS13_SUITES,
  signatureAlgorithms: undefined,
  minVersion: undefined,
  maxVersion: undefined,
  secureOptions: 0,
} as const

/**
 * `ssl_ciphers` speaks of TLS 1.2 and older alone; Node takes both kinds in one list, and one without suites of
 * TLS 1.3 would turn TLS 1.3 off.
 */
export function withTls13(ciphers: string, suites: string = TLS13_SUITES): string {
  return `${suites}:${ciphers}`
}

/** `secureOptions`: more of SSL_OP_…, combined. */
export function contextOptions(tuning: TlsTuning, secureOptions: number): SecureContextOptions {
  const protocols = protocolOptions(tuning.protocols)
  const options: SecureContextOptions = {
    minVersion: tuning.minVersion ?? protocols.minVersion,
    maxVersion: tuning.maxVersion ?? protocols.maxVersion,
    // Unsigned: a negative number would set OpenSSL's upper 32 options, too.
    secureOptions: (protocols.secureOptions | tuning.secureOptions | secureOptions) >>> 0,
    ciphers: withTls13(tuning.ciphers, tuning.cipherSuites),
    honorCipherOrder: tuning.preferServerCiphers,
    ecdhCurve: tuning.ecdhCurve,
  }
  if (tuning.signatureAlgorithms !== undefined) options.sigalgs = tuning.signatureAlgorithms
  return options
}
