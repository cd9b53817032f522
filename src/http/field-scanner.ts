import type { HeaderNameTable } from "./header-names.ts"
import { COLON, CR, HTAB, LF, NAME_BAD, NAME_CLASS, SP, VALUE_OCTET } from "./octets.ts"

export const SCAN_MORE = 0
export const SCAN_DONE = 1
export const SCAN_INVALID = 2
export const SCAN_TOO_LONG = 3

/** Ints per field in `FieldScanner.marks`, and what each is. Positions count from the head's first octet. */
export const MARK_SIZE = 5
export const MARK_NAME_START = 0
export const MARK_NAME_END = 1
export const MARK_VALUE_START = 2
export const MARK_VALUE_END = 3
/** The name's index in the table, or -1. */
export const MARK_ENTRY = 4

/** Where in a field line the next octet stands. */
const LINE_START = 0
const NAME = 1
const BEFORE_VALUE = 2
const VALUE = 3
const LINE_LF = 4
const END_CR = 5

const INITIAL_FIELDS = 20

/**
 * Finds the fields of a head or a trailer section (RFC 9112 §5) octet by octet, resumable at any one, and
 * notes where each lies; strings are made later, from the whole. Refused: a control octet in a value (NUL and
 * bare CR among them), obs-fold, white space before the colon, an empty name, a name with a non-token octet,
 * a line without a colon. The octets scanned before must lie before `from` at each call, behind `base`.
 */
export class FieldScanner {
  /** One of SCAN_*. */
  result: number
  /** How many fields were found. */
  count: number
  /** MARK_SIZE ints per field. */
  marks: Int32Array
  /** Where the line being scanned begins, from the head's first octet. */
  lineStart: number
  /** Bytes that a line may have, its end included. */
  maxLineBytes: number
  /** Bytes that the whole may have, from `base` on. */
  maxTotalBytes: number
  /** Whether LF alone ends a line. */
  bareLf: boolean
  #state: number
  #nameEnd: number
  #valueStart: number
  #entry: number
  readonly #table: HeaderNameTable

  constructor(table: HeaderNameTable, bareLf: boolean) {
    this.result = SCAN_MORE
    this.count = 0
    this.marks = new Int32Array(INITIAL_FIELDS * MARK_SIZE)
    this.lineStart = 0
    this.maxLineBytes = 0
    this.maxTotalBytes = 0
    this.bareLf = bareLf
    this.#state = LINE_START
    this.#nameEnd = 0
    this.#valueStart = 0
    this.#entry = -1
    this.#table = table
  }

  /** Ready for a section whose first line begins at `lineStart`, from the head's first octet. */
  start(lineStart: number, maxLineBytes: number, maxTotalBytes: number): void {
    this.result = SCAN_MORE
    this.count = 0
    this.lineStart = lineStart
    this.maxLineBytes = maxLineBytes
    this.maxTotalBytes = maxTotalBytes
    this.#state = LINE_START
  }

  /**
   * Scans `buffer` from `from` to `end`; the head's first octet is at `base`. Returns where it stopped: after
   * the section's last octet (SCAN_DONE), at the octet that is refused (SCAN_INVALID), or at `end` or a limit.
   */
  scan(buffer: Buffer, base: number, from: number, end: number): number {
    let state = this.#state
    let pos = from
    let stop = this.#stop(base, end)
    // The tests stand in the order of a line's parts, so that a whole line passes through them in one round.
    while (pos < stop) {
      if (state === LINE_START) {
        const octet = buffer[pos]
        if (octet === LF && this.bareLf) return this.#done(pos)
        if (octet === CR) state = END_CR
        else state = NAME
      }
      if (state === NAME) {
        pos = nameEnd(buffer, pos, stop)
        if (pos === stop) break
        const start = base + this.lineStart
        if (buffer[pos] !== COLON || pos === start) return this.#invalid(pos)
        this.#nameEnd = pos - base
        this.#entry = this.#table.find(buffer, start, pos)
        state = BEFORE_VALUE
        pos++
      }
      if (state === BEFORE_VALUE) {
        while (pos < stop && (buffer[pos] === SP || buffer[pos] === HTAB)) pos++
        if (pos === stop) break
        this.#valueStart = pos - base
        state = VALUE
      }
      if (state === VALUE) {
        pos = valueEnd(buffer, pos, stop)
        if (pos === stop) break
        const octet = buffer[pos]
        if (octet !== CR && (octet !== LF || !this.bareLf)) return this.#invalid(pos)
        this.#endValue(buffer, base, pos)
        state = LINE_LF
        if (octet === CR) pos++
        if (pos === stop) break
      }
      if (state === LINE_LF) {
        // Behind a bare CR anything but LF is refused, and so is the CR.
        if (buffer[pos] !== LF) return this.#invalid(pos - 1)
        pos++
        this.count++
        this.lineStart = pos - base
        stop = this.#stop(base, end)
        state = LINE_START
      } else {
        // END_CR: the CR of the empty line, then its LF.
        if (buffer[pos] === LF) return this.#done(pos)
        if (buffer[pos] !== CR || pos - base !== this.lineStart) return this.#invalid(pos - 1)
        pos++
      }
    }
    this.#state = state
    const scanned = pos - base
    const full = scanned >= this.maxTotalBytes || scanned - this.lineStart >= this.maxLineBytes
    this.result = full ? SCAN_TOO_LONG : SCAN_MORE
    return pos
  }

  /** Notes the field whose value ends before `pos`, white space behind it aside. */
  #endValue(buffer: Buffer, base: number, pos: number): void {
    const first = base + this.#valueStart
    let last = pos
    while (last > first && (buffer[last - 1] === SP || buffer[last - 1] === HTAB)) last--
    const at = this.count * MARK_SIZE
    if (at === this.marks.length) this.#growMarks()
    const marks = this.marks
    marks[at] = this.lineStart
    marks[at + MARK_NAME_END] = this.#nameEnd
    marks[at + MARK_VALUE_START] = this.#valueStart
    marks[at + MARK_VALUE_END] = last - base
    marks[at + MARK_ENTRY] = this.#entry
  }

  #growMarks(): void {
    const grown = new Int32Array(this.marks.length * 2)
    grown.set(this.marks)
    this.marks = grown
  }

  /** Where scanning must stop: at the octets' end, or where the line or the whole would be too long. */
  #stop(base: number, end: number): number {
    return Math.min(end, base + Math.min(this.lineStart + this.maxLineBytes, this.maxTotalBytes))
  }

  #done(pos: number): number {
    this.result = SCAN_DONE
    this.#state = LINE_START
    return pos + 1
  }

  #invalid(pos: number): number {
    this.result = SCAN_INVALID
    return pos
  }
}

/** The position of the first octet from `from` on that is no tchar, or `stop`. */
function nameEnd(buffer: Buffer, from: number, stop: number): number {
  let pos = from
  while (pos < stop && NAME_CLASS[buffer[pos]] !== NAME_BAD) pos++
  return pos
}

/** The position of the first octet from `from` on that no value may hold, or `stop`. */
function valueEnd(buffer: Buffer, from: number, stop: number): number {
  let pos = from
  while (pos < stop && VALUE_OCTET[buffer[pos]] === 1) pos++
  return pos
}
