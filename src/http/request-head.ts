import {
  FieldScanner,
  MARK_ENTRY,
  MARK_NAME_END,
  MARK_NAME_START,
  MARK_SIZE,
  MARK_VALUE_END,
  MARK_VALUE_START,
  SCAN_DONE,
  SCAN_MORE,
  SCAN_TOO_LONG,
} from "./field-scanner.ts"
import { HeadBuffer } from "./head-buffer.ts"
import { HeaderList } from "./header-list.ts"
import {
  FIELD_OTHER,
  FIELD_TRANSFER_ENCODING,
  fieldKind,
  type HeaderNameTable,
  WELL_KNOWN_NAMES,
} from "./header-names.ts"
import { CR, HTAB, LF, NAME_ODD, NAME_UNDERSCORE, nameClasses, SP } from "./octets.ts"
import { RequestHead, takeRequestField, verifyRequestHead } from "./request-fields.ts"
import {
  LINE_BAD_METHOD,
  LINE_BAD_VERSION,
  LINE_DONE,
  LINE_MORE,
  LINE_TOO_LONG,
  RequestLineScanner,
} from "./request-line.ts"

export { RequestHead }

/** What a client may send in a head; the names in nginx: `large_client_header_buffers` and the two flags. */
export interface RequestHeadLimits {
  /** A line's bytes, its end included: more is 414 for the request line, 494 for a field. */
  maxLineBytes: number
  /** All bytes of the head, its empty line included: more is 494. */
  maxHeadBytes: number
  /** `underscores_in_headers`. */
  underscoresInHeaders: boolean
  /** `ignore_invalid_headers`: names that nginx does not take are dropped, else they are passed on. */
  ignoreInvalidHeaders: boolean
}

export const HEAD_INCOMPLETE = 0
export const HEAD_COMPLETE = 1
export const HEAD_INVALID = 2

/** Bytes of blank lines before a request line that are borne with (RFC 9112 §2.2 speaks of one CRLF). */
const MAX_BLANK_BYTES = 1024
/** nginx cuts a field line at this in its log (NGX_MAX_ERROR_STR - 300). */
const MAX_LOGGED_LINE_BYTES = 1748

const READING_LINE = " while reading client request line"
const READING_HEADERS = " while reading client request headers"

/**
 * Reads request heads from a client, one after the other, resumable at any octet: each octet is looked at
 * once, and one string is made of a head once it is whole. A head within one chunk is never copied.
 * Lines end with CRLF or a bare LF. What is refused is refused at the first octet that shows it.
 */
export class RequestHeadParser {
  /** May be changed between heads. */
  limits: RequestHeadLimits
  /** One of HEAD_*. */
  state: number
  /** Valid when HEAD_COMPLETE, and then the caller's; when HEAD_INVALID or abandoned, what came of it. */
  head: RequestHead
  /** When HEAD_INVALID: 400, 414, 494 (shown as 400) or 505. */
  errorStatus: number
  /** When HEAD_INVALID: nginx's words for the error log, with what was going on. */
  errorReason: string
  /** When HEAD_INVALID: what came of the request line, for $request. */
  partialLine: string
  /** Whether some octet of a head has come; blank lines before it do not count. */
  hasBytes: boolean
  readonly #names: HeaderNameTable
  readonly #line: RequestLineScanner
  readonly #fields: FieldScanner
  readonly #pending: HeadBuffer
  #blankBytes: number
  #blankCr: boolean

  /** `names`: a table of the thread's own, where unknown names are to be learned. */
  constructor(limits: RequestHeadLimits, names: HeaderNameTable = WELL_KNOWN_NAMES) {
    this.limits = limits
    this.state = HEAD_INCOMPLETE
    this.head = new RequestHead()
    this.errorStatus = 0
    this.errorReason = ""
    this.partialLine = ""
    this.hasBytes = false
    this.#names = names
    this.#line = new RequestLineScanner()
    this.#fields = new FieldScanner(names, true)
    this.#pending = new HeadBuffer()
    this.#blankBytes = 0
    this.#blankCr = false
  }

  /** Ready for the next head. */
  reset(): void {
    this.state = HEAD_INCOMPLETE
    this.errorStatus = 0
    this.errorReason = ""
    this.partialLine = ""
    this.hasBytes = false
    this.#line.reset()
    this.#pending.clear()
    this.#blankBytes = 0
    this.#blankCr = false
  }

