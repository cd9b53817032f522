import { type ComparisonCase, get, HTTP_1_1, post } from "./case.ts"
import { refused } from "./differences.ts"

const ECHO = `
location / { return 200 "m=$request_method u=$uri r=$request_uri a=$args h=$host p=$server_protocol\\n"; }
`

/** A request that is answered by the edge itself, with what it has understood. */
function echoed(
  name: string,
  request: string,
  status: number,
  more: Partial<ComparisonCase> = {},
): ComparisonCase {
  return { name, server: ECHO, send: request, status, ...more }
}

/** A request that goes to a backend, so that the bytes that arrive there are compared. */
function forwarded(
  name: string,
  request: string,
  status: number,
  more: Partial<ComparisonCase> = {},
): ComparisonCase {
  return {
    name,
    server: `location / { proxy_pass http://{b}; ${HTTP_1_1} }`,
    backends: { b: "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok" },
    send: request,
    status,
    ...more,
  }
}

export const requestLineAndHeadCases: readonly ComparisonCase[] = [
  echoed("a plain request", get("/x?y=1"), 200),
  echoed("a method that nobody knows", "FROBNICATE / HTTP/1.1\r\nHost: a\r\n\r\n", 200),
  echoed("a method with underscore and dash", "A_B-C / HTTP/1.1\r\nHost: a\r\n\r\n", 200),
  echoed("a method in lower case", "get / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
  echoed("TRACE", "TRACE / HTTP/1.1\r\nHost: a\r\n\r\n", 405),
  echoed("CONNECT of an authority", "CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n", 400),
  echoed("CONNECT of a path", "CONNECT / HTTP/1.1\r\nHost: a\r\n\r\n", 405),
  echoed("OPTIONS *", "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", 400),
  echoed("blank lines before the request", `\r\n\r\n${get("/")}`, 200),
  echoed("a head with bare LF", "GET /lf HTTP/1.1\nHost: a\n\n", 200),
  echoed("a head with LF and CRLF mixed", "GET /lf HTTP/1.1\r\nHost: a\nX: y\r\n\n", 200),
  echoed("several spaces in the request line", "GET   /x   HTTP/1.1\r\nHost: a\r\n\r\n", 200),
  echoed("a space at the end of the request line", "GET / HTTP/1.1 \r\nHost: a\r\n\r\n", 200, {
    differs: refused("nothing follows the version in a request line (RFC 9112 section 3)"),
  }),
  echoed("a space inside the target", "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n", 400),
  echoed("a tab in the request line", "GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n", 400),
  {
    name: "HTTP/0.9",
    server: ECHO,
    send: (wire) => wire.exchangeFirstLine("GET /x\r\n"),
    status: [],
    differs: {
      why: "HTTP/0.9 is not supported",
      holdfast: () => ({ client: ["HTTP/1.1 400 Bad Request"] }),
    },
  },
  echoed("HTTP/1.0 without Host", "GET /x HTTP/1.0\r\n\r\n", 200),
  echoed("HTTP/1.0 with keep-alive", "GET /x HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", 200),
  echoed("HTTP/1.1 with close", get("/", "Connection: close\r\n"), 200),
  echoed("HTTP/1.1 with close among other tokens", get("/", "Connection: foo, close\r\n"), 200),
  echoed("HTTP/1.2", "GET / HTTP/1.2\r\nHost: a\r\n\r\n", 200),
  echoed("HTTP/2.0", "GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505),
  echoed("HTTP/1.1 in lower case", "GET / http/1.1\r\nHost: a\r\n\r\n", 400),
  echoed("HTTP/01.1", "GET / HTTP/01.1\r\nHost: a\r\n\r\n", 400),
  echoed("HTTP/1.", "GET / HTTP/1.\r\nHost: a\r\n\r\n", 400),
  echoed("HTTP/1.1 without Host", "GET / HTTP/1.1\r\nX: y\r\n\r\n", 400),
  echoed("HTTP/1.1 with an empty Host", "GET / HTTP/1.1\r\nHost:\r\n\r\n", 400),
  echoed("two Hosts", get("/", "Host: b.test\r\n"), 400),
  echoed("a Host with bad characters", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400),
  echoed("a Host with two dots", "GET / HTTP/1.1\r\nHost: a..b\r\n\r\n", 400),
  echoed("a Host with port, case and trailing dot", "GET / HTTP/1.1\r\nHost: A.Test.:8080\r\n\r\n", 200),
  echoed("a Host that is an IPv6 address", "GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n", 200),
  echoed(
    "a target in absolute form wins over Host",
    "GET http://B.test:1/x?q HTTP/1.1\r\nHost: a\r\n\r\n",
    200,
  ),
  echoed("a target in absolute form without a path", "GET http://b.test HTTP/1.1\r\nHost: a\r\n\r\n", 200),
  echoed(
    "a target in absolute form with only a query",
    "GET http://b.test?q=1 HTTP/1.1\r\nHost: a\r\n\r\n",
    200,
  ),
  echoed("a target in absolute form without Host", "GET http://b.test/ HTTP/1.1\r\n\r\n", 400),
  echoed("a target with user information", "GET http://u@b.test/ HTTP/1.1\r\nHost: a\r\n\r\n", 400),
  echoed("a target without a slash", "GET x HTTP/1.1\r\nHost: a\r\n\r\n", 400),
  echoed("a target that begins with a query", "GET ?x HTTP/1.1\r\nHost: a\r\n\r\n", 400),
  echoed("bytes above 127 in the target", "GET /\xe4\xff?\xfc HTTP/1.1\r\nHost: a\r\n\r\n", 200, {
    differs: refused("a target has no bytes above 127 (RFC 3986 section 2)"),
  }),
  echoed("a control byte in the target", "GET /a\x07b HTTP/1.1\r\nHost: a\r\n\r\n", 400),
  echoed("a NUL in the target", "GET /a\0b HTTP/1.1\r\nHost: a\r\n\r\n", 400),
  echoed("a TLS ClientHello to a plain port", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
  echoed("garbage", "SSH-2.0-OpenSSH_9.2\r\n", 400),
  echoed("a header line that is a continuation", get("/", "X: y\r\n z\r\n"), 400),
  echoed("white space before the colon", get("/", "X : y\r\n"), 400),
  echoed("an empty header name", get("/", ": y\r\n"), 400),
  echoed("a header line without a colon", get("/", "nonsense\r\n"), 200, {
    differs: refused("a header line without a colon is refused (RFC 9112 section 5)"),
  }),
  echoed("a NUL in a header value", get("/", "X: a\0b\r\n"), 400),
  echoed("a control byte in a header value", get("/", "X: a\x07b\r\n"), 200, {
    differs: refused("control bytes in header values are refused (RFC 9110 section 5.5)"),
  }),
  echoed("a bare CR in a header value", get("/", "X: a\rb\r\n"), 400),
  forwarded(
    "header values are trimmed, names keep their case",
    get("/", "x-ONE:   a b  \r\nX-Two:\r\nX-3:c\r\n"),
    200,
  ),
  forwarded("a tab at the end of a header value", get("/", "X: a\t\r\n"), 200, {
    differs: {
      why: "a tab around a value is no part of it (RFC 9110 section 5.5); nginx takes off spaces alone",
      holdfast: ({ backends }) => ({ backends: { b: String(backends["b"]).replace("X: a\t", "X: a") } }),
    },
  }),
  forwarded("bytes above 127 in a header value", get("/", "X: \xe4\xff\r\n"), 200),
  forwarded("a name with an underscore is dropped", get("/", "X_Y: 1\r\nX-Y: 2\r\n"), 200),
  forwarded("a name with an underscore passes where allowed", get("/", "X_Y: 1\r\n"), 200, {
    server: `underscores_in_headers on; location / { proxy_pass http://{b}; ${HTTP_1_1} }`,
  }),
  forwarded("a name with a dot is dropped", get("/", "X.Y: 1\r\nX-Y: 2\r\n"), 200),
  forwarded("a name with a dot passes where invalid ones are not ignored", get("/", "X.Y: 1\r\n"), 200, {
    server: `ignore_invalid_headers off; location / { proxy_pass http://{b}; ${HTTP_1_1} }`,
  }),
  forwarded("equal header names keep their order", get("/", "A: 1\r\nB: 2\r\na: 3\r\n"), 200),
  forwarded(
    "hop-by-hop headers of the client",
    get("/", "Keep-Alive: 5\r\nTE: trailers\r\nProxy-Connection: x\r\n"),
    200,
  ),
  forwarded("the Connection header's tokens", get("/", "Connection: X-Hop\r\nX-Hop: 1\r\n"), 200),
  forwarded("two Content-Lengths", post("/", "ab", "Content-Length: 2\r\n"), 400),
  forwarded("a list of Content-Lengths", get("/", "Content-Length: 2, 2\r\n"), 400),
  forwarded("a signed Content-Length", get("/", "Content-Length: +2\r\n"), 400),
  forwarded("a negative Content-Length", get("/", "Content-Length: -1\r\n"), 400),
  forwarded("an empty Content-Length", get("/", "Content-Length:\r\n"), 400),
  forwarded("a Content-Length beyond all numbers", get("/", "Content-Length: 99999999999999999999\r\n"), 400),
  forwarded(
    "Content-Length with Transfer-Encoding",
    post("/", "0\r\n\r\n", "Transfer-Encoding: chunked\r\n"),
    400,
  ),
  forwarded("an unknown Transfer-Encoding", get("/", "Transfer-Encoding: gzip\r\n"), 501, {
    differs: refused("any Transfer-Encoding other than chunked is refused with 400"),
  }),
  forwarded("a list as Transfer-Encoding", get("/", "Transfer-Encoding: gzip, chunked\r\n"), 501, {
    differs: refused("any Transfer-Encoding other than chunked is refused with 400"),
  }),
  forwarded(
    "Transfer-Encoding twice",
    get("/", "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"),
    400,
  ),
  forwarded(
    "Transfer-Encoding in HTTP/1.0",
    "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    400,
  ),
]
