import { httpAnswer } from "../support/raw-backend.ts"
import type { ComparisonCase } from "./case.ts"
import { B, BIG, GET, inTurn, over2, PASS, POST, SHOW, TLS } from "./http2-case.ts"
import { Http2Client } from "./http2-client.ts"

export const http2Cases: readonly ComparisonCase[] = [
  over2("a request by prior knowledge", SHOW, [GET("/a/b?c=d")], [200]),
  over2("several on one connection", SHOW, [GET("/1"), GET("/2"), GET("/%41//b")], [200, 200, 200]),
  over2("over TLS, by ALPN", `${TLS} ${SHOW}`, [GET("/a")], [200], {
    listen: "ssl http2",
    place: { tlsName: "a.test" },
  }),
  ...(
    [
      ["http/1.1"],
      ["http/1.1", "h2"],
      ["h2", "http/1.1"],
      ["http/1.0"],
      ["x", "http/1.1"],
      ["x", "h2"],
      undefined,
    ] as const
  ).map(
    (offer): ComparisonCase => ({
      name: `what ALPN gives for ${offer?.join(", ") ?? "none"}`,
      servers: `server { listen {listen} ssl http2; ${TLS} location / { return 200; } }
        server { listen {listen2} ssl; ${TLS} location / { return 200; } }`,
      send: async (wire) => {
        for (const port of [1, 2]) {
          const tls = { servername: "a.test", ...(offer === undefined ? {} : { ALPNProtocols: [...offer] }) }
          await wire.connect({ port, tls }).then(
            () => wire.noteTls(),
            () => wire.note("refused"),
          )
        }
      },
      status: [],
    }),
  ),
  over2("HTTP/1.1 on the same port, over TLS", "", [], [200], {
    servers: `server { listen {listen} ssl http2; ${TLS} ${SHOW} }`,
    send: async (wire) => {
      await wire.connect({ tls: { servername: "a.test", ALPNProtocols: ["http/1.1"] } })
      await wire.exchange("GET /x HTTP/1.1\r\nHost: a.test\r\n\r\n")
    },
  }),
  over2("names of servers by :authority", "", [], [200, 200, 200], {
    servers: `server { listen {listen} http2; server_name one.test; location / { return 200 one; } }
      server { listen {listen}; server_name two.test; location / { return 200 "two $server_name"; } }`,
    send: (wire) =>
      inTurn(wire, [
        GET("/", { ":authority": "two.test" }),
        GET("/", { ":authority": "ONE.test:80" }),
        GET("/", { ":authority": "x.test" }),
      ]),
  }),
  over2(
    "a request and its fields reach the backend",
    `location / { ${PASS} }`,
    [GET("/p?q", { "x-a": "1", cookie: ["a=1", "b=2"] })],
    [200],
    { backends: B },
  ),
  over2(
    "a body with its length",
    `location / { ${PASS} }`,
    [POST("/p", "hello", { "content-length": "5" })],
    [200],
    { backends: B },
  ),
  over2("a body without a length", `location / { ${PASS} }`, [POST("/p", "hello")], [200], { backends: B }),
  over2(
    "a body without a length, unbuffered",
    `location / { ${PASS} proxy_request_buffering off; }`,
    [POST("/p", "hello")],
    [200],
    {
      backends: B,
      differs: {
        why: "a body that is there before the backend is connected goes with its length",
        holdfast: () => ({
          backends: { b: "POST /p HTTP/1.1\r\nHost: 127.0.0.1:{b}\r\nContent-Length: 5\r\n\r\nhello" },
        }),
      },
    },
  ),
  over2(
    "a body with its length, unbuffered",
    `location / { ${PASS} proxy_request_buffering off; }`,
    [POST("/p", "hello", { "content-length": "5" })],
    [200],
    { backends: B },
  ),
  over2(
    "a POST that ends with its head",
    `location / { ${PASS} }`,
    [GET("/p", { ":method": "POST" })],
    [200],
    { backends: B },
  ),
  over2("a body that ends with an empty frame", `location / { ${PASS} }`, [POST("/p", "")], [200], {
    backends: B,
  }),
  over2(
    "a large body",
    `client_max_body_size 0; location / { ${PASS} proxy_request_buffering off; }`,
    [POST("/p", BIG, { "content-length": String(BIG.length) })],
    [200],
    { backends: B },
  ),
  over2("a large answer", `location / { ${PASS} }`, [GET("/")], [200], { backends: { b: httpAnswer(BIG) } }),
  over2("many requests at once", `location / { ${PASS} }`, [], new Array(40).fill(200), {
    backends: B,
    servers: `server { listen {listen} http2; location / { ${PASS} } }`,
    send: async (wire) => {
      const client = await Http2Client.open(wire)
      const streams = Array.from({ length: 40 }, () => client.begin(GET("/same")))
      await Promise.all(streams.map((stream) => client.note(stream)))
      client.close()
    },
  }),
  over2(
    "HEAD",
    `location / { ${PASS} } location /own { return 200 abc; }`,
    [GET("/p", { ":method": "HEAD" }), GET("/own", { ":method": "HEAD" })],
    [200, 200],
    {
      backends: { b: "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n" },
    },
  ),
  over2(
    "204, 304 and 205",
    "location /a { return 204; } location /b { return 304; } location /c { return 205; }",
    [GET("/a"), GET("/b")],
    [204, 304],
  ),
  over2("a chunked answer", `location / { ${PASS} }`, [GET("/")], [200], {
    backends: { b: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n" },
  }),
  over2("an answer until the close", `location / { ${PASS} }`, [GET("/")], [200], {
    backends: { b: { send: "HTTP/1.1 200 OK\r\n\r\nabc", after: "end" } },
  }),
  over2("fields of the backend's connection stay there", `location / { ${PASS} }`, [GET("/")], [200], {
    backends: {
      b: "HTTP/1.1 200 OK\r\nConnection: close\r\nKeep-Alive: timeout=3\r\nContent-Length: 0\r\nX-A: 1\r\n\r\n",
    },
  }),
  over2(
    "bytes beyond ASCII in fields and bodies",
    `add_header X-B "$http_x_b"; location / { return 200 "$http_x_b\\n"; }`,
    [GET("/", { "x-b": "caf\xe9" })],
    [200],
  ),
  over2(
    "fields that come twice",
    `location / { ${PASS} }`,
    [GET("/", { "x-a": ["1", "2"], accept: ["a", "b"] })],
    [200],
    { backends: B },
  ),
  over2(
    "fields that may come once",
    SHOW,
    [GET("/", { "if-match": ["1", "2"] }), GET("/", { authorization: ["a", "b"] })],
    [400, 400],
  ),
  over2("many servers' names, regular ones too", "", [], [200, 200], {
    servers: `server { listen {listen} http2; server_name ~^(?<n>.+)\\.re\\.test$; location / { return 200 "re $n"; } }
      server { listen {listen}; server_name *.wild.test; location / { return 200 wild; } }`,
    send: (wire) =>
      inTurn(wire, [GET("/", { ":authority": "a.re.test" }), GET("/", { ":authority": "b.wild.test" })]),
  }),
  over2(
    "cookies in pieces are one",
    'location / { return 200 "[$http_cookie] [$cookie_b]\\n"; }',
    [GET("/", { cookie: ["a=1", "b=2", "c=3; d=4"] })],
    [200],
  ),
  over2(
    "add_header, twice",
    "add_header X-A 1; add_header X-A 2; location / { return 200; }",
    [GET("/")],
    [200],
  ),
  over2("a redirect to a path", "location / { return 301 /x; }", [GET("/")], [301]),
  over2(
    "rewrite and error_page",
    "error_page 404 =200 /e; location / { return 404; } location /e { return 200 e; } location /r { rewrite ^ /e last; }",
    [GET("/"), GET("/r")],
    [200, 200],
  ),
  over2(
    "access rules",
    "location / { allow 127.0.0.1; deny all; error_page 404 /n; } location /d { deny all; }",
    [GET("/d")],
    [403],
  ),
  over2("an empty :authority", SHOW, [GET("/", { ":authority": "" })], [400], {
    differs: {
      why: "a malformed head is a stream error (RFC 9113 §8.1.1): the library says so before anything is logged",
      holdfast: () => ({ client: ["no answer\ncode 1\n"], accessLog: [] }),
    },
  }),
  over2(
    "Host in place of :authority",
    SHOW,
    [GET("/", { ":authority": undefined as never, host: "h.test:81" })],
    [200],
  ),
  over2("both :authority and Host", SHOW, [GET("/", { host: "h.test" })], [400]),
]
