/** Fields of an answer as HTTP/2 takes them: names and values in turn, names in lower case. */
import type { HeaderList } from "./header-list.ts"
import { isFieldValue } from "./octets.ts"

/** Fields of a connection of HTTP/1.1, which a message of HTTP/2 must not have (RFC 9113 §8.2.2). */
const OF_CONNECTION: ReadonlySet<string> = new Set([
  "connection",
  "keep-alive",
  "proxy-connection",
  "transfer-encoding",
  "upgrade",
  "http2-settings",
  "te",
])

/** Adds all of `headers` to `fields`, but for those of a connection and what no frame may carry. */
export function addHttp2Fields(fields: (string | number)[], { keys, values }: HeaderList): void {
  for (let i = 0; i < keys.length; i++) {
    const key = keys[i] as string
    const value = values[i] as string
    if (!OF_CONNECTION.has(key) && isFieldValue(value)) fields.push(key, value)
  }
}

/** The octets of `fields`: what $bytes_sent counts, since what HPACK makes of them is not told. */
export function http2HeadBytes(fields: readonly (string | number)[]): number {
  let bytes = FRAME_HEADER_BYTES
  for (let i = 0; i < fields.length; i++) bytes += String(fields[i]).length
  return bytes
}

/** RFC 9113 §4.1 */
export const FRAME_HEADER_BYTES = 9
