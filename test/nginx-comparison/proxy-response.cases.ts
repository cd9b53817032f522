import { type BackendScript, httpAnswer } from "../support/raw-backend.ts"
import { type ComparisonCase, get, HTTP_1_1 } from "./case.ts"
import { badGateway } from "./differences.ts"

/** What the client gets of a backend's answer. */
function relayed(
  name: string,
  answer: BackendScript,
  status: number,
  settings = "",
  more: Partial<ComparisonCase> = {},
): ComparisonCase {
  const server = `error_log {prefix}/logs/{id}.err warn; location / { ${HTTP_1_1} proxy_pass http://{b}; ${settings} }`
  return { name, server, backends: { b: answer }, send: get("/"), status, ...more }
}

/** The same without the error log, for answers that the two refuse in their own words. */
function refusedAnswer(name: string, answer: BackendScript, status: number, why: string): ComparisonCase {
  const server = `location / { ${HTTP_1_1} proxy_pass http://{b}; }`
  return { name, server, backends: { b: answer }, send: get("/"), status, differs: badGateway(why) }
}

/** An answer that nginx 1.22 takes for something else: only the first line of what the client gets counts. */
function misread(name: string, answer: string, why: string, firstLine: string): ComparisonCase {
  return {
    name,
    server: `location / { ${HTTP_1_1} proxy_pass http://{b}; }`,
    backends: { b: closing(answer) },
    send: (wire) => wire.exchangeFirstLine(get("/", "Connection: close\r\n")),
    status: [],
    differs: { why, holdfast: () => ({ client: [firstLine] }) },
  }
}

const CUT_OFF: Partial<ComparisonCase> = { send: (wire) => wire.exchangeCutOff(get("/")), status: [] }

const HEAD = "HTTP/1.1 200 OK\r\n"

/** Answers after which the backend closes. */
function closing(send: string | readonly string[]): BackendScript {
  return { send, after: "end" }
}

