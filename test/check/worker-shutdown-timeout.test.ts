import { readFileSync } from "node:fs"
import { setTimeout as pause } from "node:timers/promises"
import { workerShutdownTimeout } from "../../src/check/rules/worker-shutdown-timeout.ts"
import { fateOf, HeldSockets } from "./held-sockets.ts"
import { prove, type Stage } from "./proof.ts"
import { testRule } from "./rule-cases.ts"

const OLD = "nginx/1.22"
const PROXY = "proxy_pass http://127.0.0.1:3000; proxy_set_header Upgrade $http_upgrade;"
const SOCKETS = `server { location /ws { ${PROXY} proxy_read_timeout 1h; } }`

testRule(workerShutdownTimeout, [
  {
    name: "shorter than a WebSocket may be silent",
    target: OLD,
    config: `worker_shutdown_timeout 240s;
events {}
http { ${SOCKETS} }`,
    finds: ["1:1 worker_shutdown_timeout -- cuts all WebSockets after 240 seconds"],
  },
  {
    name: "it is the longest silence that counts",
    target: "nginx/1.31",
    config: `worker_shutdown_timeout 2m;
events {}
http {
  server { location /ws { ${PROXY} } }
  ${SOCKETS}
}`,
    finds: ["1:1 worker_shutdown_timeout -- line 5: proxy_read_timeout is 1h here"],
  },
  {
    name: "as long as that",
    target: OLD,
    config: `worker_shutdown_timeout 60m;
events {}
http { ${SOCKETS} }`,
  },
  {
    name: "0 is none, and is meant",
    target: OLD,
    config: `worker_processes 4; worker_shutdown_timeout 0;
events {}
http { ${SOCKETS} }`,
  },
  {
    name: "missing in a main context that somebody wrote",
    target: OLD,
    config: `user www-data;
worker_processes auto;
events {}
http { ${SOCKETS} }`,
    finds: ["2:1 worker_processes -- Nothing sets worker_shutdown_timeout"],
  },
  {
    name: "missing, where WebSockets are short",
    target: OLD,
    config: `worker_processes auto;
events {}
http { server { location /ws { ${PROXY} proxy_read_timeout 5m; } } }`,
  },
  {
    name: "Holdfast reloads without new workers",
    config: `worker_processes auto; worker_shutdown_timeout 10s;
events {}
http { ${SOCKETS} }`,
  },
  {
    name: "a part of a configuration",
    target: OLD,
    config: SOCKETS,
  },
  {
    name: "no WebSockets",
    target: OLD,
    config: `worker_processes auto; worker_shutdown_timeout 10s;
events {}
http { server { location / { proxy_pass http://127.0.0.1:3000; } } }`,
  },
  {
    name: "an nginx that has no such directive",
    target: "nginx/1.10",
    config: `worker_processes auto;
events {}
http { ${SOCKETS} }`,
  },
])

const UPGRADE = `proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection "upgrade";`

function http(readTimeout: string): string {
  return `http { server { listen {listen}; location / { proxy_pass http://{a}; ${UPGRADE} proxy_read_timeout ${readTimeout}; } } }`
}

/** How many children nginx's master has. */
function workersOf({ edge }: Stage): number {
  const { pid } = edge
  return readFileSync(`/proc/${pid}/task/${pid}/children`, "latin1").split(" ").filter(Boolean).length
}

const LAST_RELOAD = /(?:gracefully shutting down[\s\S]*){2}/

prove(workerShutdownTimeout, [
  {
    name: "a reload cuts a WebSocket that is in use",
    broken: `worker_shutdown_timeout 1s;
events {}
${http("1h")}`,
    fixed: `worker_shutdown_timeout 1h;
events {}
${http("1h")}`,
    async attempt({ port, edge }) {
      await using sockets = new HeldSockets()
      await sockets.open(`ws://127.0.0.1:${port}/`, 1)
      edge.signal("SIGHUP")
      await edge.waitForLog(/gracefully shutting down/)
      const [webSocket] = sockets.held
      return webSocket === undefined ? "refused" : await fateOf(webSocket, 2000)
    },
    failure: /^closed with 1006$/,
    success: /^still open$/,
  },
  {
    name: "each reload leaves workers behind",
    broken: `worker_processes 1;
events {}
${http("1h")}`,
    // A read timeout that the pings below keep from ending anything.
    fixed: `worker_processes 1; worker_shutdown_timeout 1s;
events {}
${http("1s")}`,
    async attempt(stage) {
      const { port, edge } = stage
      await using sockets = new HeldSockets()
      for (let reload = 1; reload <= 2; reload++) {
        await sockets.open(`ws://127.0.0.1:${port}/`, 1)
        edge.signal("SIGHUP")
        await edge.waitForLog(reload === 1 ? /gracefully shutting down/ : LAST_RELOAD)
      }
      for (let i = 0; i < 8; i++) {
        for (const webSocket of sockets.held) if (webSocket.readyState === webSocket.OPEN) webSocket.ping()
        await pause(250)
      }
      return `${workersOf(stage)} workers`
    },
    failure: /^3 workers$/,
    success: /^1 workers$/,
  },
])
