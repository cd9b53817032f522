import { httpAnswer } from "../support/raw-backend.ts"
import { RawClient } from "../support/raw-client.ts"
import { type ComparisonCase, get, HTTP_1_1, post } from "./case.ts"
import type { Wire } from "./client-script.ts"

const LOGS = "access_log logs/{id}.log {id}; error_log logs/{id}.err notice;"
const FORMAT = 'log_format {id} "$status $limit_req_status";'

/** A zone that gives a request back so slowly that no test is long enough to see it. */
const SLOW = "limit_req_zone $uri zone={id}:32k rate=1r/m;"
/** Half a second for a request that has to wait. */
const HALF = "limit_req_zone $uri zone={id}:32k rate=2r/s;"
const OK = 'return 200 "ok\\n";'
/** `return` answers before any limit is asked: something behind it has to. */
const PASS = `${HTTP_1_1} proxy_pass http://{b};`
const B = { b: httpAnswer("ok\n") }

function limited(
  name: string,
  zones: string,
  server: string,
  send: ComparisonCase["send"],
  status: number | readonly number[],
  more: Partial<ComparisonCase> = {},
): ComparisonCase {
  const http = `${zones} ${FORMAT}`
  return { name, http, server: `${LOGS} ${server}`, backends: B, send, status, ...more }
}

const THREE = [get("/a"), get("/a"), get("/a")]
/** Ten times a header, as a key. */
const LONG = `limit_req_zone ${"$http_a".repeat(10)} zone={id}:512k rate=1r/m;`
const NO_HEADER = 'proxy_set_header A "";'
const withHeader = (length: number): string => get("/", `A: ${"x".repeat(length)}\r\n`)
const inLocation = (limits: string): string => `location / { ${limits} ${PASS} }`

