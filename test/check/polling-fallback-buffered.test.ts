import { pollingFallbackBuffered } from "../../src/check/rules/polling-fallback-buffered.ts"
import { firstEvent, startEventSource } from "./event-source.ts"
import { prove } from "./proof.ts"
import { testRule } from "./rule-cases.ts"

const UPGRADE = `proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection "upgrade";`

testRule(pollingFallbackBuffered, [
  {
    name: "SockJS, and nothing is said",
    config: `
      server {
        location /sockjs/ {
          proxy_pass http://127.0.0.1:3000;
        }
      }`,
    finds: ["4:11 proxy_pass -- proxy_buffering is on here: the default, nothing sets it"],
    fixed: `
      server {
        location /sockjs/ {
          proxy_pass http://127.0.0.1:3000;
          proxy_buffering off;
        }
      }`,
  },
  {
    name: "a hub of SignalR, and buffering is switched on",
    config: `
      proxy_buffering off;
      server {
        location /chathub {
          proxy_buffering on;
          proxy_pass http://127.0.0.1:3000; ${UPGRADE}
        }
        location /github { proxy_buffering on; proxy_pass http://127.0.0.1:3000; }
      }`,
    finds: ["5:11 proxy_buffering -- SignalR falls back to server-sent events"],
    fixed: `
      proxy_buffering off;
      server {
        location /chathub {
          proxy_buffering off;
          proxy_pass http://127.0.0.1:3000; ${UPGRADE}
        }
        location /github { proxy_buffering on; proxy_pass http://127.0.0.1:3000; }
      }`,
  },
  {
    name: "off is inherited",
    config: `
      proxy_buffering off;
      server { location /sse { proxy_pass http://127.0.0.1:3000; } }`,
  },
  {
    name: "Socket.IO polls with whole answers, and frames are never held",
    config: `
      server {
        location /socket.io/ { proxy_pass http://127.0.0.1:3000; ${UPGRADE} }
        location /ws/ { proxy_buffering on; proxy_pass http://127.0.0.1:3000; ${UPGRADE} }
      }`,
  },
  {
    name: "server-sent events by their path, by an expression, and by a long time for a path that may be",
    config: `
      server {
        location ~ ^/api/sse/ { proxy_pass http://127.0.0.1:3000; }
        location /events { proxy_read_timeout 24h; proxy_pass http://127.0.0.1:3000; }
        location /updates { proxy_pass http://127.0.0.1:3000; }
      }`,
    finds: [
      "3:33 proxy_pass -- its path says server-sent events",
      "4:52 proxy_pass -- proxy_read_timeout of 24h",
    ],
  },
  {
    name: "X-Accel-Buffering where nginx does not look",
    config: `
      server {
        location /a { proxy_set_header X-Accel-Buffering no; proxy_pass http://127.0.0.1:3000; }
        location /b { add_header X-Accel-Buffering no; proxy_pass http://127.0.0.1:3000; }
        location /c { add_header X-Accel-Buffering no; proxy_buffering off; proxy_pass http://127.0.0.1:3000; }
      }`,
    finds: [
      "3:62 proxy_pass -- proxy_set_header X-Accel-Buffering was meant",
      "4:56 proxy_pass -- add_header",
    ],
  },
  {
    name: "the backend's own is ignored",
    config: `
      server { location /sse { proxy_ignore_headers X-Accel-Buffering; proxy_pass http://127.0.0.1:3000; } }`,
    finds: ["2:72 proxy_pass -- but for proxy_ignore_headers"],
  },
  {
    name: "not proxied",
    config: `
      server { location /sse { return 404; } }`,
  },
])

prove(pollingFallbackBuffered, [
  {
    name: "an event waits for a full buffer",
    broken:
      "server { listen {listen}; location /sse { proxy_pass http://{own}; } location /other { return 200; } }",
    fixed: `server { listen {listen}; location /sse { proxy_pass http://{own}; proxy_buffering off; }
      location /other { return 200; } }`,
    startOwn: startEventSource,
    attempt: ({ port }) => firstEvent(port),
    failure: /^held back$/,
    success: /^at once$/,
  },
  {
    name: "add_header X-Accel-Buffering changes nothing",
    broken: `server { listen {listen}; location /sse { proxy_pass http://{own}; add_header X-Accel-Buffering no; }
      location /other { return 200; } }`,
    fixed: `proxy_buffering off; server { listen {listen};
      location /sse { proxy_pass http://{own}; add_header X-Accel-Buffering no; }
      location /other { return 200; } }`,
    startOwn: startEventSource,
    attempt: ({ port }) => firstEvent(port),
    failure: /^held back$/,
    success: /^at once$/,
  },
])
