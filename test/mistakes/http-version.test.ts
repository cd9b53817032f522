import assert from "node:assert/strict"
import { describe, it } from "node:test"
import { pythonEchoMissing, startEchoBackend, startPythonEcho } from "../support/websocket-backends.ts"
import { ask, hangUp, startMistake, UPGRADE_HEADERS } from "./mistake.ts"

// nginx's own default became 1.1 with 1.29.7; an older nginx under test still has the mistake.
const OLD_NGINX =
  process.env["HOLDFAST_TEST_EDGE"] === "nginx"
    ? "nginx before 1.29.7 proxies with HTTP/1.0 by default"
    : false

describe("proxy_http_version", { skip: pythonEchoMissing() }, () => {
  it("1.0, as it once was by default: the backend gets no valid upgrade request, the client no 101", async () => {
    await using backend = await startPythonEcho()
    await using edge = await startMistake(
      `location /ws/ { proxy_pass http://127.0.0.1:${backend.port}; proxy_http_version 1.0; ${UPGRADE_HEADERS} }`,
    )
    await assert.rejects(edge.connect(), /Unexpected server response: (400|502)/)
  })

  it("1.1: the handshake goes through", async () => {
    await using backend = await startPythonEcho()
    await using edge = await startMistake(
      `location /ws/ { proxy_pass http://127.0.0.1:${backend.port}; proxy_http_version 1.1; ${UPGRADE_HEADERS} }`,
    )
    const webSocket = await edge.connect()
    assert.equal(await ask(webSocket, "hello"), "hello")
    await hangUp(webSocket)
  })

  it("left out: the handshake goes through, as 1.1 is the default now", { skip: OLD_NGINX }, async () => {
    await using backend = await startPythonEcho()
    await using edge = await startMistake(
      `location /ws/ { proxy_pass http://127.0.0.1:${backend.port}; ${UPGRADE_HEADERS} }`,
    )
    const webSocket = await edge.connect()
    assert.equal(await ask(webSocket, "hello"), "hello")
    await hangUp(webSocket)
  })
})

it("a plain proxy_pass without the upgrade headers: the backend sees an ordinary request", async () => {
  await using backend = await startEchoBackend("ws")
  await using edge = await startMistake(
    `location /ws/ { proxy_pass http://127.0.0.1:${backend.port}; proxy_http_version 1.1; }`,
  )
  await assert.rejects(edge.connect(), /Unexpected server response: 200/)
  const [request] = backend.requests
  assert.equal(request.headers.upgrade, undefined)
  assert.doesNotMatch(request.headers.connection ?? "", /upgrade/i)
})
