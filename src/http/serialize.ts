import type { HeaderList } from "./header-list.ts"
import { reasonPhrase } from "./status.ts"

/** `text` with each field of `headers` behind it as "Name: value" CRLF, in order. The names and values must hold no CR or LF. */
export function appendHeaders(text: string, headers: HeaderList): string {
  const { names, values } = headers
  let head = text
  for (let i = 0; i < names.length; i++) head += `${names[i]}: ${values[i]}\r\n`
  return head
}

/** "HTTP/1.1 200 OK" CRLF, with nginx's phrase for `status` unless `reason` is given; the phrase may be empty, its space stays. */
export function statusLine(status: number, reason: string = reasonPhrase(status)): string {
  return `HTTP/1.1 ${status} ${reason}\r\n`
}

/** A whole response head, the empty line included. A proxy always speaks as HTTP/1.1 (RFC 9110 §6.2). */
export function responseHead(status: number, headers: HeaderList, reason?: string): string {
  return `${appendHeaders(statusLine(status, reason), headers)}\r\n`
}

/** A whole request head, the empty line included. */
export function requestHead(
  method: string,
  target: string,
  versionMinor: number,
  headers: HeaderList,
): string {
  return `${appendHeaders(`${method} ${target} HTTP/1.${versionMinor}\r\n`, headers)}\r\n`
}

/**
 * `head` (latin1) and `body` from `start` to `end` in one new buffer, so that one write sends both; the
 * caller owns it.
 */
export function joinHeadAndBody(
  head: string,
  body: Buffer,
  start: number = 0,
  end: number = body.length,
): Buffer {
  const joined = Buffer.allocUnsafe(head.length + (end - start))
  joined.write(head, 0, "latin1")
  body.copy(joined, head.length, start, end)
  return joined
}

/** `joinHeadAndBody` with `body` as one chunk of the chunked coding behind `head`. The body must not be empty. */
export function joinHeadAndChunk(
  head: string,
  body: Buffer,
  start: number = 0,
  end: number = body.length,
): Buffer {
  const size = (end - start).toString(16)
  const joined = Buffer.allocUnsafe(head.length + size.length + 4 + (end - start))
  let at = joined.write(head, 0, "latin1")
  at += joined.write(size, at, "latin1")
  joined[at++] = 0x0d
  joined[at++] = 0x0a
  at += body.copy(joined, at, start, end)
  joined[at++] = 0x0d
  joined[at] = 0x0a
  return joined
}
