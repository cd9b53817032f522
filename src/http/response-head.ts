import { parseContentLength } from "./body-length.ts"
import {
  FieldScanner,
  MARK_ENTRY,
  MARK_NAME_END,
  MARK_NAME_START,
  MARK_SIZE,
  MARK_VALUE_END,
  MARK_VALUE_START,
  SCAN_DONE,
  SCAN_INVALID,
  SCAN_MORE,
} from "./field-scanner.ts"
import { HeadBuffer } from "./head-buffer.ts"
import { HeaderList } from "./header-list.ts"
import {
  FIELD_CONNECTION,
  FIELD_CONTENT_LENGTH,
  FIELD_OTHER,
  FIELD_TRANSFER_ENCODING,
  FIELD_UPGRADE,
  fieldKind,
  type HeaderNameTable,
  WELL_KNOWN_NAMES,
} from "./header-names.ts"
import { listContains } from "./hop-by-hop.ts"
import { equalsIgnoreCase } from "./octets.ts"
import { HEAD_COMPLETE, HEAD_INCOMPLETE, HEAD_INVALID } from "./request-head.ts"
import { STATUS_DONE, STATUS_MORE, StatusLineScanner } from "./status-line.ts"

/** The head of a response (RFC 9112 §4, §5): what came, and what it says about the message that follows. */
export class ResponseHead {
  /** 0 or 1; a later minor version counts as 1. */
  versionMinor: number
  status: number
  /** The reason phrase as sent, or "". */
  reason: string
  /** The line as sent, without its end. */
  statusLine: string
  headers: HeaderList
  /** Bytes of the body as Content-Length has it; -1 where none was sent. */
  contentLength: number
  chunked: boolean
  /** Whether the server keeps the connection (RFC 9112 §9.3), as far as the head says. */
  keepAlive: boolean
  /** Bytes of the head, its empty line included. */
  headBytes: number
  /** The value of Upgrade, several joined with ", ", or "". */
  upgrade: string
  /** Whether Connection lists "upgrade". */
  connectionUpgrade: boolean

  constructor(headers: HeaderList = new HeaderList()) {
    this.versionMinor = 1
    this.status = 0
    this.reason = ""
    this.statusLine = ""
    this.headers = headers
    this.contentLength = -1
    this.chunked = false
    this.keepAlive = false
    this.headBytes = 0
    this.upgrade = ""
    this.connectionUpgrade = false
  }
}

const INVALID_HEADER = "upstream sent invalid header"
const TOO_BIG_HEADER = "upstream sent too big header"

/**
 * Reads response heads from an upstream, one after the other, resumable at any octet; the counterpart of
 * `RequestHeadParser`. 1xx responses are heads like any other. Lines end with CRLF or a bare LF.
 */
export class ResponseHeadParser {
  /** `proxy_buffer_size`: all bytes of the head, its empty line included. May be changed between heads. */
  maxHeadBytes: number
  /** One of HEAD_*. */
  state: number
  /** Valid when HEAD_COMPLETE; the caller keeps it, each head has its own. */
  head: ResponseHead
  /** When HEAD_INVALID: "upstream sent invalid header" or "upstream sent too big header". */
  errorReason: string
  /** When HEAD_INVALID: what is wrong in particular, in nginx's words where it has some; may be "". */
  errorDetail: string
  /** Whether some octet of a head has come. */
  hasBytes: boolean
  readonly #names: HeaderNameTable
  readonly #line: StatusLineScanner
  readonly #fields: FieldScanner
  readonly #pending: HeadBuffer
  #connectionClose: boolean

  /** `names`: a table of the thread's own, where unknown names are to be learned. */
  constructor(maxHeadBytes: number, names: HeaderNameTable = WELL_KNOWN_NAMES) {
    this.maxHeadBytes = maxHeadBytes
    this.state = HEAD_INCOMPLETE
    this.head = new ResponseHead()
    this.errorReason = ""
    this.errorDetail = ""
    this.hasBytes = false
    this.#names = names
    this.#line = new StatusLineScanner()
    this.#fields = new FieldScanner(names, true)
    this.#pending = new HeadBuffer()
    this.#connectionClose = false
  }

  /** Ready for the next head. */
  reset(): void {
    this.state = HEAD_INCOMPLETE
    this.errorReason = ""
    this.errorDetail = ""
    this.hasBytes = false
    this.#line.reset()
    this.#pending.clear()
    this.#connectionClose = false
  }

  /**
   * Takes octets of `chunk` from `offset` on; returns the offset after the last one taken, which is right
   * behind the head when HEAD_COMPLETE. `chunk` is not kept.
   */
  execute(chunk: Buffer, offset: number): number {
    if (this.state !== HEAD_INCOMPLETE || offset === chunk.length) return offset
    this.hasBytes = true
    const pending = this.#pending
    const before = pending.length
    if (before === 0) {
      const pos = this.#scan(chunk, offset, offset, chunk.length)
      if (this.state === HEAD_INCOMPLETE) pending.append(chunk, offset, chunk.length)
      return pos
    }
    const taken = Math.min(chunk.length - offset, Math.max(1, this.maxHeadBytes - before))
    pending.append(chunk, offset, offset + taken)
    const pos = this.#scan(pending.bytes, 0, before, pending.length)
    // A bare CR at the end of the octets before is found out only now, and lies before `offset`.
    return offset + Math.max(0, pos - before)
  }

