import { httpAnswer } from "../support/raw-backend.ts"
import { type ComparisonCase, get, HTTP_1_1, post } from "./case.ts"

const FILES = {
  "{id}/file.txt": "0123456789",
  "{id}/empty": "",
  "{id}/page.html": "<p>page</p>\n",
  "{id}/index.html": "the index\n",
  "{id}/large.bin": "0123456789abcdef".repeat(20_000),
  "{id}/416.html": "that is not there\n",
}

/** Of all files: Sun, 13 Sep 2020 12:26:40 GMT. */
const ETAG = '"5f5e1000-a"'
const TIME = "Sun, 13 Sep 2020 12:26:40 GMT"
const EARLIER = "Sun, 13 Sep 2020 12:26:39 GMT"
const LATER = "Sun, 13 Sep 2020 12:26:41 GMT"

function conditional(
  name: string,
  fields: readonly string[],
  status: readonly number[],
  server = "",
  target = "/file.txt",
): ComparisonCase {
  return {
    name: `conditions: ${name}`,
    server: `root {id}; error_log logs/{id}.err notice; ${server}`,
    files: FILES,
    // Each on a connection of its own: nginx closes it behind a 412, although it says that it is kept.
    send: async (wire) => {
      for (const field of fields) {
        await wire.connect()
        await wire.exchange(get(target, field === "" ? "" : `${field}\r\n`))
      }
    },
    status,
  }
}

/** One request for each value of `Range`. */
function ranged(
  name: string,
  ranges: readonly string[],
  status: readonly number[],
  server = "",
  target = "/file.txt",
): ComparisonCase {
  return conditional(
    `ranges: ${name}`,
    ranges.map((range) => `Range: ${range}`),
    status,
    server,
    target,
  )
}

