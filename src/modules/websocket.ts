/** websocket and websocket_*: what Holdfast does for WebSockets beyond passing their bytes. No module of nginx. */
import { ANY, directives, HTTP, LOCATION, SERVER, type ValueContext } from "../config/row.ts"
import { flag, milliseconds, oneOf, parseMilliseconds } from "../config/values.ts"
import { listContains } from "../http/hop-by-hop.ts"
import type { RequestHead } from "../http/request-head.ts"
import { defineModule, type LocationContext } from "../runtime/module.ts"
import type { PingSettings } from "../tunnel/pings.ts"
import { GOING_AWAY, SERVICE_RESTART } from "../websocket/frames.ts"

const ALL = HTTP | SERVER | LOCATION

/** What is in force at a location. */
export interface WebSocketSettings {
  /** `websocket on`: handshakes are forwarded without any `proxy_set_header`. */
  readonly isOn: boolean
  readonly ping: PingSettings | null
  /** The status of a goodbye to clients (RFC 6455 §7.4). */
  readonly closeCode: number
  readonly closeTimeoutMs: number
  /** A violation of the protocol is relayed, not answered. */
  readonly passesErrors: boolean
}

const DEFAULT_TIMEOUT_MS = 20_000

/** What `websocket on` sets where nothing else is said. */
const DEFAULT_PING: PingSettings = {
  intervalMs: 30_000,
  timeoutMs: DEFAULT_TIMEOUT_MS,
  toClient: true,
  toUpstream: false,
}

/** The idle limit that `websocket on` sets where no `proxy_read_timeout` or `proxy_send_timeout` stands. */
export const IDLE_LIMIT_MS = 3_600_000

const rows = directives({
  websocket: {
    in: ALL,
    value: flag,
    default: "off",
    syntax: "on | off",
    doc: "Forwards WebSocket handshakes: all that takes ten lines otherwise.",
  },
  websocket_ping: {
    in: ALL,
    args: [1, ANY],
    parse: parsePing,
    default: "off",
    syntax: "interval [timeout=time] [client | backend | both], or off",
    doc: "Pings an idle WebSocket: interval [timeout=20s] [client | backend | both], or off. With websocket on: 30s.",
  },
  websocket_close_code: {
    in: ALL,
    value: oneOf("1001", "1012"),
    default: "1001",
    doc: "The status that clients get with a goodbye: 1001 (going away) or 1012 (service restart).",
  },
  websocket_close_timeout: {
    in: ALL,
    value: milliseconds,
    default: "5s",
    doc: "How long each side has for its part of a closing handshake that Holdfast began.",
  },
  websocket_protocol_errors: {
    in: ALL,
    value: oneOf("close", "pass"),
    default: "close",
    doc: "Whether frames against RFC 6455 end a WebSocket with 1002 (close), or are only relayed (pass).",
  },
})

export const websocket = defineModule({
  name: "websocket",
  directives: rows,
  location: (conf, context): WebSocketSettings => ({
    isOn: conf.websocket,
    ping: isDefault("websocket_ping", context) && conf.websocket ? DEFAULT_PING : conf.websocket_ping,
    closeCode: conf.websocket_close_code === "1012" ? SERVICE_RESTART : GOING_AWAY,
    closeTimeoutMs: conf.websocket_close_timeout,
    passesErrors: conf.websocket_protocol_errors === "pass",
  }),
})

/** Whether no directive says anything of `name` here or above. */
export function isDefault(name: string, context: LocationContext): boolean {
  return context.directiveOf(name) === undefined
}

/**
 * Whether `head` asks for a WebSocket over HTTP/1.1. What else RFC 6455 §4.2.1 wants of it (key, version) is the
 * backend's to judge: it answers with the reason, and a client of an older version learns the right one.
 */
export function asksForWebSocket(head: RequestHead): boolean {
  return (
    head.upgrade !== "" &&
    head.connectionUpgrade &&
    head.versionMinor === 1 &&
    head.method === "GET" &&
    listContains(head.upgrade, "websocket")
  )
}

function parsePing(args: readonly string[], context: ValueContext): PingSettings | null {
  const [first, ...rest] = args as [string, ...string[]]
  if (first === "off") return rest.length === 0 ? null : context.fail(`invalid parameter "${rest[0]}"`)
  const intervalMs = parseMilliseconds(first)
  if (!intervalMs) return context.fail(`invalid value "${first}" in "websocket_ping" directive`)
  let timeoutMs = DEFAULT_TIMEOUT_MS
  let side = "client"
  for (const word of rest) {
    if (word === "client" || word === "backend" || word === "both") side = word
    else if (word.startsWith("timeout="))
      timeoutMs =
        parseMilliseconds(word.slice("timeout=".length)) || context.fail(`invalid parameter "${word}"`)
    else context.fail(`invalid parameter "${word}"`)
  }
  return { intervalMs, timeoutMs, toClient: side !== "backend", toUpstream: side !== "client" }
}
