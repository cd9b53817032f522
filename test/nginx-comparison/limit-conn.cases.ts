import { type BackendScript, httpAnswer } from "../support/raw-backend.ts"
import { RawClient } from "../support/raw-client.ts"
import { type ComparisonCase, get, HTTP_1_1 } from "./case.ts"
import type { ClientScript, Wire } from "./client-script.ts"

const LOGS = "access_log logs/{id}.log {id}; error_log logs/{id}.err notice;"
const FORMAT = 'log_format {id} "$status $limit_conn_status";'
const ZONE = "limit_conn_zone $uri zone={id}:32k;"
const PASS = `${HTTP_1_1} proxy_pass http://{b};`
const B = { b: httpAnswer("ok\n") }

function limited(
  name: string,
  server: string,
  send: ComparisonCase["send"],
  status: number | readonly number[],
  more: Partial<ComparisonCase> & { zones?: string } = {},
): ComparisonCase {
  const { zones = ZONE, ...rest } = more
  return { name, http: `${zones} ${FORMAT}`, server: `${LOGS} ${server}`, backends: B, send, status, ...rest }
}

const inLocation = (limits: string): string => `location / { ${limits} ${PASS} }`

/** A request that is at work from now on: the edge has asked for its body. */
async function hold(wire: Wire, target: string, headers = "", from = "127.0.0.1"): Promise<RawClient> {
  const client = await RawClient.connect({ port: Number(wire.expand("{port}")), localAddress: from })
  await client.send(
    `POST ${target} HTTP/1.1\r\nHost: a.test\r\n${headers}Content-Length: 4\r\nExpect: 100-continue\r\n\r\n`,
  )
  await client.waitForBytesOrEnd()
  return client
}

/** Lets it go on to its end. */
async function finish(wire: Wire, client: RawClient): Promise<void> {
  await client.send("body")
  const { status } = await client.readResponse("POST")
  wire.note(`the other: ${status}`)
  client.destroy()
}

/** Sends `requests` while `held` others are at work, and one more when they are not. */
function beside(held: readonly string[], requests: readonly string[]): ClientScript {
  return async (wire) => {
    const clients: RawClient[] = []
    for (const target of held) clients.push(await hold(wire, target))
    for (const request of requests) await wire.exchange(request)
    for (const client of clients) await finish(wire, client)
    await wire.exchange(requests[0] as string)
  }
}

const KEY = "dGhlIHNhbXBsZSBub25jZQ=="
const ACCEPT = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
const HANDSHAKE = get("/ws", `Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: ${KEY}\r\n`)
const TUNNEL: BackendScript = {
  send: `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${ACCEPT}\r\n\r\n`,
  after: "echo",
}
const UPGRADE =
  'proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection "upgrade";'

