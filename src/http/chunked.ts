import { MAX_LENGTH_DIGITS } from "./body-length.ts"
import {
  FieldScanner,
  MARK_NAME_END,
  MARK_NAME_START,
  MARK_SIZE,
  MARK_VALUE_END,
  MARK_VALUE_START,
  SCAN_DONE,
  SCAN_MORE,
} from "./field-scanner.ts"
import { HeadBuffer } from "./head-buffer.ts"
import { HeaderList } from "./header-list.ts"
import { WELL_KNOWN_NAMES } from "./header-names.ts"
import { CR, DEL, HEX_VALUE, HTAB, LF, NAME_BAD, NAME_CLASS, SP } from "./octets.ts"
import { appendHeaders } from "./serialize.ts"

/** The last chunk with an empty trailer section (RFC 9112 §7.1). */
export const LAST_CHUNK = "0\r\n\r\n"

/** Bytes that the extensions of one chunk may have. */
const MAX_EXTENSION_BYTES = 4096
/** Bytes that a trailer section may have, its empty line included. */
const MAX_TRAILER_BYTES = 8192

/** What the next octet is. */
const SIZE = 0
const EXTENSION_NAME = 1
const EXTENSION_VALUE = 2
const EXTENSION_QUOTED = 3
const EXTENSION_ESCAPED = 4
const EXTENSION_QUOTE_END = 5
const SIZE_LF = 6
const DATA = 7
const DATA_CR = 8
const DATA_LF = 9
const TRAILER_START = 10
const TRAILER_LF = 11
const TRAILER = 12
const DONE = 13
const FAILED = 14

const SEMICOLON = 0x3b
const EQUALS = 0x3d
const QUOTE = 0x22
const BACKSLASH = 0x5c

/** The line before a chunk of `sizeBytes`, which is over 0: "1f\r\n". CRLF follows the chunk. */
export function chunkHeader(sizeBytes: number): string {
  return `${sizeBytes.toString(16)}\r\n`
}

/** The last chunk with a trailer section (RFC 9112 §7.1.2). */
export function lastChunk(trailers: HeaderList): string {
  return trailers.length === 0 ? LAST_CHUNK : `${appendHeaders("0\r\n", trailers)}\r\n`
}

/**
 * Takes the chunked coding off a body (RFC 9112 §7.1), resumable at any octet, without a copy or a callback:
 * each `execute` gives at most one piece of payload, as a range of the chunk it was given.
 * Every line must end with CRLF; nothing may stand between a size and its CRLF or ";". Extensions are checked
 * and ignored. A trailer field that would frame the message anew is refused.
 */
export class ChunkedDecoder {
  /** The body is over; the octet after it is the one at the offset returned. */
  done: boolean
  /** The coding is broken: nothing after it can be trusted. */
  failed: boolean
  /** Payload of the last `execute`: chunk[dataStart, dataEnd), empty where they are equal. */
  dataStart: number
  dataEnd: number
  /** Trailer fields, when done and some came. */
  trailers: HeaderList | null
  #state: number
  #remaining: number
  #digits: number
  #extensionBytes: number
  /** Octets of the extension name or value being read. */
  #tokenBytes: number
  #trailerBytes: HeadBuffer | null
  #trailerFields: FieldScanner | null

  constructor() {
    this.done = false
    this.failed = false
    this.dataStart = 0
    this.dataEnd = 0
    this.trailers = null
    this.#state = SIZE
    this.#remaining = 0
    this.#digits = 0
    this.#extensionBytes = 0
    this.#tokenBytes = 0
    this.#trailerBytes = null
    this.#trailerFields = null
  }

  /** Ready for the next body. */
  reset(): void {
    this.done = false
    this.failed = false
    this.dataStart = 0
    this.dataEnd = 0
    this.trailers = null
    this.#state = SIZE
    this.#remaining = 0
    this.#digits = 0
    this.#trailerBytes = null
    this.#trailerFields = null
  }

