import assert from "node:assert/strict"
import { once } from "node:events"
import { it } from "node:test"
import { headerOf } from "../support/message-reader.ts"
import { startEchoBackend } from "../support/websocket-backends.ts"
import { type Guide, startGuide } from "./guide.ts"

interface Status {
  readonly active: number
  readonly accepted: number
  readonly handled: number
  readonly requests: number
  readonly reading: number
  readonly writing: number
  readonly waiting: number
}

const STATUS_TEXT =
  /^Active connections: (\d+) \nserver accepts handled requests\n (\d+) (\d+) (\d+) \nReading: (\d+) Writing: (\d+) Waiting: (\d+) \n$/

async function readStatus(guide: Guide): Promise<Status> {
  const answer = await guide.request("GET /nginx_status HTTP/1.1")
  assert.equal(answer.status, 200)
  assert.equal(headerOf(answer, "content-type"), "text/plain")
  const numbers = STATUS_TEXT.exec(answer.body)?.slice(1).map(Number)
  assert.ok(numbers !== undefined, answer.body)
  const [active, accepted, handled, requests, reading, writing, waiting] = numbers
  return { active, accepted, handled, requests, reading, writing, waiting }
}

it("stub_status counts open WebSockets as active and writing, and each request once", async () => {
  await using backend = await startEchoBackend("ws")
  await using guide = await startGuide({ webSocket: [backend.port, backend.port] })
  const first = await readStatus(guide)
  assert.deepEqual(first, {
    active: 1,
    accepted: 1,
    handled: 1,
    requests: 1,
    reading: 0,
    writing: 1,
    waiting: 0,
  })
  const webSockets = [await guide.connect(), await guide.connect(), await guide.connect()]
  const open = await readStatus(guide)
  // The connection of the question before may not be gone yet.
  assert.ok(open.active === 4 || open.active === 5, `active: ${open.active}`)
  assert.equal(open.writing, 4)
  assert.deepEqual([open.accepted, open.handled, open.requests], [5, 5, 5])
  for (const webSocket of webSockets) {
    webSocket.close()
    await once(webSocket, "close")
  }
  const closed = await readStatus(guide)
  assert.deepEqual([closed.accepted, closed.handled, closed.requests], [6, 6, 6])
})

it("stub_status is kept from other addresses", async () => {
  await using guide = await startGuide()
  assert.equal((await guide.request("GET /nginx_status HTTP/1.1", "127.0.0.2")).status, 403)
  const log = await guide.edge.waitForLog(/access forbidden by rule, client: 127\.0\.0\.2/)
  assert.ok(log)
})
