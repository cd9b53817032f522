import assert from "node:assert/strict"
import { test } from "node:test"
import { httpAnswer, startRawBackend } from "../support/raw-backend.ts"
import { receive, receiveHead } from "./byte-streams.ts"
import { startProxy } from "./proxy-under-test.ts"

const REQUESTS = 100

for (const isTls of [false, true])
  test(`${REQUESTS} requests in one write are answered in order, ${isTls ? "TLS" : "plain"}`, async () => {
    await using backend = await startRawBackend((request) => httpAnswer(`answer to ${request.target}\n`))
    await using proxy = await startProxy({
      backendPort: backend.port,
      isTls,
      server: "location /local { return 200 local; }",
    })
    const client = await proxy.connect()
    let all = ""
    for (let i = 0; i < REQUESTS; i++) {
      const body = i % 5 === 0 ? "Content-Length: 5\r\n\r\nhello" : "\r\n"
      all += `${i % 5 === 0 ? "POST" : "GET"} /${i % 7 === 0 ? "local" : ""}${i} HTTP/1.1\r\nHost: a\r\n${body}`
    }
    await client.send(all)
    for (let i = 0; i < REQUESTS; i++) {
      const answer = await client.readResponse()
      assert.equal(answer.body, i % 7 === 0 ? "local" : `answer to /${i}\n`)
    }
    client.destroy()
  })

test("a client that asks on and on without reading is stopped: answers do not pile up in memory", async () => {
  const body = "x".repeat(1000)
  await using proxy = await startProxy({
    backendPort: 0,
    server: `keepalive_requests 100000000; location / { return 200 ${body}; }`,
  })
  const client = await proxy.connectSocket()
  const request = Buffer.from("GET / HTTP/1.1\r\nHost: a\r\n\r\n".repeat(2000))
  const before = proxy.residentBytes()
  let sent = 0
  for (;;) {
    let timer: NodeJS.Timeout | undefined
    const isTaken = await new Promise<boolean>((resolve) => {
      timer = setTimeout(() => resolve(false), 1000)
      client.write(request, (error) => resolve(error == null))
    })
    clearTimeout(timer)
    if (!isTaken || sent > 300_000) break
    sent += 2000
  }
  const grown = proxy.residentBytes() - before
  assert.ok(
    grown < 64 * 1024 * 1024,
    `memory grew by ${grown} bytes for ${sent} requests that nobody reads answers to`,
  )
  client.destroy()
})

test("a kept connection is not closed by keepalive_timeout while its answer is on the way", async () => {
  const bytes = 30_000_000
  await using backend = await startRawBackend(httpAnswer("x".repeat(bytes)))
  await using proxy = await startProxy({
    backendPort: backend.port,
    http: "keepalive_timeout 200ms;",
    server: "location /idle { return 204; }",
  })
  const client = await proxy.connectSocket()
  client.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
  await receiveHead(client)
  let got = 0
  while (got < bytes) {
    // A pause of the limit's length, by the clock of another connection that the same limit closes.
    const idle = await proxy.connectSocket()
    idle.write("GET /idle HTTP/1.1\r\nHost: a\r\n\r\n")
    await receive(idle)
    idle.destroy()
    const some = await receive(client, Math.min(bytes / 10, bytes - got))
    if (some.bytes === 0) break
    got += some.bytes
  }
  assert.equal(got, bytes)
  client.destroy()
})
