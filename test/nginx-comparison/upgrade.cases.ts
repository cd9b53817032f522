import { type BackendScript, httpAnswer } from "../support/raw-backend.ts"
import { type ComparisonCase, get, HTTP_1_1, post } from "./case.ts"
import type { ClientScript, Wire } from "./client-script.ts"

const KEY = "dGhlIHNhbXBsZSBub25jZQ=="
const ACCEPT = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="

/** Without a version it is none of RFC 6455: the bytes that follow in these cases are no frames. */
const HANDSHAKE = get("/ws/", `Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: ${KEY}\r\n`)

const SWITCH = `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${ACCEPT}\r\n\r\n`

const TUNNEL: BackendScript = { send: SWITCH, after: "echo" }

const WEBSOCKET =
  'proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection "upgrade";'

/** The guide's location, with more settings. */
function upgraded(
  name: string,
  send: ClientScript | string,
  status: number,
  more: Partial<ComparisonCase> = {},
  settings = "",
): ComparisonCase {
  const server = `location /ws/ { proxy_pass http://{b}; ${WEBSOCKET} ${settings} }`
  return { name, server, backends: { b: TUNNEL }, send, status, ...more }
}

/** Opens the tunnel, then goes on as `rest` does. */
function tunnel(rest: (wire: Wire) => Promise<void>, handshake = HANDSHAKE): ClientScript {
  return async (wire) => {
    await wire.exchange(handshake)
    await rest(wire)
  }
}

/** Ends the client's side and reads to the end. */
async function finish(wire: Wire): Promise<void> {
  ;(await wire.client()).halfClose()
  await wire.toEnd()
}

const LOG =
  'log_format {id} "$status $request_length $body_bytes_sent $upstream_status $upstream_bytes_received $upstream_bytes_sent $upstream_response_length";'

