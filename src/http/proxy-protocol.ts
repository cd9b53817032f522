/**
 * The header of the PROXY protocol, versions 1 and 2, with which a load balancer in front tells whom a connection
 * comes from. The specification is HAProxy's proxy-protocol.txt; ngx_proxy_protocol.c.
 *
 * nginx wants the whole header in its first read. Here one that is cut is waited for, within the time limit and the
 * size: what cannot become a header is refused at its first byte that shows it.
 */
import { IpAddress } from "../base/cidr.ts"
import { formatIpAddress } from "../base/ip-text.ts"
import { CR, LF } from "./octets.ts"

/** What the header told; addresses of version 1 are as they came. */
export interface ProxyHeader {
  readonly sourceAddress: string
  readonly sourcePort: number
  readonly destinationAddress: string
  readonly destinationPort: number
  /** The additional fields of version 2, as they came; null without any. */
  readonly tlvs: Buffer | null
}

/** A whole header: what it tells (null for one that says nothing, as from a health check) and its bytes. */
export interface ProxyHeaderFound {
  readonly header: ProxyHeader | null
  readonly bytes: number
}

/** The bytes are no header. `reason` is nginx's line for the error log; "" where it has none. */
export interface ProxyHeaderFault {
  readonly reason: string
}

/** The longest header that is waited for. NGX_PROXY_PROTOCOL_MAX_HEADER. */
export const MAX_PROXY_HEADER_BYTES = 4096

/** How much of a broken header is shown: as much as nginx has of it. */
const MAX_SHOWN_BYTES = 1024

const SIGNATURE = Buffer.from("\r\n\r\n\0\r\nQUIT\n", "latin1")
const FIXED_BYTES = 16
const COMMAND_PROXY = 1
const TRANSPORT_STREAM = 1
const FAMILY_INET = 1
const FAMILY_INET6 = 2
const INET_BYTES = 12
const INET6_BYTES = 36

const WORDS = ["PROXY TCP4 ", "PROXY TCP6 ", "PROXY UNKNOWN"]
const TCP_WORD_BYTES = "PROXY TCP4 ".length

/** Reads the header that a connection begins with from all bytes of it so far; undefined while more are needed. */
export function parseProxyHeader(received: Buffer): ProxyHeaderFound | ProxyHeaderFault | undefined {
  if (received.length === 0) return undefined
  return received[0] === CR ? parseBinary(received) : parseText(received)
}

/** nginx's words for bytes that are no header: what they are up to the end of the line. */
export function brokenHeader(received: Buffer): ProxyHeaderFault {
  let end = 0
  const limit = Math.min(received.length, MAX_SHOWN_BYTES)
  while (end < limit && received[end] !== CR && received[end] !== LF) end++
  return { reason: `broken header: "${received.toString("latin1", 0, end)}"` }
}

// --- version 1: a line of text

function parseText(received: Buffer): ProxyHeaderFound | ProxyHeaderFault | undefined {
  const text = received.toString("latin1", 0, Math.min(received.length, MAX_PROXY_HEADER_BYTES))
  const word = WORDS.find((known) => text.startsWith(known) || known.startsWith(text))
  if (word === undefined) return brokenHeader(received)
  const isUnknown = text.startsWith("PROXY UNKNOWN")
  const lineEnd = isUnknown ? text.indexOf("\r\n", word.length) : text.indexOf("\n")
  if (lineEnd === -1) return text.length < MAX_PROXY_HEADER_BYTES ? undefined : brokenHeader(received)
  if (isUnknown) return { header: null, bytes: lineEnd + 2 }
  const header = text.charCodeAt(lineEnd - 1) === CR ? parseAddresses(text, lineEnd - 1) : undefined
  return header === undefined ? brokenHeader(received) : { header, bytes: lineEnd + 1 }
}

function parseAddresses(text: string, end: number): ProxyHeader | undefined {
  const parts = text.slice(TCP_WORD_BYTES, end).split(" ")
  if (parts.length !== 4) return undefined
  const [sourceAddress, destinationAddress, source, destination] = parts as [string, string, string, string]
  if (!hasAddressBytes(sourceAddress) || !hasAddressBytes(destinationAddress)) return undefined
  const sourcePort = parsePort(source)
  const destinationPort = parsePort(destination)
  if (sourcePort === -1 || destinationPort === -1) return undefined
  return { sourceAddress, sourcePort, destinationAddress, destinationPort, tlvs: null }
}

/** nginx looks no closer: what is no address after all is found out by whoever needs it. */
function hasAddressBytes(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    const lower = code | 32
    const isHex = (code >= 48 && code <= 57) || (lower >= 97 && lower <= 102)
    if (!isHex && code !== 46 && code !== 58) return false
  }
  return true
}

function parsePort(text: string): number {
  let port = text === "" ? -1 : 0
  for (let i = 0; i < text.length; i++) {
    const digit = text.charCodeAt(i) - 48
    if (digit < 0 || digit > 9) return -1
    port = port * 10 + digit
    if (port > 65_535) return -1
  }
  return port
}

// --- version 2: binary

function parseBinary(received: Buffer): ProxyHeaderFound | ProxyHeaderFault | undefined {
  const known = Math.min(received.length, SIGNATURE.length)
  if (received.compare(SIGNATURE, 0, known, 0, known) !== 0) return brokenHeader(received)
  if (received.length < FIXED_BYTES) return undefined
  const version = (received[12] as number) >> 4
  if (version !== 2) return { reason: `unknown PROXY protocol version: ${version}` }
  const bytes = FIXED_BYTES + received.readUInt16BE(14)
  if (bytes > MAX_PROXY_HEADER_BYTES) return { reason: "header is too large" }
  if (received.length < bytes) return undefined
  const isProxy = ((received[12] as number) & 15) === COMMAND_PROXY
  const isStream = ((received[13] as number) & 15) === TRANSPORT_STREAM
  if (!isProxy || !isStream) return { header: null, bytes }
  const family = (received[13] as number) >> 4
  const body = received.subarray(FIXED_BYTES, bytes)
  if (family === FAMILY_INET) return withAddresses(body, 4, INET_BYTES, bytes)
  if (family === FAMILY_INET6) return withAddresses(body, 16, INET6_BYTES, bytes)
  return { header: null, bytes }
}

function withAddresses(
  body: Buffer,
  addressBytes: number,
  ownBytes: number,
  bytes: number,
): ProxyHeaderFound | ProxyHeaderFault {
  // nginx closes without a word here.
  if (body.length < ownBytes) return { reason: "" }
  const header = {
    sourceAddress: readAddress(body, 0, addressBytes),
    destinationAddress: readAddress(body, addressBytes, addressBytes),
    sourcePort: body.readUInt16BE(2 * addressBytes),
    destinationPort: body.readUInt16BE(2 * addressBytes + 2),
    // A copy: the header lives as long as its connection, the bytes that it came in must not.
    tlvs: body.length > ownBytes ? Buffer.from(body.subarray(ownBytes)) : null,
  }
  return { header, bytes }
}

function readAddress(body: Buffer, at: number, addressBytes: number): string {
  if (addressBytes === 4) return formatIpAddress(new IpAddress(4, 0, 0, 0, body.readInt32BE(at)))
  const word = (index: number): number => body.readInt32BE(at + 4 * index)
  return formatIpAddress(new IpAddress(6, word(0), word(1), word(2), word(3)))
}
