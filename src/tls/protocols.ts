/** `ssl_protocols` as OpenSSL and Node take them. */
import { constants } from "node:crypto"
import type { SecureVersion } from "node:tls"

export type Protocol = "sslv2" | "sslv3" | "tlsv1" | "tlsv1.1" | "tlsv1.2" | "tlsv1.3"

/** Oldest first. SSLv2 and SSLv3 are accepted in the file, as by nginx, and are in no OpenSSL of today. */
const VERSIONS: readonly (readonly [name: Protocol, version: SecureVersion, refused: number])[] = [
  ["tlsv1", "TLSv1", constants.SSL_OP_NO_TLSv1],
  ["tlsv1.1", "TLSv1.1", constants.SSL_OP_NO_TLSv1_1],
  ["tlsv1.2", "TLSv1.2", constants.SSL_OP_NO_TLSv1_2],
  ["tlsv1.3", "TLSv1.3", constants.SSL_OP_NO_TLSv1_3],
]

export interface ProtocolOptions {
  readonly minVersion: SecureVersion
  readonly maxVersion: SecureVersion
  /** SSL_OP_NO_… for the versions between that are not wanted. */
  readonly secureOptions: number
}

export function protocolOptions(wanted: ReadonlySet<Protocol>): ProtocolOptions {
  const chosen = VERSIONS.filter(([name]) => wanted.has(name))
  const range = chosen.length === 0 ? VERSIONS : chosen
  let secureOptions = 0
  for (const [name, , refused] of VERSIONS) if (!wanted.has(name)) secureOptions |= refused
  return { minVersion: range[0]![1], maxVersion: range.at(-1)![1], secureOptions }
}
