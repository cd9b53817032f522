/** What backends say when something is lost on the way to them, and what edges say that are not here. */
import assert from "node:assert/strict"
import { describe, type TestContext, test } from "node:test"
import { WebSocketServer } from "ws"
import { nginxMissing, startNginx } from "../support/nginx.ts"
import { freePort } from "../support/ports.ts"
import { startRawBackend } from "../support/raw-backend.ts"
import {
  pythonEchoMissing,
  startPythonEcho,
  startWebsocketd,
  type WebSocketBackend,
  websocketdMissing,
} from "../support/websocket-backends.ts"
import { type ProbeCase, probe, testCases } from "./case.ts"
import { BACKENDS } from "./recorded-backends.ts"
import { EDGES } from "./recorded-edges.ts"

const UPGRADE = "proxy_set_header Upgrade $http_upgrade;"
const CONNECTION = 'proxy_set_header Connection "upgrade";'
const ALL = `${UPGRADE} ${CONNECTION}`
const LOST = {
  mistake: "behind nginx that loses Upgrade and Connection",
  cause: "upgrade-not-forwarded",
  mend: UPGRADE,
}
const EMPTY_KEY = 'proxy_set_header Sec-WebSocket-Key "";'
const EMPTY_VERSION = 'proxy_set_header Sec-WebSocket-Version "";'

type Case = Omit<ProbeCase, "skip">

const RUNNING: readonly Case[] = [
  { at: "ws", ...LOST, stage: (t) => behindNginx(t, startWs) },
  {
    at: "ws",
    mistake: "behind nginx that empties Sec-WebSocket-Version",
    stage: (t) => behindNginx(t, startWs, `${ALL} ${EMPTY_VERSION}`),
    cause: "version-not-forwarded",
    mend: "proxy_set_header Sec-WebSocket-Version $http_sec_websocket_version;",
  },
]

const PYTHON: readonly Case[] = [
  { at: "python3-websockets", ...LOST, stage: (t) => behindNginx(t, startPythonEcho) },
  {
    at: "python3-websockets",
    mistake: "behind nginx that empties Sec-WebSocket-Key",
    stage: (t) => behindNginx(t, startPythonEcho, `${ALL} ${EMPTY_KEY}`),
    cause: "key-not-forwarded",
    mend: "proxy_set_header Sec-WebSocket-Key $http_sec_websocket_key;",
  },
]

const WEBSOCKETD: readonly Case[] = [
  { at: "websocketd", ...LOST, stage: (t) => behindNginx(t, () => startWebsocketd()) },
  {
    at: "websocketd",
    mistake: "behind nginx that empties Sec-WebSocket-Key",
    stage: (t) => behindNginx(t, () => startWebsocketd(), `${ALL} ${EMPTY_KEY}`),
    cause: "key-not-forwarded",
    mend: "proxy_set_header Sec-WebSocket-Key $http_sec_websocket_key;",
  },
  {
    at: "websocketd --sameorigin",
    mistake: "behind nginx that does not pass Host on",
    stage: (t) => behindNginx(t, () => startWebsocketd(["--sameorigin"]), ALL),
    cause: "host-not-forwarded",
    mend: "proxy_set_header Host $http_host;",
  },
]

/** By name of the recorded answer: where it is not the upgrade that is lost. */
const OTHER_CAUSES: Readonly<Record<string, Pick<Case, "mistake" | "cause" | "mend">>> = {
  "coder/websocket, another Origin": {
    mistake: "behind nginx that does not pass Host on",
    cause: "host-not-forwarded",
    mend: "proxy_set_header Host $http_host;",
  },
  "Tornado, another Origin": {
    mistake: "behind nginx that does not pass Host on",
    cause: "host-not-forwarded",
    mend: "proxy_set_header Host $http_host;",
  },
  "Socket.IO, no transport in the URL": {
    mistake: "a URL without EIO and transport",
    cause: "engine-io-url",
    mend: "/socket.io/?EIO=4&transport=websocket",
  },
  "Socket.IO, a session of another process": {
    mistake: "several processes without stickiness",
    cause: "session-unknown",
    mend: "ip_hash;",
  },
  "SignalR, a connection of another process": {
    mistake: "several processes without stickiness",
    cause: "session-unknown",
    mend: "ip_hash;",
  },
}

const RECORDED: readonly Case[] = BACKENDS.map(({ name, answer }) => ({
  at: `${name} (recorded)`,
  ...(OTHER_CAUSES[name] ?? LOST),
  stage: (t) => behindNginx(t, () => startRawBackend({ send: answer, after: "end" })),
}))

