/** Who answered: of real programs, and of answers that were recorded from those that are not here. */
import assert from "node:assert/strict"
import { after, before, describe, test } from "node:test"
import { printable } from "../../src/base/visible-text.ts"
import { clientOptionsOf } from "../../src/client/client-options.ts"
import { parseEndpoint, withTarget } from "../../src/client/endpoint.ts"
import { probeContext } from "../../src/probe/context.ts"
import { type Identity, identify } from "../../src/probe/fingerprint.ts"
import { tryHandshake } from "../../src/probe/handshake.ts"
import type { RequestChanges } from "../../src/probe/request.ts"
import type { Edge } from "../support/edge.ts"
import { haproxyMissing } from "../support/haproxy.ts"
import { startHoldfast } from "../support/holdfast.ts"
import { nginxMissing, startNginx } from "../support/nginx.ts"
import { freePort, freePorts } from "../support/ports.ts"
import { type RawBackend, startRawBackend } from "../support/raw-backend.ts"
import {
  pythonEchoMissing,
  startEchoBackend,
  startPythonEcho,
  startWebsocketd,
  type WebSocketBackend,
  websocketdMissing,
} from "../support/websocket-backends.ts"
import { haproxyUrl } from "./haproxy-stage.ts"
import { BACKENDS } from "./recorded-backends.ts"
import { EDGES } from "./recorded-edges.ts"

const ALL_ANSWERS = [...EDGES, ...BACKENDS].map(({ answer }) => answer)

describe("answers that were recorded", { skip: nginxMissing() }, () => {
  let backend: RawBackend
  let edge: Edge
  let edgePort: number

  before(async () => {
    // "/7" is the seventh answer.
    backend = await startRawBackend(({ target }) => ({
      send: ALL_ANSWERS[Number(target.slice(1))] ?? "",
      after: "end",
    }))
    edgePort = await freePort()
    edge = await startNginx(`events {} http { server {
      listen 127.0.0.1:${edgePort}; location / { proxy_pass http://127.0.0.1:${backend.port}; } } }`)
  })
  after(async () => {
    await edge.stop()
    await backend.close()
  })

  for (const [index, one] of EDGES.entries()) {
    test(`edge: ${one.name}`, async () => {
      const found = await identityAt(`ws://127.0.0.1:${backend.port}/${index}`)
      assert.equal(found.edge?.product, one.edge)
      assert.equal(found.edge?.version, one.version)
      assert.equal(found.answeredBy, one.answeredBy)
      if (found.page !== undefined) assert.equal(found.page.product, one.page ?? one.edge)
      assert.equal(found.reason, one.reason)
    })
  }

  for (const [at, one] of BACKENDS.entries()) {
    test(`backend: ${one.name}, itself and behind nginx`, async () => {
      const path = `/${EDGES.length + at}`
      for (const port of [backend.port, edgePort]) {
        const found = await identityAt(`ws://127.0.0.1:${port}${path}`)
        assert.equal(found.refusal?.by?.product, one.product)
        assert.equal(found.refusal?.lost, one.lost)
        assert.deepEqual(found.refusal?.orElse, one.orElse ?? [])
        assert.equal(found.answeredBy, "backend")
        assert.equal(found.edge?.product, port === edgePort ? "nginx" : undefined)
      }
    })
  }
})

describe("backends by their fields", () => {
  const fields: readonly (readonly [field: string, product: string | undefined, version?: string])[] = [
    ["Server: Python/3.11 aiohttp/3.14.3", "aiohttp", "3.14.3"],
    ["server: hypercorn-h11", "hypercorn"],
    ["Server: daphne", "daphne"],
    ["Server: gunicorn", "gunicorn"],
    ["X-Powered-By: PHP/8.2.35", "php", "8.2.35"],
    ["X-Powered-By: Ratchet", "ratchet"],
    ["X-Powered-By: Ratchet/0.4.4", "ratchet", "0.4.4"],
    ["Server: OpenSwoole 4.11.1", "swoole"],
    // The number is not Tomcat's.
    ["Server: Apache-Coyote/1.1", "tomcat"],
    // Autobahn's, which has many servers above it.
    ["Server: AutobahnPython/22.7.1", undefined],
  ]
  for (const [field, product, version] of fields) {
    test(field, async (t) => {
      const backend = await startRawBackend(
        `HTTP/1.1 400 Bad Request\r\n${field}\r\nContent-Length: 0\r\n\r\n`,
      )
      t.after(() => backend.close())
      const found = await identityAt(`ws://127.0.0.1:${backend.port}/`)
      assert.deepEqual([found.backend?.product, found.backend?.version], [product, version])
      assert.equal(found.edge, undefined)
    })
  }
})

