import { asciiLowerCase, NAME_PLAIN, nameClasses } from "./octets.ts"

/** What a field means to the codec itself; everything else is passed along unread. */
export const FIELD_OTHER = 0
export const FIELD_HOST = 1
export const FIELD_CONTENT_LENGTH = 2
export const FIELD_TRANSFER_ENCODING = 3
export const FIELD_CONNECTION = 4
export const FIELD_UPGRADE = 5
export const FIELD_EXPECT = 6
/** A request field of which nginx takes only one (ngx_http_process_unique_header_line). */
export const FIELD_UNIQUE = 7

const FIELD_KINDS: ReadonlyMap<string, number> = new Map([
  ["host", FIELD_HOST],
  ["content-length", FIELD_CONTENT_LENGTH],
  ["transfer-encoding", FIELD_TRANSFER_ENCODING],
  ["connection", FIELD_CONNECTION],
  ["upgrade", FIELD_UPGRADE],
  ["expect", FIELD_EXPECT],
  ["if-modified-since", FIELD_UNIQUE],
  ["if-unmodified-since", FIELD_UNIQUE],
  ["if-match", FIELD_UNIQUE],
  ["if-none-match", FIELD_UNIQUE],
  ["if-range", FIELD_UNIQUE],
  ["content-range", FIELD_UNIQUE],
  ["authorization", FIELD_UNIQUE],
])

const WELL_KNOWN = `Host Connection Upgrade Content-Length Content-Type Transfer-Encoding Expect TE Trailer
  Accept Accept-Encoding Accept-Language Accept-Charset Accept-Ranges Age Allow Authorization Cache-Control
  Content-Disposition Content-Encoding Content-Language Content-Location Content-Range
  Content-Security-Policy Cookie Date DNT ETag Expires Forwarded From If-Match If-Modified-Since
  If-None-Match If-Range If-Unmodified-Since Keep-Alive Last-Modified Link Location Max-Forwards Origin
  Pragma Priority Proxy-Authenticate Proxy-Authorization Proxy-Connection Range Referer Referrer-Policy
  Retry-After Sec-CH-UA Sec-CH-UA-Mobile Sec-CH-UA-Platform Sec-Fetch-Dest Sec-Fetch-Mode Sec-Fetch-Site
  Sec-Fetch-User Sec-GPC Sec-WebSocket-Accept Sec-WebSocket-Extensions Sec-WebSocket-Key
  Sec-WebSocket-Protocol Sec-WebSocket-Version Server Set-Cookie Strict-Transport-Security traceparent
  tracestate Upgrade-Insecure-Requests User-Agent Vary Via WWW-Authenticate X-Accel-Buffering
  X-Accel-Charset X-Accel-Expires X-Accel-Limit-Rate X-Accel-Redirect X-Content-Type-Options
  X-Forwarded-For X-Forwarded-Host X-Forwarded-Port X-Forwarded-Proto X-Frame-Options X-Powered-By
  X-Real-IP X-Request-ID X-Requested-With X-XSS-Protection Access-Control-Allow-Origin
  Access-Control-Allow-Credentials Access-Control-Allow-Headers Access-Control-Allow-Methods
  Access-Control-Expose-Headers Access-Control-Max-Age Access-Control-Request-Headers
  Access-Control-Request-Method`

/** An entry lies at most this many slots from its place, so that chosen collisions cost little. */
const MAX_PROBES = 8
/** Longer names are not kept, so that a table's memory is bounded in bytes too. */
const MAX_NAME_BYTES = 64

/** The kind (FIELD_*) of the field whose name in lower case is `key`. */
export function fieldKind(key: string): number {
  return FIELD_KINDS.get(key) ?? FIELD_OTHER
}

/**
 * Header names as they came, found by their octets without making a string: an open-addressing hash table.
 * Entries are never moved nor dropped, so an index stays good for the table's life.
 * A table with room left learns names that it meets; it belongs to one thread.
 */
