/** WebSockets over HTTP/2 (RFC 8441) in the status: tunnels of one connection, and what the backend got wrong. */
import assert from "node:assert/strict"
import { test } from "node:test"
import { Http2Proxy, switching } from "../http2/extended-connect.ts"
import { locationOf, peersOf, snapshotOf, snapshotWhen } from "./running.ts"

test("tunnels and failures over HTTP/2 count as those over HTTP/1.1", async () => {
  await using proxy = await Http2Proxy.start({ server: "server_name a.test;" })
  const { edge, backend } = proxy
  const session = await proxy.session()
  const one = await proxy.open(session)
  const two = await proxy.open(session)
  const open = await snapshotOf(edge)
  assert.deepEqual([locationOf(open, "/").open, open.connections.active, open.connections.tunnels], [2, 1, 2])
  assert.equal(open.listeners[0]?.http2, true)
  assert.deepEqual(
    open.upstreams.map(({ name, peers }) => [name, peers[0]?.tunnels]),
    [[`127.0.0.1:${backend.port}`, 2]],
  )

  const forged = await proxy.ask(session)
  forged.peer.write(switching(forged.head).replace(/Accept: ..../, "Accept: AAAA"))
  assert.equal((await forged.answer)?.[":status"], 502)
  const plain = await proxy.ask(session)
  plain.peer.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
  assert.equal((await plain.answer)?.[":status"], 502)
  for (const { stream, peer } of [one, two]) {
    stream.destroy()
    peer.destroy()
  }
  const snapshot = await snapshotWhen(
    edge,
    (now) => now.connections.tunnels === 0 && locationOf(now, "/").failed === 2,
  )
  const peer = `127.0.0.1:${backend.port}`
  assert.deepEqual(
    locationOf(snapshot, "/")
      .failures.map(({ cause, status, peer, part }) => [cause, status, peer, part])
      .sort(),
    [
      ["backend-status", 200, peer, ""],
      ["invalid-101", 502, peer, ""],
    ],
  )
  assert.ok(peersOf(snapshot, peer).every(({ connections }) => connections === 0))
})