const page = [
  ...RUNNING.map((one) => ({ ...one, skip: nginxMissing() })),
  ...PYTHON.map((one) => ({ ...one, skip: nginxMissing() || pythonEchoMissing() })),
  ...WEBSOCKETD.map((one) => ({ ...one, skip: nginxMissing() || websocketdMissing() })),
  ...RECORDED.map((one) => ({ ...one, skip: nginxMissing() })),
]
const NOTE =
  "each row was run. Where it says so, the answer was recorded before, by running that program or from its source."
testCases("backends", "What backends say, and what probe makes of it", page, NOTE)

/** By name of the recorded answer. */
const EDGE_CAUSES: readonly (readonly [name: string, mistake: string, cause: string, mend: string])[] = [
  ["openresty, without a version", "no location for the path", "no-location", "location /ws/ {"],
  ["nginx behind Cloudflare", "the application is down", "backend-down", "proxy_pass http://127.0.0.1:3000;"],
  ["Cloudflare's own page", "the origin refuses connections", "cloudflare-to-origin", "listen 443 ssl;"],
  ["Application Load Balancer", "no healthy target", "no-backend-in-service", "describe-target-health"],
  ["API Gateway", "the URL has no stage", "no-websocket-api", "amazonaws.com/STAGE"],
  [
    "Envoy without a server",
    "no healthy endpoint",
    "no-backend-in-service",
    "curl http://127.0.0.1:9901/clusters",
  ],
  [
    "Envoy, reset by the backend",
    "the backend closes the connection",
    "backend-breaks-off",
    "http_protocol_options",
  ],
  [
    "Envoy whose route has no upgrade",
    "no upgrade_configs",
    "upgrades-not-allowed",
    "upgrade_type: websocket",
  ],
  ["Traefik without a backend", "the application is down", "backend-down", "loadBalancer: { servers:"],
  ["Heroku without a running dyno", "no process is up", "no-backend-in-service", "heroku ps:scale web=1"],
]

testCases(
  "edges",
  "Edges that are known by their answers",
  EDGE_CAUSES.map(([name, mistake, cause, mend]) => ({
    at: `${name} (recorded)`,
    mistake,
    cause,
    mend,
    stage: (t) => asEdge(t, EDGES.find((edge) => edge.name === name)?.answer ?? ""),
  })),
  "each row was run, with answers as these edges document them, as stand in their source, or as people showed them.",
)

describe("behind nginx with all three directives nothing is found", { skip: nginxMissing() }, () => {
  const servers: readonly (readonly [
    string,
    string | false,
    () => Promise<Pick<WebSocketBackend, "port" | "close">>,
  ])[] = [
    ["python3-websockets", pythonEchoMissing(), startPythonEcho],
    ["websocketd", websocketdMissing(), () => startWebsocketd()],
  ]
  for (const [name, skip, start] of servers) {
    test(name, { skip }, async (t) => {
      const report = await probe(await behindNginx(t, start, ALL))
      assert.deepEqual(report.diagnoses, [], JSON.stringify(report, null, 2))
    })
  }
})

const PAGE = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"

/** The URL of something that answers handshakes by `answer`; to a plain request of an Envoy comes a page. */
async function asEdge(t: TestContext, answer: string): Promise<readonly string[]> {
  const edge = await startRawBackend(({ headers }) => {
    const isPlain = !headers.some(([name]) => name.toLowerCase() === "upgrade")
    return { send: isPlain && answer.includes("envoy") ? PAGE : answer, after: "end" }
  })
  t.after(() => edge.close())
  return [`ws://127.0.0.1:${edge.port}/ws/`]
}

/** The URL of nginx before a backend that `start` starts; `directives` are those of its location. */
async function behindNginx(
  t: TestContext,
  start: () => Promise<Pick<WebSocketBackend, "port" | "close">>,
  directives = "",
): Promise<readonly string[]> {
  const backend = await start()
  t.after(() => backend.close())
  const port = await freePort()
  const nginx = await startNginx(`events {} http { server { listen 127.0.0.1:${port};
    location /ws/ { proxy_pass http://127.0.0.1:${backend.port}; proxy_http_version 1.1; ${directives} } } }`)
  t.after(() => nginx.stop())
  return [`ws://127.0.0.1:${port}/ws/`]
}

/** A server of ws itself: one without pages. */
async function startWs(): Promise<Pick<WebSocketBackend, "port" | "close">> {
  const port = await freePort()
  const server = new WebSocketServer({ port, host: "127.0.0.1" })
  await new Promise((resolve) => server.once("listening", resolve))
  return { port, close: () => new Promise((resolve) => server.close(() => resolve())) }
}
