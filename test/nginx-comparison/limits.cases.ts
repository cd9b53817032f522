import { httpAnswer } from "../support/raw-backend.ts"
import { type ComparisonCase, get, HTTP_1_1 } from "./case.ts"

const OK = 'location / { return 200 "ok $http_x_last\\n"; }'

function limited(
  name: string,
  settings: string,
  send: ComparisonCase["send"],
  status: number | readonly number[],
  more: Partial<ComparisonCase> = {},
): ComparisonCase {
  const server = `${settings} ${OK}`
  return { name, server, send, status, ...more }
}

const SMALL = "client_header_buffer_size 1k; large_client_header_buffers 2 2k;"
const long = (length: number): string => "x".repeat(length)

export const limitsCases: readonly ComparisonCase[] = [
  limited("a request line beyond the small buffer", "", get(`/${long(3000)}`), 200),
  limited("a request line just below the large buffer", "", get(`/${long(8000)}`), 200),
  limited("a request line beyond the large buffer", "", get(`/${long(8192)}`), 414),
  limited("a request line beyond a buffer that was set", SMALL, get(`/${long(2100)}`), 414),
  limited("a request line within a buffer that was set", SMALL, get(`/${long(1900)}`), 200),
  limited("a request line without an end", SMALL, `GET /${long(4000)}`, 414),
  limited("a header line beyond the large buffer", "", get("/", `X: ${long(9000)}\r\n`), 400),
  limited("a header line within it", "", get("/", `X: ${long(7000)}\r\nX-Last: z\r\n`), 200),
  limited("a header line beyond a buffer that was set", SMALL, get("/", `X: ${long(2100)}\r\n`), 400),
  limited("a header line without an end", SMALL, `GET / HTTP/1.1\r\nX: ${long(4000)}`, 400),
  limited("many header lines beyond all buffers", SMALL, get("/", `X: ${long(200)}\r\n`.repeat(60)), 400),
  limited(
    "many header lines within four large buffers",
    "",
    get("/", `X: ${long(200)}\r\n`.repeat(100)),
    200,
  ),
  limited("many header lines beyond four large buffers", "", get("/", `X: ${long(900)}\r\n`.repeat(60)), 400),
  limited("a long method", SMALL, `${"A".repeat(3000)} / HTTP/1.1\r\n\r\n`, 414),
  limited("a cookie of four kilobytes", "", get("/", `Cookie: a=${long(4096)}\r\n`), 200),
  limited(
    "before Host has come, the limits are those of the default server",
    "",
    `GET / HTTP/1.1\r\nX: ${long(3000)}\r\nHost: big\r\n\r\n`,
    400,
    {
      servers: `server { listen {listen}; ${SMALL} ${OK} }
      server { listen {listen}; server_name big; large_client_header_buffers 4 16k; ${OK} }`,
    },
  ),
  limited(
    "a request line beyond the default server's limits",
    "",
    `GET /${long(3000)} HTTP/1.1\r\nHost: big\r\n\r\n`,
    414,
    {
      servers: `server { listen {listen}; ${SMALL} ${OK} }
      server { listen {listen}; server_name big; large_client_header_buffers 4 16k; ${OK} }`,
    },
  ),
  limited(
    "client_max_body_size of the location",
    "client_max_body_size 2;",
    [
      "POST /big HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody",
      "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody",
    ],
    [200, 413],
    {
      server:
        'client_max_body_size 2; location / { return 200 "x"; } location /big { client_max_body_size 1k; proxy_pass http://{b}; }'.replace(
          "proxy_pass",
          `${HTTP_1_1} proxy_pass`,
        ),
      backends: { b: httpAnswer("taken") },
    },
  ),
  limited(
    "a page for 413 and for 414",
    `${SMALL} client_max_body_size 2; error_page 413 414 /e; location = /e { return 200 "page\\n"; }`,
    [get(`/${long(3000)}`), "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody"],
    [414, 413],
    {
      server: `${SMALL} client_max_body_size 2; error_page 413 414 /e; location = /e { return 200 "page\\n"; } location / { ${HTTP_1_1} proxy_pass http://{dead}; }`,
    },
  ),
]
