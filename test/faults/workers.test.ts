import assert from "node:assert/strict"
import type { Socket } from "node:net"
import { test } from "node:test"
import type { RawClient } from "../support/raw-client.ts"
import { receive } from "./byte-streams.ts"
import { startProxy } from "./proxy-under-test.ts"

test("two workers both serve, and the status page adds them up", async () => {
  await using proxy = await startProxy({
    backendPort: 0,
    main: "worker_processes 2;",
    server: 'location / { return 200 "$connection\\n"; }',
  })
  const clients: RawClient[] = []
  const numbers = new Set<string>()
  for (let i = 0; i < 64; i++) {
    const client = await proxy.connect()
    clients.push(client)
    await client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    const answer = await client.readResponse()
    assert.equal(answer.status, 200)
    numbers.add(answer.body)
  }
  assert.equal(numbers.size, 64)
  // An answer is with its client before its worker has counted the connection as waiting.
  const open = await proxy.waitForStatus(({ waiting }) => waiting === 64)
  assert.equal(open.active, 65)
  assert.ok(open.requests >= 65)
  // Each says in the error log, with the number of its thread, what it thinks of nonsense.
  for (const client of clients) await client.send("nonsense\r\n\r\n")
  const threads = (): Set<string> =>
    new Set(
      [...proxy.edge.errorLog().matchAll(/#(\d+): \*\d+ client sent invalid/g)].map(([, id = ""]) => id),
    )
  await proxy.edge.waitUntil("lines of both", () => threads().size === 2 || undefined)
  for (const client of clients) client.destroy()
  const after = await proxy.waitForStatus(({ active }) => active === 1)
  assert.equal(after.handled, after.accepts)
})

test("connections beyond worker_connections are closed, with an alert, and those that are open stay", async () => {
  await using proxy = await startProxy({
    backendPort: 0,
    events: "worker_connections 10;",
    server: "location / { return 200 ok; }",
  })
  const sockets: Socket[] = []
  for (let i = 0; i < 14; i++) sockets.push(await proxy.connectSocket())
  await proxy.edge.waitForLog(/\[alert\] .*10 worker_connections are not enough/)
  for (const socket of sockets.slice(10)) assert.equal((await receive(socket)).bytes, 0)
  for (const socket of sockets.slice(0, 10)) {
    socket.write("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    assert.ok((await receive(socket)).bytes > 0)
    socket.destroy()
  }
  const { accepts, handled } = await proxy.waitForStatus(({ active }) => active === 1)
  assert.ok(accepts - handled >= 4)
})
