import { gzipSync } from "node:zlib"
import { httpAnswer } from "../support/raw-backend.ts"
import { type ComparisonCase, get, HTTP_1_1 } from "./case.ts"
import { responseUnpacked, unpacking } from "./gzip-script.ts"

const TEXT = "All work and no play makes Jack a dull boy. ".repeat(20)
const ACCEPT = "Accept-Encoding: gzip\r\n"
const HTML = "default_type text/html;"
const PASS = `${HTTP_1_1} proxy_pass http://{b};`

/** One location that answers by itself, asked with the head's lines of `asked`. */
function own(
  name: string,
  settings: string,
  asked: readonly string[] = [ACCEPT],
  status: number | readonly number[] = asked.map(() => 200),
  target = "/",
): ComparisonCase {
  return {
    name,
    server: `gzip on; ${HTML} location / { ${settings} }`,
    send: unpacking(...asked.map((lines) => get(target, lines))),
    status,
  }
}

/** An answer of a backend with these fields. */
function relayed(
  name: string,
  settings: string,
  fields: string,
  asked: readonly string[] = [ACCEPT],
  more: Partial<ComparisonCase> = {},
): ComparisonCase {
  return {
    name,
    server: `gzip on; location / { ${PASS} ${settings} }`,
    backends: { b: httpAnswer(TEXT, fields) },
    send: unpacking(...asked.map((lines) => get("/", lines))),
    status: asked.map(() => 200),
    ...more,
  }
}

const RETURN = `return 200 "${TEXT}";`
const TYPE = "Content-Type: text/html\r\n"

const accepting = (value: string): string => `Accept-Encoding: ${value}\r\n`

const WEIGHTS = [
  "gzip;q=0",
  "gzip;q=0.0",
  "gzip; q=0.000",
  "gzip;q=0.001",
  "gzip ; q=1.000",
  "gzip;q=1.0",
  "gzip;q=1.001",
  "gzip;q=0.0001",
  "gzip;q=2",
  "gzip;q=",
  "gzip;q",
  "gzip;",
  "gzip;x=1",
  "gzip;Q=0.5, br",
]

const WORDS = [
  "gzip, deflate, br",
  "deflate, gzip",
  "deflate,gzip;q=0.5",
  "GZIP",
  "Gzip",
  "x-gzip",
  "deflate xgzip",
  "xgzipgzip",
  "*",
  "gzi",
  "identity",
  "gzip x",
  "gzipx",
  "br;q=1, gzip;q=0",
]

const VIA = `${ACCEPT}Via: 1.1 p\r\n`

function proxied(words: string, fields: string, lines = VIA): ComparisonCase {
  const named = fields.trim().replaceAll("\r\n", ", ")
  return relayed(`gzip_proxied ${words} with ${named}`, `gzip_proxied ${words};`, TYPE + fields, [lines])
}

const PAST = "Expires: Thu, 01 Jan 1970 00:00:01 GMT\r\n"
const FUTURE = "Expires: Thu, 31 Dec 2037 23:55:55 GMT\r\n"