const preconditions: readonly ComparisonCase[] = [
  conditional(
    "If-Modified-Since",
    [TIME, EARLIER, LATER, "nonsense", ""].map((time) => `If-Modified-Since: ${time}`),
    [304, 200, 200, 200, 200],
  ),
  conditional(
    "If-Modified-Since before",
    [TIME, EARLIER, LATER, "nonsense"].map((time) => `If-Modified-Since: ${time}`),
    [304, 200, 304, 200],
    "if_modified_since before;",
  ),
  conditional(
    "If-Modified-Since off",
    [TIME, LATER].map((time) => `If-Modified-Since: ${time}`),
    [200, 200],
    "if_modified_since off;",
  ),
  conditional(
    "the forms of a date",
    [
      "Sunday, 13-Sep-20 12:26:40 GMT",
      "Sun Sep 13 12:26:40 2020",
      "Sun, 13 Sep 2020 12:26:40",
      "Mon, 13 Sep 2020 12:26:40 +0100",
      "13 Sep 2020 12:26:40 GMT",
      "Sun, 13 Sep 2020 12:26:60 GMT",
      "Sun, 31 Sep 2020 12:26:40 GMT",
      "Sun, 3 Sep 2020 12:26:40 GMT",
    ].map((time) => `If-Modified-Since: ${time}`),
    [304, 304, 304, 304, 200, 200, 200, 200],
  ),
  conditional(
    "If-Unmodified-Since",
    [TIME, EARLIER, LATER, "nonsense"].map((time) => `If-Unmodified-Since: ${time}`),
    [200, 412, 200, 412],
  ),
  conditional(
    "If-None-Match",
    [
      ETAG,
      `W/${ETAG}`,
      '"other"',
      "*",
      `"a", ${ETAG}`,
      `"a",${ETAG} , "b"`,
      `${ETAG}x`,
      "5f5e1000-a",
      `x${ETAG}`,
    ].map((etag) => `If-None-Match: ${etag}`),
    [304, 304, 200, 304, 304, 304, 200, 200, 200],
  ),
  conditional(
    "If-Match",
    [ETAG, `W/${ETAG}`, '"other"', "*", `"a", ${ETAG}`, `"a" ${ETAG}`].map((etag) => `If-Match: ${etag}`),
    [200, 412, 412, 200, 200, 412],
  ),
  conditional(
    "several of them",
    [
      `If-None-Match: "other"\r\nIf-Modified-Since: ${TIME}`,
      `If-None-Match: ${ETAG}\r\nIf-Modified-Since: ${EARLIER}`,
      `If-None-Match: ${ETAG}\r\nIf-Modified-Since: ${TIME}`,
      `If-Match: "other"\r\nIf-None-Match: ${ETAG}`,
      `If-Match: ${ETAG}\r\nIf-None-Match: ${ETAG}`,
      `If-Unmodified-Since: ${EARLIER}\r\nIf-Match: ${ETAG}`,
    ],
    [200, 200, 304, 412, 304, 412],
  ),
  conditional(
    "etag off",
    ["", `If-None-Match: ${ETAG}`, "If-None-Match: *", `If-Match: ${ETAG}`, `If-Modified-Since: ${TIME}`],
    [200, 200, 304, 412, 304],
    "etag off;",
  ),
  conditional(
    "add_header and expires on a 304 and a 412",
    [`If-None-Match: ${ETAG}`, 'If-Match: "other"'],
    [304, 412],
    "add_header X-A a; add_header X-B b always; expires 1h;",
  ),
  conditional("an error page of a 412", ['If-Match: "other"'], [412], "error_page 412 /page.html;"),
  conditional("of an index", ["If-None-Match: *", `If-Modified-Since: ${TIME}`], [304, 304], "", "/"),
  conditional(
    "of an error page",
    [`If-None-Match: *`, "Range: bytes=0-1"],
    [404, 404],
    "error_page 404 /page.html;",
    "/missing",
  ),
  conditional("of a large file", ["If-None-Match: *"], [304], "", "/large.bin"),
  conditional(
    "of a return",
    ["If-None-Match: *", `If-Unmodified-Since: ${EARLIER}`],
    [304, 412],
    'return 200 "x\\n";',
  ),
  {
    name: "conditions: HEAD and POST",
    server: "root {id}; error_page 405 =200 $uri;",
    files: FILES,
    send: [
      `HEAD /file.txt HTTP/1.1\r\nHost: a.test\r\nIf-None-Match: ${ETAG}\r\n\r\n`,
      `HEAD /file.txt HTTP/1.1\r\nHost: a.test\r\nRange: bytes=1-2\r\n\r\n`,
      post("/file.txt", "body", `If-None-Match: ${ETAG}\r\n`),
    ],
    status: [304, 206, 304],
  },
  {
    name: "conditions: of a proxied answer they are the backend's affair",
    server: `location / { ${HTTP_1_1} proxy_pass http://{b}; }`,
    backends: {
      b: httpAnswer("body", `ETag: ${ETAG}\r\nLast-Modified: ${TIME}\r\nAccept-Ranges: bytes\r\n`),
    },
    send: [get("/", `If-None-Match: ${ETAG}\r\n`), get("/", "Range: bytes=0-1\r\n")],
    status: [200, 200],
  },
]

