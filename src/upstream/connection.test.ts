import assert from "node:assert/strict"
import { once } from "node:events"
import { mkdtempSync, rmSync } from "node:fs"
import type net from "node:net"
import { networkInterfaces, tmpdir } from "node:os"
import { join } from "node:path"
import { after, describe, test } from "node:test"
import { errnoText } from "../base/errno.ts"
import { ReadBuffer } from "../base/read-buffer.ts"
import type { ConnectOptions } from "./connection.ts"
import { openConnection } from "./connection.ts"
import { tcpAddress, unixAddress } from "./peer.ts"
import { connectOptions, connectTo, RecordingOwner, TestBackend, untilClosed } from "./recording-owner.ts"

const backends: TestBackend[] = []
after(() => {
  for (const backend of backends) backend.stop()
})

function backend(): TestBackend {
  const made = new TestBackend()
  backends.push(made)
  return made
}

async function untilText(socket: net.Socket, text: string): Promise<void> {
  let got = ""
  socket.setEncoding("latin1")
  for await (const [chunk] of on(socket)) {
    got += chunk
    if (got.length >= text.length) break
  }
  assert.equal(got, text)
}

/** `data` events, without the end of the loop destroying the socket. */
async function* on(socket: net.Socket): AsyncGenerator<string[]> {
  for (;;) yield (await once(socket, "data")) as string[]
}

const ways: Record<string, () => Partial<ConnectOptions>> = {
  "with Node's buffers": () => ({}),
  "with a shared read buffer": () => ({ readBuffer: new ReadBuffer() }),
}

for (const [way, changes] of Object.entries(ways)) {
  describe(`a connection ${way}`, () => {
    test("carries bytes both ways, counts them, and passes half-closes on", async () => {
      const server = backend()
      const { connection, owner } = await connectTo(await server.listen(), changes())
      const socket = await server.accepted(0)
      assert.equal(connection.connected, true)
      assert.equal(connection.requestCount, 1)
      assert.equal(connection.localPort, socket.remotePort)
      assert.equal(connection.localAddress, "127.0.0.1")

      connection.write("caf\xe9 ")
      connection.write(Buffer.from("und mehr"))
      await untilText(socket, "caf\xe9 und mehr")
      assert.equal(connection.bytesSent, 13)

      socket.write("first")
      await owner.untilBytes(5)
      socket.end("second")
      await owner.until("end")
      assert.equal(owner.text, "firstsecond")
      assert.deepEqual(owner.chunks.map(String), ["first", "second"])
      assert.equal(connection.bytesReceived, 11)
      assert.equal(connection.ended, true)

      // The peer's end is not ours: it still hears us.
      const more = untilText(socket, "still here")
      connection.write("still here")
      await more
      const ended = once(socket, "end")
      connection.end()
      await ended
      await owner.until("close")
      assert.deepEqual(owner.heard, ["connect", "data", "end", "close"])
      assert.equal(connection.owner, null)
    })

    test("a reset is one error and nothing more", async () => {
      const server = backend()
      const { connection, owner } = await connectTo(await server.listen(), changes())
      const socket = await server.accepted(0)
      const closed = untilClosed(connection)
      socket.resetAndDestroy()
      await closed
      assert.deepEqual(owner.heard, ["connect", "error"])
      assert.equal(owner.error?.code, "ECONNRESET")
      assert.equal(connection.connected, false)
    })

    test("while it is paused nothing comes; afterwards everything does", async () => {
      const server = backend()
      const { connection, owner } = await connectTo(await server.listen(), changes())
      const socket = await server.accepted(0)
      connection.pause()
      const size = 16 * 1024 * 1024
      assert.equal(socket.write(Buffer.alloc(size, "x")), false)
      // A trip through another connection, so that the event loop has looked at this one.
      const other = await connectTo(tcpAddress("127.0.0.1", socket.localPort!), changes())
      const otherSocket = await server.accepted(1)
      otherSocket.write("ping")
      await other.owner.untilBytes(4)
      assert.equal(owner.text, "")
      connection.resume()
      await owner.untilBytes(size)
      assert.equal(connection.bytesReceived, size)
      connection.destroy()
      other.connection.destroy()
    })

    test("a full write buffer says so, and says when it is empty", async () => {
      const server = backend()
      const { connection, owner } = await connectTo(await server.listen(), changes())
      const socket = await server.accepted(0)
      socket.pause()
      const chunk = Buffer.alloc(1024 * 1024, "y")
      let written = 0
      do written += chunk.length
      while (connection.write(chunk))
      assert.equal(connection.isReusable, false)
      let got = 0
      socket.on("data", (data: Buffer) => {
        got += data.length
      })
      socket.resume()
      await owner.until("drain")
      connection.end()
      await once(socket, "end")
      assert.equal(got, written)
      connection.destroy()
    })

    test("frees the memory of what it was given once the system has it, and keeps what has to wait", async () => {
      const server = backend()
      const { connection, owner } = await connectTo(await server.listen(), changes())
      const socket = await server.accepted(0)
      const first = Buffer.alloc(16 * 1024, "a")
      assert.equal(connection.give(first), true)
      await new Promise((resolve) => connection.socket.write("", resolve))
      assert.equal(first.length, 0)

      socket.pause()
      const pieceBytes = 64 * 1024
      let count = 0
      let piece = Buffer.alloc(0)
      do {
        piece = Buffer.alloc(pieceBytes, "b")
        connection.give(piece)
        count++
      } while (connection.socket.writableLength === 0)
      assert.equal(piece.length, pieceBytes)
      for (; connection.hasRoom; count++) connection.give(Buffer.alloc(pieceBytes, "b"))

      let got = ""
      socket.setEncoding("latin1").on("data", (text: string) => {
        got += text
      })
      socket.resume()
      connection.end()
      await once(socket, "end")
      assert.equal(got, "a".repeat(16 * 1024) + "b".repeat(count * pieceBytes))
      assert.equal(connection.bytesSent, got.length)
      connection.destroy()
      assert.equal(owner.chunks.length, 0)
    })

    test("after destroy() the owner hears nothing", async () => {
      const server = backend()
      const { connection, owner } = await connectTo(await server.listen(), changes())
      const socket = await server.accepted(0)
      socket.write("unheard")
      const closed = untilClosed(connection)
      connection.destroy()
      await closed
      assert.deepEqual(owner.heard, ["connect"])
    })
  })
}

