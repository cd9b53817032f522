import assert from "node:assert/strict"
import { execFileSync, spawnSync } from "node:child_process"
import { once } from "node:events"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { after, before, describe, test } from "node:test"
import tls from "node:tls"
import { ReadBuffer } from "../base/read-buffer.ts"
import { openConnection } from "./connection.ts"
import type { PeerAddress } from "./peer.ts"
import { connectOptions, connectTo, RecordingOwner, TestBackend, untilClosed } from "./recording-owner.ts"
import { TlsSessions } from "./tls-sessions.ts"

const skip = spawnSync("openssl", ["version"]).status === 0 ? false : "openssl is not installed"

describe("a TLS connection", { skip }, () => {
  const folder = mkdtempSync(join(tmpdir(), "holdfast-tls-"))
  let credentials: { key: Buffer; cert: Buffer }
  const backends: TestBackend[] = []

  before(() => {
    const [key, cert] = [join(folder, "key.pem"), join(folder, "cert.pem")]
    const request =
      "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=backend"
    execFileSync("openssl", [...request.split(" "), "-keyout", key, "-out", cert], { stdio: "ignore" })
    credentials = { key: readFileSync(key), cert: readFileSync(cert) }
  })
  after(() => {
    for (const backend of backends) backend.stop()
    rmSync(folder, { recursive: true, force: true })
  })

  function backend(): TestBackend {
    const server = tls.createServer({ ...credentials, allowHalfOpen: true })
    server.on("tlsClientError", () => {})
    const made = new TestBackend(server, "secureConnection")
    backends.push(made)
    return made
  }

  for (const readBuffer of [undefined, new ReadBuffer()]) {
    const way = readBuffer === undefined ? "Node's buffers" : "a shared read buffer"

    test(`is ready after the handshake and carries bytes and half-closes, with ${way}`, async () => {
      const server = backend()
      const changes = { tls: { rejectUnauthorized: false, servername: "backend" }, readBuffer }
      const owner = new RecordingOwner()
      const connection = openConnection(connectOptions(await server.listen(), changes), owner)
      await once(connection.socket, "connect")
      assert.deepEqual([connection.handshaking, connection.connected], [true, false])
      await owner.until("connect")
      assert.deepEqual([connection.handshaking, connection.connected], [false, true])
      const socket = await server.accepted(0)
      assert.ok(socket instanceof tls.TLSSocket)

      const heard = once(socket, "data")
      connection.write("caf\xe9")
      assert.equal(((await heard) as [Buffer])[0].toString("latin1"), "caf\xe9")
      socket.end(Buffer.alloc(100_000, "z"))
      await owner.until("end")
      assert.equal(connection.bytesReceived, 100_000)
      assert.equal(owner.text, "z".repeat(100_000))

      const more = once(socket, "data")
      connection.write("after its end")
      assert.equal(((await more) as [Buffer])[0].toString(), "after its end")
      connection.end()
      await owner.until("close")
      assert.deepEqual(owner.heard, ["connect", "data", "end", "close"])
    })
  }

  test("a certificate that does not verify is one error, before the owner sends anything", async () => {
    const server = backend()
    const owner = new RecordingOwner()
    const connection = openConnection(
      connectOptions(await server.listen(), { tls: { servername: "backend" } }),
      owner,
    )
    await untilClosed(connection)
    assert.deepEqual(owner.heard, ["error"])
    assert.equal(owner.error?.code, "DEPTH_ZERO_SELF_SIGNED_CERT")
  })

  test("a peer that does not speak TLS is one error", async () => {
    const plain = new TestBackend()
    backends.push(plain)
    const owner = new RecordingOwner()
    const connection = openConnection(connectOptions(await plain.listen(), { tls: {} }), owner)
    const socket = await plain.accepted(0)
    socket.end("HTTP/1.1 400 Bad Request\r\n\r\n")
    await untilClosed(connection)
    assert.deepEqual(owner.heard, ["error"])
  })

  /** Opens, waits for the peer's session where it gives a new one, and closes. Says whether it went on with an old one. */
  async function visit(
    server: TestBackend,
    index: number,
    address: PeerAddress,
    key: string,
    tlsSessions: TlsSessions | undefined,
  ): Promise<boolean> {
    const { connection } = await connectTo(address, { key, tls: { rejectUnauthorized: false }, tlsSessions })
    const socket = connection.socket
    assert.ok(socket instanceof tls.TLSSocket)
    const resumed = socket.isSessionReused()
    if (!resumed) await once(socket, "session")
    await server.accepted(index)
    connection.destroy()
    return resumed
  }

  test("a session is offered again under the same key, and only where that is wanted", async () => {
    const server = backend()
    const address = await server.listen()
    const sessions = new TlsSessions()
    assert.equal(await visit(server, 0, address, "k", sessions), false)
    assert.equal(await visit(server, 1, address, "k", sessions), true)
    assert.equal(await visit(server, 2, address, "other", sessions), false)
    assert.equal(await visit(server, 3, address, "other", undefined), false)
    assert.equal(await visit(server, 4, address, "other", sessions), true)
  })
})
