import assert from "node:assert/strict"
import type { Socket } from "node:net"
import { test } from "node:test"
import { receive, receiveHead, sendPattern } from "./byte-streams.ts"
import { type ProxyUnderTest, startProxy, upgradeRequest } from "./proxy-under-test.ts"
import { SMALL_ANSWER, SWITCHING, startSocketBackend } from "./socket-backend.ts"

const LOCATION = "proxy_ignore_client_abort on;"

for (const way of ["end", "reset"] as const)
  test(`the peer may finish its answer to a client that left by ${way}`, async () => {
    await using backend = await startSocketBackend()
    await using proxy = await startProxy({
      backendPort: backend.port,
      peer: "max_conns=1",
      location: LOCATION,
    })
    for (const bytes of [5, 300_000, 20_000_000]) {
      const client = await proxy.connectSocket()
      client.write(`GET /left${bytes} HTTP/1.1\r\nHost: a\r\n\r\n`)
      const peer = await backend.next()
      await receiveHead(peer)
      await leave(proxy, client, way)
      assert.deepEqual(backend.sockets.at(-1)?.destroyed, false)
      peer.write(`HTTP/1.1 200 OK\r\nContent-Length: ${bytes}\r\n\r\n`)
      void sendPattern(peer, bytes, 1)
      peer.on("end", () => peer.end())
      peer.resume()
      await proxy.accessLine(new RegExp(`left${bytes} `))
      await proxy.waitForStatus(({ active }) => active === 1)
      peer.destroy()
    }
    const next = await proxy.connect()
    await next.send("GET /next HTTP/1.1\r\nHost: a\r\n\r\n")
    const peer = await backend.next()
    await receiveHead(peer)
    peer.write(SMALL_ANSWER)
    assert.equal((await next.readResponse()).status, 200)
    next.destroy()
  })

for (const way of ["end", "reset"] as const)
  test(`an upgrade that the peer accepts after the client left by ${way} is no tunnel that stays`, async () => {
    await using backend = await startSocketBackend()
    await using proxy = await startProxy({ backendPort: backend.port, location: LOCATION })
    const client = await proxy.connectSocket()
    client.write(upgradeRequest("/left"))
    const peer = await backend.next()
    await receiveHead(peer)
    await leave(proxy, client, way)
    const ended = receive(peer)
    peer.write(SWITCHING)
    assert.equal((await ended).bytes, 0)
    peer.end()
    await proxy.accessLine(/left/)
    await proxy.waitForStatus(({ active }) => active === 1)
  })

/** Resolves when the proxy has seen the client go: at a reset the connection is counted no more. */
async function leave(proxy: ProxyUnderTest, client: Socket, way: "end" | "reset"): Promise<void> {
  if (way === "end") {
    client.destroy()
    await proxy.status()
    return
  }
  client.resetAndDestroy()
  await proxy.waitForStatus(({ active }) => active === 1)
}
