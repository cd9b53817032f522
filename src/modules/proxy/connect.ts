/** Connecting to a peer, with TLS where the URL says https. */
import type { TLSSocket } from "node:tls"
import type { Request } from "../../runtime/request.ts"
import { openConnection, type UpstreamConnection, type UpstreamOwner } from "../../upstream/connection.ts"
import type { Peer } from "../../upstream/peer.ts"
import type { TlsSessions } from "../../upstream/tls-sessions.ts"
import { localAddressOf } from "./local-address.ts"
import type { ProxyTarget } from "./request-head.ts"
import type { ProxySettings } from "./settings.ts"

/** What must be equal for a kept connection to serve `request`. */
export function connectionKey(
  request: Request,
  settings: ProxySettings,
  target: ProxyTarget,
  peer: Peer,
): string {
  const local = localAddressOf(request, settings.bind)
  const key = peer.address.name + settings.connectionKey + (local === null ? "" : `\n${local.name}`)
  // A connection whose certificate was verified for one name must not serve another.
  return target.scheme === "https" && settings.tls !== undefined
    ? `${key}\n${settings.tls.name(request, target.host)}`
    : key
}

/** The connection outlives the request, in the pool or in a tunnel: nothing that it is given may hold `request`. */
export function connect(
  request: Request,
  settings: ProxySettings,
  target: ProxyTarget,
  peer: Peer,
  tlsSessions: TlsSessions,
  owner: UpstreamOwner,
): UpstreamConnection {
  const tls = target.scheme === "https" ? settings.tls?.connectionOptions(request, target.host) : undefined
  const options = {
    peer,
    key: connectionKey(request, settings, target, peer),
    tls,
    tlsSessions: settings.tls?.sessionReuse === true ? tlsSessions : undefined,
    local: localAddressOf(request, settings.bind),
    keepaliveProbe: settings.socketKeepalive,
    tcpNodelay: request.location.settings.tcpNodelay,
    nowMs: settings.services.nowMs(),
    readBuffer: settings.services.readBuffer,
  }
  return openConnection(options, owner)
}

/** What is wrong with the peer's certificate, in nginx's words; undefined where it may be spoken to. */
export function certificateFault(
  request: Request,
  settings: ProxySettings,
  target: ProxyTarget,
  connection: UpstreamConnection,
): string | undefined {
  if (target.scheme !== "https") return undefined
  return settings.tls?.verify(connection.socket as TLSSocket, request, target.host)
}
