import assert from "node:assert/strict"
import { test } from "node:test"
import { startProxy, upgradeRequest } from "../faults/proxy-under-test.ts"
import { headerOf } from "../support/message-reader.ts"
import { httpAnswer, startRawBackend } from "../support/raw-backend.ts"

test("a refused upgrade is an ordinary answer, and the connection serves the next request", async () => {
  await using backend = await startRawBackend((request) =>
    request.target === "/ws"
      ? httpAnswer("not for you\n", "X-Why: no\r\n", "403 Forbidden")
      : httpAnswer("fine\n"),
  )
  await using proxy = await startProxy({ backendPort: backend.port })
  const client = await proxy.connect()
  await client.send(upgradeRequest("/ws"))
  const refused = await client.readResponse()
  assert.equal(refused.status, 403)
  assert.equal(refused.body, "not for you\n")
  assert.equal(headerOf(refused, "x-why"), "no")
  await client.send("GET /next HTTP/1.1\r\nHost: a\r\n\r\n")
  const next = await client.readResponse()
  assert.deepEqual([next.status, next.body], [200, "fine\n"])
  client.destroy()
  const line = await proxy.accessLine(/\/ws/)
  assert.deepEqual([line.status, line.upstreamStatus], [403, "403"])
})

test("a chunked refusal comes whole", async () => {
  const chunked =
    "HTTP/1.1 426 Upgrade Required\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nnot \r\n4\r\nthis\r\n0\r\n\r\n"
  await using backend = await startRawBackend(chunked)
  await using proxy = await startProxy({ backendPort: backend.port })
  const client = await proxy.connect()
  await client.send(upgradeRequest("/ws"))
  const refused = await client.readResponse()
  assert.deepEqual([refused.status, refused.body, refused.complete], [426, "not this", true])
  client.destroy()
})
