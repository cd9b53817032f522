import { gzipSync } from "node:zlib"
import { type BackendScript, httpAnswer } from "../support/raw-backend.ts"
import { type ComparisonCase, get, HTTP_1_1 } from "./case.ts"

const TEXT = "All work and no play makes Jack a dull boy. ".repeat(20)
const PACKED = gzipSync(TEXT).toString("latin1")
const FIELDS = "Content-Type: text/html\r\nContent-Encoding: gzip\r\n"
const PASS = `${HTTP_1_1} proxy_pass http://{b};`
const ACCEPT = "Accept-Encoding: gzip\r\n"

function unpacked(
  name: string,
  settings: string,
  backend: BackendScript = httpAnswer(PACKED, FIELDS),
  more: Partial<ComparisonCase> = {},
): ComparisonCase {
  return {
    name,
    server: `gunzip on; location / { ${PASS} ${settings} }`,
    backends: { b: backend },
    send: get("/"),
    status: 200,
    ...more,
  }
}

function chunked(pieces: readonly string[]): string {
  const chunks = pieces.map((piece) => `${piece.length.toString(16)}\r\n${piece}\r\n`).join("")
  return `HTTP/1.1 200 OK\r\n${FIELDS}Transfer-Encoding: chunked\r\n\r\n${chunks}0\r\n\r\n`
}

/** An answer that is cut off on both: what of it goes out before is a matter of buffers. */
function cut(name: string, backend: BackendScript): ComparisonCase {
  return unpacked(name, "", backend, { send: (wire) => wire.exchangeCutOff(get("/")), status: [] })
}

const TAGGED = `${FIELDS}ETag: "a"\r\nAccept-Ranges: bytes\r\n`

export const gunzipCases: readonly ComparisonCase[] = [
  unpacked("a client without gzip", ""),
  unpacked("a client with gzip", "", undefined, { send: get("/", ACCEPT) }),
  unpacked("a client that refuses gzip", "", undefined, { send: get("/", "Accept-Encoding: gzip;q=0\r\n") }),
  unpacked("off", "gunzip off;"),
  unpacked("any status", "", httpAnswer(PACKED, FIELDS, "500 Internal Server Error"), { status: 500 }),
  unpacked("the coding in capitals", "", httpAnswer(PACKED, "Content-Encoding: GZIP\r\n")),
  unpacked("another coding", "", httpAnswer(PACKED, "Content-Encoding: x-gzip\r\n")),
  unpacked("ETag and Accept-Ranges", "", httpAnswer(PACKED, TAGGED)),
  unpacked("ETag and Accept-Ranges for a client with gzip", "", httpAnswer(PACKED, TAGGED), {
    send: get("/", ACCEPT),
  }),
  unpacked("gzip_vary", "gzip_vary on;", undefined, {
    send: [get("/"), get("/", ACCEPT)],
    status: [200, 200],
  }),
  unpacked("gzip_vary of an answer without a coding", "gzip_vary on;", httpAnswer(TEXT)),
  unpacked("gzip_disable", "gzip_disable old;", undefined, {
    send: get("/", `${ACCEPT}User-Agent: old\r\n`),
  }),
  unpacked("gzip_proxied", "gzip_proxied off;", undefined, { send: get("/", `${ACCEPT}Via: 1.1 p\r\n`) }),
  unpacked("HTTP/1.0", "", undefined, { send: `GET / HTTP/1.0\r\n${ACCEPT}\r\n` }),
  unpacked("HEAD", "", `HTTP/1.1 200 OK\r\n${TAGGED}Content-Length: ${PACKED.length}\r\n\r\n`, {
    send: "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n",
  }),
  unpacked("a chunked answer", "", chunked([PACKED.slice(0, 1), PACKED.slice(1, 15), PACKED.slice(15)])),
  unpacked("without buffering", "proxy_buffering off;", {
    send: [`HTTP/1.1 200 OK\r\n${FIELDS}\r\n`, PACKED.slice(0, 20), PACKED.slice(20)],
    after: "end",
  }),
  unpacked("two members", "", httpAnswer(PACKED + gzipSync(" and more").toString("latin1"), FIELDS)),
  unpacked("a large answer", "", httpAnswer(gzipSync(TEXT.repeat(2000)).toString("latin1"), FIELDS)),
  unpacked("small pieces", "gunzip_buffers 4 64;"),
  unpacked("gzip beside gunzip", "gzip on;", undefined, {
    send: [get("/"), get("/", ACCEPT)],
    status: [200, 200],
  }),
  unpacked("the log", "", httpAnswer(PACKED, TAGGED), {
    http: `log_format {id} '$status $body_bytes_sent "$sent_http_content_encoding" "$upstream_http_content_encoding" "$sent_http_etag" $upstream_response_length';`,
    server: `gunzip on; chunked_transfer_encoding off; access_log logs/{id}.log {id}; location / { ${PASS} }`,
  }),
  cut("no gzip at all", httpAnswer("this is no gzip, although it says so", FIELDS)),
  cut("gzip that is broken", httpAnswer(`${PACKED.slice(0, 30)}xxxxxxxxxxxxxxxx${PACKED.slice(46)}`, FIELDS)),
  unpacked("the log of gzip that is broken", "", httpAnswer("this is no gzip, although it says so", FIELDS), {
    server: `gunzip on; error_log logs/{id}.err info; location / { ${PASS} }`,
    send: (wire) => wire.exchangeCutOff(get("/")),
    status: [],
  }),
]
