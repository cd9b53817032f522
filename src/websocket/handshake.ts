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
  return faultyPart(head) === undefined
}

/** A part of a request's head that RFC 6455 §4.2.1 has something to say about. */
export type HandshakePart =
  | "method"
  | "version"
  | "Upgrade"
  | "Connection"
  | "Sec-WebSocket-Key"
  | "Sec-WebSocket-Version"

/** The first part of `head` that keeps it from being a WebSocket handshake; undefined when it is one. */
export function faultyPart(head: RequestHead): HandshakePart | undefined {
  if (head.method !== "GET") return "method"
  if (head.versionMinor < 1) return "version"
  if (!listContains(head.upgrade, "websocket")) return "Upgrade"
  if (!head.connectionUpgrade) return "Connection"
  if (!isHandshakeKey(head.headers.get("sec-websocket-key") ?? "")) return "Sec-WebSocket-Key"
  return head.headers.get("sec-websocket-version") === "13" ? undefined : "Sec-WebSocket-Version"
}

/** What keeps `head` from being a WebSocket handshake (RFC 6455 §4.2.1), in plain words; undefined when it is one. */
export function handshakeFault(head: RequestHead): string | undefined {
  const part = faultyPart(head)
  if (part === undefined) return undefined
  if (part === "method") return `the method is ${head.method}, not GET`
  if (part === "version") return "the version is HTTP/1.0, which has no Upgrade"
  const value = part === "Upgrade" ? head.upgrade || undefined : head.headers.getJoined(part.toLowerCase())
  if (value === undefined) return `there is no ${part} header`
  if (part === "Upgrade") return `Upgrade is "${value}", not websocket`
  if (part === "Connection") return `Connection is "${value}", which does not list upgrade`
  return part === "Sec-WebSocket-Key"
    ? `Sec-WebSocket-Key "${value}" is not base64 of sixteen bytes`
    : `Sec-WebSocket-Version is "${value}", not 13`
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
