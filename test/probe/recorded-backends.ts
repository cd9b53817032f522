/**
 * What backends answer to a handshake that they do not take, recorded by running them or from their source, which
 * src/probe/fingerprints names.
 */
import type { BackendProduct, Lost } from "../../src/probe/fingerprint.ts"
import { answerOf, HTML, JSON_TYPE, NOSNIFF, TEXT } from "./recorded-edges.ts"

export interface RecordedBackend {
  readonly name: string
  readonly answer: string
  /** Undefined where several say the same. */
  readonly product: BackendProduct | undefined
  readonly lost?: Lost
  readonly orElse?: readonly Lost[]
}

export const BACKENDS: readonly RecordedBackend[] = [
  {
    name: "gorilla/websocket",
    answer: answerOf("400 Bad Request", [TEXT, "Sec-Websocket-Version: 13", NOSNIFF], "Bad Request\n"),
    product: "gorilla",
    lost: "upgrade-or-connection",
    orElse: ["key", "version"],
  },
  {
    name: "gorilla/websocket, its error passed on",
    answer: answerOf(
      "400 Bad Request",
      [TEXT, "Sec-Websocket-Version: 13"],
      "websocket: the client is not using the websocket protocol: 'upgrade' token not found in 'Connection' header\n",
    ),
    product: "gorilla",
    lost: "connection",
  },
  {
    name: "coder/websocket",
    answer: answerOf(
      "426 Upgrade Required",
      ["Connection: Upgrade", "Upgrade: websocket", TEXT],
      'WebSocket protocol violation: Connection header "close" does not contain Upgrade\n',
    ),
    product: "coder-websocket",
    lost: "connection",
  },
  {
    name: "coder/websocket, another Origin",
    answer: answerOf(
      "403 Forbidden",
      [TEXT],
      'request Origin "http://127.0.0.1" is not authorized for Host "app"\n',
    ),
    product: "coder-websocket",
    lost: "origin",
    orElse: ["host"],
  },
  {
    name: "gobwas/ws",
    answer: answerOf("400 Bad Request", [TEXT], 'handshake error: bad "Upgrade" header\n'),
    product: "gobwas",
    lost: "upgrade",
  },
  {
    name: "x/net/websocket",
    answer: answerOf("400 Bad Request", [], "not websocket protocol"),
    product: "x-net-websocket",
    lost: "upgrade-or-connection",
  },
  {
    name: "Tornado, Spring MVC, Vert.x",
    answer: answerOf("400 Bad Request", [HTML], 'Can "Upgrade" only to "WebSocket".'),
    product: undefined,
    lost: "upgrade",
  },
  {
    name: "Tornado, a SockJS server",
    answer: answerOf("400 Bad Request", [HTML], '"Connection" must be "Upgrade".'),
    product: undefined,
    lost: "connection",
  },
  {
    name: "Tornado, another Origin",
    answer: answerOf("403 Forbidden", [HTML], "Cross origin websockets not allowed"),
    product: "tornado",
    lost: "origin",
    orElse: ["host"],
  },
  {
    name: "Spring MVC",
    answer: answerOf("400 Bad Request", [], '"Connection" must be "upgrade".'),
    product: "spring",
    lost: "connection",
  },
  {
    name: "Vert.x",
    answer: answerOf("400 Bad Request", [], '"Connection" header must be "Upgrade".'),
    product: "vertx",
    lost: "connection",
  },
  {
    name: "aiohttp",
    answer: answerOf(
      "400 Bad Request",
      [TEXT],
      'No WebSocket UPGRADE hdr: None\n Can "Upgrade" only to "WebSocket".',
    ),
    product: "aiohttp",
    lost: "upgrade",
  },
  {
    name: "FastAPI below uvicorn",
    answer: answerOf("404 Not Found", ["server: uvicorn", JSON_TYPE], '{"detail":"Not Found"}'),
    product: "starlette",
    lost: "upgrade-or-connection",
    orElse: ["path"],
  },
  {
    name: "Socket.IO, a plain request",
    answer: answerOf("400 Bad Request", [JSON_TYPE], '{"code":3,"message":"Bad request"}'),
    product: "engine.io",
    lost: "upgrade-or-connection",
  },
  {
    name: "Socket.IO, no transport in the URL",
    answer: answerOf("400 Bad Request", ["Connection: close", HTML], "Transport unknown"),
    product: "engine.io",
    lost: "transport",
  },
  {
    name: "Socket.IO, a session of another process",
    answer: answerOf("400 Bad Request", ["Connection: close", HTML], "Session ID unknown"),
    product: "engine.io",
    lost: "session",
  },
  {
    name: "SockJS",
    answer: answerOf("400 Bad Request", [], "Not a valid websocket request"),
    product: "sockjs",
    lost: "upgrade-or-connection",
  },
  {
    name: "Express",
    answer: answerOf(
      "404 Not Found",
      ["X-Powered-By: Express", "Content-Type: text/html; charset=utf-8"],
      '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>Error</title>\n</head>\n<body>\n<pre>Cannot GET /ws/</pre>\n</body>\n</html>\n',
    ),
    product: "express",
    lost: "upgrade-or-connection",
    orElse: ["path"],
  },
  {
    name: "SignalR",
    answer: answerOf(
      "400 Bad Request",
      ["Server: Kestrel", "Content-Type: text/plain"],
      "Connection ID required",
    ),
    product: "signalr",
    lost: "upgrade-or-connection",
    orElse: ["negotiate"],
  },
  {
    name: "SignalR, a connection of another process",
    answer: answerOf(
      "404 Not Found",
      ["Server: Kestrel", "Content-Type: text/plain"],
      "No Connection with that ID",
    ),
    product: "signalr",
    lost: "session",
  },
  {
    name: "Action Cable",
    answer: answerOf("404 Not Found", [TEXT], "Page not found"),
    product: "actioncable",
    lost: "upgrade-or-connection",
    orElse: ["origin"],
  },
  {
    name: "Phoenix",
    answer: answerOf(
      "400 Bad Request",
      [TEXT],
      "'connection' header must contain 'upgrade', got [\"close\"]",
    ),
    product: "phoenix",
    lost: "connection",
  },
  {
    name: "axum",
    answer: answerOf("400 Bad Request", [TEXT], "Connection header did not include 'upgrade'"),
    product: "axum",
    lost: "connection",
  },
  {
    name: "Actix, in the status line",
    answer: answerOf("400 No CONNECTION upgrade", [], ""),
    product: "actix",
    lost: "connection",
  },
]
