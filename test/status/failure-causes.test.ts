/** Every way in which a handshake fails has its name in the status, with its location, backend and status. */
import assert from "node:assert/strict"
import { once } from "node:events"
import { after, before, describe, test } from "node:test"
import { WebSocket } from "ws"
import type { FailureStatus } from "../../src/observe/snapshot.ts"
import { type DnsServer, startDnsServer } from "../support/dns-server.ts"
import type { Edge } from "../support/edge.ts"
import { startHoldfast } from "../support/holdfast.ts"
import { freePorts } from "../support/ports.ts"
import { type BackendAnswer, httpAnswer, type RawBackend, startRawBackend } from "../support/raw-backend.ts"
import { exchange, RawClient } from "../support/raw-client.ts"
import { type EchoBackend, startEchoBackend } from "../support/websocket-backends.ts"
import { locationOf, snapshotOf, snapshotWhen } from "./running.ts"

const KEY = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
const UPGRADE = "Upgrade: websocket\r\n"
const CONNECTION = "Connection: Upgrade\r\n"
const VERSION = "Sec-WebSocket-Version: 13\r\n"
const FIELDS = UPGRADE + CONNECTION + KEY + VERSION
/** RFC 1035 §4.1.1. */
const NXDOMAIN = 3

/** What the backend does, by the path that it is asked for, and what else stands in the location of that path. */
const ANSWERS: Readonly<Record<string, BackendAnswer & { readonly directives?: string }>> = {
  "/missing/": { send: httpAnswer("", "", "404 Not Found") },
  "/moved/": { send: httpAnswer("", "Location: /\r\n", "301 Moved Permanently") },
  "/plain/": { send: httpAnswer("hello"), directives: "websocket off;" },
  "/old/": {
    send: httpAnswer("hello", "", "426 Upgrade Required"),
    directives: `websocket off; proxy_http_version 1.0;
      proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection upgrade;`,
  },
  "/paged/": {
    send: httpAnswer("", "", "404 Not Found"),
    directives: "proxy_intercept_errors on; error_page 404 /page.html;",
  },
  "/garbage/": { send: "\x16\x03\x01 no HTTP at all\r\n\r\n" },
  "/shut/": { after: "end" },
  "/reset/": { after: "reset" },
  "/slow/": { after: "keep", directives: "proxy_read_timeout 100ms;" },
  "/left/": { after: "keep" },
}

interface Case {
  readonly what: string
  readonly path: string
  /** Where it is counted, if not at the path. */
  readonly location?: string
  readonly request?: string
  readonly cause: FailureStatus["cause"]
  readonly status: number
  /** "raw", "echo", "dead" or a text. */
  readonly peer?: string
  readonly part?: string
}

const CASES: readonly Case[] = [
  { what: "a 404 of the backend", path: "/missing/", cause: "backend-status", status: 404, peer: "raw" },
  { what: "a redirect of the backend", path: "/moved/", cause: "backend-status", status: 301, peer: "raw" },
  { what: "no Upgrade passed on", path: "/plain/", cause: "upgrade-not-forwarded", status: 200, peer: "raw" },
  { what: "HTTP/1.0 upstream", path: "/old/", cause: "upgrade-not-forwarded", status: 426, peer: "raw" },
  { what: "an error page", path: "/paged/", cause: "backend-status", status: 404, peer: "raw" },
  { what: "no backend", path: "/refused/", cause: "connect-refused", status: 502, peer: "dead" },
  { what: "no socket", path: "/unix/", cause: "connect-failed", status: 502, peer: "unix:/nowhere/at/all" },
  { what: "no TLS there", path: "/tls/", cause: "tls-failed", status: 502, peer: "echo" },
  { what: "no HTTP", path: "/garbage/", cause: "invalid-header", status: 502, peer: "raw" },
  { what: "a close", path: "/shut/", cause: "closed", status: 502, peer: "raw" },
  { what: "a reset", path: "/reset/", cause: "reset", status: 502, peer: "raw" },
  { what: "no answer", path: "/slow/", cause: "answer-timeout", status: 504, peer: "raw" },
  { what: "all down", path: "/down/", cause: "no-live-upstreams", status: 502, peer: "downs" },
  { what: "no name", path: "/name/", cause: "name-not-resolved", status: 502, peer: "nobody.invalid" },
  { what: "no access, and an error page", path: "/barred/", cause: "own-status", status: 403 },
  { what: "a return", path: "/told", location: "~* ^/told$", cause: "own-status", status: 302 },
  { what: "no such file", path: "/nowhere", location: "", cause: "own-status", status: 404 },
  {
    what: "no key",
    path: "/slow/",
    request: `GET /slow/ HTTP/1.1\r\nHost: a\r\n${UPGRADE}${CONNECTION}${VERSION}\r\n`,
    cause: "answer-timeout",
    status: 504,
    peer: "raw",
  },
]

/** Requests that no backend could take for a handshake; this one answers 404 to all. */
const BAD: readonly { part: string; request: string }[] = [
  { part: "method", request: `POST /missing/ HTTP/1.1\r\nHost: a\r\n${FIELDS}Content-Length: 0\r\n\r\n` },
  { part: "version", request: `GET /missing/ HTTP/1.0\r\nHost: a\r\n${FIELDS}\r\n` },
  { part: "Upgrade", request: `GET /missing/ HTTP/1.1\r\nHost: a\r\n${KEY}${VERSION}\r\n` },
  { part: "Connection", request: `GET /missing/ HTTP/1.1\r\nHost: a\r\n${UPGRADE}${KEY}${VERSION}\r\n` },
  {
    part: "Sec-WebSocket-Key",
    request: `GET /missing/ HTTP/1.1\r\nHost: a\r\n${UPGRADE}${CONNECTION}${VERSION}Sec-WebSocket-Key: x\r\n\r\n`,
  },
  {
    part: "Sec-WebSocket-Version",
    request: `GET /missing/ HTTP/1.1\r\nHost: a\r\n${UPGRADE}${CONNECTION}${KEY}\r\n`,
  },
]

