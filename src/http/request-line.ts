import { CR, DEL, LF, SP } from "./octets.ts"

export const LINE_MORE = 0
export const LINE_DONE = 1
export const LINE_BAD_METHOD = 2
export const LINE_BAD_REQUEST = 3
export const LINE_BAD_VERSION = 4
export const LINE_TOO_LONG = 5

/** Where in the request line the next octet stands. */
const METHOD = 0
const BEFORE_TARGET = 1
const TARGET = 2
const BEFORE_VERSION = 3
const VERSION = 4

const PROTOCOL = "HTTP/1."
const MAJOR_DIGIT = 5
const MINOR_DIGIT = 7
const ZERO = 0x30
const SLASH = 0x2f
const ASTERISK = 0x2a
const UNDERSCORE = 0x5f
const HYPHEN = 0x2d

/**
 * Finds the parts of a request line (RFC 9112 §3) octet by octet, resumable at any one.
 * As ngx_http_parse_request_line: methods of "A"-"Z", "_" and "-"; spaces before target and version; the
 * verdict at the first octet that is wrong. Unlike it: a version must be there (no HTTP/0.9), nothing may stand
 * behind it, and octets over 127 must come escaped.
 * Positions count from the head's first octet.
 */
export class RequestLineScanner {
  /** One of LINE_*. */
  result: number
  methodEnd: number
  targetStart: number
  targetEnd: number
  /** Where the line's text ends: before its CR or LF. */
  lineEnd: number
  versionMinor: number
  #state: number
  #protocolStart: number

  constructor() {
    this.result = LINE_MORE
    this.methodEnd = 0
    this.targetStart = 0
    this.targetEnd = 0
    this.lineEnd = 0
    this.versionMinor = 1
    this.#state = METHOD
    this.#protocolStart = 0
  }

  reset(): void {
    this.result = LINE_MORE
    this.#state = METHOD
  }

  /**
   * Scans `buffer` from `from` to `end`; the line begins at `base` and may have `maxBytes`, its end included.
   * Returns the position after the line (LINE_DONE), or where it stopped.
   */
  scan(buffer: Buffer, base: number, from: number, end: number, maxBytes: number): number {
    const stop = Math.min(end, base + maxBytes)
    let pos = from
    let state = this.#state
    // The tests stand in the order of the line's parts; each that is passed leads to the next.
    if (state === METHOD && pos < stop) {
      pos = methodEnd(buffer, pos, stop)
      if (pos < stop) {
        if (buffer[pos] !== SP || pos === base) return this.#end(LINE_BAD_METHOD, pos)
        this.methodEnd = pos - base
        state = BEFORE_TARGET
      }
    }
    if (state === BEFORE_TARGET) {
      while (pos < stop && buffer[pos] === SP) pos++
      if (pos < stop) {
        if (!isTargetStart(buffer[pos])) return this.#end(LINE_BAD_REQUEST, pos)
        this.targetStart = pos - base
        state = TARGET
      }
    }
    if (state === TARGET) {
      pos = targetEnd(buffer, pos, stop)
      if (pos < stop) {
        if (buffer[pos] !== SP) return this.#end(LINE_BAD_REQUEST, pos)
        this.targetEnd = pos - base
        state = BEFORE_VERSION
      }
    }
    if (state === BEFORE_VERSION) {
      while (pos < stop && buffer[pos] === SP) pos++
      if (pos < stop) {
        this.#protocolStart = pos - base
        state = VERSION
      }
    }
    this.#state = state
    if (state >= VERSION) pos = this.#scanVersion(buffer, base, pos, stop)
    if (this.result === LINE_MORE && pos - base >= maxBytes) this.result = LINE_TOO_LONG
    return pos
  }

  /** Takes "HTTP/1.x" and the line's end. */
  #scanVersion(buffer: Buffer, base: number, from: number, stop: number): number {
    const start = base + this.#protocolStart
    for (let pos = from; pos < stop; pos++) {
      const octet = buffer[pos]
      const index = pos - start
      if (index < MINOR_DIGIT) {
        if (octet === PROTOCOL.charCodeAt(index)) continue
        return this.#end(index >= MAJOR_DIGIT ? versionFault(octet, index) : LINE_BAD_REQUEST, pos)
      }
      if (index === MINOR_DIGIT) {
        if (!isDigit(octet)) return this.#end(LINE_BAD_REQUEST, pos)
        // A later minor version is spoken to as the latest known one (RFC 9110 §2.5).
        this.versionMinor = octet === ZERO ? 0 : 1
        continue
      }
      if (index === MINOR_DIGIT + 1) this.lineEnd = pos - base
      if (octet === LF) return this.#end(LINE_DONE, pos + 1)
      if (octet !== CR || index > MINOR_DIGIT + 1) return this.#end(LINE_BAD_REQUEST, pos)
    }
    return stop
  }

  #end(result: number, pos: number): number {
    this.result = result
    return pos
  }
}

/** What an octet at the major version's digit or behind it means that is not "1" and ".". */
function versionFault(octet: number, index: number): number {
  if (!isDigit(octet)) return LINE_BAD_REQUEST
  return index === MAJOR_DIGIT && octet === ZERO ? LINE_BAD_REQUEST : LINE_BAD_VERSION
}

function methodEnd(buffer: Buffer, from: number, stop: number): number {
  let pos = from
  while (pos < stop) {
    const octet = buffer[pos]
    if ((octet < 0x41 || octet > 0x5a) && octet !== UNDERSCORE && octet !== HYPHEN) break
    pos++
  }
  return pos
}

/** The position of the first octet from `from` on that no target may hold: all but VCHAR (RFC 3986 §2). */
function targetEnd(buffer: Buffer, from: number, stop: number): number {
  let pos = from
  while (pos < stop && buffer[pos] > SP && buffer[pos] < DEL) pos++
  return pos
}

function isTargetStart(octet: number): boolean {
  const lower = octet | 0x20
  return octet === SLASH || octet === ASTERISK || (lower >= 0x61 && lower <= 0x7a)
}

function isDigit(octet: number): boolean {
  return octet >= ZERO && octet <= 0x39
}