const ranges: readonly ComparisonCase[] = [
  ranged("one", ["bytes=0-0", "bytes=2-4", "bytes=0-9", "bytes=5-", "bytes=9-"], [206, 206, 206, 206, 206]),
  ranged("from the end", ["bytes=-1", "bytes=-10", "bytes=-11", "bytes=-0"], [206, 206, 206, 416]),
  ranged(
    "beyond the end",
    ["bytes=5-100", "bytes=10-", "bytes=10-20", "bytes=100-200"],
    [206, 416, 416, 416],
  ),
  ranged(
    "broken",
    [
      "bytes=",
      "bytes=-",
      "bytes=a-b",
      "bytes=1",
      "bytes=3-1",
      "bytes=0-1x",
      "bytes=1-2-3",
      "bytes=--1",
      "bytes 0-1",
      "x",
    ],
    [200, 416, 416, 416, 416, 416, 416, 416, 200, 200],
  ),
  ranged("of the start and not", ["bytes=0-", "bytes=0--1", "bytes=1-0"], [206, 416, 416]),
  ranged(
    "blanks and case",
    ["bytes= 1 - 2 ", "BYTES=1-2", "bytes=1-2 , 4-5", "bytes=1-2,\t4-5", "Bytes=-2"],
    [206, 206, 206, 416, 206],
  ),
  ranged(
    "large numbers",
    [
      "bytes=0-99999999999999999999",
      "bytes=0-9223372036854775807",
      "bytes=9223372036854775807-",
      "bytes=-9223372036854775807",
    ],
    [416, 206, 416, 206],
  ),
  ranged("other units", ["items=0-1", "none"], [200, 200]),
  ranged("several", ["bytes=0-0,2-3", "bytes=-1,0-0", "bytes=1-1, 3-3, 5-5"], [206, 206, 206]),
  ranged("several that are one", ["bytes=0-1,20-30", "bytes=20-30,0-1"], [206, 206]),
  ranged(
    "several that come to more than all",
    ["bytes=0-9,0-0", "bytes=0-5,0-5", "bytes=0-4,5-9"],
    [200, 200, 206],
  ),
  ranged("a broken one behind", ["bytes=0-1,x", "bytes=0-1,", "bytes=,0-1"], [416, 416, 416]),
  ranged("several with a charset", ["bytes=0-0,2-3"], [206], "charset utf-8; types { text/plain txt; }"),
  ranged("several without a type", ["bytes=0-0,2-3"], [206], 'types { } default_type "";'),
  ranged(
    "of a large file",
    ["bytes=100000-200000", "bytes=-100000", "bytes=0-99999,200000-299999", "bytes=0-0,-1"],
    [206, 206, 206, 206],
    "",
    "/large.bin",
  ),
  ranged(
    "of an empty file",
    ["bytes=0-", "bytes=0-0", "bytes=-1", "bytes=1-"],
    [200, 200, 200, 416],
    "",
    "/empty",
  ),
  ranged("of an index", ["bytes=0-2"], [206], "", "/"),
  ranged(
    "max_ranges",
    ["bytes=0-0", "bytes=0-0,2-2", "bytes=0-0,2-2,4-4", "bytes=100-,0-0,101-"],
    [206, 206, 200, 206],
    "max_ranges 2;",
  ),
  ranged("max_ranges of one", ["bytes=0-0", "bytes=0-0,2-2"], [206, 200], "max_ranges 1;"),
  ranged("max_ranges 0", ["bytes=0-0", "bytes=100-"], [200, 200], "max_ranges 0;"),
  {
    ...ranged("an error page", ["bytes=100-"], [416], "error_page 416 /416.html;"),
    differs: {
      why: "nginx sends the ETag of the file, too, besides that of the page",
      holdfast: ({ client }) => ({
        client: client.map((event) =>
          typeof event === "string"
            ? event
            : { ...event, headers: event.headers.filter((line) => line !== `ETag: ${ETAG}`) },
        ),
      }),
    },
  },
  ranged("add_header", ["bytes=0-0", "bytes=100-"], [206, 416], "add_header X-A a; add_header X-B b always;"),
  ranged("add_header sees a 200", ["bytes=0-0"], [206], 'add_header X-S "$status";'),
  conditional(
    "If-Range",
    [ETAG, '"other"', `W/${ETAG}`, TIME, EARLIER, LATER, "nonsense", '"'].map(
      (value) => `Range: bytes=0-0\r\nIf-Range: ${value}`,
    ),
    [206, 200, 200, 206, 200, 200, 200, 200],
  ),
  conditional(
    "If-Range, etag off",
    [ETAG, TIME].map((value) => `Range: bytes=0-0\r\nIf-Range: ${value}`),
    [200, 206],
    "etag off;",
  ),
  conditional(
    "If-Range and add_header",
    ['"own"', TIME].map((value) => `Range: bytes=0-0\r\nIf-Range: ${value}`),
    [206, 200],
    `add_header ETag '"own"'; add_header Last-Modified "${EARLIER}";`,
  ),
  conditional(
    "with a condition",
    [`Range: bytes=0-0\r\nIf-None-Match: ${ETAG}`, `Range: bytes=0-0\r\nIf-Match: ${ETAG}`],
    [304, 206],
  ),
  {
    name: "conditions: a range in HTTP/1.0",
    server: "root {id};",
    files: FILES,
    send: "GET /file.txt HTTP/1.0\r\nRange: bytes=0-1\r\n\r\n",
    status: 206,
  },
]

