import assert from "node:assert/strict"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { test } from "node:test"
import { websocketConnectionHeader } from "../../src/check/rules/websocket-connection-header.ts"
import { run } from "../support/holdfast.ts"
import { nginxMissing } from "../support/nginx.ts"
import { exchange } from "../support/raw-client.ts"
import { makeTempFolder } from "../support/temp.ts"
import { startPickyBackend } from "./picky-backends.ts"
import { openSocket, prove } from "./proof.ts"
import { testRule } from "./rule-cases.ts"

const MAP = "map $http_upgrade $connection_upgrade { default upgrade; '' close; }"
const UPGRADE = "proxy_set_header Upgrade $http_upgrade;"

testRule(websocketConnectionHeader, [
  {
    name: "no Connection",
    config: `
      server {
        location /ws {
          proxy_pass http://127.0.0.1:3000;
          ${UPGRADE}
        }
      }`,
    finds: ["4:11 proxy_pass -- nginx sends none by itself"],
    fixed: `
      server {
        location /ws {
          proxy_pass http://127.0.0.1:3000;
          ${UPGRADE}
          proxy_set_header Connection "upgrade";
        }
      }`,
  },
  {
    name: "no Connection on an old nginx, and fields of the server's",
    target: "nginx/1.28",
    config: `
      ${MAP}
      server {
        ${UPGRADE}
        location /ws {
          proxy_pass http://127.0.0.1:3000;
        }
      }`,
    finds: ['6:11 proxy_pass -- nginx sends "close" by itself'],
    fixed: `
      ${MAP}
      server {
        ${UPGRADE}
        location /ws {
          proxy_pass http://127.0.0.1:3000;
          ${UPGRADE}
          proxy_set_header Connection $connection_upgrade;
        }
      }`,
  },
  {
    name: "the client's own",
    config: `
      server { location /ws { proxy_pass http://127.0.0.1:3000; ${UPGRADE}
        proxy_set_header Connection $http_connection; } }`,
    finds: ["3:37 $http_connection -- the client's own list goes to the backend"],
    fixed: `
      server { location /ws { proxy_pass http://127.0.0.1:3000; ${UPGRADE}
        proxy_set_header Connection "upgrade"; } }`,
  },
  {
    name: "a variable that nothing defines, used twice",
    config: `
      server {
        location /ws { proxy_pass http://127.0.0.1:3000; ${UPGRADE}
          proxy_set_header Connection $connection_upgrade; }
        location /wss { proxy_pass http://127.0.0.1:3000; ${UPGRADE}
          proxy_set_header Connection $connection_upgrade; }
      }`,
    finds: [
      "4:39 $connection_upgrade -- no map or set defines $connection_upgrade: nginx does not start",
      "6:39 $connection_upgrade",
    ],
    fixed: `
      map $http_upgrade $connection_upgrade {
        default upgrade;
        '' close;
      }
      server {
        location /ws { proxy_pass http://127.0.0.1:3000; ${UPGRADE}
          proxy_set_header Connection $connection_upgrade; }
        location /wss { proxy_pass http://127.0.0.1:3000; ${UPGRADE}
          proxy_set_header Connection $connection_upgrade; }
      }`,
  },
  {
    name: "the same where no WebSockets are: nginx does not start either",
    config: `
      server {
        proxy_set_header X-Upgrade $connection_upgrade;
        location / { proxy_pass http://127.0.0.1:3000; proxy_set_header Connection ""; }
      }`,
    finds: ["3:36 $connection_upgrade -- proxy_set_header X-Upgrade is $connection_upgrade here"],
  },
  {
    name: "a variable that an include with wildcards may define",
    config: `
      include /nonexistent/conf.d/*.conf;
      server { location /ws { proxy_pass http://127.0.0.1:3000; ${UPGRADE}
        proxy_set_header Connection $connection_upgrade; } }`,
  },
  {
    name: "a variable that set defines",
    config: `
      server {
        set $connection_upgrade "";
        if ($http_upgrade) { set $connection_upgrade upgrade; }
        location /ws { proxy_pass http://127.0.0.1:3000; ${UPGRADE}
          proxy_set_header Connection $connection_upgrade; }
      }`,
  },
  {
    name: "a map with its values swapped",
    config: `
      map $http_upgrade $connection_upgrade { default close; '' upgrade; }
      server { location /ws { proxy_pass http://127.0.0.1:3000; ${UPGRADE}
        proxy_set_header Connection $connection_upgrade; } }`,
    finds: ['4:37 $connection_upgrade -- (its map is in line 2); a handshake is sent on with "close"'],
    fixed: `
      map $http_upgrade $connection_upgrade { default close; '' upgrade; }
      server { location /ws { proxy_pass http://127.0.0.1:3000; ${UPGRADE}
        proxy_set_header Connection "upgrade"; } }`,
  },
  {
    name: "a map that knows one spelling of the client's list only",
    config: `
      map $http_connection $socket { default close; upgrade upgrade; }
      server { location /ws { proxy_pass http://127.0.0.1:3000; ${UPGRADE}
        proxy_set_header Connection $socket; } }`,
    finds: ["4:37 $socket -- for browsers that send `Connection: keep-alive, Upgrade`"],
  },
  {
    name: "Upgrade's variable",
    config: `
      server { location /ws { proxy_pass http://127.0.0.1:3000; ${UPGRADE}
        proxy_set_header Connection $http_upgrade; } }`,
    finds: ['3:37 $http_upgrade -- a handshake is sent on with "websocket"'],
  },
  {
    name: "keep-alive",
    config: `
      server { location /ws { proxy_pass http://127.0.0.1:3000; ${UPGRADE}
        proxy_set_header Connection "keep-alive"; } }`,
    finds: ['3:37 "keep-alive" -- a handshake is sent on with "keep-alive"'],
    fixed: `
      server { location /ws { proxy_pass http://127.0.0.1:3000; ${UPGRADE}
        proxy_set_header Connection "upgrade"; } }`,
  },
  {
    name: "empty for all of http, for connections that are kept: the location gets its own",
    config: `
      proxy_set_header Connection "";
      proxy_set_header Upgrade $http_upgrade;
      server {
        location /ws {
          proxy_pass http://127.0.0.1:3000;
        }
      }`,
    finds: ['2:35 "" -- nothing is sent for a handshake'],
    fixed: `
      proxy_set_header Connection "";
      proxy_set_header Upgrade $http_upgrade;
      server {
        location /ws {
          proxy_pass http://127.0.0.1:3000;
          proxy_set_header Upgrade $http_upgrade;
          proxy_set_header Connection "upgrade";
        }
      }`,
  },
  {
    name: "right in any case of letters, beside other tokens, and by both maps in use",
    config: `
      ${MAP}
      map $http_connection $of_client { default keep-alive; "~*Upgrade" $http_connection; }
      map $http_upgrade $empty { default upgrade; "" ""; }
      server {
        ${UPGRADE}
        location /ws/1 { proxy_pass http://127.0.0.1:3000; ${UPGRADE} proxy_set_header Connection UPGRADE; }
        location /ws/2 { proxy_pass http://127.0.0.1:3000; ${UPGRADE} proxy_set_header Connection "keep-alive, Upgrade"; }
        location /ws/3 { proxy_pass http://127.0.0.1:3000; ${UPGRADE} proxy_set_header Connection $connection_upgrade; }
        location /ws/4 { proxy_pass http://127.0.0.1:3000; ${UPGRADE} proxy_set_header Connection $of_client; }
        location /ws/5 { proxy_pass http://127.0.0.1:3000; ${UPGRADE} proxy_set_header Connection $empty; }
      }`,
  },
  {
    name: "without Upgrade another rule says it, and lost by inheritance a third one",
    config: `
      server {
        proxy_set_header Connection upgrade;
        location /ws/1 { proxy_pass http://127.0.0.1:3000; proxy_set_header X-A b; }
        location /ws/2 { proxy_pass http://127.0.0.1:3000; ${UPGRADE} }
      }`,
  },
  {
    name: "an include that is not there may send it",
    config: `
      server { location /ws { include proxy_params; proxy_pass http://127.0.0.1:3000; ${UPGRADE} } }`,
  },
  {
    name: "websocket on, no proxy, and no WebSockets",
    config: `
      server {
        location /ws { websocket on; proxy_pass http://127.0.0.1:3000; ${UPGRADE} }
        location /wss { return 404; }
        location /api { proxy_pass http://127.0.0.1:3000; proxy_set_header Connection ""; }
      }`,
  },
])

