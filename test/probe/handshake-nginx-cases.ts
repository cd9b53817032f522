/** The guide's mistakes and others, as they stand in an nginx.conf. */
import assert from "node:assert/strict"
import { once } from "node:events"
import type { TestContext } from "node:test"
import { WebSocket } from "ws"
import { pythonEchoMissing } from "../support/websocket-backends.ts"
import type { ProbeCase } from "./case.ts"

/** A case with its server: what stands in `server {}`, and what else the command line has. */
export interface NginxCase extends Omit<ProbeCase, "at" | "stage"> {
  readonly server: (at: Ports) => string
  /** In place of `/ws/`. */
  readonly target?: string
  readonly words?: (at: Ports) => readonly string[]
  /** In place of a start without more. */
  readonly ready?: (url: string, t: TestContext) => Promise<void>
}

/** Where all listen, and the certificate's files. */
export interface Shared {
  readonly echo: number
  /** python3-websockets, or the same as `echo` where that is missing. */
  readonly strict: number
  /** `ws` with a certificate. */
  readonly secure: number
  /** `ws` that compares Origin with Host. */
  readonly careful: number
  /** Knows "chat". */
  readonly chat: number
  /** Takes "Connection: upgrade" and nothing else. */
  readonly narrow: number
  /** Knows the path /ws/ only. */
  readonly pathful: number
  readonly silent: number
  readonly crashing: number
  readonly dead: number
  readonly certificate: string
  readonly key: string
}

export interface Ports extends Shared {
  /** Of the case's own server. */
  readonly own: number
}

const VERSION = "proxy_http_version 1.1;"
const UPGRADE = "proxy_set_header Upgrade $http_upgrade;"
const CONNECTION = 'proxy_set_header Connection "upgrade";'
const ALL = `${VERSION} ${UPGRADE} ${CONNECTION}`
const THREE =
  'proxy_http_version 1.1;\nproxy_set_header Upgrade $http_upgrade;\nproxy_set_header Connection "upgrade";'

function socket(port: number, directives: string, path = "/ws/"): string {
  return `location ${path} { proxy_pass http://127.0.0.1:${port}; ${directives} }`
}

/** As the guide has it. */
export const healthyServer = ({ echo }: Ports): string => socket(echo, `${ALL} proxy_set_header Host $host;`)