  /**
   * Takes octets of `chunk` from `offset` on; returns the offset after the last one taken, which is right
   * behind the head when HEAD_COMPLETE. `chunk` is not kept.
   */
  execute(chunk: Buffer, offset: number): number {
    if (this.state !== HEAD_INCOMPLETE) return offset
    const start = this.hasBytes ? offset : this.#skipBlankLines(chunk, offset)
    if (this.state !== HEAD_INCOMPLETE || start === chunk.length) return start
    this.hasBytes = true
    const pending = this.#pending
    const before = pending.length
    if (before === 0) {
      const pos = this.#scan(chunk, start, start, chunk.length)
      if (this.state === HEAD_INCOMPLETE) pending.append(chunk, start, chunk.length)
      return pos
    }
    // No more than a head may have: what comes behind it in the chunk need not be copied.
    const taken = Math.min(chunk.length - start, Math.max(1, this.limits.maxHeadBytes - before))
    pending.append(chunk, start, start + taken)
    const pos = this.#scan(pending.bytes, 0, before, pending.length)
    // A bare CR at the end of the octets before is found out only now, and lies before `start`.
    return start + Math.max(0, pos - before)
  }

  /** Takes CRLFs and LFs in front of the request line, as nginx does. */
  #skipBlankLines(chunk: Buffer, offset: number): number {
    let pos = offset
    while (pos < chunk.length) {
      const octet = chunk[pos]
      if (octet === LF) this.#blankCr = false
      else if (this.#blankCr || octet !== CR) break
      else this.#blankCr = true
      pos++
      if (++this.#blankBytes > MAX_BLANK_BYTES) {
        this.#fail(400, `client sent invalid request${READING_LINE}`)
        return pos
      }
    }
    if (this.#blankCr && pos < chunk.length) this.#fail(400, `client sent invalid method${READING_LINE}`)
    return pos
  }

  /** Scans a head that begins at `base`; octets before `from` were scanned before. */
  #scan(buffer: Buffer, base: number, from: number, end: number): number {
    const { maxLineBytes, maxHeadBytes } = this.limits
    const line = this.#line
    let pos = from
    if (line.result === LINE_MORE) {
      pos = line.scan(buffer, base, pos, end, Math.min(maxLineBytes, maxHeadBytes))
      if (line.result === LINE_MORE) return pos
      if (line.result !== LINE_DONE) {
        this.#failLine(buffer, base, end, line.result)
        return pos
      }
      this.#fields.start(pos - base, maxLineBytes, maxHeadBytes)
    }
    const fields = this.#fields
    pos = fields.scan(buffer, base, pos, end)
    if (fields.result === SCAN_DONE) this.#complete(buffer, base, pos)
    else if (fields.result !== SCAN_MORE) this.#failFields(buffer, base, pos)
    return pos
  }

  /** Makes the head of the octets from `base` to `end`. */
  #complete(buffer: Buffer, base: number, end: number): void {
    const text = buffer.toString("latin1", base, end)
    const line = this.#line
    const head = new RequestHead(new HeaderList(this.#fields.count))
    head.method = text.substring(0, line.methodEnd)
    head.target = text.substring(line.targetStart, line.targetEnd)
    head.requestLine = text.substring(0, line.lineEnd)
    head.versionMinor = line.versionMinor
    head.keepAlive = line.versionMinor === 1
    head.headBytes = this.#blankBytes + (end - base)
    this.head = head
    const fault = this.#takeFields(text, head) ?? verifyRequestHead(head)
    if (fault !== undefined) {
      this.partialLine = head.requestLine
      this.#fail(400, fault + READING_HEADERS)
      return
    }
    this.state = HEAD_COMPLETE
    this.#pending.clear()
  }

  /** Fills `head` with the fields found in `text`; the fault that refuses it, if any. */
  #takeFields(text: string, head: RequestHead): string | undefined {
    const names = this.#names
    const { count, marks } = this.#fields
    const headers = head.headers
    let kept = 0
    const dropped = this.limits.underscoresInHeaders ? NAME_ODD : NAME_ODD | NAME_UNDERSCORE
    for (let i = 0, at = 0; i < count; i++, at += MARK_SIZE) {
      const value = text.substring(marks[at + MARK_VALUE_START], marks[at + MARK_VALUE_END])
      const entry = marks[at + MARK_ENTRY]
      let name: string
      let key: string
      let kind: number
      if (entry >= 0) {
        name = names.names[entry]
        key = names.keys[entry]
        kind = names.kinds[entry]
      } else {
        name = text.substring(marks[at + MARK_NAME_START], marks[at + MARK_NAME_END])
        if ((nameClasses(name) & dropped) !== 0) {
          if (this.limits.ignoreInvalidHeaders) continue
        }
        key = name.toLowerCase()
        kind = fieldKind(key)
        names.learn(name, key)
      }
      if (kind !== FIELD_OTHER) {
        if (kind === FIELD_TRANSFER_ENCODING && tabFollows(text, marks[at + MARK_VALUE_END]))
          return `client sent unknown "Transfer-Encoding": "${value}\\x09"`
        const fault = takeRequestField(head, kind, name, key, value)
        if (fault !== undefined) return fault
      }
      headers.put(kept++, name, key, value)
    }
    if (kept < count) headers.truncate(kept)
    return undefined
  }

