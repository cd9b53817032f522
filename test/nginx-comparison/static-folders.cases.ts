import { gzipSync } from "node:zlib"
import { type ComparisonCase, get, post } from "./case.ts"

const FILES = {
  "{id}/list/b.txt": "b",
  "{id}/list/a.txt": "0123456789",
  "{id}/list/.hidden": "h",
  "{id}/list/Zeta": "z",
  "{id}/list/folder/inner": "i",
  "{id}/list/with blank & <tag> \"quote\" 'tick'.txt": "q",
  "{id}/list/percent%20#?;:+,~!$()*[]{}|\\^`": "p",
  "{id}/list/Gr\xc3\xbc\xc3\x9fe": "u",
  [`{id}/list/${"fifty-".repeat(8)}xx`]: "50",
  [`{id}/list/${"fifty-".repeat(8)}xxx`]: "51",
  [`{id}/list/${"<&>".repeat(20)}`]: "long",
  [`{id}/list/${"\xc3\xa9".repeat(40)}`]: "long in bytes",
  [`{id}/list/${"\xc3\xa9".repeat(60)}`]: "long in characters",
  [`{id}/list/${"folder-".repeat(7)}x/inner`]: "of 50",
  [`{id}/list/${"folder-".repeat(7)}/inner`]: "of 49",
  "{id}/sizes/9999": "x".repeat(9999),
  "{id}/sizes/10000": "x".repeat(10_000),
  "{id}/sizes/10751": "x".repeat(10_751),
  "{id}/sizes/10752": "x".repeat(10_752),
  "{id}/sizes/1048575": "x".repeat(1_048_575),
  "{id}/sizes/1048576": "x".repeat(1_048_576),
  "{id}/sizes/1572864": "x".repeat(1_572_864),
  "{id}/sizes/0": "",
  "{id}/<b>/x": "x",
  "{id}/control/a\tb\nc\x01": "x",
  "{id}/index/index.html": "the index\n",
}

function listed(
  name: string,
  server: string,
  send: ComparisonCase["send"],
  status: number | readonly number[],
  more: Partial<ComparisonCase> = {},
): ComparisonCase {
  const files = FILES
  return { name: `autoindex: ${name}`, server: `root {id}; ${server}`, files, send, status, ...more }
}

const LOGGED = "error_log logs/{id}.err notice;"

const listings: readonly ComparisonCase[] = [
  listed("a folder", "autoindex on;", get("/list/"), 200),
  listed("sizes", "autoindex on;", get("/sizes/"), 200),
  listed(
    "rounded sizes",
    "autoindex on; autoindex_exact_size off;",
    [get("/sizes/"), get("/list/")],
    [200, 200],
  ),
  listed("the server's time", "autoindex on; autoindex_localtime on;", get("/sizes/"), 200),
  listed("a folder whose name is escaped", "autoindex on;", get("/%3cb%3e/"), 200),
  listed("in UTF-8", "autoindex on; charset utf-8;", get("/list/"), 200),
  listed(
    "HEAD",
    "autoindex on;",
    ["HEAD /list/ HTTP/1.1\r\nHost: a.test\r\n\r\n", get("/index/")],
    [200, 200],
  ),
  listed("in HTTP/1.0", "autoindex on;", "GET /sizes/ HTTP/1.0\r\n\r\n", 200),
  listed("POST", `${LOGGED} autoindex on;`, post("/list/", "b"), 403, { probe: false }),
  listed("another method", "autoindex on;", "PUT /list/ HTTP/1.1\r\nHost: a.test\r\n\r\n", 405, {
    probe: false,
  }),
  listed(
    "off in a location",
    `${LOGGED} autoindex on; location /list { autoindex off; }`,
    [get("/list/"), get("/sizes/")],
    [403, 200],
    { probe: false },
  ),
  listed("the index comes first", "autoindex on;", get("/index/"), 200),
  listed("without a slash", "autoindex on;", get("/list"), 301, { probe: false }),
  listed("what is not there", `${LOGGED} autoindex on;`, get("/none/"), 404, { probe: false }),
  listed(
    "what is not there, an index of a path only",
    `${LOGGED} autoindex on; index /none;`,
    get("/list/"),
    404,
    { probe: false },
  ),
  listed("what is no folder", `${LOGGED} autoindex on;`, get("/list/a.txt/"), 404, { probe: false }),
  listed("json", "autoindex on; autoindex_format json;", [get("/list/"), get("/control/")], [200, 200]),
  listed(
    "json of an empty list",
    "autoindex on; autoindex_format json; location /e/ { alias {prefix}/{id}/list/folder/; }",
    get("/e/"),
    200,
  ),
  listed("xml", "autoindex on; autoindex_format xml;", get("/list/"), 200),
  listed(
    "jsonp",
    "autoindex on; autoindex_format jsonp;",
    [
      get("/sizes/?callback=go.to_1&x"),
      get("/sizes/?x&CALLBACK=f"),
      get("/sizes/"),
      get("/sizes/?callback="),
    ],
    [200, 200, 200, 200],
  ),
  listed("jsonp, a bad name", "autoindex on; autoindex_format jsonp;", get("/sizes/?callback=a(b)"), 400, {
    probe: false,
  }),
  listed(
    "jsonp, a long name",
    "autoindex on; autoindex_format jsonp;",
    get(`/sizes/?callback=${"x".repeat(129)}`),
    400,
    { probe: false },
  ),
  listed(
    "a condition",
    "autoindex on;",
    [get("/list/", "If-None-Match: *\r\n"), get("/list/", "Range: bytes=0-1\r\n")],
    [304, 200],
  ),
  listed(
    "an alias",
    "location /a/ { autoindex on; alias {prefix}/{id}/list/; }",
    [get("/a/folder/"), get("/a/folder/inner")],
    [200, 200],
  ),
  listed("try_files", "autoindex on; try_files $uri $uri/ =404;", get("/list/folder/"), 200),
]