export const NGINX_CASES: readonly NginxCase[] = [
  {
    mistake: "none of the three directives, application with pages",
    server: ({ echo }) => socket(echo, ""),
    cause: "upgrade-not-forwarded",
    mend: THREE,
  },
  {
    mistake: "proxy_http_version 1.1 omitted",
    skip: pythonEchoMissing(),
    server: ({ strict }) => socket(strict, UPGRADE + CONNECTION),
    cause: "http-1.0-to-backend",
    mend: "proxy_http_version 1.1;",
  },
  {
    mistake: "proxy_set_header Upgrade omitted",
    skip: pythonEchoMissing(),
    server: ({ strict }) => socket(strict, VERSION + CONNECTION),
    cause: "upgrade-not-forwarded",
    mend: "proxy_set_header Upgrade $http_upgrade;",
  },
  {
    mistake: "proxy_set_header Connection omitted",
    skip: pythonEchoMissing(),
    server: ({ strict }) => socket(strict, VERSION + UPGRADE),
    cause: "upgrade-not-forwarded",
    mend: 'proxy_set_header Connection "upgrade";',
  },
  {
    mistake: "headers of the server level lost by a proxy_set_header in the location (with --config)",
    skip: pythonEchoMissing(),
    server: ({ strict }) => `${ALL} ${socket(strict, "proxy_set_header X-Real-IP $remote_addr;")}`,
    cause: "upgrade-not-forwarded",
    mend: THREE,
    words: () => ["--config", "{config}", "--target", "nginx/1.22"],
    check: ({ diagnoses }) => {
      const evidence = diagnoses[0]?.suspects[0]?.evidence ?? []
      assert.ok(
        evidence.some((line) => line.endsWith("[headers-lost-by-inheritance]")),
        evidence.join("\n"),
      )
    },
  },
  {
    mistake: "Connection passed on as it came ($http_connection)",
    server: ({ narrow }) =>
      socket(narrow, `${VERSION} ${UPGRADE} proxy_set_header Connection $http_connection;`),
    cause: "connection-passed-as-sent",
    mend: 'proxy_set_header Connection "upgrade";',
  },
  {
    mistake: "Host not passed on to an application that compares Origin with it",
    server: ({ careful }) => socket(careful, ALL),
    cause: "host-not-forwarded",
    mend: "proxy_set_header Host $http_host;",
  },
  {
    mistake: "the same, with --backend",
    server: ({ careful }) => socket(careful, ALL),
    words: ({ careful }) => ["--backend", `ws://127.0.0.1:${careful}/ws/`],
    cause: "host-not-forwarded",
    mend: "proxy_set_header Host $http_host;",
  },
  {
    mistake: "a page of another site, not allowed by the application",
    server: ({ careful }) => socket(careful, `${ALL} proxy_set_header Host $http_host;`),
    words: () => ["--origin", "https://shop.example"],
    cause: "origin-not-allowed",
    mend: "https://shop.example",
  },
  {
    mistake: "proxy_pass http: to a backend that speaks TLS (with --backend)",
    server: ({ secure }) => socket(secure, ALL),
    words: ({ secure }) => ["--backend", `wss://127.0.0.1:${secure}/ws/`, "--insecure"],
    cause: "plain-to-tls-backend",
    mend: "proxy_pass https://",
  },
  {
    mistake: "proxy_pass https: to a backend that speaks no TLS (with --backend)",
    server: ({ echo }) => `location /ws/ { proxy_pass https://127.0.0.1:${echo}; ${ALL} }`,
    words: ({ echo }) => ["--backend", `ws://127.0.0.1:${echo}/ws/`],
    cause: "tls-to-plain-backend",
    mend: "proxy_pass http://",
  },
  {
    mistake: "the backend is down",
    server: ({ dead }) => socket(dead, ALL),
    cause: "backend-down",
    mend: "proxy_pass http://",
  },
  {
    mistake: "the backend does not answer (proxy_read_timeout 1s)",
    server: ({ silent }) => socket(silent, `${ALL} proxy_read_timeout 1s;`),
    cause: "backend-silent",
    mend: "proxy_read_timeout 3600s;",
  },
  {
    mistake: "the backend crashes when a handshake comes, pages work",
    server: ({ crashing }) => socket(crashing, ALL),
    cause: "backend-breaks-off",
    mend: "Upgrade: websocket",
  },
  {
    mistake: "location /ws/, and the client asks for /ws",
    server: ({ echo }) => socket(echo, ALL),
    target: "/ws",
    cause: "slash-redirect",
    mend: "location = /ws {",
  },
  {
    mistake: "location = /ws, and the client asks for /ws/",
    server: ({ echo }) => socket(echo, ALL, "= /ws"),
    cause: "slash",
    mend: "rewrite ^ /ws last;",
  },
  {
    mistake: "no location for the path",
    server: ({ echo }) => socket(echo, ALL, "/socket/"),
    cause: "no-location",
    mend: "location /ws/ {",
  },
  {
    mistake: "proxy_pass with a path that replaces the location's",
    server: ({ pathful }) => `location /ws/ { proxy_pass http://127.0.0.1:${pathful}/; ${ALL} }`,
    cause: "path-unknown-to-backend",
    mend: "proxy_pass http://127.0.0.1:3000;",
  },
  {
    mistake: "http: is redirected to https:, the socket with it",
    server: () => "location / { return 301 https://$host$request_uri; }",
    cause: "redirect-to-https",
    mend: "wss://127.0.0.1/ws/",
  },
  {
    mistake: "a redirect to itself",
    server: () => "location / { return 302 /ws/; }",
    cause: "redirect-loop",
    mend: "location /ws/ {",
  },
  {
    mistake: "try_files with index.html for all that is not found",
    server: () => "root {prefix}; location / { try_files $uri /index.html; }",
    cause: "file-in-place-of-socket",
    mend: "location /ws/ {",
  },
  {
    mistake: "auth_basic at the socket",
    server: ({ echo }) => socket(echo, `${ALL} auth_basic "staff"; auth_basic_user_file {prefix}/users;`),
    cause: "credentials-wanted",
    mend: "auth_basic off;",
  },
  {
    mistake: "satisfy any, with neither address nor password",
    server: ({ echo }) =>
      socket(echo, `${ALL} satisfy any; deny all; auth_basic "staff"; auth_basic_user_file {prefix}/users;`),
    cause: "credentials-wanted",
    mend: "auth_basic off;",
  },
  {
    mistake: "deny all",
    server: ({ echo }) => socket(echo, `${ALL} deny all;`),
    cause: "denied-by-edge",
    mend: "allow 192.0.2.0/24;",
  },
  {
    mistake: "limit_except POST",
    server: ({ echo }) => socket(echo, `${ALL} limit_except POST { deny all; }`),
    cause: "denied-by-edge",
    mend: "limit_except",
  },
  {
    mistake: "limit_req without burst",
    server: ({ echo }) => socket(echo, `${ALL} limit_req zone=rate;`),
    ready: async (url) => void (await fetch(url.replace("ws:", "http:")).then((answer) => answer.text())),
    cause: "rate-limit",
    mend: "limit_req zone=sockets burst=50 nodelay;",
  },
  {
    mistake: "limit_conn 1, and one WebSocket is open",
    server: ({ echo }) => socket(echo, `${ALL} limit_conn count 1;`),
    ready: keepOpen,
    cause: "connection-limit",
    mend: "limit_conn sockets 100;",
  },
  {
    mistake: "cookies larger than large_client_header_buffers",
    server: ({ echo }) => `large_client_header_buffers 2 1k; ${socket(echo, ALL)}`,
    words: () => ["--cookie", `big=${"x".repeat(3000)}`],
    cause: "header-too-large",
    mend: "large_client_header_buffers 8 32k;",
  },
  {
    mistake: "Sec-WebSocket-Key emptied",
    server: ({ echo }) => socket(echo, `${ALL} proxy_set_header Sec-WebSocket-Key "";`),
    cause: "key-not-forwarded",
    mend: "proxy_set_header Sec-WebSocket-Key $http_sec_websocket_key;",
  },
  {
    mistake: "Sec-WebSocket-Protocol emptied (with --backend)",
    server: ({ chat }) => socket(chat, `${ALL} proxy_set_header Sec-WebSocket-Protocol "";`),
    words: ({ chat }) => ["--subprotocol", "chat", "--backend", `ws://127.0.0.1:${chat}/ws/`],
    cause: "subprotocol-lost",
    mend: "proxy_set_header Sec-WebSocket-Protocol $http_sec_websocket_protocol;",
  },
  {
    mistake: "proxy_hide_header Upgrade",
    server: ({ echo }) => socket(echo, `${ALL} proxy_hide_header Upgrade;`),
    cause: "upgrade-missing-in-answer",
    mend: "proxy_hide_header Upgrade;",
  },
  {
    mistake: "proxy_hide_header Sec-WebSocket-Accept",
    server: ({ echo }) => socket(echo, `${ALL} proxy_hide_header Sec-WebSocket-Accept;`),
    cause: "accept-missing",
    mend: "proxy_hide_header Sec-WebSocket-Accept;",
  },
  {
    mistake: "add_header Sec-WebSocket-Protocol, which the client did not offer",
    server: ({ echo }) => socket(echo, `${ALL} add_header Sec-WebSocket-Protocol chat always;`),
    cause: "subprotocol-not-offered",
    mend: "add_header Sec-WebSocket-Protocol",
  },
  {
    mistake: "return 444 for a name that is not known",
    server: () => "location / { return 444; }",
    cause: "closes-everything",
    mend: "server_name 127.0.0.1;",
  },
  {
    mistake: "listen … proxy_protocol, asked without a load balancer",
    server: ({ own, echo }) => `listen 127.0.0.1:${own} proxy_protocol; ${socket(echo, ALL)}`,
    cause: "proxy-protocol-wanted",
    mend: "listen 80;",
  },
  {
    mistake: "ws: to a port with ssl",
    server: ({ own, echo, certificate, key }) =>
      `listen 127.0.0.1:${own} ssl; ssl_certificate ${certificate}; ssl_certificate_key ${key}; ${socket(echo, ALL)}`,
    cause: "plain-on-tls-port",
    mend: "wss://",
  },
]

/** A WebSocket that lives as long as the test. */
async function keepOpen(url: string, t: TestContext): Promise<void> {
  const socket = new WebSocket(url)
  t.after(() => socket.terminate())
  await once(socket, "open")
}