  #failLine(buffer: Buffer, base: number, end: number, result: number): void {
    let lineEnd = base
    const limit = Math.min(end, base + this.limits.maxLineBytes)
    while (lineEnd < limit && buffer[lineEnd] !== CR && buffer[lineEnd] !== LF) lineEnd++
    this.partialLine = buffer.toString("latin1", base, lineEnd)
    this.head = new RequestHead()
    this.head.requestLine = this.partialLine
    if (result === LINE_TOO_LONG) this.#fail(414, `client sent too long URI${READING_LINE}`)
    else if (result === LINE_BAD_VERSION) this.#fail(505, `client sent invalid version${READING_LINE}`)
    else if (result === LINE_BAD_METHOD) this.#fail(400, `client sent invalid method${READING_LINE}`)
    else this.#fail(400, `client sent invalid request${READING_LINE}`)
  }

  #failFields(buffer: Buffer, base: number, pos: number): void {
    this.#takePartial(buffer, base, pos)
    const start = base + this.#fields.lineStart
    const line = buffer.toString("latin1", start, Math.min(pos, start + MAX_LOGGED_LINE_BYTES))
    if (this.#fields.result === SCAN_TOO_LONG) {
      this.#fail(494, `client sent too long header line: "${line}..."${READING_HEADERS}`)
      return
    }
    const octet = buffer[pos].toString(16).padStart(2, "0")
    this.#fail(400, `client sent invalid header line: "${line}\\x${octet}..."${READING_HEADERS}`)
  }

  /**
   * The client has ended or gone silent in the middle of a head: `head` and `partialLine` tell what came of it.
   * Call `reset` afterwards.
   */
  abandon(): void {
    const { bytes, length } = this.#pending
    this.#takePartial(bytes, 0, length)
    this.#pending.clear()
  }

  /** Keeps the request line, or its beginning, and the fields that are whole. */
  #takePartial(buffer: Buffer, base: number, end: number): void {
    const line = this.#line
    const isWhole = line.result === LINE_DONE
    const text = buffer.toString("latin1", base, end)
    this.partialLine = isWhole ? text.substring(0, line.lineEnd) : text
    const head = new RequestHead(new HeaderList(isWhole ? this.#fields.count : 0))
    head.requestLine = this.partialLine
    this.head = head
    if (!isWhole) return
    head.method = text.substring(0, line.methodEnd)
    head.target = text.substring(line.targetStart, line.targetEnd)
    head.versionMinor = line.versionMinor
    this.#takeFields(text, head)
  }

  #fail(status: number, reason: string): void {
    this.state = HEAD_INVALID
    this.errorStatus = status
    this.errorReason = reason
    this.#pending.clear()
  }
}

/**
 * Whether a tab stands in the white space at `at`. It may (RFC 9112 §5), but parsers that compare a coding
 * without it are about, and to be read in two ways is what a coding must not.
 */
function tabFollows(text: string, at: number): boolean {
  let next = at
  while (text.charCodeAt(next) === SP) next++
  return text.charCodeAt(next) === HTAB
}