export const proxyResponseCases: readonly ComparisonCase[] = [
  relayed("with a length", httpAnswer("body", "X-One: 1\r\nx-two: 2\r\nX-One: 3\r\n"), 200),
  relayed("chunked", `${HEAD}Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n`, 200),
  relayed(
    "chunked, in pieces",
    { send: [`${HEAD}Transfer-Encoding: chunked\r\n\r\n3\r`, "\nab", "c\r\n", "0\r\n", "\r\n"] },
    200,
  ),
  relayed(
    "chunked with extensions",
    `${HEAD}Transfer-Encoding: chunked\r\n\r\n3;a=b\r\nabc\r\n0;x\r\n\r\n`,
    200,
  ),
  relayed(
    "chunked with trailers",
    `${HEAD}Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-T: 1\r\n\r\n`,
    200,
  ),
  relayed(
    "chunked, unbuffered",
    `${HEAD}Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n`,
    200,
    "proxy_buffering off;",
  ),
  relayed(
    "chunked to an HTTP/1.0 client",
    `${HEAD}Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n`,
    200,
    "",
    {
      send: "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
    },
  ),
  relayed(
    "chunked, broken size",
    closing(`${HEAD}Transfer-Encoding: chunked\r\n\r\nxyz\r\nabc\r\n0\r\n\r\n`),
    0,
    "",
    CUT_OFF,
  ),
  relayed("chunked, cut off", closing(`${HEAD}Transfer-Encoding: chunked\r\n\r\n5\r\nabc`), 0, "", CUT_OFF),
  relayed("no length, to the end", closing(`${HEAD}X: 1\r\n\r\nall of it`), 200),
  relayed("no length, to an HTTP/1.0 client", closing(`${HEAD}\r\nall of it`), 200, "", {
    send: "GET / HTTP/1.0\r\n\r\n",
  }),
  relayed("no length, unbuffered", closing(`${HEAD}\r\nall of it`), 200, "proxy_buffering off;"),
  relayed("HTTP/1.0 from the backend", closing("HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\nabc"), 200),
  relayed("HTTP/1.0 without a length", closing("HTTP/1.0 200 OK\r\n\r\nabc"), 200),
  relayed("a head with bare LF", "HTTP/1.1 200 OK\nContent-Length: 3\nX: 1\n\nabc", 200),
  relayed(
    "a head in pieces",
    { send: ["HT", "TP/1.1 200", " OK\r", "\nContent-Le", "ngth: 3\r\n\r", "\nabc"] },
    200,
  ),
  relayed("a reason of its own", "HTTP/1.1 200 Fine, thanks\r\nContent-Length: 0\r\n\r\n", 200),
  relayed("no reason", "HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", 200),
  relayed("an empty reason", "HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n", 200),
  relayed("an unknown status", "HTTP/1.1 299 Odd\r\nContent-Length: 0\r\n\r\n", 299),
  relayed("a status above 599", "HTTP/1.1 700 Odd\r\nContent-Length: 0\r\n\r\n", 700),
  relayed("204", "HTTP/1.1 204 No Content\r\nX: 1\r\n\r\n", 204),
  relayed("204 with a length", "HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n", 204),
  relayed("304", 'HTTP/1.1 304 Not Modified\r\nETag: "x"\r\n\r\n', 304),
  relayed(
    "304 with the length of what it stands for",
    "HTTP/1.1 304 Not Modified\r\nContent-Length: 99\r\n\r\n",
    304,
  ),
  relayed("HEAD with a length", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX: 1\r\n\r\n", 200, "", {
    send: "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n",
  }),
  relayed("HEAD without a length", closing("HTTP/1.1 200 OK\r\nX: 1\r\n\r\n"), 200, "", {
    send: "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n",
  }),
  relayed("HEAD, chunked", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", 200, "", {
    send: "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n",
  }),
  relayed("more bytes than the length says", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabcdef", 200),
  relayed(
    "fewer bytes than the length says",
    closing("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc"),
    0,
    "",
    CUT_OFF,
  ),
  relayed(
    "fewer bytes, unbuffered",
    closing("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc"),
    0,
    "proxy_buffering off;",
    // Without the error log: nginx has two wordings for it, by what it happens to do at the moment.
    { ...CUT_OFF, server: `location / { ${HTTP_1_1} proxy_pass http://{b}; proxy_buffering off; }` },
  ),
  relayed("closes before an answer", { after: "end" }, 502),
  relayed("resets before an answer", { after: "reset" }, 502),
  relayed("closes inside the head", closing("HTTP/1.1 200 OK\r\nContent-Le"), 502),
  misread(
    "not HTTP",
    "SSH-2.0-OpenSSH_9.2\r\n",
    "nginx 1.22 takes what does not begin like HTTP/1 for HTTP/0.9; Holdfast has no HTTP/0.9",
    "HTTP/1.1 502 Bad Gateway",
  ),
  misread(
    "not HTTP, with nothing that looks like a line",
    "\x15\x03\x01\x00\x02\x02\x0a",
    "nginx 1.22 takes what does not begin like HTTP/1 for HTTP/0.9; Holdfast has no HTTP/0.9",
    "HTTP/1.1 502 Bad Gateway",
  ),
  misread(
    "a bad status line",
    "HTTP/1.1 2x0 OK\r\nContent-Length: 0\r\n\r\n",
    "nginx 1.22 takes what does not begin like HTTP/1 for HTTP/0.9; Holdfast has no HTTP/0.9",
    "HTTP/1.1 502 Bad Gateway",
  ),
  refusedAnswer(
    "HTTP/2.0 in the status line",
    closing("HTTP/2.0 200 OK\r\n\r\n"),
    200,
    "an answer is HTTP/1.0 or 1.1",
  ),
  relayed("a bad header line", "HTTP/1.1 200 OK\r\nContent Length: 0\r\n\r\n", 502),
  refusedAnswer(
    "a header line without a colon",
    "HTTP/1.1 200 OK\r\nnonsense\r\nContent-Length: 0\r\n\r\n",
    200,
    "a header line has a colon (RFC 9112 section 5)",
  ),
  relayed("a NUL in a header", "HTTP/1.1 200 OK\r\nX: a\0b\r\nContent-Length: 0\r\n\r\n", 502),
  relayed("a header with an underscore", httpAnswer("x", "X_Y: 1\r\n"), 200),
  relayed("a head that is too big", `${HEAD}X: ${"x".repeat(5000)}\r\nContent-Length: 0\r\n\r\n`, 502),
  relayed(
    "a big head in a big buffer",
    `${HEAD}X: ${"x".repeat(5000)}\r\nContent-Length: 0\r\n\r\n`,
    200,
    "proxy_buffer_size 8k;",
  ),
  refusedAnswer(
    "two Content-Lengths",
    closing("HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc"),
    200,
    "refused since 1.23.0",
  ),
  refusedAnswer(
    "a bad Content-Length",
    closing("HTTP/1.1 200 OK\r\nContent-Length: 3x\r\n\r\nabc"),
    200,
    "refused since 1.23.0",
  ),
  refusedAnswer(
    "Content-Length with Transfer-Encoding",
    closing("HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n"),
    200,
    "refused since 1.23.0",
  ),
  misread(
    "100 before the answer",
    `HTTP/1.1 100 Continue\r\n\r\n${httpAnswer("x")}`,
    "interim answers are no answers (RFC 9110 section 15.2)",
    "HTTP/1.1 200 OK",
  ),
  misread(
    "103 before the answer",
    `HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n${httpAnswer("x")}`,
    "interim answers are no answers; since 1.29.0 nginx drops them by default",
    "HTTP/1.1 200 OK",
  ),
  relayed(
    "hop-by-hop headers of the backend",
    httpAnswer("x", "Keep-Alive: timeout=5\r\nProxy-Authenticate: x\r\nTE: x\r\nUpgrade: h2c\r\n"),
    200,
  ),
  relayed("Connection of the backend", httpAnswer("x", "Connection: keep-alive, X-Hop\r\nX-Hop: 1\r\n"), 200),
  relayed(
    "Server and Date of the backend",
    httpAnswer("x", "Server: theirs\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\nX-Pad: p\r\n"),
    200,
  ),
  relayed(
    "Server of the backend passed",
    httpAnswer("x", "Server: theirs\r\n"),
    200,
    "proxy_pass_header Server;",
  ),
  relayed(
    "a header hidden",
    httpAnswer("x", "X-Secret: 1\r\nx-secret: 2\r\nX-Other: 3\r\n"),
    200,
    "proxy_hide_header X-Secret;",
  ),
  relayed("Content-Type", httpAnswer("x", "Content-Type: text/html; charset=utf-8\r\n"), 200),
  relayed(
    "headers with values of all kinds",
    httpAnswer(
      "x",
      "X-A:\r\nX-B:  padded  \r\nX-C: \xe4\xff\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nVary: x\r\n",
    ),
    200,
  ),
  relayed(
    "ETag, Last-Modified, Cache-Control, Expires, Accept-Ranges",
    httpAnswer(
      "x",
      'ETag: "e"\r\nLast-Modified: Thu, 01 Jan 1970 00:00:00 GMT\r\nCache-Control: no-cache\r\nCache-Control: private\r\nExpires: 0\r\nAccept-Ranges: bytes\r\nContent-Encoding: br\r\nWWW-Authenticate: Basic\r\n',
    ),
    200,
  ),
  relayed(
    "a range, answered by the backend",
    "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 0-1/9\r\nContent-Length: 2\r\n\r\nab",
    206,
    "",
    {
      send: get("/", "Range: bytes=0-1\r\n"),
    },
  ),
  relayed("a conditional request is the backend's affair", httpAnswer("x", 'ETag: "e"\r\n'), 200, "", {
    send: get("/", 'If-None-Match: "e"\r\n'),
  }),
  relayed(
    "errors intercepted without a page",
    httpAnswer("theirs", "", "404 Not Found"),
    404,
    "proxy_intercept_errors on;",
  ),
  {
    name: "errors intercepted by the edge's own page",
    server: `proxy_intercept_errors on; error_page 401 /e; location = / { ${HTTP_1_1} proxy_pass http://{b}; } location = /e { return 200 "log in\\n"; }`,
    backends: {
      b: httpAnswer("theirs", 'X: 1\r\nWWW-Authenticate: Basic realm="x"\r\n', "401 Unauthorized"),
    },
    send: get("/"),
    status: 401,
  },
  relayed(
    "a status below 300 is never intercepted",
    httpAnswer("theirs", "", "201 Created"),
    201,
    "proxy_intercept_errors on; error_page 404 /x;",
  ),
  relayed("the backend does not answer in time", { on: "request" }, 504, "proxy_read_timeout 200ms;"),
  relayed(
    "the backend stalls inside the body",
    { send: "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc" },
    200,
    "proxy_read_timeout 200ms;",
    CUT_OFF,
  ),
  relayed(
    "an answer before the request's body has come",
    { on: "head", send: httpAnswer("no", "Connection: close\r\n", "403 Forbidden"), after: "end" },
    403,
    "proxy_request_buffering off;",
    {
      send: async (wire) => {
        await wire.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc")
        await wire.response()
      },
    },
  ),
]