/** What the backend says of ranges does not count. */
function forced(
  name: string,
  fields: readonly string[],
  answer: string,
  status: readonly number[],
  server = "",
): ComparisonCase {
  return {
    name: `proxy_force_ranges: ${name}`,
    server: `location / { ${HTTP_1_1} proxy_force_ranges on; proxy_pass http://{b}; ${server} }`,
    backends: { b: answer },
    send: fields.map((field) => get("/", field === "" ? "" : `${field}\r\n`)),
    status,
    probe: false,
  }
}

const BODY = "0123456789"

const proxied: readonly ComparisonCase[] = [
  forced(
    "one range",
    ["", "Range: bytes=2-4", "Range: bytes=-3", "Range: bytes=5-", "Range: bytes=0-"],
    httpAnswer(BODY),
    [200, 206, 206, 206, 206],
  ),
  forced("several are none", ["Range: bytes=0-0,2-2"], httpAnswer(BODY), [200]),
  forced(
    "none there",
    ["Range: bytes=10-"],
    httpAnswer(BODY, 'X-A: a\r\nETag: "e"\r\nContent-Type: text/x\r\n'),
    [416],
  ),
  forced(
    "Accept-Ranges of the backend",
    ["", "Range: bytes=0-0"],
    httpAnswer(BODY, "Accept-Ranges: none\r\n"),
    [200, 206],
  ),
  forced(
    "another status",
    ["Range: bytes=0-0"],
    httpAnswer(BODY, "Accept-Ranges: bytes\r\n", "404 Not Found"),
    [404],
  ),
  forced(
    "a chunked answer",
    ["Range: bytes=0-0"],
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\na\r\n0123456789\r\n0\r\n\r\n",
    [200],
  ),
  forced(
    "a 206 of the backend",
    ["Range: bytes=0-0"],
    httpAnswer("0", "Content-Range: bytes 0-0/10\r\n", "206 Partial Content"),
    [206],
  ),
  forced(
    "If-Range",
    [
      'Range: bytes=0-0\r\nIf-Range: "e"',
      'Range: bytes=0-0\r\nIf-Range: "f"',
      `Range: bytes=0-0\r\nIf-Range: ${TIME}`,
    ],
    httpAnswer(BODY, `ETag: "e"\r\nLast-Modified: ${TIME}\r\n`),
    [206, 200, 206],
  ),
  forced("unbuffered", ["Range: bytes=1-2"], httpAnswer(BODY), [206], "proxy_buffering off;"),
  forced(
    "a large answer",
    ["Range: bytes=100000-100009", "Range: bytes=150000-"],
    httpAnswer(BODY.repeat(20_000)),
    [206, 206],
  ),
  forced("an empty answer", ["Range: bytes=0-0"], httpAnswer(""), [200]),
  forced("max_ranges 0", ["Range: bytes=0-0"], httpAnswer(BODY), [200], "max_ranges 0;"),
]

export const staticConditionCases: readonly ComparisonCase[] = [...preconditions, ...ranges, ...proxied]
