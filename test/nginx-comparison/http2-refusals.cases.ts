import { httpAnswer } from "../support/raw-backend.ts"
import { type ComparisonCase, HTTP_1_1 } from "./case.ts"
import { B, ERRORS, endsConnection, FORMAT, GET, inTurn, LOG, over2, PASS, POST, SHOW } from "./http2-case.ts"
import { Http2Client } from "./http2-client.ts"

export const http2RefusalCases: readonly ComparisonCase[] = [
  over2("names with an underscore", `location / { ${PASS} }`, [GET("/", { x_y: "1", "x-z": "2" })], [200], {
    backends: B,
  }),
  over2(
    "names with an underscore, allowed",
    `underscores_in_headers on; location / { ${PASS} }`,
    [GET("/", { x_y: "1" })],
    [200],
    { backends: B },
  ),
  over2("names that are odd", `location / { ${PASS} }`, [GET("/", { "x.y": "1", "x-z": "2" })], [200], {
    backends: B,
  }),
  over2(
    "names that are odd, allowed",
    `ignore_invalid_headers off; location / { ${PASS} }`,
    [GET("/", { "x.y": "1", x_y: "2" })],
    [200],
    { backends: B },
  ),
  over2("a path above the root", SHOW, [GET("/../x"), GET("/%zz"), GET("/%00")], [400, 400, 400]),
  over2(
    "TRACE, and a CONNECT",
    SHOW,
    [
      GET("/", { ":method": "TRACE" }),
      { headers: { ":method": "CONNECT", ":path": undefined, ":scheme": undefined } },
    ],
    [405, 400],
  ),
  over2(
    "methods of all kinds",
    `location / { ${PASS} }`,
    [GET("/", { ":method": "PURGE" }), GET("/", { ":method": "DELETE" }), GET("/", { ":method": "get" })],
    [200, 200, 400],
    { backends: B },
  ),
  endsConnection("a field that is too large", { "x-big": "\x7e".repeat(20_000) }),
  endsConnection(
    "fields that are too large together",
    Object.fromEntries(["a", "b", "c", "d", "e", "f"].map((name) => [name, "y".repeat(7000)])),
  ),
  over2(
    "a body that is too large by its length",
    `${ERRORS} client_max_body_size 4; location / { ${PASS} }`,
    [POST("/", "hello", { "content-length": "5" })],
    [413],
    { backends: B },
  ),
  over2(
    "a body that becomes too large",
    `${ERRORS} client_max_body_size 4; location / { ${PASS} }`,
    [POST("/", "hello")],
    [413],
    { backends: B },
  ),
  over2("a body that nobody reads", SHOW, [POST("/", "hello"), GET("/")], [200, 200]),
  over2(
    "a body that nobody reads, open",
    SHOW,
    [{ ...POST("/", "hello"), isOpen: true }, GET("/")],
    [200, 200],
  ),
  over2(
    "Expect: 100-continue",
    `location / { ${PASS} }`,
    [POST("/", "hello", { expect: "100-continue" })],
    [200],
    { backends: B },
  ),
  over2("return 444", "location / { return 444; }", [GET("/")], [0]),
  over2(
    "a body that does not come",
    `${ERRORS} client_body_timeout 500ms; location / { ${PASS} }`,
    [{ ...POST("/", "a"), isOpen: true }],
    [0],
    { backends: B },
  ),
  over2(
    "no backend",
    `location / { ${HTTP_1_1} proxy_pass http://{dead}; }`,
    [GET("/"), GET("/")],
    [502, 502],
  ),
  over2("a backend that breaks off", `location / { ${PASS} proxy_buffering off; }`, [GET("/")], [200], {
    backends: { b: { send: ["HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc", ""], after: "end" } },
    differs: {
      why: "Node ends a stream before it resets it: the client sees by the length that the answer is cut",
      holdfast: ({ client, accessLog }) => ({
        client: client.map((event) => String(event).replace("code 2", "code 1")),
        accessLog: accessLog.map((line) => line.replace(/OK$/, "")),
      }),
    },
  }),
  over2(
    "a backend that breaks off an answer of unknown length",
    `location / { ${PASS} proxy_buffering off; }`,
    [GET("/")],
    [200],
    {
      backends: {
        b: { send: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", after: "end" },
      },
      differs: {
        why: "an answer that was cut off is not complete",
        holdfast: ({ accessLog }) => ({ accessLog: accessLog.map((line) => line.replace(/OK$/, "")) }),
      },
    },
  ),
  over2("keepalive_requests", "keepalive_requests 2; location / { return 200 ok; }", [], [200, 200], {
    send: async (wire) => {
      const client = await Http2Client.open(wire)
      const goaway = client.goaway()
      await client.exchange(GET("/1"))
      await client.exchange(GET("/2"))
      wire.note(await goaway)
      await client.closed
    },
  }),
  over2("keepalive_timeout", "keepalive_timeout 500ms; location / { return 200 ok; }", [], [200], {
    send: async (wire) => {
      const client = await Http2Client.open(wire)
      const goaway = client.goaway()
      await client.exchange(GET("/1"))
      wire.note(await goaway)
      await client.closed
    },
  }),
  over2("keepalive_timeout 0", "keepalive_timeout 0; location / { return 200 ok; }", [], [200], {
    send: async (wire) => {
      const client = await Http2Client.open(wire)
      const goaway = client.goaway()
      await client.exchange(GET("/1"))
      wire.note(await goaway)
      await client.closed
    },
  }),
  over2("a client that resets a stream", "", [], [200], {
    servers: `server { listen {listen} http2; ${LOG} ${ERRORS} location / { ${PASS} } location /own { return 200; } }`,
    backends: { b: { send: [] } },
    send: async (wire) => {
      const client = await Http2Client.open(wire)
      const stream = client.begin(GET("/slow"))
      await wire.backendHas("b", 1)
      stream.close(8)
      await client.exchange(GET("/own"))
      client.close()
    },
    differs: {
      why: "what was being done is not said",
      holdfast: ({ errorLog }) => ({
        errorLog: errorLog.map((line) => line.replace(" while sending request to upstream", "")),
      }),
    },
  }),
  over2("limit_conn counts streams", "", [], [503, 200, 200], {
    http: `limit_conn_zone $uri zone={id}:32k; ${FORMAT}`,
    servers: `server { listen {listen} http2; ${LOG} location / { limit_conn {id} 1; ${PASS} } }`,
    backends: B,
    send: async (wire) => {
      const client = await Http2Client.open(wire)
      const held = client.begin({ ...POST("/", "a"), isOpen: true })
      await client.exchange(GET("/"))
      held.end("b")
      await client.note(held)
      await client.exchange(GET("/"))
      client.close()
    },
  }),
  over2("limit_req", "", [], [200, 503], {
    http: `limit_req_zone $uri zone={id}:32k rate=1r/m; ${FORMAT}`,
    servers: `server { listen {listen} http2; location / { limit_req zone={id}; ${PASS} } }`,
    backends: B,
    send: (wire) => inTurn(wire, [GET("/"), GET("/")]),
  }),
  over2(
    "the PROXY protocol before it",
    'set_real_ip_from 127.0.0.1; real_ip_header proxy_protocol; location / { return 200 "$remote_addr $proxy_protocol_port\\n"; }',
    [GET("/"), GET("/")],
    [200, 200],
    {
      listen: "http2 proxy_protocol",
      place: { before: "PROXY TCP4 192.0.2.1 192.0.2.2 1111 2222\r\n" },
    },
  ),
  over2(
    "realip by a field, for each request",
    'set_real_ip_from 127.0.0.1; real_ip_header X-Real-IP; location / { return 200 "$remote_addr\\n"; }',
    [GET("/", { "x-real-ip": "192.0.2.7" }), GET("/")],
    [200, 200],
  ),
  over2(
    "X-Accel-Redirect",
    `location / { ${PASS} } location /in { internal; return 200 in; }`,
    [GET("/")],
    [200],
    {
      backends: { b: "HTTP/1.1 200 OK\r\nX-Accel-Redirect: /in\r\nContent-Length: 0\r\n\r\n" },
    },
  ),
  over2("limit_rate", `location / { limit_rate 100k; ${PASS} }`, [GET("/")], [200], {
    backends: { b: httpAnswer("x".repeat(30_000)) },
  }),
  over2("variables of a map by $http2", "", [], [200], {
    http: `map $http2 $v{id} { h2c clear; default "?"; } ${FORMAT}`,
    servers: `server { listen {listen} http2; location / { return 200 "$v{id}\\n"; } }`,
    send: (wire) => inTurn(wire, [GET("/")]),
  }),
  over2(
    "$sent_http_… and $request_completion",
    'add_header X-S "$sent_http_content_type $sent_http_transfer_encoding"; location / { return 200 a; }',
    [GET("/")],
    [200],
  ),
]
