import assert from "node:assert/strict"
import { once } from "node:events"
import { type AddressInfo, connect, createServer, type Socket } from "node:net"
import { test } from "node:test"
import { Worker } from "node:worker_threads"
import { startProxy } from "./proxy-under-test.ts"

/** A listener that accepts nobody: its thread sleeps, and its backlog is full. */
async function startFullListener(): Promise<{ port: number; close(): void }> {
  const code = `
    const { parentPort, workerData } = require("node:worker_threads")
    const server = require("node:net").createServer()
    server.listen({ port: 0, host: "127.0.0.1", backlog: 1 }, () => {
      parentPort.postMessage(server.address().port)
      setImmediate(() => Atomics.wait(new Int32Array(workerData), 0, 0))
    })`
  const gate = new SharedArrayBuffer(4)
  const worker = new Worker(code, { eval: true, workerData: gate })
  const [port] = (await once(worker, "message")) as [number]
  const fillers: Socket[] = []
  for (;;) {
    const filler = connect(port, "127.0.0.1")
    filler.on("error", () => {})
    fillers.push(filler)
    let timer: NodeJS.Timeout | undefined
    const isIn = await Promise.race([
      once(filler, "connect").then(() => true),
      new Promise<boolean>((resolve) => {
        timer = setTimeout(() => resolve(false), 150)
      }),
    ])
    clearTimeout(timer)
    if (!isIn) break
  }
  const close = (): void => {
    for (const filler of fillers) filler.destroy()
    Atomics.store(new Int32Array(gate), 0, 1)
    Atomics.notify(new Int32Array(gate), 0)
    void worker.terminate()
  }
  return { port, close }
}

test("a client that leaves while the proxy connects: 499, and the peer's place is given back", async () => {
  const full = await startFullListener()
  try {
    await using proxy = await startProxy({ backendPort: full.port, peer: "max_conns=1" })
    const client = await proxy.connectSocket()
    client.write("GET /left HTTP/1.1\r\nHost: a\r\n\r\n")
    // The request is being worked on once it counts as "writing".
    await proxy.waitForStatus(({ writing }) => writing === 2)
    client.destroy()
    assert.equal((await proxy.accessLine(/left/)).status, 499)
    await proxy.edge.waitForLog(
      /client prematurely closed connection, so upstream connection is closed too while connecting to upstream/,
    )
    await using again = await startProxy({
      backendPort: full.port,
      peer: "max_conns=1",
      location: "proxy_connect_timeout 300ms;",
    })
    for (let i = 0; i < 2; i++) {
      const next = await again.connect()
      await next.send("GET /late HTTP/1.1\r\nHost: a\r\n\r\n")
      assert.equal((await next.readResponse()).status, 504)
      next.destroy()
    }
    await again.edge.waitForLog(
      /upstream timed out \(110: Connection timed out\) while connecting to upstream/,
    )
  } finally {
    full.close()
  }
})

test("a peer that refuses costs a 502 each time, and its place is given back", async () => {
  const server = createServer().listen(0, "127.0.0.1")
  await once(server, "listening")
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, "close")
  await using proxy = await startProxy({ backendPort: port, peer: "max_conns=1" })
  const client = await proxy.connect()
  for (let i = 0; i < 3; i++) {
    await client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    assert.equal((await client.readResponse()).status, 502)
  }
  client.destroy()
  await proxy.edge.waitForLog(/(Connection refused[\s\S]*){3}/)
})
