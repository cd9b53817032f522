import assert from "node:assert/strict"
import { it } from "node:test"
import { startEchoBackend } from "../support/websocket-backends.ts"
import { hangUp, startMistake } from "./mistake.ts"

const UPGRADE = 'proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection "upgrade";'

/** The headers that reach the backend with `server` and `location` beside the rest of the configuration. */
async function headersWith(server: string, location: string) {
  await using backend = await startEchoBackend("ws")
  await using edge = await startMistake(
    `${server} location /ws/ { proxy_pass http://ws_backend; proxy_http_version 1.1; ${location} }`,
    `upstream ws_backend { server 127.0.0.1:${backend.port}; }`,
  )
  await hangUp(await edge.connect("/ws/", { Host: "solvethenetwork.com" }))
  const [request] = backend.requests
  return { host: request.headers.host, realIp: request.headers["x-real-ip"] }
}

const COMMON = "proxy_set_header Host $host; proxy_set_header X-Real-IP $remote_addr;"

it("one proxy_set_header in the location replaces all those of the server", async () => {
  assert.deepEqual(await headersWith(COMMON, UPGRADE), { host: "ws_backend", realIp: undefined })
})

it("with all of them in the location, all of them reach the backend", async () => {
  const headers = await headersWith("", COMMON + UPGRADE)
  assert.deepEqual(headers, { host: "solvethenetwork.com", realIp: "127.0.0.1" })
})

it("a location without any has those of the server", async () => {
  const headers = await headersWith(COMMON + UPGRADE, "")
  assert.deepEqual(headers, { host: "solvethenetwork.com", realIp: "127.0.0.1" })
})
