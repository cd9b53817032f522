/** What keeps an answer from accepting a handshake, as browsers judge. */
import { listTokens } from "../http/hop-by-hop.ts"
import type { ResponseHead } from "../http/response-head.ts"
import { responseFault } from "../websocket/handshake.ts"
import type { HandshakeRequest } from "./request.ts"

/** RFC 6455 §4.1, all of what a client has to check; in plain words, undefined where nothing is wrong. */
export function answerFault(head: ResponseHead, request: HandshakeRequest): string | undefined {
  return responseFault(head, request.key) ?? versionFault(head) ?? negotiationFault(head, request.text)
}

function versionFault({ versionMinor, status }: ResponseHead): string | undefined {
  return status === 101 && versionMinor === 0
    ? "it is an answer of HTTP/1.0, which has no Upgrade"
    : undefined
}

function negotiationFault({ headers }: ResponseHead, request: string): string | undefined {
  const chosen = headers.getJoined("sec-websocket-protocol")
  const offered = offeredIn(request, "sec-websocket-protocol")
  if (chosen !== undefined && !offered.includes(chosen))
    return `Sec-WebSocket-Protocol is "${chosen}", which was not offered`
  const extensions = headers.getJoined("sec-websocket-extensions") ?? ""
  const known = offeredIn(request, "sec-websocket-extensions").map(nameOf)
  const odd = listTokens(extensions).find((extension) => !known.includes(nameOf(extension)))
  return odd === undefined ? undefined : `Sec-WebSocket-Extensions is "${extensions}", which was not offered`
}

/** The elements of the field `key` in a request's head, as sent. */
export function offeredIn(request: string, key: string): string[] {
  const lines = request.split("\r\n").filter((line) => line.toLowerCase().startsWith(`${key}:`))
  return lines.flatMap((line) => line.slice(key.length + 1).split(",")).map((element) => element.trim())
}

function nameOf(extension: string): string {
  return (extension.split(";")[0] ?? "").trim().toLowerCase()
}
