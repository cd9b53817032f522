/** The request of a handshake, written by hand (RFC 6455 §4.1), and the ways in which a test changes it. */
import { randomBytes } from "node:crypto"
import { basic, type ClientOptions } from "../client/client-options.ts"
import { type Endpoint, ownOrigin } from "../client/endpoint.ts"
import { VERSION } from "../runtime/special-response.ts"

/** What is different from the request that a browser would send. */
export interface RequestChanges {
  readonly method?: string
  /** Without Upgrade, Connection: Upgrade and Sec-WebSocket-*: a request for a page. */
  readonly isPlain?: boolean
  /** null: no Origin. */
  readonly origin?: string | null
  readonly noExtensions?: boolean
  readonly noSubprotocols?: boolean
  /** Header names in lower case, as a proxy that speaks HTTP/2 on one side writes them. */
  readonly lowerCase?: boolean
  /** In place of "Upgrade". */
  readonly connection?: string
  readonly host?: string
  readonly target?: string
  /** Without what the user gave by --cookie. */
  readonly noCookies?: boolean
  /** Stands before the request: the head of the PROXY protocol. */
  readonly prefix?: string
}

export interface HandshakeRequest {
  /** The whole head, latin1. Has credentials: not to be shown as it is. */
  readonly text: string
  /** The Sec-WebSocket-Key. */
  readonly key: string
}

export const EXTENSIONS_OFFER = "permessage-deflate; client_max_window_bits"
const KEY_BYTES = 16

export function handshakeRequest(
  endpoint: Endpoint,
  client: ClientOptions,
  changes: RequestChanges = {},
): HandshakeRequest {
  const key = randomBytes(KEY_BYTES).toString("base64")
  const fields: (readonly [string, string])[] = [["Host", changes.host ?? endpoint.authority]]
  if (changes.isPlain === true) fields.push(["Connection", "close"])
  else fields.push(...webSocketFields(client, changes, key))
  fields.push(...commonFields(endpoint, client, changes))
  const given = client.headers.filter(([name]) => !isChanged(name.toLowerCase(), changes))
  const lines = withGiven(fields, given).map(([name, value]) => {
    return `${changes.lowerCase === true ? name.toLowerCase() : name}: ${value}\r\n`
  })
  const method = changes.method ?? "GET"
  const line = `${method} ${changes.target ?? endpoint.target} HTTP/1.1`
  return { text: `${changes.prefix ?? ""}${line}\r\n${lines.join("")}\r\n`, key }
}

/** Whether a test is about a field, so that what the user gives by --header is not sent. */
function isChanged(key: string, changes: RequestChanges): boolean {
  if (changes.isPlain === true && (HANDSHAKE_FIELDS.has(key) || key.startsWith("sec-websocket-"))) return true
  if (key === "origin") return changes.origin !== undefined
  if (key === "connection") return changes.connection !== undefined
  if (key === "cookie") return changes.noCookies === true
  if (key === "sec-websocket-extensions") return changes.noExtensions === true
  return key === "sec-websocket-protocol" && changes.noSubprotocols === true
}

const HANDSHAKE_FIELDS: ReadonlySet<string> = new Set(["connection", "upgrade"])

function webSocketFields(
  client: ClientOptions,
  changes: RequestChanges,
  key: string,
): (readonly [string, string])[] {
  const fields: (readonly [string, string])[] = [
    ["Connection", changes.connection ?? "Upgrade"],
    ["Upgrade", "websocket"],
    ["Sec-WebSocket-Version", "13"],
    ["Sec-WebSocket-Key", key],
  ]
  if (client.subprotocols.length > 0 && changes.noSubprotocols !== true)
    fields.push(["Sec-WebSocket-Protocol", client.subprotocols.join(", ")])
  if (changes.noExtensions !== true) fields.push(["Sec-WebSocket-Extensions", EXTENSIONS_OFFER])
  return fields
}

/** What both a page's request and a handshake have. */
export function commonFields(
  endpoint: Endpoint,
  client: ClientOptions,
  changes: RequestChanges = {},
): (readonly [string, string])[] {
  const fields: (readonly [string, string])[] = []
  const origin = changes.origin === undefined ? (client.origin ?? ownOrigin(endpoint)) : changes.origin
  if (origin !== null && origin !== "none") fields.push(["Origin", origin])
  fields.push(["User-Agent", `holdfast-probe/${VERSION}`])
  if (client.cookies.length > 0 && changes.noCookies !== true)
    fields.push(["Cookie", client.cookies.join("; ")])
  if (endpoint.userinfo !== undefined) fields.push(["Authorization", basic(endpoint.userinfo)])
  return fields
}

/** A field that the user gives takes the place of ours of that name. */
export function withGiven(
  fields: readonly (readonly [string, string])[],
  given: ClientOptions["headers"],
): (readonly [string, string])[] {
  const names = new Set(given.map(([name]) => name.toLowerCase()))
  return [...fields.filter(([name]) => !names.has(name.toLowerCase())), ...given]
}