  /** Scans a head that begins at `base`; octets before `from` were scanned before. */
  #scan(buffer: Buffer, base: number, from: number, end: number): number {
    const line = this.#line
    let pos = from
    if (line.result === STATUS_MORE) {
      pos = line.scan(buffer, base, pos, Math.min(end, base + this.maxHeadBytes))
      if (line.result === STATUS_MORE) {
        if (pos - base >= this.maxHeadBytes) this.#fail(TOO_BIG_HEADER, "")
        return pos
      }
      if (line.result !== STATUS_DONE) {
        this.#fail(INVALID_HEADER, "upstream sent no valid HTTP/1.0 header")
        return pos
      }
      this.#fields.start(pos - base, this.maxHeadBytes, this.maxHeadBytes)
    }
    const fields = this.#fields
    pos = fields.scan(buffer, base, pos, end)
    if (fields.result === SCAN_DONE) this.#complete(buffer, base, pos)
    else if (fields.result === SCAN_INVALID) this.#failFields(buffer, base, pos)
    else if (fields.result !== SCAN_MORE) this.#fail(TOO_BIG_HEADER, "")
    return pos
  }

  /** Makes the head of the octets from `base` to `end`. */
  #complete(buffer: Buffer, base: number, end: number): void {
    const text = buffer.toString("latin1", base, end)
    const line = this.#line
    const head = new ResponseHead(new HeaderList(this.#fields.count))
    head.versionMinor = line.versionMinor
    head.status = line.status
    head.reason = text.substring(line.reasonStart, line.lineEnd)
    head.statusLine = text.substring(0, line.lineEnd)
    head.keepAlive = line.versionMinor === 1
    head.headBytes = end - base
    this.head = head
    const fault = this.#takeFields(text, head)
    if (fault !== "") {
      this.#fail(INVALID_HEADER, fault)
      return
    }
    this.state = HEAD_COMPLETE
    this.#pending.clear()
  }

  /** Fills `head` with the fields found in `text`; the fault that refuses it, or "". */
  #takeFields(text: string, head: ResponseHead): string {
    const names = this.#names
    const { count, marks } = this.#fields
    const headers = head.headers
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
        key = name.toLowerCase()
        kind = fieldKind(key)
        names.learn(name, key)
      }
      if (kind !== FIELD_OTHER) {
        const fault = this.#takeField(head, kind, name, key, value)
        if (fault !== "") return fault
      }
      headers.put(i, name, key, value)
    }
    if (head.chunked && head.contentLength >= 0)
      return 'upstream sent "Content-Length" and "Transfer-Encoding" headers at the same time'
    return ""
  }

  /** Takes a field into what `head` says about itself; the fault that refuses the response, or "". */
  #takeField(head: ResponseHead, kind: number, name: string, key: string, value: string): string {
    switch (kind) {
      case FIELD_CONTENT_LENGTH:
        if (head.headers.has(key)) return duplicateField(head, name, key, value)
        head.contentLength = parseContentLength(value)
        return head.contentLength < 0 ? `upstream sent invalid "Content-Length" header: "${value}"` : ""
      case FIELD_TRANSFER_ENCODING:
        if (head.headers.has(key)) return duplicateField(head, name, key, value)
        if (head.versionMinor === 0 || !equalsIgnoreCase(value, 0, value.length, "chunked"))
          return `upstream sent unknown "Transfer-Encoding": "${value}"`
        head.chunked = true
        return ""
      case FIELD_CONNECTION:
        if (listContains(value, "close")) this.#connectionClose = true
        if (this.#connectionClose) head.keepAlive = false
        else if (listContains(value, "keep-alive")) head.keepAlive = true
        if (listContains(value, "upgrade")) head.connectionUpgrade = true
        return ""
      case FIELD_UPGRADE:
        head.upgrade = head.upgrade === "" ? value : `${head.upgrade}, ${value}`
        return ""
      default:
        return ""
    }
  }

  #failFields(buffer: Buffer, base: number, pos: number): void {
    const line = buffer.toString("latin1", base + this.#fields.lineStart, pos)
    const octet = buffer[pos].toString(16).padStart(2, "0")
    this.#fail(INVALID_HEADER, `upstream sent invalid header: "${line}\\x${octet}..."`)
  }

  #fail(reason: string, detail: string): void {
    this.state = HEAD_INVALID
    this.errorReason = reason
    this.errorDetail = detail
    this.#pending.clear()
  }
}

function duplicateField(head: ResponseHead, name: string, key: string, value: string): string {
  const at = head.headers.keys.indexOf(key)
  const previous = `"${head.headers.names[at]}: ${head.headers.values[at]}"`
  return `upstream sent duplicate header line: "${name}: ${value}", previous value: ${previous}`
}
