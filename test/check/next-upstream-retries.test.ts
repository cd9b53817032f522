import { once } from "node:events"
import { createServer } from "node:http"
import { nextUpstreamRetries } from "../../src/check/rules/next-upstream-retries.ts"
import { freePort } from "../support/ports.ts"
import { type OwnBackend, openSocket, prove } from "./proof.ts"
import { testRule } from "./rule-cases.ts"

const GROUP = `upstream ws { server 127.0.0.1:3000; server 127.0.0.1:3001; }`
const PROXY = "proxy_pass http://ws; proxy_set_header Upgrade $http_upgrade;"

testRule(nextUpstreamRetries, [
  {
    name: "a refusal is repeated",
    config: `
      ${GROUP}
      server {
        location /ws/ {
          ${PROXY}
          proxy_next_upstream error timeout http_403 http_404;
        }
      }`,
    finds: [
      "6:45 http_403 -- asked for again at every server",
      "6:54 http_404 -- asked for at every server, where a sticky client never was",
    ],
  },
  {
    name: "said in the server",
    target: "nginx/1.22",
    config: `
      ${GROUP}
      server {
        proxy_next_upstream http_429;
        location /ws/ { ${PROXY} }
      }`,
    finds: ["4:29 http_429 -- proxy_next_upstream is http_429 here: set in server, line 4"],
  },
  {
    name: "an application that fails is worth a word",
    config: `
      ${GROUP}
      server { location /ws/ { ${PROXY} proxy_next_upstream error http_500 http_502 http_503; } }`,
    finds: ["3:120 http_500 -- each of them counts as failed"],
  },
  {
    name: "POST on a path that falls back to polling",
    config: `
      ${GROUP}
      server { location /socket.io/ { ${PROXY} proxy_next_upstream error timeout non_idempotent; } }`,
    finds: ["3:135 non_idempotent -- is sent twice"],
  },
  {
    name: "non_idempotent where only WebSockets come",
    config: `
      ${GROUP}
      server { location /ws/ { ${PROXY} proxy_next_upstream error timeout non_idempotent; } }`,
  },
  {
    name: "the default, and what is right for a handshake",
    config: `
      ${GROUP}
      server {
        location /a/ { ${PROXY} }
        location /b/ { ${PROXY} proxy_next_upstream error timeout invalid_header http_502 http_503 http_504; }
        location /c/ { ${PROXY} proxy_next_upstream off; }
      }`,
  },
  {
    name: "there is no next one",
    config: `
      upstream ws { server 127.0.0.1:3000; server 127.0.0.1:3001 down; }
      server {
        proxy_next_upstream error http_403 http_429;
        location /a/ { ${PROXY} }
        location /b/ { proxy_pass http://127.0.0.1:3000; proxy_set_header Upgrade $http_upgrade; }
      }`,
  },
  {
    name: "one try, or failures that do not count",
    config: `
      upstream ws { server 127.0.0.1:3000 max_fails=0; server 127.0.0.1:3001 max_fails=0; }
      server {
        location /a/ { ${PROXY} proxy_next_upstream http_403; proxy_next_upstream_tries 1; }
        location /b/ { ${PROXY} proxy_next_upstream http_429 http_500; }
      }`,
  },
  {
    name: "plain requests",
    config: `
      ${GROUP}
      server { location / { proxy_pass http://ws; proxy_next_upstream http_404; } }`,
  },
])

const UPGRADE = `proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection "upgrade";`

/** An edge in front of two servers that refuse what is asked below /refused and pass the rest on to a backend. */
function refusing(status: number, conditions: string): string {
  return `
    log_format tries '$uri $upstream_status';
    upstream ws { server {listen2}; server {own}; }
    server { listen {listen}; location / { access_log logs/tries.log tries;
      proxy_pass http://ws; ${UPGRADE} proxy_next_upstream ${conditions}; } }
    server { listen {listen2}; listen {own};
      location /refused { return ${status}; }
      location / { proxy_pass http://{a}; ${UPGRADE} } }`
}

/** A port for the second of them, which nobody else listens on. */
async function reservePort(): Promise<OwnBackend> {
  return { port: await freePort(), [Symbol.asyncDispose]: async () => {} }
}

/** Takes a request, and dies of it before it has answered. */
async function startDyingServer(): Promise<OwnBackend> {
  const server = createServer((request) => request.socket.destroy())
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  const address = server.address()
  return {
    port: typeof address === "object" && address !== null ? address.port : 0,
    [Symbol.asyncDispose]: async () => void server.close(),
  }
}

prove(nextUpstreamRetries, [
  {
    name: "a client that may not come in is sent to all servers",
    startOwn: reservePort,
    broken: refusing(403, "error timeout http_403"),
    fixed: refusing(403, "error timeout"),
    async attempt({ port, edge }) {
      const outcome = await openSocket(`ws://127.0.0.1:${port}/refused`)
      const tries = await edge.waitForFile("logs/tries.log", /^\/refused (.*)\n/m)
      return `${outcome}: ${tries[1]}`
    },
    failure: /^refused with 403: 403, 403$/,
    success: /^refused with 403: 403$/,
  },
  {
    name: "one client that is slowed down turns all others away",
    startOwn: reservePort,
    broken: refusing(429, "error timeout http_429"),
    fixed: refusing(429, "error timeout"),
    async attempt({ port, edge }) {
      const url = `ws://127.0.0.1:${port}`
      // Each takes one server out: the last one tried is spared.
      const first = await openSocket(`${url}/refused`)
      await openSocket(`${url}/refused`)
      const others = await openSocket(`${url}/ws`)
      if (others !== "open") {
        await edge.waitForLog(
          /upstream server temporarily disabled while reading response header from upstream/,
        )
        await edge.waitForLog(/no live upstreams while connecting to upstream/)
      }
      return `${first}, ${others}`
    },
    failure: /^refused with 429, refused with 502$/,
    success: /^refused with 429, open$/,
  },
  {
    name: "a message of the polling fallback arrives twice",
    startOwn: startDyingServer,
    broken: `upstream ws { server {own}; server {a}; }
      server { listen {listen}; location /socket.io/ { proxy_pass http://ws; ${UPGRADE}
        proxy_next_upstream error timeout non_idempotent; } }`,
    fixed: `upstream ws { server {own}; server {a}; }
      server { listen {listen}; location /socket.io/ { proxy_pass http://ws; ${UPGRADE} } }`,
    async attempt({ port, backends: [second] }) {
      const answer = await fetch(`http://127.0.0.1:${port}/socket.io/`, { method: "POST", body: "42" })
      await answer.text()
      return `${answer.status}, ${second.requests.length} at the second server`
    },
    failure: /^200, 1 at the second server$/,
    success: /^502, 0 at the second server$/,
  },
])
