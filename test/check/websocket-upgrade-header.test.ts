import { websocketUpgradeHeader } from "../../src/check/rules/websocket-upgrade-header.ts"
import { openSocket, prove } from "./proof.ts"
import { testRule } from "./rule-cases.ts"

const MAP = "map $http_upgrade $connection_upgrade { default upgrade; '' close; }"

testRule(websocketUpgradeHeader, [
  {
    name: "neither field is forwarded",
    config: `
      server {
        location /ws/ {
          proxy_pass http://127.0.0.1:3000;
        }
      }`,
    finds: ["4:11 proxy_pass -- Upgrade and Connection are not forwarded here"],
    fixed: `
      server {
        location /ws/ {
          proxy_pass http://127.0.0.1:3000;
          proxy_set_header Upgrade $http_upgrade;
          proxy_set_header Connection "upgrade";
        }
      }`,
  },
  {
    name: "what the server sets is copied by the fix, which would hide it; and the file's own map is used",
    config: `
      ${MAP}
      server {
        proxy_set_header Host $host;
        proxy_set_header X-Name "a b";
        location /socket.io/ {
          proxy_pass http://127.0.0.1:3000;
        }
      }`,
    finds: ["7:11 proxy_pass"],
    fixed: `
      ${MAP}
      server {
        proxy_set_header Host $host;
        proxy_set_header X-Name "a b";
        location /socket.io/ {
          proxy_pass http://127.0.0.1:3000;
          proxy_set_header Host $host;
          proxy_set_header X-Name "a b";
          proxy_set_header Upgrade $http_upgrade;
          proxy_set_header Connection $connection_upgrade;
        }
      }`,
  },
  {
    name: "Connection alone is there",
    config: `
      server {
        location /chat {
          proxy_pass http://127.0.0.1:3000;
          proxy_set_header Connection "Upgrade";
        }
      }`,
    finds: ["4:11 proxy_pass -- (it sends Connection: upgrade) cannot pass: Upgrade is not forwarded here"],
    fixed: `
      server {
        location /chat {
          proxy_pass http://127.0.0.1:3000;
          proxy_set_header Connection "Upgrade";
          proxy_set_header Upgrade $http_upgrade;
        }
      }`,
  },
  {
    name: "the backend's name says so",
    config: `
      upstream ws_backend { server 127.0.0.1:3000; }
      server { location /chat { proxy_pass http://ws_backend; } }`,
    finds: ['3:33 proxy_pass -- its backend is "ws_backend"'],
  },
  {
    name: "another location forwards that backend's WebSockets",
    config: `
      upstream ws_backend { server 127.0.0.1:3000; }
      server {
        location / { proxy_pass http://ws_backend; }
        location /chat { proxy_pass http://ws_backend; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection upgrade; }
      }`,
  },
  {
    name: "a path that plain requests have, too, is worth a word only",
    config: `
      server { location /graphql { proxy_pass http://127.0.0.1:3000; } }`,
    finds: ["2:36 proxy_pass -- If this is for WebSockets"],
  },
  {
    name: "the variable of Connection is written for Upgrade",
    config: `
      ${MAP}
      server {
        location /ws {
          proxy_set_header Upgrade $connection_upgrade;
          proxy_set_header Connection $connection_upgrade;
          proxy_pass http://127.0.0.1:3000;
        }
      }`,
    finds: ['5:36 $connection_upgrade -- the backend is asked for "upgrade", not for "websocket"'],
    fixed: `
      ${MAP}
      server {
        location /ws {
          proxy_set_header Upgrade $http_upgrade;
          proxy_set_header Connection $connection_upgrade;
          proxy_pass http://127.0.0.1:3000;
        }
      }`,
  },
  {
    name: "the same where no map defines it",
    config: `
      server {
        location /ws {
          proxy_set_header Upgrade $connection_upgrade;
          proxy_set_header Connection upgrade;
          proxy_pass http://127.0.0.1:3000;
        }
      }`,
    finds: ["4:36 $connection_upgrade -- nothing defines $connection_upgrade: nginx does not start"],
  },
  {
    name: '"upgrade", set for all of http',
    config: `
      proxy_set_header Upgrade "upgrade";
      proxy_set_header Connection "upgrade";
      server { location /ws { proxy_pass http://127.0.0.1:3000; } }`,
    finds: ['2:32 "upgrade" -- set in http, line 2'],
    fixed: `
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection "upgrade";
      server { location /ws { proxy_pass http://127.0.0.1:3000; } }`,
  },
  {
    name: "taken away for all of the server: the location gets its own",
    config: `
      server {
        proxy_set_header Upgrade "";
        proxy_set_header Host $host;
        location /ws {
          proxy_pass http://127.0.0.1:3000;
        }
      }`,
    finds: ['3:34 "" -- nothing is sent'],
    fixed: `
      server {
        proxy_set_header Upgrade "";
        proxy_set_header Host $host;
        location /ws {
          proxy_pass http://127.0.0.1:3000;
          proxy_set_header Host $host;
          proxy_set_header Upgrade $http_upgrade;
          proxy_set_header Connection "upgrade";
        }
      }`,
  },
  {
    name: "a fixed text, which plain requests get, too",
    config: `
      server {
        location /ws {
          proxy_pass http://127.0.0.1:3000;
          proxy_set_header Upgrade websocket;
          proxy_set_header Connection Upgrade;
        }
      }`,
    finds: ["5:36 websocket -- plain requests carry it, too, and backends answer those with 400 or 426"],
    fixed: `
      server {
        location /ws {
          proxy_pass http://127.0.0.1:3000;
          proxy_set_header Upgrade $http_upgrade;
          proxy_set_header Connection Upgrade;
        }
      }`,
  },
  {
    name: "the same beside a Connection that plain requests do not get",
    config: `
      ${MAP}
      server {
        location /ws {
          proxy_pass http://127.0.0.1:3000;
          proxy_set_header Upgrade websocket;
          proxy_set_header Connection $connection_upgrade;
        }
      }`,
    finds: ["6:36 websocket -- only Connection keeps"],
  },
  {
    name: "right by a map that lets through nothing but WebSockets",
    config: `
      map $http_upgrade $websocket_upgrade { default ''; ~*^websocket$ websocket; }
      server { location /ws {
        proxy_pass http://127.0.0.1:3000;
        proxy_set_header Upgrade $websocket_upgrade; proxy_set_header Connection upgrade; } }`,
  },
  {
    name: "right by inheritance through a nested location",
    config: `
      server {
        location / {
          proxy_set_header Upgrade \${http_upgrade};
          proxy_set_header Connection upgrade;
          location /ws { proxy_pass http://127.0.0.1:3000; }
        }
      }`,
  },
  {
    name: "lost by inheritance: another rule says it",
    config: `
      server {
        proxy_set_header Upgrade $http_upgrade;
        proxy_set_header Connection upgrade;
        location /ws { proxy_pass http://127.0.0.1:3000; proxy_set_header X-A b; }
      }`,
  },
  {
    name: "an include that is not there may forward it",
    config: `
      server {
        location /ws { include proxy_params; proxy_pass http://127.0.0.1:3000; }
        location /wss { include proxy_params; proxy_pass http://127.0.0.1:3000; proxy_set_header Upgrade ""; }
      }`,
    finds: ['4:106 ""'],
  },
  {
    name: "websocket on makes the fields itself",
    config: `
      server { websocket on; location /ws { proxy_pass http://127.0.0.1:3000; } }`,
  },
  {
    name: "a variable of which nothing is known",
    config: `
      server { location /ws {
        set $protocol $http_upgrade;
        proxy_pass http://127.0.0.1:3000;
        proxy_set_header Upgrade $protocol; proxy_set_header Connection upgrade; } }`,
  },
  {
    name: "proxy_pass stands in an if",
    config: `
      server { location /ws { if ($arg_a) { proxy_pass http://127.0.0.1:3000; } } }`,
    finds: ["2:45 proxy_pass"],
  },
])