test("chunks read through one shared buffer stay as they were", async () => {
  const server = backend()
  const address = await server.listen()
  const readBuffer = new ReadBuffer()
  const one = await connectTo(address, { readBuffer })
  const two = await connectTo(address, { readBuffer })
  for (let i = 0; i < 20; i++) {
    const socket = await server.accepted(i % 2)
    const owner = i % 2 === 0 ? one.owner : two.owner
    const before = owner.text.length
    socket.write(`message ${i};`)
    await owner.untilBytes(before + `message ${i};`.length)
  }
  assert.equal(one.owner.text, Array.from({ length: 10 }, (_, i) => `message ${2 * i};`).join(""))
  assert.equal(two.owner.text, Array.from({ length: 10 }, (_, i) => `message ${2 * i + 1};`).join(""))
  one.connection.destroy()
  two.connection.destroy()
})

test("a refused connection is one error, in nginx's words", async () => {
  const server = new TestBackend()
  const address = await server.listen()
  server.server.close()
  await once(server.server, "close")
  const owner = new RecordingOwner()
  const connection = openConnection(connectOptions(address), owner)
  await untilClosed(connection)
  assert.deepEqual(owner.heard, ["error"])
  assert.equal(errnoText(owner.error!), "111: Connection refused")
})

test("the owner may change in the middle", async () => {
  const server = backend()
  const { connection, owner } = await connectTo(await server.listen())
  const socket = await server.accepted(0)
  const next = new RecordingOwner()
  connection.owner = next
  socket.end("for the next")
  await next.until("end")
  assert.deepEqual(owner.heard, ["connect"])
  assert.deepEqual(next.heard, ["data", "end"])
  connection.destroy()
})

test("reuse installs no listeners", async () => {
  const server = backend()
  const { connection } = await connectTo(await server.listen())
  const count = (): number =>
    connection.socket.eventNames().reduce((sum, name) => sum + connection.socket.listenerCount(name), 0)
  const before = count()
  for (let i = 0; i < 100; i++) connection.owner = new RecordingOwner()
  assert.equal(count(), before)
  connection.destroy()
})

const hasIpv6 = Object.values(networkInterfaces()).some((list) =>
  list?.some((entry) => entry.address === "::1"),
)

test("a peer on IPv6", { skip: hasIpv6 ? false : "no IPv6 loopback" }, async () => {
  const server = backend()
  const address = await server.listen("::1")
  assert.equal(address.name, `[::1]:${address.port}`)
  const { connection } = await connectTo(address)
  assert.equal(connection.localAddress, "::1")
  connection.destroy()
})

test("a peer on a Unix-domain socket, whatever bytes its path has", async () => {
  const folder = mkdtempSync(join(tmpdir(), "holdfast-peer-"))
  try {
    const server = backend()
    const path = join(folder, "café.sock")
    await server.listenOn(path)
    const address = unixAddress(Buffer.from(path, "utf8").toString("latin1"))
    const { connection, owner } = await connectTo(address, { keepaliveProbe: true })
    const socket = await server.accepted(0)
    socket.write("hello")
    await owner.untilBytes(5)
    assert.equal(address.name, `unix:${address.path}`)
    connection.destroy()
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})
