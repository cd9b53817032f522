import { anyProtocolUpgrade } from "../../src/check/rules/any-protocol-upgrade.ts"
import { askThroughH2c, startH2cBackend } from "./picky-backends.ts"
import { prove } from "./proof.ts"
import { testRule } from "./rule-cases.ts"

const MAP = "map $http_upgrade $websocket_upgrade { default ''; ~*^websocket$ websocket; }"
const ANY = 'proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection "upgrade";'
const ONLY = 'proxy_set_header Upgrade $websocket_upgrade; proxy_set_header Connection "upgrade";'
const APP = "proxy_pass http://127.0.0.1:3000;"

testRule(anyProtocolUpgrade, [
  {
    name: "a location of the same backend has a password",
    config: `
      server {
        location / { ${APP} ${ANY} }
        location /admin { ${APP} auth_basic "staff"; }
      }`,
    finds: [
      '3:81 $http_upgrade -- past the auth_basic of location /admin (line 4) to the same backend, "127.0.0.1:3000"',
    ],
  },
  {
    name: "deny, auth_request, internal",
    config: `
      server { location /ws { ${APP} ${ANY} } location /a { ${APP} allow 10.0.0.0/8; deny all; } }
      server { location /ws { ${APP} ${ANY} } location /b { ${APP} auth_request /auth; } }
      server { location /ws { ${APP} ${ANY} } location /c { ${APP} internal; } }`,
    finds: [
      "2:90 $http_upgrade -- past the deny of location /a",
      "3:90 $http_upgrade -- past the auth_request of location /b",
      "4:90 $http_upgrade -- past the internal of location /c",
    ],
  },
  {
    name: "a path of the backend is closed",
    config: `
      server {
        location / { ${APP} }
        location /ws { ${APP} ${ANY} }
        location = /metrics { return 403; }
        location = /robots.txt { return 404; }
      }`,
    finds: ["4:83 $http_upgrade -- past the return of location = /metrics"],
  },
  {
    name: "the same for all of the server: the handshake has to pass it, too",
    config: `
      server {
        allow 10.0.0.0/8; deny all; auth_basic "staff";
        location /ws { ${APP} ${ANY} }
        location /admin { ${APP} }
        location / { ${APP} auth_basic "staff"; allow 10.0.0.0/8; deny all; }
      }`,
  },
  {
    name: "nothing is protected, or it is another backend's, or answered here",
    config: `
      server { location /ws { ${APP} ${ANY} } location / { ${APP} } }
      server {
        location /ws { ${APP} ${ANY} }
        location / { ${APP} }
        location /admin { proxy_pass http://127.0.0.1:4000; auth_basic "staff"; }
        location /nginx_status { stub_status; allow 127.0.0.1; deny all; }
        location ~ /\\.ht { deny all; }
        location /files { root /srv; auth_basic "staff"; }
      }`,
  },
  {
    name: "only WebSockets are let through, or h2c has no Connection",
    config: `
      ${MAP}
      map $http_connection $socket { default close; ~*^(keep-alive,\\s*)?upgrade$ upgrade; }
      server {
        location /ws/1 { ${APP} ${ONLY} }
        location /ws/2 { ${APP} proxy_set_header Upgrade websocket; proxy_set_header Connection upgrade; }
        location /ws/3 { ${APP} proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection $socket; }
        location /admin { ${APP} auth_basic "staff"; }
      }`,
  },
  {
    name: "websocket on forwards WebSockets only",
    config: `
      server {
        location /ws { websocket on; ${APP} }
        location /admin { ${APP} auth_basic "staff"; }
      }`,
  },
])

const server = (forwarded: string): string => `
  ${MAP} map $websocket_upgrade $websocket_connection { default upgrade; '' close; }
  server { listen {listen}; location /ws { proxy_pass http://{own}; proxy_http_version 1.1; ${forwarded} }
    location /admin { proxy_pass http://{own}; deny all; } }`

prove(anyProtocolUpgrade, [
  {
    name: "a tunnel of HTTP/2 leads past deny",
    startOwn: startH2cBackend,
    broken: server(ANY),
    fixed: server(
      "proxy_set_header Upgrade $websocket_upgrade; proxy_set_header Connection $websocket_connection;",
    ),
    attempt: async ({ port }) => {
      const direct = (await fetch(`http://127.0.0.1:${port}/admin`)).status
      return `${direct}, ${await askThroughH2c(port, "/ws", "/admin")}`
    },
    failure: /^403, tunnel: backend \/admin$/,
    success: /^403, refused with 400$/,
  },
])