const FORWARDED = `proxy_http_version 1.1; proxy_set_header Connection "upgrade";`

prove(websocketUpgradeHeader, [
  {
    name: "without Upgrade the backend sees a plain GET",
    broken: `server { listen {listen}; location /ws/ { proxy_pass http://{a}; ${FORWARDED} } }`,
    fixed: `server { listen {listen}; location /ws/ { proxy_pass http://{a}; ${FORWARDED}
      proxy_set_header Upgrade $http_upgrade; } }`,
    attempt: ({ port }) => openSocket(`ws://127.0.0.1:${port}/ws/`),
    failure: /^refused with 200$/,
    success: /^open$/,
  },
  {
    name: "without both it does, too",
    broken: `server { listen {listen}; location /ws/ { proxy_pass http://{a}; } }`,
    fixed: `server { listen {listen}; location /ws/ { proxy_pass http://{a}; ${FORWARDED}
      proxy_set_header Upgrade $http_upgrade; } }`,
    attempt: ({ port }) => openSocket(`ws://127.0.0.1:${port}/ws/`),
    failure: /^refused with 200$/,
    success: /^open$/,
  },
  {
    name: "$connection_upgrade is no protocol",
    broken: `${MAP} server { listen {listen}; location /ws/ { proxy_pass http://{python}; ${FORWARDED}
      proxy_set_header Upgrade $connection_upgrade; } }`,
    fixed: `${MAP} server { listen {listen}; location /ws/ { proxy_pass http://{python}; ${FORWARDED}
      proxy_set_header Upgrade $http_upgrade; } }`,
    attempt: ({ port }) => openSocket(`ws://127.0.0.1:${port}/ws/`),
    failure: /^refused with (?:400|426)$/,
    success: /^open$/,
  },
  {
    name: "a fixed text makes plain requests fail",
    broken: `server { listen {listen}; location /ws/ { proxy_pass http://{a}; ${FORWARDED}
      proxy_set_header Upgrade websocket; } }`,
    fixed: `server { listen {listen}; location /ws/ { proxy_pass http://{a}; ${FORWARDED}
      proxy_set_header Upgrade $http_upgrade; } }`,
    attempt: async ({ port }) => `status ${(await fetch(`http://127.0.0.1:${port}/ws/poll`)).status}`,
    failure: /^status 400$/,
    success: /^status 200$/,
  },
])
