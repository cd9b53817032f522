/**
 * `ssl_conf_command` and `proxy_ssl_conf_command`: the names and values of SSL_CONF_cmd(3) with SSL_CONF_FLAG_FILE, as
 * far as Node's options can express them. Names are compared without regard to case, as OpenSSL does.
 */
import { constants } from "node:crypto"
import { createSecureContext, type SecureContextOptions, type SecureVersion } from "node:tls"
import { HoldfastError } from "../base/error.ts"
import { openSslText } from "./openssl-error.ts"
import type { Protocol } from "./protocols.ts"
import { type TlsTuning, withTls13 } from "./tuning.ts"

/** One directive. */
export interface ConfCommand {
  readonly name: string
  readonly value: string
}

type Tuned = { -readonly [K in keyof TlsTuning]: TlsTuning[K] }

/** Takes a value; false where OpenSSL would not. */
type Apply = (tuned: Tuned, value: string, unsupported: (what: string) => never) => boolean

const BAD_VALUE = "error:0A000180:SSL routines::bad value:cmd="

const COMMANDS: Readonly<Record<string, Apply | null>> = {
  cipherstring: (tuned, value) => {
    check({ ciphers: withTls13(value) })
    tuned.ciphers = value
    return true
  },
  ciphersuites: (tuned, value, unsupported) => {
    if (value === "") unsupported('An empty "Ciphersuites"')
    // Node would take another name for a cipher of TLS 1.2.
    const isKnown = value.split(":").every((suite) => suite.startsWith("TLS_"))
    check({ ciphers: withTls13(isKnown ? "HIGH" : "NONE", value) })
    tuned.cipherSuites = value
    return isKnown
  },
  groups: applyGroups,
  curves: applyGroups,
  ecdhparameters: applyGroups,
  signaturealgorithms: (tuned, value) => {
    tuned.signatureAlgorithms = value
    return isAccepted({ sigalgs: value })
  },
  minprotocol: (tuned, value) => {
    const version = versionOf(value)
    if (version !== undefined) tuned.minVersion = version
    return version !== undefined || value === "None"
  },
  maxprotocol: (tuned, value) => {
    const version = versionOf(value)
    if (version !== undefined) tuned.maxVersion = version
    return version !== undefined || value === "None"
  },
  protocol: (tuned, value) => eachOf(value, (name, isOn) => applyProtocol(tuned, name, isOn)),
  options: (tuned, value, unsupported) =>
    eachOf(value, (name, isOn) => applyOption(tuned, name, isOn, unsupported)),
  // Null: OpenSSL knows it, and Node has nothing for it.
  certificate: null,
  chaincafile: null,
  chaincapath: null,
  clientcafile: null,
  clientcapath: null,
  clientsignaturealgorithms: null,
  dhparameters: null,
  numtickets: null,
  privatekey: null,
  recordpadding: null,
  requestcafile: null,
  requestcapath: null,
  serverinfofile: null,
  verifycafile: null,
  verifycapath: null,
  verifymode: null,
}

const VERSIONS: Readonly<Record<string, SecureVersion>> = {
  TLSv1: "TLSv1",
  "TLSv1.1": "TLSv1.1",
  "TLSv1.2": "TLSv1.2",
  "TLSv1.3": "TLSv1.3",
  // In no OpenSSL of today: every version from there on.
  SSLv3: "TLSv1",
}

const PROTOCOLS: Readonly<Record<string, readonly Protocol[]>> = {
  all: ["tlsv1", "tlsv1.1", "tlsv1.2", "tlsv1.3"],
  sslv2: ["sslv2"],
  sslv3: ["sslv3"],
  tlsv1: ["tlsv1"],
  "tlsv1.1": ["tlsv1.1"],
  "tlsv1.2": ["tlsv1.2"],
  "tlsv1.3": ["tlsv1.3"],
}

/** Bits that an option sets when it is on, and when it is off. */
type Bits = readonly [on: number, off: number]

const {
  SSL_OP_ALL,
  SSL_OP_ALLOW_NO_DHE_KEX,
  SSL_OP_ALLOW_UNSAFE_LEGACY_RENEGOTIATION,
  SSL_OP_DONT_INSERT_EMPTY_FRAGMENTS,
  SSL_OP_LEGACY_SERVER_CONNECT,
  SSL_OP_NO_ENCRYPT_THEN_MAC,
  SSL_OP_NO_RENEGOTIATION,
  SSL_OP_NO_SESSION_RESUMPTION_ON_RENEGOTIATION,
  SSL_OP_PRIORITIZE_CHACHA,
} = constants

const OPTIONS: Readonly<Record<string, Bits>> = {
  allownodhekex: [SSL_OP_ALLOW_NO_DHE_KEX, 0],
  bugs: [SSL_OP_ALL, 0],
  emptyfragments: [0, SSL_OP_DONT_INSERT_EMPTY_FRAGMENTS],
  encryptthenmac: [0, SSL_OP_NO_ENCRYPT_THEN_MAC],
  norenegotiation: [SSL_OP_NO_RENEGOTIATION, 0],
  noresumptiononrenegotiation: [SSL_OP_NO_SESSION_RESUMPTION_ON_RENEGOTIATION, 0],
  prioritizechacha: [SSL_OP_PRIORITIZE_CHACHA, 0],
  unsafelegacyrenegotiation: [SSL_OP_ALLOW_UNSAFE_LEGACY_RENEGOTIATION, 0],
  unsafelegacyserverconnect: [SSL_OP_LEGACY_SERVER_CONNECT, 0],
  // Nothing that a peer could see: no zlib in OpenSSL, no early data, no kernel TLS, one use of each key in any case.
  antireplay: [0, 0],
  compression: [0, 0],
  dhsingle: [0, 0],
  ecdhsingle: [0, 0],
  ktls: [0, 0],
  rxcertificatecompression: [0, 0],
  txcertificatecompression: [0, 0],
}

