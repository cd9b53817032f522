/** After a 101: the head goes to the client, and both connections become one tunnel. */
import { INFO } from "../../base/logger.ts"
import type { ResponseHead } from "../../http/response-head.ts"
import { appendHeaders, statusLine } from "../../http/serialize.ts"
import { runHeaderFilters, serverFields } from "../../runtime/response-head.ts"
import { Tunnel, type TunnelEnd } from "../../tunnel/tunnel.ts"
import type { UpstreamConnection } from "../../upstream/connection.ts"
import type { PeerOutcome } from "../../upstream/upstream.ts"
import type { ProxiedRequest } from "./proxied-request.ts"
import { takeResponseHead } from "./response-fields.ts"

/** `early`: bytes that the upstream sent right behind its head. `settle` gives the peer back at the end. */
export function startTunnel(
  proxied: ProxiedRequest,
  head: ResponseHead,
  early: Buffer | null,
  settle: (outcome: PeerOutcome) => void,
): void {
  const { request, settings } = proxied
  takeResponseHead(request, settings, head)
  const text = upgradeHead(proxied, head)
  const { exchange } = request
  const { stream, received } = exchange.takeOver(text)
  const tunnel = new Tunnel({
    client: stream,
    upstream: proxied.lease.connection as UpstreamConnection,
    timers: settings.services.timers,
    readTimeoutMs: settings.readTimeoutMs,
    sendTimeoutMs: settings.sendTimeoutMs,
    clientSendTimeoutMs: request.location.settings.sendTimeoutMs,
    onEnd: (end) => finish(proxied, tunnel, end, settle),
  })
  tunnel.start(received, early)
}

/** The 101 as the upstream sent it, with this server's own fields and those that add_header sets. */
function upgradeHead(proxied: ProxiedRequest, head: ResponseHead): string {
  const { request } = proxied
  const { response } = request
  runHeaderFilters(request)
  let text = statusLine(101, head.reason) + serverFields(request, proxied.settings.services.httpDate())
  text += `Connection: upgrade\r\n`
  if (response.contentLength >= 0) text += `Content-Length: ${response.contentLength}\r\n`
  if (response.contentType !== "") text += `Content-Type: ${response.contentType}\r\n`
  return `${appendHeaders(text, response.headers)}\r\n`
}

function finish(
  proxied: ProxiedRequest,
  tunnel: Tunnel,
  end: TunnelEnd,
  settle: (outcome: PeerOutcome) => void,
): void {
  const { request } = proxied
  if (end.reason !== "") request.log(INFO, `${end.reason} while proxying upgraded connection`)
  settle("ok")
  request.exchange.finishTunnel(tunnel.upstreamBytes)
}
