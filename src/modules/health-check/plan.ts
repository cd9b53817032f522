/** What a health check asks, and how: the proxy settings of its location, made fit for a request without a client. */
import type { Location } from "../../runtime/location.ts"
import { Template } from "../../runtime/template.ts"
import { Peer, tcpAddress } from "../../upstream/peer.ts"
import type { Upstream } from "../../upstream/upstream.ts"
import { ownMemory } from "../../upstream/zone.ts"
import type { ProxyTarget } from "../proxy/request-head.ts"
import type { ProxySettings } from "../proxy/settings.ts"
import { CheckRequests } from "./check-request.ts"
import type { Match } from "./match.ts"

/** The parameters of `health_check`. */
export interface CheckOptions {
  readonly intervalMs: number
  readonly jitterMs: number
  readonly fails: number
  readonly passes: number
  readonly uri: string
  readonly isMandatory: boolean
  readonly isPersistent: boolean
  /** The name of a `match` block; "" for none. */
  readonly match: string
  /** 0 for the server's own. */
  readonly port: number
  readonly type: "http" | "websocket"
  /** `ping`: a WebSocket has to answer one. */
  readonly pings: boolean
  /** How long one connection is used for checks; 0: each has its own. */
  readonly keepaliveMs: number
}

/** All that the attempts of one check share. */
export interface CheckPlan {
  readonly options: CheckOptions
  readonly match: Match
  readonly group: Upstream
  readonly settings: ProxySettings
  readonly target: ProxyTarget
  readonly requests: CheckRequests
  /** For its error log. */
  readonly location: Location
}

/** Fields of a handshake that are the check's own. */
const HANDSHAKE_KEYS = ["upgrade", "connection", "sec-websocket-key", "sec-websocket-version"]

export function planCheck(
  options: CheckOptions,
  match: Match,
  location: Location,
  settings: ProxySettings,
  group: Upstream,
  serverName: string,
): CheckPlan {
  return {
    options,
    match,
    group,
    settings: options.type === "websocket" ? forHandshakes(settings) : forRequests(settings, options),
    target: { method: "GET", scheme: settings.scheme, host: settings.host, uri: options.uri },
    requests: new CheckRequests(location, serverName, settings.host, options.uri, settings.services.clock),
    location,
  }
}

/** The handshake goes the way that `websocket on` goes: what the location says of Upgrade is for clients. */
function forHandshakes(settings: ProxySettings): ProxySettings {
  const without = (keys: ReadonlySet<string>): ReadonlySet<string> =>
    new Set(
      [...keys].filter((key) => !key.startsWith("sec-websocket-key") && key !== "sec-websocket-version"),
    )
  return {
    ...settings,
    body: null,
    passHeaders: true,
    webSocket: { ...settings.webSocket, isOn: true },
    fields: settings.fields.filter(({ key }) => !HANDSHAKE_KEYS.includes(key)),
    replacedKeys: without(settings.replacedKeys),
  }
}

/** A connection that is not kept says so, unless the location says something else. */
function forRequests(settings: ProxySettings, { keepaliveMs }: CheckOptions): ProxySettings {
  if (keepaliveMs > 0 || settings.setKeys.has("connection")) return settings
  const close = { prefix: "Connection: ", key: "connection", value: new Template("close", ["close"]) }
  return { ...settings, fields: [...settings.fields, close] }
}

/** Whom to ask: the peer, or what listens on another port of its address. */
export function peerToAsk(peer: Peer, { port }: CheckOptions): Peer {
  if (port === 0 || peer.address.path !== "") return peer
  const address = tcpAddress(peer.address.host, port)
  const memory = ownMemory()
  const { weight, maxConns, maxFails, failTimeoutMs, backup, down, server } = peer
  const options = { address, server, weight, maxConns, maxFails, failTimeoutMs, backup, down }
  const place = { group: "", index: 0, isSingle: true, membership: 1, drainMs: null }
  return new Peer(options, place, memory.row(address.name, 0), memory.lock)
}