/** On by default in OpenSSL, and Node has no constant to turn them off. */
const ALWAYS_ON: ReadonlySet<string> = new Set(["canames", "extendedmastersecret", "middleboxcompat"])
/** Off by default, and Node has no constant to turn them on. */
const ALWAYS_OFF: ReadonlySet<string> = new Set([
  "ignoreunexpectedeof",
  "ktlstxzerocopysendfile",
  "prefernodhekex",
  "strictcertcheck",
])

/**
 * Applies `commands` in their order to what the other directives say. Throws VALUE in nginx's words where OpenSSL
 * does not take a command; for one that OpenSSL knows and Node cannot do, `unsupported` is called with what that is: it
 * throws a HoldfastError.
 */
export function applyCommands(
  settings: TlsTuning,
  commands: readonly ConfCommand[],
  unsupported: (what: string) => never,
): TlsTuning {
  const tuned: Tuned = { ...settings }
  for (const { name, value } of commands) {
    const apply = lookUp(COMMANDS, name)
    if (apply === undefined)
      throw refused(name, value, `error:0A000182:SSL routines::unknown cmd name:cmd=${name}`)
    if (apply === null) unsupported(`"${name}"`)
    applyOne(apply, tuned, name, value, unsupported)
  }
  return tuned
}

function applyOne(
  apply: Apply,
  tuned: Tuned,
  name: string,
  value: string,
  unsupported: (what: string) => never,
): void {
  const badValue = `${BAD_VALUE}${name}, value=${value}`
  let isTaken: boolean
  try {
    isTaken = apply(tuned, value, unsupported)
  } catch (error) {
    if (error instanceof HoldfastError) throw error
    throw refused(name, value, `${reasonOf(error as Error, value)} ${badValue}`)
  }
  if (!isTaken) throw refused(name, value, badValue)
}

/** Node leaves out what OpenSSL adds for groups. */
function reasonOf(error: Error, value: string): string {
  return /ECDH/.test(error.message)
    ? `error:0A080106:SSL routines::passed invalid argument:group '${value}' cannot be set`
    : openSslText(error)
}

function refused(name: string, value: string, reason: string): HoldfastError {
  return new HoldfastError("VALUE", `SSL_CONF_cmd("${name}", "${value}") failed (SSL: ${reason})`)
}

function lookUp<T>(table: Readonly<Record<string, T>>, name: string): T | undefined {
  const key = name.toLowerCase()
  return Object.hasOwn(table, key) ? table[key] : undefined
}

function versionOf(value: string): SecureVersion | undefined {
  return Object.hasOwn(VERSIONS, value) ? VERSIONS[value] : undefined
}

/** Throws what OpenSSL throws. */
function check(options: SecureContextOptions): void {
  createSecureContext(options)
}

function isAccepted(options: SecureContextOptions): boolean {
  try {
    createSecureContext(options)
    return true
  } catch {
    return false
  }
}

function applyGroups(tuned: Tuned, value: string): boolean {
  if (value === "") return false
  // Node's own word, which OpenSSL does not take here.
  if (value === "auto") throw new Error("ECDH")
  check({ ecdhCurve: value })
  tuned.ecdhCurve = value
  return true
}

/** `A,-B,+C`. CONF_parse_list(3). */
function eachOf(value: string, apply: (name: string, isOn: boolean) => boolean): boolean {
  return value.split(",").every((part) => {
    const text = part.trim()
    const isOn = !text.startsWith("-")
    return apply(text.startsWith("+") || !isOn ? text.slice(1) : text, isOn)
  })
}

function applyProtocol(tuned: Tuned, name: string, isOn: boolean): boolean {
  const versions = lookUp(PROTOCOLS, name)
  if (versions === undefined) return false
  const protocols = new Set(tuned.protocols)
  for (const version of versions) {
    if (isOn) protocols.add(version)
    else protocols.delete(version)
  }
  tuned.protocols = protocols
  return true
}

function applyOption(
  tuned: Tuned,
  name: string,
  isOn: boolean,
  unsupported: (what: string) => never,
): boolean {
  const key = name.toLowerCase()
  if (key === "serverpreference") tuned.preferServerCiphers = isOn
  else if (key === "sessionticket") tuned.sessionTickets = isOn
  else if (ALWAYS_ON.has(key) || ALWAYS_OFF.has(key)) {
    if (isOn !== ALWAYS_ON.has(key)) unsupported(`"${isOn ? "" : "-"}${name}"`)
  } else {
    const bits = lookUp(OPTIONS, name)
    if (bits === undefined) return false
    const [on, off] = bits
    tuned.secureOptions = isOn ? (tuned.secureOptions & ~off) | on : (tuned.secureOptions & ~on) | off
  }
  return true
}
