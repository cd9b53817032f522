import { httpAnswer } from "../support/raw-backend.ts"
import { type ComparisonCase, get, HTTP_1_1 } from "./case.ts"

const LOGS = "access_log logs/{id}.log {id}; error_log logs/{id}.err notice;"
const FORMAT = 'log_format {id} "$status $limit_rate";'
const PASS = `${HTTP_1_1} proxy_pass http://{b};`
const BODY = "0123456789abcdef".repeat(256)
const B = { b: httpAnswer(BODY) }

function limited(
  name: string,
  server: string,
  send: ComparisonCase["send"] = get("/"),
  status: number | readonly number[] = 200,
  more: Partial<ComparisonCase> = {},
): ComparisonCase {
  return { name, http: FORMAT, server: `${LOGS} ${server}`, backends: B, send, status, probe: false, ...more }
}

const inLocation = (limits: string, rest = PASS): string => `location / { ${limits} ${rest} }`
const RETURN = `return 200 "${BODY.slice(0, 3000)}";`

export const limitRateCases: readonly ComparisonCase[] = [
  limited("an answer within its rate", inLocation("limit_rate 100k;")),
  limited("an answer that takes two seconds", inLocation("limit_rate 2k;")),
  limited("an answer of return", inLocation("limit_rate 2k;", RETURN)),
  limited("what goes before the limit", inLocation("limit_rate 1; limit_rate_after 10k;")),
  limited(
    "rates of each level",
    `limit_rate 100k; location / { ${PASS} } location /a { limit_rate 0; ${PASS} } location /b { limit_rate 200k; ${PASS} }`,
    [get("/"), get("/a"), get("/b")],
    [200, 200, 200],
  ),
  limited(
    "a rate of variables",
    inLocation("limit_rate $arg_r;"),
    [get("/?r=100k"), get("/?r=0"), get("/?r=1m")],
    [200, 200, 200],
  ),
  limited(
    "a rate of variables that is none",
    inLocation("limit_rate $arg_r; limit_rate_after $arg_a;", RETURN),
    [get("/"), get("/?r=x"), get("/?r=100k&a=-1")],
    [200, 200, 200],
  ),
  limited(
    "X-Accel-Limit-Rate counts for more than the location",
    inLocation("limit_rate 10k;"),
    get("/"),
    200,
    { backends: { b: httpAnswer(BODY, "X-Accel-Limit-Rate: 300000\r\n") } },
  ),
  limited("X-Accel-Limit-Rate that takes a while", inLocation(""), get("/"), 200, {
    backends: { b: httpAnswer(BODY, "X-Accel-Limit-Rate: 3000\r\n") },
  }),
  limited("X-Accel-Limit-Rate of 0 lifts the limit", inLocation("limit_rate 100;"), get("/"), 200, {
    backends: { b: httpAnswer(BODY, "X-Accel-Limit-Rate: 0\r\n") },
  }),
  limited("X-Accel-Limit-Rate that is none", inLocation("limit_rate 90k;"), get("/"), 200, {
    backends: { b: httpAnswer(BODY, "X-Accel-Limit-Rate: 3k\r\n") },
  }),
  limited(
    "X-Accel-Limit-Rate that is ignored",
    inLocation("proxy_ignore_headers X-Accel-Limit-Rate;"),
    get("/"),
    200,
    {
      backends: { b: httpAnswer(BODY, "X-Accel-Limit-Rate: 300\r\n") },
    },
  ),
  limited("set $limit_rate", inLocation("set $limit_rate 150k;")),
  limited("set $limit_rate over limit_rate", inLocation("limit_rate 10; set $limit_rate 150k;")),
  limited("set $limit_rate to what is none", inLocation("limit_rate 90k; set $limit_rate fast;")),
  limited(
    "a rate within an if",
    `location / { if ($arg_x) { limit_rate 50k; ${RETURN} } if ($arg_y) { limit_rate 60k; } ${PASS} }`,
    [get("/?x=1"), get("/?y=1"), get("/")],
    [200, 200, 200],
  ),
  limited("a chunked answer", inLocation("limit_rate 3k;"), get("/"), 200, {
    backends: {
      b: `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1000\r\n${BODY}\r\n0\r\n\r\n`,
    },
  }),
  limited("a HEAD", inLocation("limit_rate 1k;"), "HEAD / HTTP/1.1\r\nHost: a.test\r\n\r\n", 200, {
    backends: { b: "HTTP/1.1 200 OK\r\nContent-Length: 4096\r\n\r\n" },
  }),
  limited(
    "two answers on one connection, each with its own time",
    inLocation("limit_rate 3k;"),
    [get("/"), get("/")],
    [200, 200],
  ),
  limited("an error page", inLocation("limit_rate 100k;", "return 404;"), get("/"), 404),
]