  /**
   * Takes octets of `chunk` from `offset` up to the end of one piece of payload, of the body, or of `chunk`;
   * returns the offset after the last one taken. Call again until that is `chunk.length`, or done, or failed.
   */
  execute(chunk: Buffer, offset: number): number {
    let pos = offset
    this.dataStart = this.dataEnd = offset
    while (pos < chunk.length) {
      const state = this.#state
      if (state === DATA) {
        const end = Math.min(chunk.length, pos + this.#remaining)
        this.#remaining -= end - pos
        if (this.#remaining === 0) this.#state = DATA_CR
        this.dataStart = pos
        this.dataEnd = end
        return end
      }
      if (state === TRAILER) return this.#takeTrailer(chunk, pos)
      if (state === DONE || state === FAILED) break
      this.#state = state < SIZE_LF && state !== SIZE ? this.#extension(chunk[pos]) : this.#frame(chunk[pos])
      if (this.#state !== TRAILER) pos++
      if (this.#state === FAILED) this.failed = true
      else if (this.#state === DONE) this.done = true
    }
    this.dataStart = this.dataEnd = pos
    return pos
  }

  /** Takes an octet of the frame around the chunks; the next state. */
  #frame(octet: number): number {
    switch (this.#state) {
      case SIZE:
        return this.#size(octet)
      case SIZE_LF:
        if (octet !== LF) return FAILED
        return this.#remaining === 0 ? TRAILER_START : DATA
      case DATA_CR:
        return octet === CR ? DATA_LF : FAILED
      case DATA_LF:
        this.#digits = 0
        return octet === LF ? SIZE : FAILED
      case TRAILER_START:
        return octet === CR ? TRAILER_LF : TRAILER
      default:
        return octet === LF ? DONE : FAILED
    }
  }

  #size(octet: number): number {
    const digit = HEX_VALUE[octet]
    if (digit !== 255) {
      this.#remaining = this.#digits === 0 ? digit : this.#remaining * 16 + digit
      const tooLarge = ++this.#digits > MAX_LENGTH_DIGITS || this.#remaining > Number.MAX_SAFE_INTEGER
      return tooLarge ? FAILED : SIZE
    }
    if (this.#digits === 0) return FAILED
    if (octet === CR) return SIZE_LF
    if (octet !== SEMICOLON) return FAILED
    this.#extensionBytes = 0
    this.#tokenBytes = 0
    return EXTENSION_NAME
  }

  /** Takes an octet of `;name`, `;name=token` or `;name="quoted"` (RFC 9112 §7.1.1), without white space. */
  #extension(octet: number): number {
    const state = this.#state
    if (++this.#extensionBytes > MAX_EXTENSION_BYTES) return FAILED
    if (state === EXTENSION_ESCAPED) return isText(octet) ? EXTENSION_QUOTED : FAILED
    if (state === EXTENSION_QUOTED) {
      if (octet === QUOTE) return EXTENSION_QUOTE_END
      if (octet === BACKSLASH) return EXTENSION_ESCAPED
      return isText(octet) ? EXTENSION_QUOTED : FAILED
    }
    if (state !== EXTENSION_QUOTE_END) {
      if (NAME_CLASS[octet] !== NAME_BAD) {
        this.#tokenBytes++
        return state
      }
      if (state === EXTENSION_VALUE && octet === QUOTE && this.#tokenBytes === 0) return EXTENSION_QUOTED
      if (this.#tokenBytes === 0) return FAILED
    }
    this.#tokenBytes = 0
    if (octet === CR) return SIZE_LF
    if (octet === SEMICOLON) return EXTENSION_NAME
    return octet === EQUALS && state === EXTENSION_NAME ? EXTENSION_VALUE : FAILED
  }

  #takeTrailer(chunk: Buffer, offset: number): number {
    this.#trailerBytes ??= new HeadBuffer()
    if (this.#trailerFields === null) {
      this.#trailerFields = new FieldScanner(WELL_KNOWN_NAMES, false)
      this.#trailerFields.start(0, MAX_TRAILER_BYTES, MAX_TRAILER_BYTES)
    }
    const bytes = this.#trailerBytes
    const fields = this.#trailerFields
    const before = bytes.length
    bytes.append(chunk, offset, Math.min(chunk.length, offset + MAX_TRAILER_BYTES - before))
    // A bare CR at the end of the octets before is found out only now, and lies before `offset`.
    const pos = offset + Math.max(0, fields.scan(bytes.bytes, 0, before, bytes.length) - before)
    this.dataStart = this.dataEnd = pos
    if (fields.result === SCAN_MORE) return pos
    if (fields.result === SCAN_DONE) this.trailers = readTrailers(bytes, fields)
    this.done = this.trailers !== null
    this.failed = !this.done
    this.#state = this.done ? DONE : FAILED
    this.#trailerBytes = null
    this.#trailerFields = null
    return pos
  }
}

/** The fields found in `bytes`; null where one of them frames the message, which a trailer must not. */
function readTrailers(bytes: HeadBuffer, fields: FieldScanner): HeaderList | null {
  const text = bytes.bytes.toString("latin1", 0, bytes.length)
  const { count, marks } = fields
  const trailers = new HeaderList()
  for (let i = 0, at = 0; i < count; i++, at += MARK_SIZE)
    trailers.add(
      text.substring(marks[at + MARK_NAME_START], marks[at + MARK_NAME_END]),
      text.substring(marks[at + MARK_VALUE_START], marks[at + MARK_VALUE_END]),
    )
  return trailers.has("content-length") || trailers.has("transfer-encoding") ? null : trailers
}

/** An octet of a quoted string, quotes and escapes aside (RFC 9110 §5.6.4). */
function isText(octet: number): boolean {
  return (octet >= SP && octet !== DEL) || octet === HTAB
}
