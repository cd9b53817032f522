import { parseContentLength } from "./body-length.ts"
import { HeaderList } from "./header-list.ts"
import {
  FIELD_CONNECTION,
  FIELD_CONTENT_LENGTH,
  FIELD_EXPECT,
  FIELD_HOST,
  FIELD_TRANSFER_ENCODING,
  FIELD_UPGRADE,
} from "./header-names.ts"
import { listContains } from "./hop-by-hop.ts"
import { parseHost } from "./host.ts"
import { equalsIgnoreCase } from "./octets.ts"

/** The head of a request (RFC 9112 §3, §5): what came, and what it says about the message that follows. */
export class RequestHead {
  method: string
  /** As sent; `parseTarget` reads it. */
  target: string
  /** The line as sent, without its end: $request. */
  requestLine: string
  /** 0 or 1; a later minor version counts as 1. */
  versionMinor: number
  headers: HeaderList
  /** Bytes of the body; -1 where no Content-Length was sent. */
  contentLength: number
  chunked: boolean
  /** Whether the client wants the connection kept (RFC 9112 §9.3). */
  keepAlive: boolean
  /** The value of Upgrade, several joined with ", ", or "". */
  upgrade: string
  /** Whether Connection lists "upgrade". */
  connectionUpgrade: boolean
  /** Whether Connection lists "close". */
  connectionClose: boolean
  /** Whether the client waits for a 100 (Continue). */
  expectContinue: boolean
  /** The value of Host, or "". */
  host: string
  /** `parseHost` of it: lower case, without port; "" without Host. */
  hostName: string
  /** Bytes taken for this head, blank lines before it included. */
  headBytes: number
  /** It came by HTTP/2; `versionMinor` is 1 then. */
  isHttp2: boolean
  /**
   * The Sec-WebSocket-Key that was made for a WebSocket of RFC 8441, which has none: the head says GET and Upgrade, as
   * HTTP/1.1 would. "" for any other request.
   */
  ownWebSocketKey: string

  constructor(headers: HeaderList = new HeaderList()) {
    this.method = ""
    this.target = ""
    this.requestLine = ""
    this.versionMinor = 1
    this.headers = headers
    this.contentLength = -1
    this.chunked = false
    this.keepAlive = false
    this.upgrade = ""
    this.connectionUpgrade = false
    this.connectionClose = false
    this.expectContinue = false
    this.host = ""
    this.hostName = ""
    this.headBytes = 0
    this.isHttp2 = false
    this.ownWebSocketKey = ""
  }
}

/**
 * Takes the field `name: value` into what `head` says about itself; `head.headers` has the fields before it.
 * `kind` is its FIELD_*. Returns nginx's words for what refuses the request, if anything does.
 */
export function takeRequestField(
  head: RequestHead,
  kind: number,
  name: string,
  key: string,
  value: string,
): string | undefined {
  switch (kind) {
    case FIELD_HOST:
      if (head.host !== "") return duplicateField("host header", head, name, key, value)
      return takeHost(head, value)
    case FIELD_CONNECTION:
      takeConnection(head, value)
      return undefined
    case FIELD_UPGRADE:
      head.upgrade = head.upgrade === "" ? value : `${head.upgrade}, ${value}`
      return undefined
    case FIELD_CONTENT_LENGTH:
      if (head.contentLength >= 0) return duplicateField("header line", head, name, key, value)
      head.contentLength = parseContentLength(value)
      return head.contentLength < 0 ? 'client sent invalid "Content-Length" header' : undefined
    case FIELD_TRANSFER_ENCODING:
      return takeTransferEncoding(head, name, key, value)
    case FIELD_EXPECT:
      if (head.headers.has(key)) return duplicateField("header line", head, name, key, value)
      head.expectContinue =
        head.versionMinor === 1 && equalsIgnoreCase(value, 0, value.length, "100-continue")
      return undefined
    default:
      if (head.headers.has(key)) return duplicateField("header line", head, name, key, value)
      return undefined
  }
}

/** What only the whole head shows: the fault that refuses it, if any (RFC 9112 §3.2, §6.3). */
export function verifyRequestHead(head: RequestHead): string | undefined {
  if (head.versionMinor === 1 && head.host === "") return 'client sent HTTP/1.1 request without "Host" header'
  if (head.chunked && head.contentLength >= 0)
    return 'client sent "Content-Length" and "Transfer-Encoding" headers at the same time'
  return undefined
}

function takeHost(head: RequestHead, value: string): string | undefined {
  const hostName = parseHost(value)
  if (hostName === undefined) return "client sent invalid host header"
  head.host = value
  head.hostName = hostName
  return undefined
}

/** Several Connection fields count as one list; "close" outweighs "keep-alive" (RFC 9112 §9.3). */
function takeConnection(head: RequestHead, value: string): void {
  if (listContains(value, "close")) head.connectionClose = true
  if (head.connectionClose) head.keepAlive = false
  else if (listContains(value, "keep-alive")) head.keepAlive = true
  if (listContains(value, "upgrade")) head.connectionUpgrade = true
}

function takeTransferEncoding(
  head: RequestHead,
  name: string,
  key: string,
  value: string,
): string | undefined {
  if (head.chunked) return duplicateField("header line", head, name, key, value)
  if (head.versionMinor === 0) return 'client sent HTTP/1.0 request with "Transfer-Encoding" header'
  if (!equalsIgnoreCase(value, 0, value.length, "chunked"))
    return `client sent unknown "Transfer-Encoding": "${value}"`
  head.chunked = true
  return undefined
}

function duplicateField(what: string, head: RequestHead, name: string, key: string, value: string): string {
  const at = head.headers.keys.indexOf(key)
  const previous = `"${head.headers.names[at]}: ${head.headers.values[at]}"`
  return `client sent duplicate ${what}: "${name}: ${value}", previous value: ${previous}`
}