export class HeaderNameTable {
  readonly names: string[]
  readonly keys: string[]
  readonly kinds: number[]
  readonly #capacity: number
  readonly #mask: number
  readonly #slots: Int32Array
  readonly #hashes: Int32Array
  readonly #octets: Uint8Array[]

  /** `room`: how many names it may learn beyond the well-known ones; 0 makes a constant. */
  constructor(room: number) {
    const known = wellKnownNames()
    let size = 1024
    while (size < (known.length + room) * 4) size *= 2
    this.names = []
    this.keys = []
    this.kinds = []
    this.#capacity = known.length + room
    this.#mask = size - 1
    this.#slots = new Int32Array(size)
    this.#hashes = new Int32Array(this.#capacity)
    this.#octets = []
    for (const name of known) this.learn(name, asciiLowerCase(name))
  }

  /** The index of the name in `buffer` from `start` to `end`, which is not empty; -1 when unknown. */
  find(buffer: Uint8Array, start: number, end: number): number {
    const length = end - start
    const hash = sampleHash(buffer, start, length)
    let slot = hash & this.#mask
    for (let probe = 0; probe < MAX_PROBES; probe++) {
      const index = this.#slots[slot] - 1
      if (index < 0) return -1
      if (this.#hashes[index] === hash) {
        const octets = this.#octets[index]
        if (octets.length === length) {
          let i = 0
          while (i < length && octets[i] === buffer[start + i]) i++
          if (i === length) return index
        }
      }
      slot = (slot + 1) & this.#mask
    }
    return -1
  }

  /**
   * Keeps `name` with its lower-case `key`, where there is room and it is not there yet. Only names that every
   * server takes are kept, so that one found needs no more tests.
   */
  learn(name: string, key: string): void {
    const index = this.names.length
    if (index >= this.#capacity || name.length > MAX_NAME_BYTES || nameClasses(name) !== NAME_PLAIN) return
    const octets = new Uint8Array(name.length)
    for (let i = 0; i < name.length; i++) octets[i] = name.charCodeAt(i)
    const hash = sampleHash(octets, 0, name.length)
    let slot = hash & this.#mask
    for (let probe = 0; this.#slots[slot] !== 0; probe++) {
      if (probe === MAX_PROBES - 1 || this.names[this.#slots[slot] - 1] === name) return
      slot = (slot + 1) & this.#mask
    }
    this.#slots[slot] = index + 1
    this.#hashes[index] = hash
    this.#octets.push(octets)
    this.names.push(name)
    this.keys.push(key)
    this.kinds.push(fieldKind(key))
  }
}

/** A hash over the length and four octets: names differ in these, and a table's names are compared whole. */
function sampleHash(octets: Uint8Array, start: number, length: number): number {
  const first = octets[start]
  const middle = octets[start + (length >> 1)]
  const late = octets[start + length - (length >> 2) - 1]
  const last = octets[start + length - 1]
  return (
    (Math.imul(length, 0x2f1) +
      Math.imul(first, 0x1f) +
      Math.imul(middle, 0x3d) +
      Math.imul(late, 0x89) +
      last * 7) |
    0
  )
}

/** Each name as browsers write it and in lower case, as many programs do. */
function wellKnownNames(): string[] {
  const names = new Set<string>()
  for (const name of WELL_KNOWN.split(/\s+/)) names.add(name).add(name.toLowerCase())
  return [...names]
}

/** The table that learns nothing: parsers use it unless they are given one of their thread's own. */
export const WELL_KNOWN_NAMES: HeaderNameTable = new HeaderNameTable(0)

/** The lower-case form of well-known names, for lists that are filled from strings. */
export const WELL_KNOWN_KEYS: ReadonlyMap<string, string> = new Map(
  WELL_KNOWN_NAMES.names.map((name, i) => [name, WELL_KNOWN_NAMES.keys[i]]),
)
