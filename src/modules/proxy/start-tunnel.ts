/** After a 101: the head goes to the client, and both connections become one tunnel, which outlives the rest. */
import { listContains } from "../../http/hop-by-hop.ts"
import type { ResponseHead } from "../../http/response-head.ts"
import { appendHeaders, statusLine } from "../../http/serialize.ts"
import type { TakenConnection } from "../../runtime/exchange.ts"
import type { WorkerServices } from "../../runtime/module.ts"
import type { Request } from "../../runtime/request.ts"
import { serverFields } from "../../runtime/response-head.ts"
import { runHeaderFilters } from "../../runtime/send-head.ts"
import { Tunnel, type TunnelOptions, type TunnelOwner } from "../../tunnel/tunnel.ts"
import type { UpstreamConnection } from "../../upstream/connection.ts"
import type { Peer } from "../../upstream/peer.ts"
import { extensionBits } from "../../websocket/extensions.ts"
import { isWebSocketHandshake, responseFault } from "../../websocket/handshake.ts"
import type { Attempt } from "./attempt.ts"
import type { ProxiedRequest } from "./proxied-request.ts"
import { takeResponseHead } from "./response-fields.ts"
import { TunnelLog } from "./tunnel-log.ts"

/**
 * What keeps a 101 from being passed on, in plain words; undefined where nothing does. `isBodySent`: the request is
 * out to its end. Where the key of the handshake is our own its client cannot check the answer, so we do.
 */
export function upgradeFault(
  { head: asked }: Request,
  head: ResponseHead,
  isBodySent: boolean,
): string | undefined {
  if (asked.upgrade === "" || !isBodySent) return "101 without an upgrade in the request"
  return asked.ownWebSocketKey === "" ? undefined : responseFault(head, asked.ownWebSocketKey)
}

/** `early`: bytes that the upstream sent right behind its head. */
export function startTunnel(proxied: ProxiedRequest, head: ResponseHead, early: Buffer | null): void {
  const { request, settings } = proxied
  takeResponseHead(request, settings, head)
  const text = upgradeHead(proxied, head)
  // What a client of HTTP/2 gets in its place.
  if (request.head.ownWebSocketKey !== "") request.response.status = 200
  // Whatever may throw comes before the connections change hands.
  const log = new TunnelLog(request, text.length)
  const isWebSocket = isWebSocketAgreed(proxied, head)
  const { peer, connection } = proxied.lease.handOver()
  const taken = request.exchange.takeOver(text)
  // The request's line in the log is the tunnel's; the request itself ends here.
  request.releaseHeld()
  const open = new OpenProxyTunnel(
    {
      client: taken.stream,
      upstream: connection,
      timers: settings.services.timers,
      peerKey: peer.key,
      drainMs: peer.drainMs,
      readTimeoutMs: settings.tunnelReadTimeoutMs,
      sendTimeoutMs: settings.tunnelSendTimeoutMs,
      clientSendTimeoutMs: request.location.settings.sendTimeoutMs,
      webSocket: isWebSocket ? settings.webSocket : null,
      rsv: extensionBits(head.headers.getJoined("sec-websocket-extensions")),
    },
    { taken, peer, connection, services: settings.services },
    log,
    proxied.lease.attempt,
  )
  open.tunnel.start(taken.received, early)
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

/** Whether both sides agreed on the WebSocket protocol of RFC 6455. */
function isWebSocketAgreed({ request }: ProxiedRequest, head: ResponseHead): boolean {
  return isWebSocketHandshake(request.head) && listContains(head.upgrade, "websocket")
}

/** What is to be given back at the end. */
interface Held {
  readonly taken: TakenConnection
  readonly peer: Peer
  readonly connection: UpstreamConnection
  readonly services: WorkerServices
}

/** A tunnel with its place among the worker's and its lines in the logs. Holds nothing of its generation. */
class OpenProxyTunnel implements TunnelOwner {
  readonly tunnel: Tunnel
  readonly #held: Held
  readonly #log: TunnelLog
  readonly #attempt: Attempt | null

  constructor(options: TunnelOptions, held: Held, log: TunnelLog, attempt: Attempt | null) {
    this.#held = held
    this.#log = log
    this.#attempt = attempt
    this.tunnel = new Tunnel(options, this)
    held.services.tunnels.add(this.tunnel)
  }

  log(level: number, message: string): void {
    this.#log.log(level, message)
  }

  onTunnelEnd(): void {
    const { taken, peer, connection, services } = this.#held
    peer.release("ok", services.nowMs())
    this.#attempt?.finish(connection, 0)
    this.#log.finish(this.tunnel.sentBytes)
    taken.close()
    // Last: a worker that stops waits for its tunnels, lines and all.
    services.tunnels.delete(this.tunnel)
  }
}
