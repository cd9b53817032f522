import { httpAnswer } from "../support/raw-backend.ts"
import { type ComparisonCase, get, HTTP_1_1, post } from "./case.ts"

const ECHO = 'location / { return 200 "$request_uri $connection_requests\\n"; }'

function connected(
  name: string,
  server: string,
  send: ComparisonCase["send"],
  status: number | readonly number[],
  more: Partial<ComparisonCase> = {},
): ComparisonCase {
  return { name, server, send, status, ...more }
}

export const connectionCases: readonly ComparisonCase[] = [
  connected("keep-alive", ECHO, [get("/1"), get("/2"), get("/3")], [200, 200, 200]),
  connected(
    "pipelining",
    ECHO,
    async (wire) => {
      await wire.send(get("/1") + get("/2") + get("/3"))
      for (let count = 0; count < 3; count++) await wire.response()
      await wire.probe()
    },
    [200, 200, 200],
  ),
  connected(
    "pipelining with bodies, through a proxy",
    `location / { ${HTTP_1_1} proxy_pass http://{b}; }`,
    async (wire) => {
      await wire.send(post("/1", "one") + get("/2") + post("/3", "three"))
      for (let count = 0; count < 3; count++) await wire.response()
      await wire.probe()
    },
    [200, 200, 200],
    { backends: { b: ({ target, body }) => httpAnswer(`${target} ${body}`) } },
  ),
  connected(
    "pipelining, the second in pieces",
    ECHO,
    async (wire) => {
      await wire.sendPieces([`${get("/1")}GET`, " /2 HTTP/1.1\r\nHo", "st: a\r\n\r", "\n"])
      await wire.response()
      await wire.response()
    },
    [200, 200],
  ),
  connected(
    "pipelining ends at a bad request",
    ECHO,
    async (wire) => {
      await wire.send(`${get("/1")}nonsense\r\n\r\n${get("/3")}`)
      await wire.response()
      await wire.response()
      await wire.response()
    },
    [200, 400, 0],
  ),
  connected(
    "pipelining ends at close",
    ECHO,
    async (wire) => {
      const client = await wire.connect()
      await client.send(get("/1", "Connection: close\r\n") + get("/2"))
      wire.note((await client.readToEnd()).split("HTTP/1.1 ").length === 2 ? "one answer" : "more answers")
    },
    [],
  ),
  connected(
    "blank lines between requests",
    ECHO,
    async (wire) => {
      await wire.send(`${get("/1")}\r\n\r\n${get("/2")}`)
      await wire.response()
      await wire.response()
    },
    [200, 200],
  ),
  connected("keepalive_requests", `keepalive_requests 2; ${ECHO}`, [get("/1"), get("/2")], [200, 200]),
  connected("keepalive_timeout 0", `keepalive_timeout 0; ${ECHO}`, get("/1"), 200),
  connected(
    "keepalive_timeout with its header",
    `keepalive_timeout 60s 20s; ${ECHO}`,
    [get("/1"), "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"],
    [200, 200],
  ),
  connected(
    "keepalive_timeout in a location",
    'location / { keepalive_timeout 0; return 200 "x"; } location /keep { return 200 "y"; }',
    [get("/keep"), get("/")],
    [200, 200],
  ),
  connected(
    "an idle connection is closed",
    `keepalive_timeout 200ms; ${ECHO}`,
    async (wire) => {
      await wire.exchange(get("/1"))
      await wire.toEnd()
    },
    200,
  ),
  connected(
    "a head that does not come in time",
    `access_log {prefix}/logs/{id}.log {id}; client_header_timeout 200ms; ${ECHO}`,
    async (wire) => {
      await wire.send("GET / HT")
      await wire.toEnd()
    },
    [],
    {
      http: 'log_format {id} "$status $request";',
    },
  ),
  connected(
    "a connection on which nothing comes",
    `client_header_timeout 200ms; access_log {prefix}/logs/{id}.log; ${ECHO}`,
    async (wire) => {
      await wire.connect()
      await wire.toEnd()
    },
    [],
  ),
  connected(
    "a connection that ends at once",
    `access_log {prefix}/logs/{id}.log; ${ECHO}`,
    async (wire) => {
      ;(await wire.connect()).halfClose()
      await wire.toEnd()
    },
    [],
  ),
  connected(
    "a connection that ends inside the head",
    `access_log {prefix}/logs/{id}.log {id}; ${ECHO}`,
    async (wire) => {
      await wire.send("GET / HTTP/1.1\r\nHo")
      ;(await wire.client()).halfClose()
      await wire.toEnd()
    },
    [],
    {
      http: 'log_format {id} "$status [$request] $host";',
    },
  ),
  connected(
    "a request and half-close",
    ECHO,
    async (wire) => {
      await wire.send(get("/1", "Connection: close\r\n"))
      ;(await wire.client()).halfClose()
      await wire.response()
    },
    200,
  ),
  connected(
    "the client leaves while the backend thinks",
    `access_log {prefix}/logs/{id}.log {id}; location / { ${HTTP_1_1} proxy_pass http://{b}; }`,
    async (wire) => {
      await wire.send(get("/slow"))
      await wire.backendHas("b", 1)
      wire.close()
    },
    [],
    {
      http: 'log_format {id} "$status $body_bytes_sent [$upstream_status]";',
      backends: { b: { on: "request" } },
    },
  ),
  connected(
    "the client leaves, and the edge goes on where told to",
    `access_log {prefix}/logs/{id}.log {id}; location / { ${HTTP_1_1} proxy_pass http://{b}; proxy_ignore_client_abort on; proxy_read_timeout 200ms; }`,
    async (wire) => {
      await wire.send(get("/slow"))
      await wire.backendHas("b", 1)
      wire.close()
    },
    [],
    {
      http: 'log_format {id} "$status [$upstream_status]";',
      backends: { b: { on: "request" } },
    },
  ),
  connected(
    "HTTP/1.0 with keep-alive through a proxy",
    `location / { ${HTTP_1_1} proxy_pass http://{b}; }`,
    ["GET /1 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", "GET /2 HTTP/1.0\r\n\r\n"],
    [200, 200],
    { backends: { b: httpAnswer("x") } },
  ),
  connected(
    "Connection: Keep-Alive in other cases",
    ECHO,
    "GET / HTTP/1.0\r\nConnection: Keep-ALIVE\r\n\r\n",
    200,
  ),
  connected(
    "Connection: close and keep-alive at once",
    ECHO,
    get("/", "Connection: close, keep-alive\r\n"),
    200,
  ),
  connected(
    "Connection on two lines",
    ECHO,
    get("/", "Connection: keep-alive\r\nConnection: close\r\n"),
    200,
  ),
  connected(
    "an old MSIE is not kept alive after a POST",
    ECHO,
    post("/", "x", "User-Agent: Mozilla/4.0 (compatible; MSIE 6.0)\r\n"),
    200,
    {
      differs: {
        why: "keepalive_disable for browsers of 2001 is not carried on",
        holdfast: ({ client }) => ({
          client: client.map((event) =>
            typeof event === "string"
              ? "then kept"
              : {
                  ...event,
                  headers: event.headers.map((line) =>
                    line.replace("Connection: close", "Connection: keep-alive"),
                  ),
                },
          ),
        }),
      },
    },
  ),
  connected(
    "errors that keep the connection",
    "location / { return 404; } location /d { deny all; } location /u { proxy_pass http://{dead}; }",
    [get("/"), get("/d"), get("/u"), get("/")],
    [404, 403, 502, 404],
  ),
  connected(
    "keep-alive on a unix socket",
    "",
    async (wire) => {
      await wire.connect({ path: "{id}.sock" })
      await wire.exchange(get("/1"))
      await wire.exchange(get("/2"))
      await wire.probe()
    },
    [200, 200],
    { servers: `server { listen unix:{prefix}/{id}.sock; ${ECHO} }` },
  ),
]