const COMPRESSED = gzipSync("0123456789").toString("latin1")
const GZIP = "Accept-Encoding: gzip\r\n"

const GZIPPED = {
  "{id}/a.txt": "0123456789",
  "{id}/a.txt.gz": COMPRESSED,
  "{id}/only.txt.gz": COMPRESSED,
  "{id}/plain.txt": "0123456789",
  "{id}/dir.txt": "a folder beside it",
  "{id}/dir.txt.gz/x": "x",
  "{id}/page.html": "<p>a page that is longer than what is not compressed</p>",
  "{id}/index.html": "the index, long enough to be compressed by gzip\n",
  "{id}/index.html.gz": COMPRESSED,
}

function compressed(
  name: string,
  server: string,
  send: ComparisonCase["send"],
  status: number | readonly number[],
): ComparisonCase {
  return {
    name: `gzip_static: ${name}`,
    server: `root {id}; ${LOGGED} ${server}`,
    files: GZIPPED,
    send,
    status,
    probe: false,
  }
}

const precompressed: readonly ComparisonCase[] = [
  compressed(
    "on",
    "gzip_static on;",
    [get("/a.txt", GZIP), get("/a.txt"), get("/plain.txt", GZIP), get("/only.txt", GZIP), get("/only.txt")],
    [200, 200, 200, 200, 404],
  ),
  compressed(
    "always",
    "gzip_static always;",
    [get("/a.txt", GZIP), get("/a.txt"), get("/only.txt"), get("/plain.txt")],
    [200, 200, 200, 200],
  ),
  compressed("off", "gzip_static off;", [get("/a.txt", GZIP), get("/only.txt", GZIP)], [200, 404]),
  compressed(
    "with gzip_vary",
    "gzip_static on; gzip_vary on;",
    [get("/a.txt", GZIP), get("/a.txt"), get("/plain.txt", GZIP)],
    [200, 200, 200],
  ),
  compressed(
    "always, with gzip_vary",
    "gzip_static always; gzip_vary on;",
    [get("/a.txt", GZIP), get("/a.txt")],
    [200, 200],
  ),
  compressed("a folder of that name", "gzip_static on;", get("/dir.txt", GZIP), 200),
  compressed(
    "weights",
    "gzip_static on;",
    [
      get("/a.txt", "Accept-Encoding: gzip;q=0\r\n"),
      get("/a.txt", "Accept-Encoding: br, gzip;q=0.5\r\n"),
      get("/a.txt", "Accept-Encoding: *\r\n"),
    ],
    [200, 200, 200],
  ),
  compressed("proxied clients", "gzip_static on;", get("/a.txt", `${GZIP}Via: 1.1 x\r\n`), 200),
  compressed(
    "HTTP/1.0",
    "gzip_static on; gzip_http_version 1.0;",
    "GET /a.txt HTTP/1.0\r\nAccept-Encoding: gzip\r\n\r\n",
    200,
  ),
  compressed(
    "conditions and ranges",
    "gzip_static on;",
    [
      get("/a.txt", `${GZIP}If-Modified-Since: Sun, 13 Sep 2020 12:26:40 GMT\r\n`),
      get("/a.txt", `${GZIP}Range: bytes=0-1\r\n`),
    ],
    [304, 200],
  ),
  compressed(
    "HEAD and POST",
    "gzip_static on;",
    [`HEAD /a.txt HTTP/1.1\r\nHost: a.test\r\n${GZIP}\r\n`, post("/a.txt", "b", GZIP)],
    [200, 405],
  ),
  compressed("an index", "gzip_static on;", get("/", GZIP), 200),
  compressed("and gzip", "gzip_static on; gzip on; gzip_vary on;", [get("/", GZIP), get("/")], [200, 200]),
]

export const staticFolderCases: readonly ComparisonCase[] = [...listings, ...precompressed]
