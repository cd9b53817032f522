import { once } from "node:events"
import { setTimeout as pause } from "node:timers/promises"
import { WebSocket } from "ws"
import { websocketSendTimeout } from "../../src/check/rules/websocket-send-timeout.ts"
import { prove, type Stage } from "./proof.ts"
import { testRule } from "./rule-cases.ts"

const PROXY = "proxy_pass http://127.0.0.1:3000; proxy_set_header Upgrade $http_upgrade;"

testRule(websocketSendTimeout, [
  {
    name: "proxy_send_timeout in the location",
    config: `
      server {
        location /ws/ {
          ${PROXY}
          proxy_send_timeout 5s;
        }
      }`,
    finds: ["5:11 proxy_send_timeout -- when the backend takes no bytes for 5 seconds"],
    fixed: `
      server {
        location /ws/ {
          ${PROXY}
          proxy_send_timeout 60s;
        }
      }`,
  },
  {
    name: "send_timeout of a hardening guide, in http",
    config: `
      client_body_timeout 10;
      send_timeout 2;
      server { location /ws/ { ${PROXY} } }`,
    finds: ["4:32 proxy_pass -- send_timeout is 2 here: set in http, line 3"],
    fixed: `
      client_body_timeout 10;
      send_timeout 2;
      server { location /ws/ { ${PROXY} send_timeout 60s; } }`,
  },
  {
    name: "both, inherited by two locations",
    target: "nginx/1.22",
    config: `
      server {
        send_timeout 900ms;
        proxy_send_timeout 9s;
        location /a/ { ${PROXY} }
        location /b/ { ${PROXY} send_timeout 30s; }
      }`,
    finds: ["5:24 proxy_pass -- 9 seconds", "5:24 proxy_pass -- 0.9 seconds", "6:24 proxy_pass -- 9 seconds"],
    fixed: `
      server {
        send_timeout 900ms;
        proxy_send_timeout 9s;
        location /a/ { ${PROXY} proxy_send_timeout 60s; send_timeout 60s; }
        location /b/ { ${PROXY} proxy_send_timeout 60s; send_timeout 30s; }
      }`,
  },
  {
    name: "the defaults are right",
    config: `
      server { location /ws/ { ${PROXY} } }`,
  },
  {
    name: "usual times",
    config: `
      send_timeout 10s;
      server { location /ws/ { ${PROXY} proxy_send_timeout 3600s; } }`,
  },
  {
    name: "a longer one further in",
    config: `
      send_timeout 2s;
      server { location /ws/ { ${PROXY} send_timeout 1m; } }`,
  },
  {
    name: "plain requests",
    config: `
      server { location / { proxy_pass http://127.0.0.1:3000; proxy_send_timeout 2s; send_timeout 2s; } }`,
  },
])

const MESSAGES = 32
/** All of them together are more than the buffers of both connections hold. */
const MESSAGE_BYTES = 1024 * 1024
const PAUSE_MS = 1800

const UPGRADE = `proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection "upgrade";`

/** One side sends a lot while the other takes nothing for a moment. */
async function stall({ port, edge, backends }: Stage, sleeper: "client" | "backend"): Promise<string> {
  const client = new WebSocket(`ws://127.0.0.1:${port}/ws/`)
  await once(client, "open")
  const [there] = [...backends[0].clients]
  if (there === undefined) return "no connection at the backend"
  const [from, to] = sleeper === "backend" ? [client, there] : [there, client]
  let left = MESSAGES
  const arrived = new Promise<string>((resolve) => {
    to.on("message", () => {
      if (--left === 0) resolve("all arrived")
    })
    to.on("close", () => resolve(left === 0 ? "all arrived" : "cut"))
  })
  to.pause()
  const data = Buffer.alloc(MESSAGE_BYTES)
  for (let i = 0; i < MESSAGES; i++) from.send(data)
  // The time that the other side is busy with something else, or the sender sees the end.
  await Promise.race([pause(PAUSE_MS), once(from, "close")])
  to.resume()
  const fate = await arrived
  client.terminate()
  if (fate !== "cut") return fate
  const line = /(upstream|client) timed out \(110: Connection timed out\) while proxying upgraded connection/
  return `${fate}: ${(await edge.waitForLog(line))[1]} timed out`
}

prove(websocketSendTimeout, [
  {
    name: "a backend that is busy for two seconds",
    broken: `server { listen {listen}; location /ws/ { proxy_pass http://{a}; ${UPGRADE} proxy_send_timeout 1s; } }`,
    fixed: `server { listen {listen}; location /ws/ { proxy_pass http://{a}; ${UPGRADE} proxy_send_timeout 60s; } }`,
    attempt: (stage) => stall(stage, "backend"),
    failure: /^cut: upstream timed out$/,
    success: /^all arrived$/,
  },
  {
    name: "a client that is busy for two seconds",
    broken: `send_timeout 1s;
      server { listen {listen}; location /ws/ { proxy_pass http://{a}; ${UPGRADE} } }`,
    fixed: `server { listen {listen}; location /ws/ { proxy_pass http://{a}; ${UPGRADE} } }`,
    attempt: (stage) => stall(stage, "client"),
    failure: /^cut: client timed out$/,
    success: /^all arrived$/,
  },
])
