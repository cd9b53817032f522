import { CR, LF, SP, VALUE_OCTET } from "./octets.ts"

export const STATUS_MORE = 0
export const STATUS_DONE = 1
export const STATUS_INVALID = 2

const PROTOCOL = "HTTP/1."

/** Where in the status line the next octet stands. */
const PREFIX = 0
const BEFORE_CODE = 1
const CODE = 2
const AFTER_CODE = 3
const REASON = 4
const FINAL_CR = 5

/**
 * Finds the parts of a status line (RFC 9112 §4) octet by octet, resumable at any one, with the verdict at
 * the first octet that is wrong. The reason phrase may be missing, with or without the space before it.
 * Positions count from the head's first octet.
 */
export class StatusLineScanner {
  /** One of STATUS_*. */
  result: number
  versionMinor: number
  status: number
  reasonStart: number
  /** Where the line's text ends: before its CR or LF. */
  lineEnd: number
  #state: number
  #digits: number

  constructor() {
    this.result = STATUS_MORE
    this.versionMinor = 1
    this.status = 0
    this.reasonStart = 0
    this.lineEnd = 0
    this.#state = PREFIX
    this.#digits = 0
  }

  reset(): void {
    this.result = STATUS_MORE
    this.#state = PREFIX
    this.status = 0
    this.#digits = 0
  }

  /** Scans `buffer` from `from` to `end`; the line begins at `base`. Returns the position after what it took. */
  scan(buffer: Buffer, base: number, from: number, end: number): number {
    for (let pos = from; pos < end; pos++) {
      const octet = buffer[pos]
      const index = pos - base
      switch (this.#state) {
        case PREFIX:
          if (index < PROTOCOL.length ? octet !== PROTOCOL.charCodeAt(index) : !isDigit(octet))
            return this.#end(STATUS_INVALID, pos)
          if (index < PROTOCOL.length) break
          this.versionMinor = octet === 0x30 ? 0 : 1
          this.#state = BEFORE_CODE
          break
        case BEFORE_CODE:
          if (octet !== SP) return this.#end(STATUS_INVALID, pos)
          this.#state = CODE
          break
        case CODE:
          // The first digit is a class from 1 up (RFC 9110 §15).
          if (!isDigit(octet) || (this.#digits === 0 && octet === 0x30)) return this.#end(STATUS_INVALID, pos)
          this.status = this.status * 10 + (octet - 0x30)
          if (++this.#digits === 3) this.#state = AFTER_CODE
          break
        case AFTER_CODE:
          this.reasonStart = octet === SP ? index + 1 : index
          if (octet === SP) {
            this.#state = REASON
            break
          }
          if (octet !== CR && octet !== LF) return this.#end(STATUS_INVALID, pos)
          this.lineEnd = index
          if (octet === LF) return this.#end(STATUS_DONE, pos + 1)
          this.#state = FINAL_CR
          break
        case REASON:
          if (VALUE_OCTET[octet] === 1) break
          this.lineEnd = index
          if (octet === LF) return this.#end(STATUS_DONE, pos + 1)
          if (octet !== CR) return this.#end(STATUS_INVALID, pos)
          this.#state = FINAL_CR
          break
        default:
          if (octet !== LF) return this.#end(STATUS_INVALID, pos)
          return this.#end(STATUS_DONE, pos + 1)
      }
    }
    this.result = STATUS_MORE
    return end
  }

  #end(result: number, pos: number): number {
    this.result = result
    return pos
  }
}

function isDigit(octet: number): boolean {
  return octet >= 0x30 && octet <= 0x39
}