describe("a handshake that fails", () => {
  let edge: Edge
  let raw: RawBackend
  let echo: EchoBackend
  let dns: DnsServer
  let [port, dead] = [0, 0]

  before(async () => {
    ;[port = 0, dead = 0] = await freePorts(2)
    raw = await startRawBackend(({ target }) => ANSWERS[target] ?? {})
    echo = await startEchoBackend("echo")
    dns = await startDnsServer(() => ({ code: NXDOMAIN }))
    const passed = Object.entries(ANSWERS).map(
      ([path, { directives = "" }]) =>
        `location ${path} { proxy_pass http://127.0.0.1:${raw.port}; ${directives} }`,
    )
    const config = `worker_processes 1; events {} http {
      access_log off; websocket on; resolver 127.0.0.1:${dns.port};
      upstream downs { server 127.0.0.1:${dead} down; }
      upstream either { server 127.0.0.1:${dead}; server 127.0.0.1:${echo.port}; }
      server { listen 127.0.0.1:${port}; server_name a;
        ${passed.join("\n")}
        location /refused/ { proxy_pass http://127.0.0.1:${dead}; }
        location /unix/ { proxy_pass http://unix:/nowhere/at/all; }
        location /tls/ { proxy_pass https://127.0.0.1:${echo.port}; }
        location /down/ { proxy_pass http://downs; }
        location /either/ { proxy_pass http://either; }
        location /name/ { set $name nobody.invalid; proxy_pass http://$name; }
        location /barred/ { deny all; error_page 403 /page.html; }
        location ~* ^/told$ { return 302 /elsewhere; }
        location = /page.html { return 200 "a page"; }
      } }`
    edge = await startHoldfast(config)
  })
  after(async () => {
    await edge.stop()
    await raw.close()
    await echo.close()
    await dns.close()
  })

  const peerOf = (name = ""): string =>
    ({ raw: `127.0.0.1:${raw.port}`, echo: `127.0.0.1:${echo.port}`, dead: `127.0.0.1:${dead}` })[name] ??
    name

  /** The one kind whose count has grown, by one. */
  async function countedBy(location: string, act: () => Promise<unknown>): Promise<FailureStatus> {
    const failuresAt = async (): Promise<readonly FailureStatus[]> =>
      (await snapshotOf(edge)).locations.find((one) => one.location === location)?.failures ?? []
    const earlier = new Map((await failuresAt()).map((one) => [kindOf(one), one.count]))
    await act()
    const snapshot = await snapshotWhen(edge, ({ locations }) =>
      locations.some(
        (one) =>
          one.location === location &&
          one.failures.some((failure) => failure.count > (earlier.get(kindOf(failure)) ?? 0)),
      ),
    )
    const grown = locationOf(snapshot, location).failures.filter(
      (one) => one.count > (earlier.get(kindOf(one)) ?? 0),
    )
    assert.equal(grown.length, 1)
    assert.equal(grown[0]?.count, (earlier.get(kindOf(grown[0] as FailureStatus)) ?? 0) + 1)
    return grown[0] as FailureStatus
  }

  for (const { what, path, location = path, request, cause, status, peer, part = "" } of CASES)
    test(`${cause}: ${what}`, async () => {
      const head = request ?? `GET ${path} HTTP/1.1\r\nHost: a\r\n${FIELDS}\r\n`
      const found = await countedBy(location, () => exchange({ port }, head))
      const { count: _count, lastAt, ...kind } = found
      assert.deepEqual(kind, { cause, status, peer: peerOf(peer), part })
      assert.ok(Math.abs(Date.now() - Date.parse(lastAt)) < 60_000, lastAt)
    })

  for (const { part, request } of BAD)
    test(`bad-handshake: ${part}`, async () => {
      const found = await countedBy("/missing/", () => exchange({ port }, request))
      assert.deepEqual([found.cause, found.part, found.status, found.peer], ["bad-handshake", part, 404, ""])
    })

  test("client-gone: it leaves before the answer", async () => {
    const found = await countedBy("/left/", async () => {
      const client = await RawClient.connect({ port })
      const asked = raw.requests.length
      await client.send(`GET /left/ HTTP/1.1\r\nHost: a\r\n${FIELDS}\r\n`)
      await raw.until(({ requests }) => requests.length > asked)
      client.destroy()
    })
    assert.deepEqual([found.cause, found.status], ["client-gone", 0])
  })

  test("what no WebSocket is asked for is not counted, nor what the next backend mends", async () => {
    const { locations } = await snapshotOf(edge)
    await exchange({ port }, "GET /missing/ HTTP/1.1\r\nHost: a\r\n\r\n")
    await exchange(
      { port },
      `GET /missing/ HTTP/1.1\r\nHost: a\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n`,
    )
    for (let i = 0; i < 2; i++) {
      const client = new WebSocket(`ws://127.0.0.1:${port}/either/`)
      await once(client, "open")
      client.terminate()
    }
    const now = await snapshotWhen(edge, ({ connections }) => connections.tunnels === 0)
    assert.equal(locationOf(now, "/either/").failed, 0)
    assert.equal(locationOf(now, "/either/").opened, 2)
    const others = now.locations.filter(({ location }) => location !== "/either/")
    assert.deepEqual(others, locations)
  })
})

function kindOf({ cause, status, peer, part }: FailureStatus): string {
  return [cause, status, peer, part].join(" ")
}
