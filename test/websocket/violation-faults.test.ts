/** Broken frames where a side is slow, or leaves at once. */
import assert from "node:assert/strict"
import { once } from "node:events"
import { test } from "node:test"
import { closeFrame } from "../../src/websocket/frames.ts"
import { BINARY, frameBytes, TEXT } from "./frame-socket.ts"
import { untilStuck } from "./goodbye-now.ts"
import { endWithPeer, startWebSocketProxy } from "./web-socket-proxy.ts"

const PATIENT = "websocket_close_timeout 60s;"

for (const isTls of [false, true]) {
  test(`a backend that reads nothing sends a bad frame: what its client still sends is read, ${isTls ? "TLS" : "plain"}`, async () => {
    await using proxy = await startWebSocketProxy({ isTls, location: PATIENT })
    const { client, backend } = await proxy.open()
    backend.socket.pause()
    const frame = frameBytes({ opcode: BINARY }, true)
    const many = Buffer.alloc(frame.length * 170_000)
    for (let at = 0; at < many.length; at += frame.length) frame.copy(many, at)
    for (let at = 0; at < 24; at++) client.socket.write(many)
    await untilStuck(client.socket)
    backend.send({ opcode: 3 })
    assert.equal(await client.nextCloseCode(), 1002)
    assert.equal(await client.ended(), "end")
    const finished = once(client.socket, "finish")
    client.socket.end()
    await finished
    let tail = Buffer.alloc(0)
    backend.socket.removeAllListeners("data")
    backend.socket.on("data", (chunk: Buffer) => {
      tail = Buffer.concat([tail, chunk]).subarray(-8)
    })
    const ended = once(backend.socket, "end")
    backend.socket.resume()
    await ended
    backend.socket.end()
    assert.deepEqual(tail, closeFrame(1002, "", tail.subarray(2, 6)))
    await proxy.proxy.accessLine(/101/)
  })

  test(`a client that sends a bad frame and leaves at once: the backend gets what was before it, and 1002, ${isTls ? "TLS" : "plain"}`, async () => {
    await using proxy = await startWebSocketProxy({ isTls, location: PATIENT })
    for (let round = 0; round < 20; round++) {
      const { client, backend } = await proxy.open()
      endWithPeer(backend)
      const bytes = Buffer.concat([
        frameBytes({ opcode: TEXT, payload: "good" }, true),
        frameBytes({ opcode: 3 }, true),
      ])
      client.socket.write(bytes, () => {
        if (round % 2 === 0 || isTls) client.socket.destroy()
        else client.socket.resetAndDestroy()
      })
      assert.equal(await backend.nextText(), "good")
      assert.equal(await backend.nextCloseCode(), 1002)
      assert.equal(await backend.ended(), "end")
    }
    await proxy.proxy.waitForStatus(({ active }) => active === 1)
    await proxy.proxy.edge.waitForFile("logs/access.log", /(?:.*\|101\|.*\n){20}/)
    assert.equal(proxy.proxy.accessLines().length, 20)
  })
}

test("a client that floods after its bad frame is read and dropped, in no more memory", async () => {
  await using proxy = await startWebSocketProxy({ location: "websocket_close_timeout 1s;" })
  const { client, backend } = await proxy.open()
  endWithPeer(backend)
  client.send({ opcode: 3 })
  const before = proxy.proxy.residentBytes()
  const noise = Buffer.alloc(1024 * 1024, 0xff)
  let most = 0
  const flood = (error?: Error | null): void => {
    if (error) return
    most = Math.max(most, proxy.proxy.residentBytes())
    client.socket.write(noise, flood)
  }
  flood()
  assert.equal(await backend.nextCloseCode(), 1002)
  await proxy.proxy.accessLine(/101/)
  client.socket.destroy()
  assert.ok(most - before < 100 * 1024 * 1024, `${most - before} bytes more`)
})
