/** How a question to an auth_request service ends when something else does, and that tunnels pass it. */
import assert from "node:assert/strict"
import { test } from "node:test"
import { startHoldfast } from "../support/holdfast.ts"
import { freePort } from "../support/ports.ts"
import { httpAnswer, startRawBackend } from "../support/raw-backend.ts"
import { RawClient } from "../support/raw-client.ts"

const GET = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"

function config(port: number, service: number, application: number): string {
  return `events { } http { log_format l '$status $who $remote_user'; server { listen 127.0.0.1:${port}; access_log {prefix}/logs/a.log l;
    location / { auth_request /auth; auth_request_set $who $upstream_http_x_who; proxy_http_version 1.1;
      proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection upgrade; proxy_set_header X-Who $who; proxy_pass http://127.0.0.1:${application}; }
    location = /auth { internal; proxy_pass http://127.0.0.1:${service}; } } }`
}

test("a client that leaves while the service thinks: the service's connection is closed, 499", async () => {
  const port = await freePort()
  const service = await startRawBackend({})
  const application = await startRawBackend(httpAnswer("in"))
  await using edge = await startHoldfast(config(port, service.port, application.port))
  const client = await RawClient.connect({ port })
  await client.send(GET)
  await service.until(({ requestCount }) => requestCount === 1)
  client.destroy()
  await edge.waitForFile("logs/a.log", /^499 - -\n/)
  await edge.waitForLog(
    /client prematurely closed connection, so upstream connection is closed too [^\n]* subrequest: "\/auth"/,
  )
  assert.equal(application.requestCount, 0)
  await service.close()
  await application.close()
})

test("a tunnel opens when the service lets it, and its line has what the service said", async () => {
  const port = await freePort()
  const service = await startRawBackend(httpAnswer("", "X-Who: joe\r\n", "200 OK"))
  const application = await startRawBackend(
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\nhello",
  )
  await using edge = await startHoldfast(config(port, service.port, application.port))
  const client = await RawClient.connect({ port })
  await client.send("GET / HTTP/1.1\r\nHost: a\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n")
  const response = await client.readResponse()
  assert.equal(response.status, 101)
  assert.equal(await client.readBytes(5), "hello")
  assert.match(application.received, /\r\nX-Who: joe\r\n/)
  assert.doesNotMatch(service.received, /upgrade/i)
  client.destroy()
  await edge.waitForFile("logs/a.log", /^101 joe -\n/)
  await service.close()
  await application.close()
})