export const gzipCases: readonly ComparisonCase[] = [
  own("an answer of its own", RETURN),
  own("a client that does not ask", RETURN, [""]),
  own("weights of Accept-Encoding", RETURN, WEIGHTS.map(accepting)),
  own("words of Accept-Encoding", RETURN, WORDS.map(accepting)),
  own("the first of two Accept-Encoding fields", RETURN, [
    accepting("br") + ACCEPT,
    ACCEPT + accepting("br"),
  ]),
  own("off in a location", `gzip off; ${RETURN}`),
  own("on in an if", `gzip off; if ($arg_z) { gzip on; ${RETURN} } ${RETURN}`, [ACCEPT], 200, "/?z=1"),
  own("statuses that are not compressed", `return 201 "${TEXT}";`, [ACCEPT], 201),
  own("a 403 is", `return 403 "${TEXT}";`, [ACCEPT], 403),
  own("a 404 is", `return 404 "${TEXT}";`, [ACCEPT], 404),
  own("a 500 is not", `return 500 "${TEXT}";`, [ACCEPT], 500),
  own("a built-in page of 404", "return 404;", [ACCEPT], 404),
  own("a redirect's page is not", "return 301 /x;", [ACCEPT], 301),
  own("gzip_min_length above", `gzip_min_length 10k; ${RETURN}`),
  own("gzip_min_length at", `gzip_min_length ${TEXT.length}; ${RETURN}`),
  own(
    "the default of gzip_min_length",
    `if ($arg_l = 19) { return 200 "0123456789012345678"; }`,
    [ACCEPT],
    200,
    "/?l=19",
  ),
  own("an answer of 20 bytes", `return 200 "01234567890123456789";`),
  own("an empty answer", 'return 200 "";'),
  own("a type that is not listed", `default_type text/plain; ${RETURN}`),
  own("a type that is", `default_type text/plain; gzip_types text/plain text/css; ${RETURN}`),
  own("types in any case", `default_type Text/PLAIN; gzip_types TEXT/plain; ${RETURN}`),
  own("all types", `default_type a/b; gzip_types *; ${RETURN}`),
  own("no type at all", `default_type ""; gzip_types *; ${RETURN}`),
  own("types of two lines", `default_type a/b; gzip_types a/a; gzip_types a/b; ${RETURN}`),
  own("text/html is always one", `gzip_types text/plain; ${RETURN}`),
  own("a type with a charset, of default_type", `default_type "text/html; charset=utf-8"; ${RETURN}`),
  own("gzip_vary", `gzip_vary on; ${RETURN}`, [ACCEPT, ""]),
  own("gzip_vary of an answer that is not for gzip", `gzip_vary on; return 500 "${TEXT}";`, [ACCEPT], 500),
  own("gzip_vary beside add_header Vary", `gzip_vary on; add_header Vary Cookie; ${RETURN}`),
  own("add_header and expires", `add_header X-A "$sent_http_content_type"; expires 1h; ${RETURN}`),
  own("an ETag of add_header", `add_header ETag '"x"'; ${RETURN}`),
  own("a weak ETag", `add_header ETag 'W/"x"'; ${RETURN}`),
  own("an ETag that is none", `add_header ETag x; ${RETURN}`),
  own("gzip_disable", `gzip_disable "bot" "^Old/[12]"; ${RETURN}`, [
    `${ACCEPT}User-Agent: a BOT\r\n`,
    `${ACCEPT}User-Agent: Old/2\r\n`,
    `${ACCEPT}User-Agent: New/2\r\n`,
    ACCEPT,
  ]),
  own("gzip_disable msie6", `gzip_disable msie6; ${RETURN}`, [
    `${ACCEPT}User-Agent: Mozilla/4.0 (compatible; MSIE 6.0; Windows NT 5.1)\r\n`,
    `${ACCEPT}User-Agent: Mozilla/4.0 (compatible; MSIE 6.0; Windows NT 5.1; SV1)\r\n`,
    `${ACCEPT}User-Agent: Mozilla/4.0 (compatible; MSIE 5.5; Windows 98)\r\n`,
    `${ACCEPT}User-Agent: Mozilla/4.0 (compatible; MSIE 7.0; Windows NT 5.1)\r\n`,
  ]),
  {
    name: "gzip_disable of levels: msie6 stays",
    server: `gzip on; ${HTML} gzip_disable msie6 first; location / { gzip_disable second; ${RETURN} }`,
    send: unpacking(
      get("/", `${ACCEPT}User-Agent: MSIE 6.0; x\r\n`),
      get("/", `${ACCEPT}User-Agent: first\r\n`),
      get("/", `${ACCEPT}User-Agent: second\r\n`),
    ),
    status: [200, 200, 200],
  },
  {
    name: "HTTP/1.0",
    server: `gzip on; ${HTML} location / { ${RETURN} } location /0 { gzip_http_version 1.0; ${RETURN} }`,
    send: unpacking(
      `GET / HTTP/1.0\r\n${ACCEPT}\r\n`,
      `GET /0 HTTP/1.0\r\nConnection: keep-alive\r\n${ACCEPT}\r\n`,
    ),
    status: [200, 200],
  },
  {
    name: "HEAD",
    server: `gzip on; gzip_vary on; ${HTML} location / { ${RETURN} } location /b { ${PASS} }`,
    backends: { b: `HTTP/1.1 200 OK\r\nContent-Length: ${TEXT.length}\r\n${TYPE}ETag: "a"\r\n\r\n` },
    send: unpacking(
      `HEAD / HTTP/1.1\r\nHost: a\r\n${ACCEPT}\r\n`,
      `HEAD /b HTTP/1.1\r\nHost: a\r\n${ACCEPT}\r\n`,
    ),
    status: [200, 200],
  },
  own("chunked_transfer_encoding off", `chunked_transfer_encoding off; ${RETURN}`),
  own("levels", `gzip_comp_level 9; gzip_window 512; gzip_hash 512; gzip_buffers 4 1k; ${RETURN}`),
  own("what has no meaning is taken", `postpone_gzipping 100; gzip_no_buffer on; ${RETURN}`),
  relayed(
    "a backend's answer",
    "",
    `${TYPE}ETag: "abc"\r\nAccept-Ranges: bytes\r\nLast-Modified: Thu, 01 Dec 1994 16:00:00 GMT\r\n`,
  ),
  relayed("a backend's type with a charset", "", "Content-Type: text/html; charset=utf-8\r\n"),
  relayed("a backend's type with another parameter", "", "Content-Type: text/html; a=b\r\n"),
  relayed("a backend's type with two parameters", "", "Content-Type: text/html; a=b; charset=x\r\n"),
  relayed("a backend's answer without a type", "", ""),
  relayed("a backend's answer that has a coding", "", `${TYPE}Content-Encoding: br\r\n`),
  relayed("a backend's empty Content-Encoding", "", `${TYPE}Content-Encoding:\r\n`),
  relayed("a backend's Vary", "gzip_vary on;", `${TYPE}Vary: Origin\r\n`),
  relayed("without buffering", "proxy_buffering off;", TYPE),
  relayed("a chunked answer", "", "", [ACCEPT], {
    backends: {
      b: `HTTP/1.1 200 OK\r\n${TYPE}Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n${TEXT.length.toString(16)}\r\n${TEXT}\r\n0\r\n\r\n`,
    },
  }),
  relayed("a short chunked answer", "", "", [ACCEPT], {
    backends: { b: `HTTP/1.1 200 OK\r\n${TYPE}Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n` },
  }),
  relayed("an empty chunked answer", "", "", [ACCEPT], {
    backends: { b: `HTTP/1.1 200 OK\r\n${TYPE}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n` },
  }),
  relayed("an answer until the connection's end", "", "", [ACCEPT], {
    backends: { b: { send: `HTTP/1.1 200 OK\r\n${TYPE}\r\n${TEXT}`, after: "end" } },
  }),
  relayed("a large answer", "", "", [ACCEPT], { backends: { b: httpAnswer(TEXT.repeat(500), TYPE) } }),
  relayed("an answer that breaks off", "", "", [], {
    backends: { b: { send: `HTTP/1.1 200 OK\r\n${TYPE}Content-Length: 9999\r\n\r\n${TEXT}`, after: "end" } },
    send: (wire) => wire.exchangeCutOff(get("/", ACCEPT)),
    status: [],
  }),
  relayed("an answer in gzip stays as it is", "", `${TYPE}Content-Encoding: gzip\r\n`, [], {
    backends: {
      b: httpAnswer(gzipSync(TEXT).toString("latin1"), `${TYPE}Content-Encoding: gzip\r\n`),
    },
    send: [get("/", ACCEPT)],
    status: 200,
  }),
  relayed("a page of error_page", "error_page 502 /e; proxy_intercept_errors on;", "", [ACCEPT], {
    server: `gzip on; ${HTML} location / { ${PASS} proxy_intercept_errors on; error_page 502 =404 /e; } location /e { ${RETURN} }`,
    backends: { b: httpAnswer("x", "", "502 Bad Gateway") },
    status: 404,
  }),
  {
    name: "the log of an answer",
    http: `log_format {id} '$status "$sent_http_content_encoding" "$sent_http_content_length"';`,
    server: `gzip on; ${HTML} access_log logs/{id}.log {id}; location / { ${RETURN} }`,
    send: unpacking(get("/", ACCEPT), get("/")),
    status: [200, 200],
  },
  {
    name: "files, by their types",
    server:
      "gzip on; gzip_types text/css; types { text/html html; text/css css; text/plain txt; } root {prefix}/{id};",
    files: { "{id}/a.html": TEXT, "{id}/a.css": TEXT, "{id}/a.txt": TEXT },
    send: unpacking(
      ...["/a.html", "/a.css", "/a.txt"].map((path) => get(path, `${ACCEPT}Range: bytes=0-3\r\n`)),
    ),
    status: [200, 200, 206],
  },
  {
    name: "a file for HEAD, and one that has not changed",
    server: "gzip on; gzip_vary on; default_type text/html; root {prefix}/{id};",
    files: { "{id}/a": TEXT },
    send: unpacking(
      `HEAD /a HTTP/1.1\r\nHost: a\r\n${ACCEPT}\r\n`,
      get("/a", `${ACCEPT}If-Modified-Since: Thu, 31 Dec 2037 23:55:55 GMT\r\n`),
      get("/a", `${ACCEPT}If-None-Match: *\r\n`),
    ),
    status: [200, 200, 304],
  },
  {
    name: "a large file, unpacked",
    server: "gzip on; default_type text/html; root {prefix}/{id};",
    files: { "{id}/a": TEXT.repeat(3000) },
    send: unpacking(get("/a", ACCEPT), get("/a")),
    status: [200, 200],
  },
  {
    name: "gzip_static, and gzip where there is no such file",
    server: "gzip on; gzip_static on; gzip_vary on; default_type text/html; root {prefix}/{id};",
    files: { "{id}/a": TEXT, "{id}/b": TEXT, "{id}/b.gz": gzipSync("the packed one").toString("latin1") },
    send: unpacking(get("/a", ACCEPT), get("/b", ACCEPT), get("/b"), get("/a")),
    status: [200, 200, 200, 200],
  },
  {
    name: "$gzip_ratio where nothing was compressed",
    http: `log_format {id} '$gzip_ratio';`,
    server: `gzip on; ${HTML} access_log logs/{id}.log {id}; location / { ${RETURN} }`,
    send: unpacking(get("/"), `HEAD / HTTP/1.1\r\nHost: a\r\n${ACCEPT}\r\n`),
    status: [200, 200],
  },
  {
    name: "limit_rate counts what is sent",
    server: `gzip on; ${HTML} limit_rate 100k; location / { ${RETURN} }`,
    send: unpacking(get("/", ACCEPT)),
    status: 200,
  },
  {
    name: "requests behind one another",
    server: `gzip on; ${HTML} location / { ${RETURN} }`,
    send: async (wire) => {
      await wire.send(get("/", ACCEPT) + get("/") + get("/", ACCEPT))
      for (let i = 0; i < 3; i++) await responseUnpacked(wire, "GET")
    },
    status: [200, 200, 200],
  },
  proxied("off", ""),
  proxied("any", PAST),
  proxied("expired", PAST),
  proxied("expired", FUTURE),
  proxied("expired", `${PAST}Date: Thu, 01 Jan 1970 00:00:00 GMT\r\n`),
  proxied("expired", "Expires: soon\r\n"),
  proxied("expired", "Expires: 2001\r\n"),
  proxied("expired", "Expires: Thursday, 01-Jan-71 00:00:01 GMT\r\n"),
  proxied("expired", `${PAST}Date: now\r\n`),
  proxied("no-cache", "Cache-Control: no-cache\r\n"),
  proxied("no-cache", "Cache-Control: public, no-cache\r\n"),
  proxied("no-cache", "Cache-Control: max-age=1\r\nCache-Control: No-Cache\r\n"),
  proxied("no-cache", "Cache-Control: no-cache=x\r\n"),
  proxied("no-store private", "Cache-Control: no-cache\r\n"),
  proxied("no-store private", "Cache-Control: private\r\n"),
  proxied("no-store", "Cache-Control: max-age=0;no-store\r\n"),
  proxied("no-cache", PAST),
  proxied("no_last_modified", ""),
  proxied("no_last_modified", "Last-Modified: Thu, 01 Dec 1994 16:00:00 GMT\r\n"),
  proxied("no_etag", 'ETag: "a"\r\n'),
  proxied("no_etag no_last_modified", ""),
  proxied("auth", "", `${VIA}Authorization: Basic YTpi\r\n`),
  proxied("auth", PAST),
  proxied("off any", ""),
]
