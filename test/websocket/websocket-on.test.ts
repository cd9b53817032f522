import assert from "node:assert/strict"
import { once } from "node:events"
import { mkdirSync, writeFileSync } from "node:fs"
import { test } from "node:test"
import WebSocket from "ws"
import type { Edge } from "../support/edge.ts"
import { runHoldfast, startHoldfast } from "../support/holdfast.ts"
import { freePort } from "../support/ports.ts"
import { startRawBackend } from "../support/raw-backend.ts"
import { exchange, RawClient } from "../support/raw-client.ts"
import { makeTempFolder, removeTempFolder } from "../support/temp.ts"
import { startEchoBackend } from "../support/websocket-backends.ts"

const HANDSHAKE =
  "Upgrade: websocket\r\nConnection: keep-alive, Upgrade\r\nSec-WebSocket-Key: c2l4dGVlbi1ieXRlLWtleQ==\r\nSec-WebSocket-Version: 13\r\n"

/** `location` holds `proxy_pass`; "@" in it stands for the backend's URL. */
async function start(
  backendPort: number,
  location: string,
  server = "",
  http = "",
): Promise<{ edge: Edge; port: number }> {
  const port = await freePort()
  const edge = await startHoldfast(`events {} http { ${http}
    upstream app { server 127.0.0.1:${backendPort}; }
    server { listen 127.0.0.1:${port}; ${server} location / { proxy_pass http://app; ${location} } } }`)
  return { edge, port }
}

/** The head of one request as the backend gets it, in lower case, by field. */
async function headFor(
  location: string,
  fields: string,
  server = "",
  http = "",
): Promise<{ line: string; fields: Map<string, string[]> }> {
  const backend = await startRawBackend("HTTP/1.1 204 No Content\r\n\r\n")
  const { edge, port } = await start(backend.port, location, server, http)
  try {
    await exchange({ port }, `GET /ws HTTP/1.1\r\nHost: app.example\r\n${fields}\r\n`)
    const request = backend.requests[0]
    assert.ok(request !== undefined)
    const found = new Map<string, string[]>()
    for (const [name, value] of request.headers) {
      const key = name.toLowerCase()
      found.set(key, [...(found.get(key) ?? []), value])
    }
    return { line: request.startLine, fields: found }
  } finally {
    await edge.stop()
    await backend.close()
  }
}

test("one line forwards a handshake with all that the guide's ten lines set", async () => {
  const { line, fields } = await headFor("websocket on;", `${HANDSHAKE}X-Forwarded-For: 203.0.113.9\r\n`)
  assert.equal(line, "GET /ws HTTP/1.1")
  assert.deepEqual(fields.get("upgrade"), ["websocket"])
  assert.deepEqual(fields.get("connection"), ["upgrade"])
  assert.deepEqual(fields.get("host"), ["app.example"])
  assert.deepEqual(fields.get("x-real-ip"), ["127.0.0.1"])
  assert.deepEqual(fields.get("x-forwarded-for"), ["203.0.113.9, 127.0.0.1"])
  assert.deepEqual(fields.get("x-forwarded-proto"), ["http"])
  assert.deepEqual(fields.get("sec-websocket-version"), ["13"])
})

test("it is inherited from http and server, and can be switched off", async () => {
  for (const [location, server, http] of [
    ["", "websocket on;", ""],
    ["", "", "websocket on;"],
  ] as const)
    assert.deepEqual((await headFor(location, HANDSHAKE, server, http)).fields.get("upgrade"), ["websocket"])
  const off = await headFor("websocket off;", HANDSHAKE, "websocket on;")
  assert.equal(off.fields.has("upgrade"), false)
})

test("what the location sets itself stays", async () => {
  const { fields, line } = await headFor(
    "websocket on; proxy_http_version 1.0; proxy_set_header Host backend.internal; proxy_set_header X-Real-IP ''; proxy_set_header X-Extra 1;",
    HANDSHAKE,
  )
  // Only the version cannot: an upgrade needs HTTP/1.1.
  assert.equal(line, "GET /ws HTTP/1.1")
  assert.deepEqual(fields.get("host"), ["backend.internal"])
  assert.equal(fields.has("x-real-ip"), false)
  assert.deepEqual(fields.get("x-extra"), ["1"])
  assert.deepEqual(fields.get("x-forwarded-proto"), ["http"])
})

