/**
 * What backends say of a handshake that they do not take. Each sentence was seen by running the program, or stands in
 * the source that is named; the comment says so where it is not confirmed.
 */
import type { BackendProduct, Lost } from "./identity.ts"

export interface RefusalMark {
  /** Undefined where several say the same. */
  readonly product: BackendProduct | undefined
  /** Of the body; the whole match is shown. */
  readonly pattern: RegExp
  readonly lost: Lost
  /** What else makes it say that. */
  readonly orElse?: readonly Lost[]
  readonly statuses?: readonly number[]
  /** A field that must be there, and what it must have. */
  readonly field?: readonly [key: string, value: RegExp]
}

export const REFUSALS: readonly RefusalMark[] = [
  // ws 8.21, seen by running; lib/websocket-server.js. Its own server answers 426 to all that is no upgrade.
  { product: "ws", pattern: /^Missing or invalid Sec-WebSocket-Key header$/, lost: "key" },
  { product: "ws", pattern: /^Missing or invalid Sec-WebSocket-Version header$/, lost: "version" },
  { product: "ws", pattern: /^Invalid Upgrade header$/, lost: "upgrade" },
  { product: "ws", pattern: /^Invalid HTTP method$/, lost: "method" },
  { product: "ws", pattern: /^Invalid Sec-WebSocket-Protocol header$/, lost: "subprotocol" },
  { product: "ws", pattern: /^Upgrade Required$/, lost: "upgrade-or-connection", statuses: [426] },
  {
    product: "ws",
    pattern: /^Bad Request$/,
    lost: "path",
    // Applications that call handleUpgrade themselves write the same.
    orElse: ["credentials"],
    statuses: [400],
    field: ["content-type", /^text\/html$/],
  },
  // websockets 10.4, seen by running; 13 and later (src/websockets/server.py) say "missing" where 10 says "empty".
  says("websockets", "(?:empty|missing|invalid) Connection header[^\\r\\n]*", "connection"),
  says("websockets", "(?:empty|missing|invalid) Upgrade header[^\\r\\n]*", "upgrade"),
  says("websockets", "(?:missing|invalid) Sec-WebSocket-Key header[^\\r\\n]*", "key"),
  says("websockets", "(?:missing|invalid) Sec-WebSocket-Version header[^\\r\\n]*", "version"),
  says("websockets", "(?:missing|invalid) Origin header[^\\r\\n]*", "origin"),
  says(
    "websockets",
    "(?:missing|invalid) (?:Sec-WebSocket-Protocol header|subprotocol)[^\\r\\n]*",
    "subprotocol",
  ),
  says("websockets", "did not receive a valid HTTP request\\.?", "http-1.0"),
  says("websockets", "unsupported HTTP version[^\\r\\n]*", "http-1.0"),
  says("websockets", "unsupported HTTP method[^\\r\\n]*", "method"),
  // Engine.IO 6 and Socket.IO 4, seen by running; lib/server.ts: JSON to plain requests, a bare sentence to upgrades.
  {
    product: "engine.io",
    pattern:
      /^\{"code":[0-5],"message":"(?:Transport unknown|Session ID unknown|Bad handshake method|Bad request|Forbidden|Unsupported protocol version)"\}$/,
    lost: "upgrade-or-connection",
  },
  { product: "engine.io", pattern: /^Transport unknown$/, lost: "transport", statuses: [400] },
  { product: "engine.io", pattern: /^Session ID unknown$/, lost: "session", statuses: [400] },
  { product: "engine.io", pattern: /^Unsupported protocol version$/, lost: "transport", statuses: [400] },
  // SockJS 0.3.24, seen by running, and faye-websocket's driver below it.
  { product: "sockjs", pattern: /^Not a valid websocket request$/, lost: "upgrade-or-connection" },
  { product: "sockjs", pattern: /^Welcome to SockJS!\n$/, lost: "path" },
  {
    product: "faye-websocket",
    pattern: /^Missing handshake request header: Sec-WebSocket-Key$/,
    lost: "key",
  },
  {
    product: "faye-websocket",
    pattern: /^Only supported WebSocket protocol is RFC 6455\.$/,
    lost: "version",
  },
  // Tornado 6.5, seen by running. Spring MVC (AbstractHandshakeHandler.java), Vert.x and the SockJS servers of several
  // languages have the first, too, and the latter the second.
  { product: undefined, pattern: /^Can "Upgrade" only to "WebSocket"\.$/, lost: "upgrade" },
  { product: undefined, pattern: /^"Connection" must be "Upgrade"\.$/, lost: "connection" },
  // PyWebIO has it, too, on other servers.
  { product: "tornado", pattern: /^Cross origin websockets not allowed$/, lost: "origin", orElse: ["host"] },
  { product: "spring", pattern: /^"Connection" must be "upgrade"\.$/, lost: "connection" },
  { product: "vertx", pattern: /^"Connection" header must be "Upgrade"\.$/, lost: "connection" },
  // Spring WebFlux: HandshakeWebSocketService.java.
  { product: "spring", pattern: /Invalid 'Upgrade' header: /, lost: "upgrade" },
  { product: "spring", pattern: /Invalid 'Connection' header: /, lost: "connection" },
  { product: "spring", pattern: /Missing "Sec-WebSocket-Key" header/, lost: "key" },
  // aiohttp 3.14, seen by running.
  { product: "aiohttp", pattern: /^No WebSocket UPGRADE hdr: [^\r\n]*/, lost: "upgrade" },
  { product: "aiohttp", pattern: /^No CONNECTION upgrade hdr: [^\r\n]*/, lost: "connection" },
  { product: "aiohttp", pattern: /^Unsupported version: \S*$/, lost: "version" },
  { product: "aiohttp", pattern: /^Handshake error: (?:None|'[^\r\n]*')$/, lost: "key" },
  // uvicorn before 0.14, for an upgrade to something else. Not confirmed: later ones have the sentence in their log only.
  { product: "uvicorn", pattern: /^Unsupported upgrade request\.$/, lost: "upgrade" },
  // coder/websocket (nhooyr.io/websocket), accept.go; the first versions write "websocket".
  coder(
    /^WebSocket protocol violation: handshake request must be at least HTTP\/1\.1: [^\r\n]*/i,
    "http-1.0",
  ),
  coder(/^WebSocket protocol violation: Connection header [^\r\n]* does not contain Upgrade/i, "connection"),
  coder(/^WebSocket protocol violation: Upgrade header [^\r\n]* does not contain websocket/i, "upgrade"),
  coder(/^WebSocket protocol violation: handshake request method is not GET but [^\r\n]*/i, "method"),
  coder(/^unsupported WebSocket protocol version \(only 13 is supported\): [^\r\n]*/i, "version"),
  coder(/^WebSocket protocol violation: (?:missing|duplicate|invalid) Sec-WebSocket-Key[^\r\n]*/i, "key"),
  coder(/^request Origin [^\r\n]* is not authorized for Host [^\r\n]*/, "origin", ["host"]),
  // gorilla/websocket, server.go: the sentences where the application passes its error on, else the status text beside
  // a Sec-Websocket-Version. websocketd, seen by running, puts a second line below it.
  gorilla(/'upgrade' token not found in 'Connection' header/, "connection"),
  gorilla(/'websocket' token not found in 'Upgrade' header/, "upgrade"),
  gorilla(/13 not found in 'Sec-Websocket-Version' header/, "version"),
  gorilla(/[`']Sec-Websocket-Key' header (?:is missing or blank|must be Base64)[^\r\n]*/i, "key"),
  gorilla(
    /websocket: (?:'Origin' header value not allowed|request origin not allowed by Upgrader\.CheckOrigin)/,
    "origin",
    ["host"],
  ),
  {
    product: "websocketd",
    pattern: /^Bad Request\n500 Internal Error\n$/,
    lost: "key",
    orElse: ["version"],
  },
  { product: "websocketd", pattern: /^Forbidden\n500 Internal Error\n$/, lost: "origin", orElse: ["host"] },
  { product: "websocketd", pattern: /^Method Not Allowed\n500 Internal Error\n$/, lost: "method" },
  {
    product: "gorilla",
    pattern: /^Bad Request\n$/,
    lost: "upgrade-or-connection",
    orElse: ["key", "version"],
    field: ["sec-websocket-version", /^13$/],
  },
  {
    product: "gorilla",
    pattern: /^Forbidden\n$/,
    lost: "origin",
    orElse: ["host"],
    field: ["sec-websocket-version", /^13$/],
  },
  // gobwas/ws, errors.go.
  { product: "gobwas", pattern: /^handshake error: bad "Upgrade" header/, lost: "upgrade" },
  { product: "gobwas", pattern: /^handshake error: bad "Connection" header/, lost: "connection" },
  { product: "gobwas", pattern: /^handshake error: bad "Sec-Websocket-Key" header/i, lost: "key" },
  { product: "gobwas", pattern: /^handshake error: bad "Sec-Websocket-Version" header/i, lost: "version" },
  { product: "gobwas", pattern: /^handshake error: bad HTTP protocol version/, lost: "http-1.0" },
  { product: "gobwas", pattern: /^handshake error: bad HTTP request method/, lost: "method" },
  // golang.org/x/net/websocket, websocket.go and hybi.go.
  { product: "x-net-websocket", pattern: /^not websocket protocol$/, lost: "upgrade-or-connection" },
  { product: "x-net-websocket", pattern: /^missing or bad WebSocket Version$/, lost: "version" },
  { product: "x-net-websocket", pattern: /^mismatch challenge\/response$/, lost: "key" },
  // ASP.NET Core SignalR, HttpConnectionDispatcher.cs: a WebSocket request needs no id, so a plain one came.
  {
    product: "signalr",
    pattern: /^Connection ID required$/,
    lost: "upgrade-or-connection",
    orElse: ["negotiate"],
  },
  { product: "signalr", pattern: /^No Connection with that ID$/, lost: "session" },
  {
    product: "signalr",
    pattern: /^WebSockets transport not supported by this end point type$/,
    lost: "transport",
  },
  // Action Cable, lib/action_cable/connection/base.rb: for a plain request and for an Origin that is not allowed.
  {
    product: "actioncable",
    pattern: /^Page not found$/,
    lost: "upgrade-or-connection",
    orElse: ["origin"],
    statuses: [404],
    field: ["content-type", /^text\/plain/],
  },
  // Phoenix: websock_adapter, lib/websock_adapter/upgrade_validation.ex.
  phoenix(/'connection' header must contain 'upgrade', got [^\r\n]*/, "connection"),
  phoenix(/'upgrade' header must contain 'websocket', got [^\r\n]*/, "upgrade"),
  phoenix(/'sec-websocket-key' header is absent/, "key"),
  phoenix(/'sec-websocket-version' header must equal '13', got [^\r\n]*/, "version"),
  phoenix(/HTTP version [^\r\n]* unsupported/, "http-1.0"),
  // axum, src/extract/ws.rs: module rejection.
  { product: "axum", pattern: /^Connection header did not include 'upgrade'$/, lost: "connection" },
  { product: "axum", pattern: /^`Upgrade` header did not include 'websocket'$/, lost: "upgrade" },
  { product: "axum", pattern: /^`Sec-WebSocket-Version` header did not include '13'$/, lost: "version" },
  { product: "axum", pattern: /^`Sec-WebSocket-Key` header missing$/, lost: "key" },
  { product: "axum", pattern: /^Request method must be `GET`$/, lost: "method" },
  {
    product: "axum",
    pattern: /^WebSocket request couldn't be upgraded since no upgrade state was present$/,
    lost: "http-1.0",
    orElse: ["upgrade-or-connection"],
  },
  // Express 5, seen by running: Node hands an upgrade to Express only where no WebSocket server listens for it.
  {
    product: "express",
    pattern: /<pre>Cannot GET [^<]*<\/pre>/,
    lost: "upgrade-or-connection",
    orElse: ["path"],
    statuses: [404],
  },
  // Starlette and FastAPI, seen by running below uvicorn: a route for WebSockets is not there for plain requests.
  {
    product: "starlette",
    pattern: /^\{"detail":"Not Found"\}$/,
    lost: "upgrade-or-connection",
    orElse: ["path"],
    statuses: [404],
  },
]

/** Those that say it in the status line: actix-http, src/ws/mod.rs (and ntex, made from it); the body is empty. */
export const REASON_REFUSALS: readonly RefusalMark[] = [
  { product: "actix", pattern: /^No WebSocket UPGRADE header found$/i, lost: "upgrade" },
  { product: "actix", pattern: /^No CONNECTION upgrade$/i, lost: "connection" },
  { product: "actix", pattern: /^WebSocket version header is required$/i, lost: "version" },
  { product: "actix", pattern: /^Unsupported WebSocket version$/i, lost: "version" },
  { product: "actix", pattern: /^Handshake error$/, lost: "key" },
]

function says(product: BackendProduct, text: string, lost: Lost, orElse: readonly Lost[] = []): RefusalMark {
  const pattern = new RegExp(`Failed to open a WebSocket connection: ${text}`)
  return { product, pattern, lost, orElse }
}

function coder(pattern: RegExp, lost: Lost, orElse: readonly Lost[] = []): RefusalMark {
  return { product: "coder-websocket", pattern, lost, orElse }
}

function gorilla(pattern: RegExp, lost: Lost, orElse: readonly Lost[] = []): RefusalMark {
  return { product: "gorilla", pattern, lost, orElse }
}

function phoenix(pattern: RegExp, lost: Lost): RefusalMark {
  return { product: "phoenix", pattern, lost }
}
