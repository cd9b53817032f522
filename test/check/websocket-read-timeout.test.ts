import assert from "node:assert/strict"
import { test } from "node:test"
import { websocketReadTimeout } from "../../src/check/rules/websocket-read-timeout.ts"
import { nginxMissing, startNginx } from "../support/nginx.ts"
import { freePort } from "../support/ports.ts"
import { startEchoBackend } from "../support/websocket-backends.ts"
import { fateOf, HeldSockets, watchSocket } from "./held-sockets.ts"
import { prove } from "./proof.ts"
import { testRule } from "./rule-cases.ts"

testRule(websocketReadTimeout, [
  {
    name: "nothing is said",
    config: `
      server {
        location /chat {
          proxy_pass http://127.0.0.1:3000;
          proxy_set_header Upgrade $http_upgrade;
          proxy_set_header Connection upgrade;
        }
      }`,
    finds: ["4:11 proxy_pass -- proxy_read_timeout is 60s here: the default, nothing sets it"],
    fixed: `
      server {
        location /chat {
          proxy_pass http://127.0.0.1:3000;
          proxy_set_header Upgrade $http_upgrade;
          proxy_set_header Connection upgrade;
          proxy_read_timeout 3600s;
        }
      }`,
  },
  {
    name: "a short time in the location",
    target: "nginx/1.22",
    config: `
      server {
        location /ws/ { # sockets
          proxy_pass http://127.0.0.1:3000;
          proxy_read_timeout 1m 30s; # for the report
        }
      }`,
    finds: ["5:11 proxy_read_timeout -- cut after 90 seconds of silence"],
    fixed: `
      server {
        location /ws/ { # sockets
          proxy_pass http://127.0.0.1:3000;
          proxy_read_timeout 3600s; # for the report
        }
      }`,
  },
  {
    name: "a short time further out",
    config: `
      proxy_read_timeout 30;
      server { location /ws { proxy_pass http://127.0.0.1:3000; } }`,
    finds: ["3:31 proxy_pass -- proxy_read_timeout is 30 here: set in http, line 2"],
    fixed: `
      proxy_read_timeout 30;
      server { location /ws { proxy_pass http://127.0.0.1:3000; proxy_read_timeout 3600s; } }`,
  },
  {
    name: "each location by itself",
    config: `
      server {
        proxy_read_timeout 1h;
        location /ws { proxy_pass http://127.0.0.1:3000; }
        location /live { proxy_pass http://127.0.0.1:3000; proxy_read_timeout 90s; }
      }`,
    finds: ["5:60 proxy_read_timeout"],
  },
  {
    name: "a long time, said in any unit",
    config: `
      server {
        location /ws { proxy_pass http://127.0.0.1:3000; proxy_read_timeout 1d; }
        location /live { proxy_pass http://127.0.0.1:3000; proxy_read_timeout 86400; }
        location /hub { proxy_pass http://127.0.0.1:3000; proxy_read_timeout 2m; }
      }`,
  },
  {
    name: "plain requests, also to a backend that is named for WebSockets",
    config: `
      upstream websockets { server 127.0.0.1:3000; }
      server {
        location /api { proxy_pass http://127.0.0.1:3000; }
        location / { proxy_pass http://websockets; }
      }`,
  },
  {
    name: "websocket on has an hour of its own, and pings",
    config: `
      server {
        location /a { proxy_pass http://127.0.0.1:3000; websocket on; }
        location /b { proxy_pass http://127.0.0.1:3000; websocket on; proxy_read_timeout 60s; }
        location /ws { proxy_pass http://127.0.0.1:3000; websocket_ping 20s; }
      }`,
  },
  {
    name: "pings that come too late, or not at all",
    config: `
      server {
        location /a { proxy_pass http://127.0.0.1:3000; websocket on; proxy_read_timeout 20s; }
        location /b { proxy_pass http://127.0.0.1:3000; websocket on; websocket_ping off; proxy_read_timeout 60s; }
        location /ws { proxy_pass http://127.0.0.1:3000; websocket_ping 2m; }
      }`,
    finds: ["3:71 proxy_read_timeout", "4:91 proxy_read_timeout", "5:24 proxy_pass"],
  },
])

const UPGRADE = `proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection "upgrade";`

prove(websocketReadTimeout, [
  {
    name: "silence ends it without a Close frame, and with this line in the log",
    broken: `server { listen {listen}; location /ws/ { proxy_pass http://{a}; ${UPGRADE} proxy_read_timeout 1s; } }`,
    fixed: `server { listen {listen}; location /ws/ { proxy_pass http://{a}; ${UPGRADE} proxy_read_timeout 1h; } }`,
    async attempt({ port, edge }) {
      const fate = await watchSocket(`ws://127.0.0.1:${port}/ws/`, 1800)
      if (fate !== "closed with 1006") return fate
      const line =
        /\[info\].*upstream timed out \(110: Connection timed out\) while proxying upgraded connection/
      await edge.waitForLog(line)
      return `${fate}, timed out`
    },
    failure: /^closed with 1006, timed out$/,
    success: /^still open$/,
  },
])

test("on nginx, what the client alone sends keeps it open, too", { skip: nginxMissing() }, async () => {
  await using backend = await startEchoBackend("a")
  const port = await freePort()
  await using _edge = await startNginx(`events {} http { server { listen 127.0.0.1:${port};
    location / { proxy_pass http://127.0.0.1:${backend.port}; ${UPGRADE} proxy_read_timeout 1s; } } }`)
  await using sockets = new HeldSockets()
  await sockets.open(`ws://127.0.0.1:${port}/`, 1)
  const [webSocket] = sockets.held
  assert.ok(webSocket)
  // Nobody answers a pong.
  const sending = setInterval(() => webSocket.pong(), 300)
  assert.equal(await fateOf(webSocket, 1800), "still open")
  clearInterval(sending)
  assert.equal(await fateOf(webSocket, 5000), "closed with 1006")
})