for (const [what, fields] of [
  ["h2c", "Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMAAABkAAQ\r\n"],
  ["TLS", "Upgrade: TLS/1.0\r\nConnection: Upgrade\r\n"],
  ["a WebSocket without Connection: upgrade", "Upgrade: websocket\r\n"],
] as const)
  test(`an upgrade to ${what} is not let through, whatever proxy_set_header says`, async () => {
    const own = "proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection upgrade;"
    for (const location of ["websocket on;", `websocket on; ${own}`]) {
      const head = await headFor(location, fields)
      assert.equal(head.fields.has("upgrade"), false)
      assert.equal(head.fields.has("connection"), false)
    }
  })

test("proxy_set_header of Upgrade or Connection beside it gets a warning", async () => {
  const folder = makeTempFolder("websocket-on")
  mkdirSync(`${folder}/logs`)
  writeFileSync(
    `${folder}/nginx.conf`,
    "events {} http { server { location / { proxy_pass http://127.0.0.1:1;\nwebsocket on;\nproxy_set_header Upgrade $http_upgrade; } } }",
  )
  const { stderr, status } = await runHoldfast(["-t", "-p", folder, "-c", "nginx.conf"])
  removeTempFolder(folder)
  assert.equal(status, 0)
  assert.match(
    stderr,
    /\[warn\] "proxy_set_header Upgrade" has no effect beside "websocket on" in .*nginx\.conf:3\n/,
  )
})

test("ordinary requests of the location keep their upstream connection", async () => {
  const backend = await startRawBackend("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
  const { edge, port } = await start(backend.port, "websocket on;")
  const client = await RawClient.connect({ port })
  for (let i = 0; i < 3; i++) {
    await client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    assert.equal((await client.readResponse()).body, "ok")
  }
  client.destroy()
  await edge.stop()
  assert.equal(backend.connections.length, 1)
  await backend.close()
})

test("a client of the ws library works through it, and answers its pings", async () => {
  const backend = await startEchoBackend("one")
  const { edge, port } = await start(backend.port, "websocket on; websocket_ping 200ms;")
  const client = new WebSocket(`ws://127.0.0.1:${port}/`)
  const ping = once(client, "ping")
  await once(client, "open")
  client.send("hello")
  const [message] = await once(client, "message")
  assert.equal(String(message), "hello")
  await ping
  client.close(1000)
  const [code] = await once(client, "close")
  assert.equal(code, 1000)
  await edge.stop()
  await backend.close()
})

test("invalid values are refused in nginx's words", async () => {
  const folder = makeTempFolder("websocket-values")
  for (const [text, error] of [
    ["websocket maybe;", /invalid value "maybe" in "websocket" directive, it must be "on" or "off"/],
    ["websocket_ping soon;", /invalid value "soon" in "websocket_ping" directive/],
    ["websocket_ping 0;", /invalid value "0" in "websocket_ping" directive/],
    ["websocket_ping off client;", /invalid parameter "client"/],
    ["websocket_ping 1s timeout=never;", /invalid parameter "timeout=never"/],
    ["websocket_ping 1s nobody;", /invalid parameter "nobody"/],
    ["websocket_close_code 1000;", /invalid value "1000" in /],
    ["websocket_close_timeout x;", /invalid value/],
    ["websocket_protocol_errors maybe;", /invalid value "maybe"/],
    ["websocket on; websocket off;", /"websocket" directive is duplicate/],
  ] as const) {
    writeFileSync(`${folder}/nginx.conf`, `events {} http { server { location / { ${text} } } }`)
    const { stderr, status } = await runHoldfast(["-t", "-p", folder, "-c", "nginx.conf"])
    assert.equal(status, 1, text)
    assert.match(stderr, error)
  }
  removeTempFolder(folder)
})