const location = (backend: string, connection: string): string =>
  `server { listen {listen}; location /ws/ { proxy_pass http://${backend}; proxy_http_version 1.1; ${UPGRADE} ${connection} } }`
const RIGHT = 'proxy_set_header Connection "upgrade";'

const FIREFOX =
  "GET /ws/ HTTP/1.1\r\nHost: example.com\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n" +
  "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"

prove(websocketConnectionHeader, [
  {
    name: "Upgrade without Connection is none",
    broken: location("{python}", ""),
    fixed: location("{python}", RIGHT),
    attempt: ({ port }) => openSocket(`ws://127.0.0.1:${port}/ws/`),
    failure: /^refused with (?:400|426)$/,
    success: /^open$/,
  },
  {
    name: "keep-alive in place of upgrade",
    broken: location("{a}", "proxy_set_header Connection keep-alive;"),
    fixed: location("{a}", RIGHT),
    attempt: ({ port }) => openSocket(`ws://127.0.0.1:${port}/ws/`),
    failure: /^refused with 200$/,
    success: /^open$/,
  },
  {
    name: "a map with its values swapped",
    broken: `map $http_upgrade $connection_upgrade { default close; '' upgrade; }
      ${location("{a}", "proxy_set_header Connection $connection_upgrade;")}`,
    fixed: `${MAP} ${location("{a}", "proxy_set_header Connection $connection_upgrade;")}`,
    attempt: ({ port }) => openSocket(`ws://127.0.0.1:${port}/ws/`),
    failure: /^refused with 200$/,
    success: /^open$/,
  },
  {
    name: "$http_connection: a backend that compares the whole refuses Firefox",
    startOwn: () => startPickyBackend(({ headers }) => headers.connection?.toLowerCase() === "upgrade", 400),
    broken: location("{own}", "proxy_set_header Connection $http_connection;"),
    fixed: location("{own}", RIGHT),
    attempt: async ({ port }) => `status ${(await exchange({ port }, FIREFOX)).status}`,
    failure: /^status 400$/,
    success: /^status 101$/,
  },
])

test("nginx does not start with a variable that nothing defines", { skip: nginxMissing() }, async () => {
  const folder = makeTempFolder("check")
  const file = join(folder, "nginx.conf")
  const server = location("127.0.0.1:3000", "proxy_set_header Connection $connection_upgrade;")
  writeFileSync(
    file,
    `pid ${folder}/pid; error_log stderr; events {} http { ${server.replace("{listen}", "127.0.0.1:3001")} }`,
  )
  const { status, stderr } = await run("/usr/sbin/nginx", ["-t", "-c", file, "-p", folder])
  assert.equal(status, 1)
  assert.match(stderr, /\[emerg\] .*unknown "connection_upgrade" variable/)
})
