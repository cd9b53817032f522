import { hash } from "node:crypto"
import { listContains } from "../http/hop-by-hop.ts"
import type { RequestHead } from "../http/request-head.ts"
import type { ResponseHead } from "../http/response-head.ts"

/** RFC 6455 §1.3. */
const GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
/** base64 of the sixteen bytes that a Sec-WebSocket-Key holds. */
const KEY_LENGTH = 24

/** The Sec-WebSocket-Accept that answers `key` (RFC 6455 §4.2.2). */
export function acceptKey(key: string): string {
  return hash("sha1", key + GUID, "base64")
}

/** Whether `head` asks for a WebSocket as RFC 6455 §4.2.1 wants it. */
export function isWebSocketHandshake(head: RequestHead): boolean {
  return handshakeFault(head) === undefined
}

/** What keeps `head` from being a WebSocket handshake (RFC 6455 §4.2.1), in plain words; undefined when it is one. */
export function handshakeFault(head: RequestHead): string | undefined {
  if (head.method !== "GET") return `the method is ${head.method}, not GET`
  if (head.versionMinor < 1) return "the version is HTTP/1.0, which has no Upgrade"
  if (head.upgrade === "") return "there is no Upgrade header"
  if (!listContains(head.upgrade, "websocket")) return `Upgrade is "${head.upgrade}", not websocket`
  if (!head.headers.has("connection")) return "there is no Connection header"
  if (!head.connectionUpgrade)
    return `Connection is "${head.headers.getJoined("connection") ?? ""}", which does not list upgrade`
  const key = head.headers.get("sec-websocket-key")
  if (key === undefined) return "there is no Sec-WebSocket-Key header"
  if (!isHandshakeKey(key)) return `Sec-WebSocket-Key "${key}" is not base64 of sixteen bytes`
  const version = head.headers.get("sec-websocket-version")
  if (version === undefined) return "there is no Sec-WebSocket-Version header"
  return version === "13" ? undefined : `Sec-WebSocket-Version is "${version}", not 13`
}

/** What keeps `head` from accepting the handshake with `key` (RFC 6455 §4.1), in plain words; undefined when it does. */
export function responseFault(head: ResponseHead, key: string): string | undefined {
  if (head.status !== 101) return `the status is ${head.status}, not 101`
  if (!listContains(head.upgrade, "websocket"))
    return head.upgrade === "" ? "there is no Upgrade header" : `Upgrade is "${head.upgrade}", not websocket`
  if (!head.connectionUpgrade) return "Connection does not list upgrade"
  const accept = head.headers.get("sec-websocket-accept")
  if (accept === undefined) return "there is no Sec-WebSocket-Accept header"
  const expected = acceptKey(key)
  return accept === expected ? undefined : `Sec-WebSocket-Accept is "${accept}", not "${expected}"`
}

/** Whether `key` is base64 of sixteen bytes: 22 digits and "==". */
function isHandshakeKey(key: string): boolean {
  if (key.length !== KEY_LENGTH || !key.endsWith("==")) return false
  for (let i = 0; i < KEY_LENGTH - 2; i++) if (!isBase64Digit(key.charCodeAt(i))) return false
  return true
}

function isBase64Digit(c: number): boolean {
  const lower = c | 0x20
  return (c >= 0x30 && c <= 0x39) || (lower >= 0x61 && lower <= 0x7a) || c === 0x2b || c === 0x2f
}