export const upgradeCases: readonly ComparisonCase[] = [
  upgraded(
    "a handshake, bytes both ways",
    tunnel(async (wire) => {
      await wire.send("hello")
      await wire.bytes(5)
      await wire.send("\x00\xff\x80")
      await wire.bytes(3)
      await finish(wire)
    }),
    101,
  ),
  upgraded(
    "bytes that come with the client's head",
    tunnel(async (wire) => {
      await wire.bytes(5)
      await finish(wire)
    }, `${HANDSHAKE}early`),
    101,
  ),
  upgraded(
    "bytes that come with the backend's head",
    tunnel(async (wire) => {
      await wire.bytes(5)
      await wire.send("more")
      await wire.bytes(4)
      await finish(wire)
    }),
    101,
    { backends: { b: { send: `${SWITCH}first`, after: "echo" } } },
  ),
  upgraded(
    "the backend's head and first bytes in pieces",
    tunnel(async (wire) => {
      await wire.bytes(9)
      await finish(wire)
    }),
    101,
    {
      backends: {
        b: { send: [SWITCH.slice(0, 30), SWITCH.slice(30, -1), "\nfir", "st", "more"], after: "echo" },
      },
    },
  ),
  upgraded(
    "the client's head in pieces",
    async (wire) => {
      await wire.sendPieces([
        HANDSHAKE.slice(0, 9),
        HANDSHAKE.slice(9, 60),
        HANDSHAKE.slice(60, -2),
        "\r\nab",
        "cd",
      ])
      await wire.response()
      await wire.bytes(4)
      await finish(wire)
    },
    101,
  ),
  upgraded(
    "the backend ends the tunnel",
    tunnel((wire) => wire.toEnd()),
    101,
    {
      backends: { b: { send: `${SWITCH}bye`, after: "end" } },
    },
  ),
  upgraded(
    "half-close is passed on",
    tunnel(async (wire) => {
      await wire.send("last")
      await finish(wire)
    }),
    101,
    {
      differs: {
        why: "nginx ends the whole tunnel when one side ends; Holdfast ends that direction, and what comes back still arrives",
        holdfast: ({ client }) => ({ client: [...client.slice(0, 1), "to the end: last"] }),
      },
    },
  ),
  upgraded(
    "an idle tunnel ends after proxy_read_timeout",
    tunnel((wire) => wire.toEnd()),
    101,
    {
      server: `error_log {prefix}/logs/{id}.err info; location /ws/ { proxy_pass http://{b}; ${WEBSOCKET} proxy_read_timeout 200ms; }`,
    },
  ),
  upgraded(
    "the access log at the tunnel's end",
    tunnel(async (wire) => {
      await wire.send("12345")
      await wire.bytes(5)
      await finish(wire)
    }),
    101,
    { http: LOG },
    "access_log {prefix}/logs/{id}.log {id};",
  ),
  upgraded(
    "add_header on a 101",
    tunnel(finish),
    101,
    {},
    "add_header X-Always 1 always; add_header X-Some 2;",
  ),
  upgraded("headers of the 101 are relayed, and those of its own hidden", tunnel(finish), 101, {
    backends: {
      b: {
        send: SWITCH.replace(
          "\r\n\r\n",
          "\r\nServer: x\r\nDate: y\r\nX-Backend: one\r\nSec-WebSocket-Protocol: a\r\nContent-Length: 5\r\n\r\n",
        ),
        after: "echo",
      },
    },
  }),
  upgraded("a 101 with another reason and no headers", tunnel(finish), 101, {
    backends: { b: { send: "HTTP/1.1 101 Go\r\n\r\n", after: "echo" } },
  }),
  upgraded(
    "another protocol than websocket",
    tunnel(
      async (wire) => {
        await wire.send("x")
        await wire.bytes(1)
        await finish(wire)
      },
      get("/ws/", "Connection: upgrade\r\nUpgrade: own/1\r\n"),
    ),
    101,
  ),
  upgraded("an answer that is no 101, with a length", HANDSHAKE, 200, {
    backends: { b: httpAnswer("plain", "X: 1\r\n") },
    send: [HANDSHAKE, get("/ws/")],
    status: [200, 200],
  }),
  upgraded("a 426 with Upgrade and a body", HANDSHAKE, 426, {
    backends: {
      b: httpAnswer(
        "upgrade please",
        "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n",
        "426 Upgrade Required",
      ),
    },
  }),
  upgraded("a 400, chunked", HANDSHAKE, 400, {
    backends: { b: "HTTP/1.1 400 Bad Request\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nbad\r\n0\r\n\r\n" },
  }),
  upgraded("a 403 without a length", HANDSHAKE, 403, {
    backends: { b: { send: "HTTP/1.1 403 Forbidden\r\n\r\nno entry", after: "end" } },
  }),
  upgraded("a redirect in place of 101", HANDSHAKE, 302, {
    backends: { b: httpAnswer("", "Location: http://elsewhere/\r\n", "302 Found") },
  }),
  upgraded("a 101 that nobody asked for", get("/ws/"), 101, {
    server: `location /ws/ { ${HTTP_1_1} proxy_pass http://{b}; }`,
    backends: { b: { send: `${SWITCH}x`, after: "end" } },
    send: (wire) => wire.exchangeFirstLine(get("/ws/", "Connection: close\r\n")),
    status: [],
    differs: {
      why: "nginx 1.22 passes the 101 on as an answer without a body; an answer to a question not asked is an error of the backend",
      holdfast: () => ({ client: ["HTTP/1.1 502 Bad Gateway"] }),
    },
  }),
  upgraded("Upgrade is not forwarded without proxy_set_header", HANDSHAKE, 200, {
    server: `location /ws/ { ${HTTP_1_1} proxy_pass http://{b}; }`,
    backends: { b: httpAnswer("no upgrade") },
  }),
  upgraded("with proxy_http_version 1.0 the backend sees a request in HTTP/1.0", HANDSHAKE, 400, {
    server:
      'location /ws/ { proxy_pass http://{b}; proxy_http_version 1.0; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection "upgrade"; }',
    backends: { b: httpAnswer("not a WebSocket handshake", "", "400 Bad Request") },
  }),
  upgraded(
    "Connection $http_connection",
    HANDSHAKE.replace("Connection: Upgrade", "Connection: keep-alive, Upgrade"),
    101,
    {
      server:
        "location /ws/ { proxy_pass http://{b}; proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection $http_connection; }",
      send: tunnel(finish, HANDSHAKE.replace("Connection: Upgrade", "Connection: keep-alive, Upgrade")),
    },
  ),
  upgraded("a plain request through the same location", get("/ws/"), 200, {
    backends: { b: httpAnswer("plain") },
  }),
  upgraded("headers set at a higher level are lost", HANDSHAKE, 200, {
    server: `${WEBSOCKET}
      location /ws/ { proxy_pass http://{b}; proxy_set_header Host $host; proxy_set_header Connection ""; }`,
    backends: { b: httpAnswer("no upgrade") },
  }),
  upgraded("a dead backend", HANDSHAKE, 502, {
    server: `location /ws/ { proxy_pass http://{dead}; ${WEBSOCKET} }`,
    backends: {},
  }),
  upgraded(
    "the first backend is dead, the second takes the handshake",
    tunnel(async (wire) => {
      await wire.send("x")
      await wire.bytes(1)
      await finish(wire)
    }),
    101,
    {
      http: "upstream {id} { server {dead}; server {b}; }",
      server: `location /ws/ { proxy_pass http://{id}; ${WEBSOCKET} }`,
    },
  ),
  upgraded(
    "the client leaves during the handshake",
    async (wire) => {
      await wire.send(HANDSHAKE)
      await wire.backendHas("b", 1)
      wire.close()
    },
    0,
    {
      http: 'log_format {id} "$status $body_bytes_sent";',
      backends: { b: { on: "request" } },
      status: [],
    },
    "access_log {prefix}/logs/{id}.log {id};",
  ),
  upgraded(
    "large messages",
    tunnel(async (wire) => {
      const big = "0123456789abcdef".repeat(20_000)
      await wire.send(big)
      const client = await wire.client()
      wire.note(String((await client.readBytes(big.length)) === big))
      await finish(wire)
    }),
    101,
  ),
  upgraded(
    "buffering off",
    tunnel(async (wire) => {
      await wire.send("hello")
      await wire.bytes(5)
      await finish(wire)
    }),
    101,
    {},
    "proxy_buffering off;",
  ),
  upgraded(
    "a handshake by POST with a body",
    tunnel(
      async (wire) => {
        await wire.send("x")
        await wire.bytes(1)
        await finish(wire)
      },
      post("/ws/", "body", "Connection: upgrade\r\nUpgrade: own\r\n"),
    ),
    101,
  ),
]
