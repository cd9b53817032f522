/** An HTTP/1.x message as it was read from a socket; all text is latin1, names keep their case. */
export interface RawMessage {
  /** The first line, without its line end. */
  readonly startLine: string
  /** The head as it came, with the blank line. */
  readonly rawHead: string
  readonly headers: ReadonlyArray<readonly [name: string, value: string]>
  /** The body with the chunked framing removed. */
  readonly body: string
  /** How the body's end was told. */
  readonly framing: "none" | "length" | "chunked" | "close"
  readonly trailers: ReadonlyArray<readonly [name: string, value: string]>
  /** False when the connection ended inside the body. */
  readonly complete: boolean
}

/** The first value of a header, or undefined; `name` in any case. */
export function headerOf(message: RawMessage, name: string): string | undefined {
  const key = name.toLowerCase()
  return message.headers.find(([other]) => other.toLowerCase() === key)?.[1]
}

/** A message and how many characters of the text it takes. */
export interface ParsedMessage {
  readonly message: RawMessage
  readonly length: number
}

export interface ReadOptions {
  /** The message has no body, whatever its head says (answers to HEAD, 1xx, 204, 304, 101). */
  readonly bodiless: boolean
  /** Without a length the body lasts until the connection's end (answers), or there is none (requests). */
  readonly untilClose: boolean
  /** The connection has ended: nothing comes after `text`. */
  readonly ended: boolean
}

/**
 * Reads one message from the start of `text`. Returns undefined while it is not whole. When the connection
 * has ended it returns what there is, with `complete` false. Throws on a head that is not HTTP.
 */
export function parseMessage(text: string, options: ReadOptions): ParsedMessage | undefined {
  const head = findHead(text)
  if (head === undefined) return undefined
  const lines = text.slice(0, head).trimEnd().split(/\r?\n/)
  const startLine = lines.shift() ?? ""
  const headers = lines.map(splitHeader)
  const base = { startLine, rawHead: text.slice(0, head), headers }
  const finish = (body: string, framing: RawMessage["framing"], length: number, complete = true) => ({
    message: { ...base, body, framing, trailers: [], complete },
    length,
  })
  if (options.bodiless) return finish("", "none", head)
  const lookup = (name: string) => headers.find(([other]) => other.toLowerCase() === name)?.[1]
  if (lookup("transfer-encoding")?.toLowerCase() === "chunked") {
    const chunked = parseChunked(text, head)
    if (!chunked.done && !options.ended) return undefined
    const message = { ...base, ...chunked, framing: "chunked" as const, complete: chunked.done }
    return { message: withoutEnd(message), length: chunked.end }
  }
  const length = lookup("content-length")
  if (length !== undefined) {
    const end = head + Number(length)
    if (text.length < end && !options.ended) return undefined
    return finish(text.slice(head, end), "length", Math.min(end, text.length), text.length >= end)
  }
  if (!options.untilClose) return finish("", "none", head)
  return options.ended ? finish(text.slice(head), "close", text.length) : undefined
}

interface ChunkedBody {
  readonly body: string
  readonly trailers: ReadonlyArray<readonly [string, string]>
  readonly done: boolean
  readonly end: number
}

/** Decodes a chunked body that begins at `offset`. Throws when the framing is broken. */
export function parseChunked(text: string, offset: number): ChunkedBody {
  let body = ""
  let position = offset
  for (;;) {
    const lineEnd = text.indexOf("\r\n", position)
    if (lineEnd < 0) return { body, trailers: [], done: false, end: text.length }
    const size = /^([0-9a-fA-F]+)(;.*)?$/.exec(text.slice(position, lineEnd))?.[1]
    if (size === undefined)
      throw new Error(`bad chunk size in ${JSON.stringify(text.slice(position, lineEnd))}`)
    const start = lineEnd + 2
    const bytes = Number.parseInt(size, 16)
    if (bytes === 0) return { body, ...parseTrailers(text, start) }
    body += text.slice(start, start + bytes)
    if (text.length < start + bytes + 2) return { body, trailers: [], done: false, end: text.length }
    if (text.slice(start + bytes, start + bytes + 2) !== "\r\n")
      throw new Error("a chunk does not end with CRLF")
    position = start + bytes + 2
  }
}

function parseTrailers(text: string, offset: number): Omit<ChunkedBody, "body"> {
  const trailers: Array<readonly [string, string]> = []
  let position = offset
  for (;;) {
    const lineEnd = text.indexOf("\r\n", position)
    if (lineEnd < 0) return { trailers, done: false, end: text.length }
    if (lineEnd === position) return { trailers, done: true, end: lineEnd + 2 }
    trailers.push(splitHeader(text.slice(position, lineEnd)))
    position = lineEnd + 2
  }
}

/** The offset after the head's blank line, or undefined. Lines may end with a bare LF. */
function findHead(text: string): number | undefined {
  const match = /\r?\n\r?\n/.exec(text)
  return match === null ? undefined : match.index + match[0].length
}

function splitHeader(line: string): readonly [string, string] {
  const colon = line.indexOf(":")
  if (colon < 0) return [line, ""]
  return [line.slice(0, colon), line.slice(colon + 1).replace(/^[ \t]+|[ \t]+$/g, "")]
}

function withoutEnd(message: RawMessage & { done?: boolean; end?: number }): RawMessage {
  const { done: _done, end: _end, ...rest } = message
  return rest
}