export const limitReqCases: readonly ComparisonCase[] = [
  limited(
    "the second request of a key is refused",
    SLOW,
    inLocation("limit_req zone={id};"),
    THREE,
    [200, 503, 503],
  ),
  limited(
    "keys do not know each other",
    SLOW,
    inLocation("limit_req zone={id};"),
    [get("/a"), get("/b"), get("/a"), get("/b")],
    [200, 200, 503, 503],
  ),
  limited(
    "an empty key is not limited",
    "limit_req_zone $arg_k zone={id}:32k rate=1r/m;",
    inLocation("limit_req zone={id};"),
    [get("/"), get("/"), get("/?k="), get("/?k="), get("/?k=1"), get("/?k=1")],
    [200, 200, 200, 200, 200, 503],
  ),
  limited(
    "a key of several variables and text",
    'limit_req_zone "$arg_a-$arg_b" zone={id}:32k rate=1r/m;',
    inLocation("limit_req zone={id};"),
    [get("/?a=1&b=2"), get("/?a=1&b=3"), get("/?b=2&a=1")],
    [200, 200, 503],
  ),
  limited(
    "the key of an address is its bytes",
    "limit_req_zone $binary_remote_addr zone={id}:32k rate=1r/m;",
    inLocation("limit_req zone={id};"),
    async (wire) => {
      await wire.connect({ from: "127.0.0.7" })
      await wire.exchange(get("/"))
      await wire.exchange(get("/"))
      await wire.connect({ from: "127.0.0.8" })
      await wire.exchange(get("/"))
    },
    [200, 503, 200],
  ),
  limited(
    "a burst without delay",
    SLOW,
    inLocation("limit_req zone={id} burst=2 nodelay;"),
    [...THREE, ...THREE],
    [200, 200, 200, 503, 503, 503],
  ),
  limited(
    "a burst, part of which does not wait",
    HALF,
    inLocation("limit_req zone={id} burst=9 delay=2;"),
    [...THREE, get("/a")],
    [200, 200, 200, 200],
  ),
  limited(
    "a burst that waits",
    HALF,
    inLocation("limit_req zone={id} burst=3;"),
    [get("/a"), get("/a")],
    [200, 200],
  ),
  limited(
    "parameters in any order",
    SLOW,
    inLocation("limit_req nodelay burst=1 zone={id};"),
    THREE,
    [200, 200, 503],
  ),
  limited(
    "parameters of the zone in any order",
    "limit_req_zone $uri rate=1r/m zone={id}:32k;",
    inLocation("limit_req zone={id};"),
    THREE,
    [200, 503, 503],
  ),
  limited(
    "another status, of each level its own",
    SLOW,
    `limit_req_status 429; limit_req zone={id}; location / { ${PASS} } location /a { limit_req_status 444; ${PASS} } location /b { limit_req_status 599; ${PASS} }`,
    [get("/x"), get("/x"), get("/b"), get("/b"), get("/a"), get("/a")],
    [200, 429, 200, 599, 200, 0],
  ),
  limited(
    "a page for the status",
    SLOW,
    `limit_req zone={id}; limit_req_status 429; error_page 429 =200 /busy; location / { ${PASS} } location = /busy { ${PASS} }`,
    [get("/a"), get("/a")],
    [200, 200],
  ),
  limited(
    "a named location for the status",
    SLOW,
    `error_page 503 @busy; location / { limit_req zone={id}; ${PASS} } location @busy { return 509 "busy\\n"; }`,
    [get("/a"), get("/a")],
    [200, 503],
  ),
  limited(
    "a request is limited once, whatever it is redirected to",
    SLOW,
    `location / { limit_req zone={id}; error_page 404 /other; ${HTTP_1_1} proxy_intercept_errors on; proxy_pass http://{c}; } location = /other { limit_req zone={id}; ${PASS} }`,
    [get("/a"), get("/b"), get("/other")],
    [404, 404, 200],
    { backends: { ...B, c: "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n" } },
  ),
  limited(
    "log levels: refusals at warn, delays one below",
    HALF,
    inLocation("limit_req_log_level warn; limit_req zone={id} burst=1;"),
    [get("/a"), get("/a")],
    [200, 200],
  ),
  limited(
    "a level that the log does not take",
    SLOW,
    inLocation("limit_req_log_level info; limit_req zone={id};"),
    THREE,
    [200, 503, 503],
  ),
  limited(
    "a dry run refuses nothing",
    SLOW,
    inLocation("limit_req_dry_run on; limit_req zone={id} burst=1 nodelay;"),
    THREE,
    [200, 200, 200],
  ),
  limited(
    "a dry run delays nothing",
    SLOW,
    inLocation("limit_req_dry_run on; limit_req zone={id} burst=1;"),
    THREE,
    [200, 200, 200],
  ),
  limited(
    "two limits: the second refuses, the first has not counted it",
    `${SLOW} limit_req_zone $arg_k zone=two_{id}:32k rate=1r/m;`,
    inLocation("limit_req zone={id} burst=2 nodelay; limit_req zone=two_{id};"),
    [get("/a?k=1"), get("/a?k=1"), get("/a?k=1"), get("/a?k=2"), get("/a?k=3"), get("/a?k=4")],
    [200, 503, 503, 200, 200, 503],
  ),
  limited(
    "two limits: the second has no key",
    `${SLOW} limit_req_zone $arg_k zone=two_{id}:32k rate=1r/m;`,
    inLocation("limit_req zone={id} burst=1 nodelay; limit_req zone=two_{id};"),
    THREE,
    [200, 200, 503],
  ),
  limited(
    "two limits: the first has no key",
    `limit_req_zone $arg_k zone={id}:32k rate=1r/m; limit_req_zone $uri zone=two_{id}:32k rate=1r/m;`,
    inLocation("limit_req zone={id}; limit_req zone=two_{id} burst=1 nodelay;"),
    THREE,
    [200, 200, 503],
  ),
  limited(
    "two limits: the longer delay is the one that is logged",
    `${HALF} limit_req_zone $http_host zone=two_{id}:32k rate=1r/s;`,
    inLocation("limit_req zone=two_{id} burst=5; limit_req zone={id} burst=5;"),
    [get("/a"), get("/a")],
    [200, 200],
  ),
  limited(
    "a list of limits is replaced as a whole",
    `${SLOW} limit_req_zone $uri zone=two_{id}:32k rate=1r/m;`,
    `limit_req zone={id}; location / { ${PASS} } location /a { limit_req zone=two_{id} burst=2 nodelay; ${PASS} }`,
    [...THREE, get("/x"), get("/x")],
    [200, 200, 200, 200, 503],
  ),
  limited(
    "the zone may come after its use, and be used by many",
    "",
    "",
    [get("/a"), get("/a"), get("/b"), get("/b")],
    [200, 503, 200, 503],
    {
      servers: `server { listen {listen}; ${LOGS} limit_req zone={id}; location / { ${PASS} } location /b { limit_req zone={id}; ${PASS} } } ${SLOW}`,
    },
  ),
  limited("return is not limited", SLOW, `location / { limit_req zone={id}; ${OK} }`, THREE, [200, 200, 200]),
  limited(
    "limits come before access rules",
    SLOW,
    inLocation("limit_req zone={id}; deny all;"),
    THREE,
    [403, 503, 503],
  ),
  limited(
    "a body that comes with a refused request is read and thrown away",
    SLOW,
    inLocation("limit_req zone={id};"),
    [post("/a", "body"), post("/a", "body"), get("/b")],
    [200, 503, 200],
  ),
  limited(
    "a request that waits, with its body",
    HALF,
    inLocation("limit_req zone={id} burst=1;"),
    [post("/a", "body"), post("/a", "body")],
    [200, 200],
  ),
  limited(
    "pipelined requests wait one after the other",
    HALF,
    inLocation("limit_req zone={id} burst=2;"),
    async (wire) => {
      await wire.send(get("/a") + get("/a"))
      await wire.response()
      await wire.response()
    },
    [200, 200],
  ),
  limited(
    "a client that leaves while its request waits",
    SLOW,
    inLocation("limit_req zone={id} burst=5;"),
    async (wire) => {
      await wire.exchange(get("/a"))
      const other = await RawClient.connect({ port: Number(wire.expand("{port}")) })
      await other.send(get("/a"))
      other.destroy()
      await other.readToEnd()
      await wire.exchange(get("/b"))
    },
    [200, 200],
  ),
  limited(
    "a key that is too long is not limited",
    LONG,
    "",
    [withHeader(6553), withHeader(6553), withHeader(6554), withHeader(6554)],
    [200, 503, 200, 200],
    {
      // The line about it has all of the key, and nginx's lines have an end.
      server: `access_log logs/{id}.log {id}; error_log /dev/null; ${inLocation(`limit_req zone={id}; ${NO_HEADER}`)}`,
    },
  ),
  limited(
    "a full zone forgets the key that nobody used for longest",
    SLOW,
    inLocation("limit_req zone={id};"),
    async (wire) => {
      for (let i = 0; i < 191; i++) await quietly(wire, `/${i}`)
      await wire.exchange(get("/0"))
      await quietly(wire, "/new")
      await wire.exchange(get("/0"))
      await wire.exchange(get("/1"))
      await wire.exchange(get("/3"))
    },
    [503, 503, 200, 503],
    { server: `access_log off; error_log /dev/null; ${inLocation("limit_req zone={id};")}` },
  ),
  limited(
    "a key that the zone has no room for is refused",
    "limit_req_zone $http_a$http_a$http_a$http_a$http_a$http_a zone={id}:32k rate=1r/m;",
    inLocation(`limit_req zone={id}; ${NO_HEADER}`),
    [withHeader(6000), withHeader(1)],
    [503, 200],
  ),
]

/** A request whose answer is not noted. */
async function quietly(wire: Wire, target: string): Promise<void> {
  const client = await wire.client()
  await client.send(get(target))
  await client.readResponse("GET")
}