describe("edges, running", { skip: nginxMissing() || haproxyMissing() }, () => {
  test("nginx, Holdfast and HAProxy: their own pages, those of one behind, and the backend's", async (t) => {
    const [inner = 0, outer = 0] = await freePorts(2)
    const dead = await freePort()
    const refusing = await startRawBackend("HTTP/1.1 403 Forbidden\r\nContent-Length: 3\r\n\r\nno\n")
    t.after(() => refusing.close())
    const config = (port: number, next: number, last: number): string => `events {} http { server {
      listen 127.0.0.1:${port};
      location /own/ { return 403; }
      location /next/ { proxy_pass http://127.0.0.1:${next}/own/; }
      location /dead/ { proxy_pass http://127.0.0.1:${dead}; }
      location /last/ { proxy_pass http://127.0.0.1:${last}; } } }`
    const nginx = await startNginx(config(inner, dead, refusing.port))
    t.after(() => nginx.stop())
    const holdfast = await startHoldfast(config(outer, inner, refusing.port))
    t.after(() => holdfast.stop())
    const haproxy = await haproxyUrl(t, { port: inner })

    const own = await identityAt(`ws://127.0.0.1:${inner}/own/`)
    assert.deepEqual([own.edge?.product, own.answeredBy], ["nginx", "edge"])
    assert.match(own.edge?.because ?? "", /^Server: nginx\/1\./)
    const down = await identityAt(`ws://127.0.0.1:${inner}/dead/`)
    assert.deepEqual([down.edge?.product, down.answeredBy], ["nginx", "edge"])
    const passed = await identityAt(`ws://127.0.0.1:${inner}/last/`)
    assert.deepEqual([passed.edge?.product, passed.answeredBy, passed.page], ["nginx", "backend", undefined])

    const holdfasts = await identityAt(`ws://127.0.0.1:${outer}/own/`)
    assert.deepEqual([holdfasts.edge?.product, holdfasts.answeredBy], ["holdfast", "edge"])
    const behind = await identityAt(`ws://127.0.0.1:${outer}/next/`)
    assert.deepEqual(
      [behind.edge?.product, behind.answeredBy, behind.page?.product],
      ["holdfast", "edge", "nginx"],
    )

    // HAProxy shows itself only where it answers itself.
    const hidden = await identityAt(haproxy, "/own/")
    assert.deepEqual([hidden.edge?.product, hidden.answeredBy], ["nginx", "edge"])
    const shown = await identityAt(await haproxyUrl(t, { port: dead }))
    assert.deepEqual([shown.edge?.product, shown.answeredBy], ["haproxy", "edge"])
    assert.equal(shown.reason, "No server is available to handle this request.")
  })
})

describe("backends, running, asked by a plain request", () => {
  const servers: readonly (readonly [
    string,
    string | false,
    () => Promise<WebSocketBackend>,
    Partial<Identity>,
  ])[] = [
    [
      "python3-websockets",
      pythonEchoMissing(),
      startPythonEcho,
      {
        answeredBy: "backend",
        refusal: {
          lost: "connection",
          orElse: [],
          by: {
            product: "websockets",
            because: '"Failed to open a WebSocket connection: invalid Connection header: close."',
          },
          text: "Failed to open a WebSocket connection: invalid Connection header: close.",
        },
      },
    ],
    ["websocketd", websocketdMissing(), () => startWebsocketd(), { answeredBy: "unknown" }],
    ["an application with ws and pages", false, () => startEchoBackend("one"), { answeredBy: "unknown" }],
  ]
  for (const [name, skip, start, expected] of servers) {
    test(name, { skip }, async (t) => {
      const backend = await start()
      t.after(() => backend.close())
      const found = await identityAt(`ws://127.0.0.1:${backend.port}/ws/`, "/ws/", { isPlain: true })
      assert.equal(found.edge, undefined)
      assert.deepEqual({ ...expected }, pick(found, expected))
    })
  }

  test("python3-websockets says who it is, with its version", { skip: pythonEchoMissing() }, async (t) => {
    const backend = await startPythonEcho()
    t.after(() => backend.close())
    const { backend: found } = await identityAt(`ws://127.0.0.1:${backend.port}/`)
    assert.equal(found?.product, "websockets")
    assert.match(found?.version ?? "", /^\d+\.\d+/)
  })
})

test("a body that comes after its head is read, too", async (t) => {
  const body = "not websocket protocol"
  const head = `HTTP/1.1 400 Bad Request\r\nContent-Length: ${body.length}\r\n\r\n`
  const backend = await startRawBackend({ send: [head, body] })
  t.after(() => backend.close())
  const { refusal } = await identityAt(`ws://127.0.0.1:${backend.port}/`)
  assert.equal(refusal?.text, body)
})

test("a name or page from elsewhere does nothing to a terminal and is not long", async (t) => {
  const hostile = `nginx/\x9b31m${"9".repeat(2000)}`
  const backend = await startRawBackend(
    `HTTP/1.1 400 Bad\x9b2J\r\nServer: ${hostile}\r\nVia: \x9b1m\r\nContent-Length: 26\r\n\r\nhandshake error: bad "\x1b[2J`,
  )
  t.after(() => backend.close())
  const text = JSON.stringify(await identityAt(`ws://127.0.0.1:${backend.port}/`))
  assert.equal([...text].filter((character) => printable(character) !== character).join(), "")
  assert.ok(text.length < 1000, text)
})

async function identityAt(url: string, target?: string, changes: RequestChanges = {}): Promise<Identity> {
  const endpoint = target === undefined ? parseEndpoint(url) : withTarget(parseEndpoint(url), target)
  const client = clientOptionsOf({
    header: [],
    cookie: [],
    subprotocol: [],
    insecure: false,
    resolve: [],
    timeout: "10s",
  })
  const plan = {
    send: undefined,
    expect: undefined,
    holdMs: 0,
    sticky: 0,
    burst: 0,
    burstRate: 0,
    isBurstAgreed: false,
    backend: undefined,
    config: undefined,
    configTarget: "1.22",
  }
  const result = await tryHandshake(probeContext(endpoint, client, plan), changes)
  assert.equal(result.kind, "answer", JSON.stringify(result))
  return identify(result.kind === "answer" ? result : assert.fail())
}

function pick(found: Identity, like: Partial<Identity>): Partial<Identity> {
  const keys = Object.keys(like) as (keyof Identity)[]
  return Object.fromEntries(keys.map((key) => [key, found[key]]))
}