export const limitConnCases: readonly ComparisonCase[] = [
  limited(
    "a second connection of a key is refused until the first has its answer",
    inLocation("limit_conn {id} 1;"),
    beside(["/a"], [get("/a"), get("/b")]),
    [503, 200, 200],
  ),
  limited(
    "two of a key, and not a third",
    inLocation("limit_conn {id} 2;"),
    beside(["/a", "/a"], [get("/a"), get("/b")]),
    [503, 200, 200],
  ),
  limited(
    "requests one after the other are no crowd",
    inLocation("limit_conn {id} 1;"),
    [get("/a"), get("/a"), get("/a")],
    [200, 200, 200],
  ),
  limited(
    "an empty key is not limited",
    inLocation("limit_conn {id} 1;"),
    beside(["/a"], [get("/a"), get("/a?k=1")]),
    [200, 200, 200],
    { zones: "limit_conn_zone $arg_k zone={id}:32k;" },
  ),
  limited(
    "a key of several variables",
    inLocation("limit_conn {id} 1;"),
    beside(["/a?k=1"], [get("/a?k=1"), get("/a?k=2"), get("/b?k=1")]),
    [503, 200, 200, 200],
    { zones: 'limit_conn_zone "$uri $arg_k" zone={id}:32k;' },
  ),
  limited(
    "the key of an address is its bytes",
    inLocation("limit_conn {id} 1;"),
    async (wire) => {
      const other = await hold(wire, "/", "", "127.0.0.7")
      await wire.connect({ from: "127.0.0.8" })
      await wire.exchange(get("/"))
      await wire.connect({ from: "127.0.0.7" })
      await wire.exchange(get("/"))
      await finish(wire, other)
      await wire.exchange(get("/"))
    },
    [200, 503, 200],
    { zones: "limit_conn_zone $binary_remote_addr zone={id}:32k;" },
  ),
  limited(
    "another status, and a page for it",
    `limit_conn {id} 1; limit_conn_status 429; error_page 429 /busy; location / { ${PASS} } location = /busy { ${PASS} }`,
    beside(["/a"], [get("/a")]),
    [429, 200],
  ),
  limited(
    "a status that closes",
    inLocation("limit_conn {id} 1; limit_conn_status 444;"),
    async (wire) => {
      const other = await hold(wire, "/a")
      await wire.exchange(get("/a"))
      await finish(wire, other)
    },
    0,
  ),
  limited(
    "a dry run",
    inLocation("limit_conn {id} 1; limit_conn_dry_run on;"),
    beside(["/a"], [get("/a"), get("/a")]),
    [200, 200, 200],
  ),
  limited(
    "log levels",
    inLocation("limit_conn {id} 1; limit_conn_log_level notice;"),
    beside(["/a"], [get("/a")]),
    [503, 200],
  ),
  limited(
    "a level that the log does not take",
    inLocation("limit_conn {id} 1; limit_conn_log_level info;"),
    beside(["/a"], [get("/a")]),
    [503, 200],
  ),
  limited(
    "two limits: what the first counted is given back when the second refuses",
    `location / { limit_conn {id} 3; limit_conn two_{id} 1; ${PASS} } location /one { limit_conn {id} 3; ${PASS} }`,
    async (wire) => {
      const other = await hold(wire, "/one?k=1")
      await wire.exchange(get("/x?k=1"))
      const third = await hold(wire, "/a?k=1")
      await wire.exchange(get("/a?k=1"))
      await wire.exchange(get("/a?k=1"))
      await finish(wire, third)
      await finish(wire, other)
      await wire.exchange(get("/a?k=1"))
    },
    [200, 503, 503, 200],
    {
      zones: "limit_conn_zone $arg_k zone={id}:32k; limit_conn_zone $uri zone=two_{id}:32k;",
    },
  ),
  limited(
    "a list of limits is replaced as a whole",
    `limit_conn {id} 1; location / { ${PASS} } location /two { limit_conn {id} 2; ${PASS} }`,
    beside(["/a", "/two"], [get("/a"), get("/two")]),
    [503, 200, 503],
    {
      send: async (wire) => {
        const clients = [await hold(wire, "/a"), await hold(wire, "/two")]
        await wire.exchange(get("/a"))
        await wire.exchange(get("/two"))
        clients.push(await hold(wire, "/two"))
        await wire.exchange(get("/two"))
        for (const client of clients) await finish(wire, client)
      },
    },
  ),
  limited(
    "limit_req comes first",
    inLocation("limit_req zone={id}; limit_req_status 429; limit_conn two_{id} 1;"),
    beside(["/a"], [get("/a"), get("/b")]),
    [429, 200, 429],
    { zones: "limit_req_zone $uri zone={id}:32k rate=1r/m; limit_conn_zone $uri zone=two_{id}:32k;" },
  ),
  limited(
    "limits come before access rules, and a refused request counts no longer",
    inLocation("limit_conn {id} 1; deny all;"),
    [get("/a"), get("/a")],
    [403, 403],
  ),
  limited(
    "a request that was sent elsewhere counts until its end",
    `location / { limit_conn {id} 1; error_page 404 /b; ${HTTP_1_1} proxy_intercept_errors on; proxy_pass http://{c}; } location = /b { ${PASS} }`,
    async (wire) => {
      await wire.exchange(get("/a"))
      const other = await hold(wire, "/a")
      await wire.exchange(get("/a"))
      await finish(wire, other)
      await wire.exchange(get("/a"))
    },
    [404, 503, 404],
    { backends: { ...B, c: "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n" } },
  ),
  limited(
    "return is not limited",
    'location / { limit_conn {id} 1; return 200 "ok\\n"; }',
    [get("/a"), get("/a")],
    [200, 200],
  ),
  limited(
    "a key of 255 bytes, and one of 256, which is not limited",
    inLocation("limit_conn {id} 1;"),
    async (wire) => {
      const long = `/?k=${"x".repeat(255)}`
      const other = await hold(wire, long)
      await wire.exchange(get(long))
      const another = await hold(wire, `${long}y`)
      await wire.exchange(get(`${long}y`))
      await finish(wire, other)
      await finish(wire, another)
    },
    [503, 200],
    { zones: "limit_conn_zone $arg_k zone={id}:32k;" },
  ),
  limited(
    "a tunnel counts until it ends",
    `location / { limit_conn {id} 1; ${UPGRADE} proxy_pass http://{t}; } location /ok { limit_conn {id} 1; ${PASS} }`,
    async (wire) => {
      const tunnel = await RawClient.connect({ port: Number(wire.expand("{port}")) })
      await tunnel.send(HANDSHAKE)
      wire.note(`tunnel: ${(await tunnel.readResponse("GET")).status}`)
      await wire.exchange(HANDSHAKE)
      tunnel.halfClose()
      await tunnel.readToEnd()
      await wire.exchange(get("/ok"))
      await wire.connect()
      await wire.exchange(HANDSHAKE)
      ;(await wire.client()).halfClose()
      await wire.toEnd()
    },
    [503, 200, 101],
    { backends: { ...B, t: TUNNEL } },
  ),
  limited(
    "a full zone refuses new keys",
    `error_log /dev/null; access_log off; ${inLocation("limit_conn {id} 9;")}`,
    async (wire) => {
      const held: RawClient[] = []
      // States of 512 bytes: eight of them in each of five pages, smaller ones in the other two.
      for (let i = 0; i < 40; i++) held.push(await hold(wire, `/${i}?k=${String(i).padEnd(255, "x")}`))
      await wire.exchange(get(`/?k=${"y".repeat(255)}`))
      await wire.exchange(get(`/?k=${"3".padEnd(255, "x")}`))
      await wire.exchange(get("/?k=short"))
      for (const client of held) client.destroy()
    },
    [503, 200, 200],
    {
      zones: "limit_conn_zone $arg_k zone={id}:32k;",
      server: `error_log /dev/null; access_log off; ${inLocation("limit_conn {id} 9;")}`,
    },
  ),
]
