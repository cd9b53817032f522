/** Temporary files of answers that wait for their clients. */
import assert from "node:assert/strict"
import { test } from "node:test"
import { patternOf, pourUntilStuck, receive, receiveHead, sendPattern } from "./byte-streams.ts"
import { SMALL_ANSWER } from "./socket-backend.ts"
import { ANSWER_BYTES, GET, HEAD, openTempFiles, until, untilClosed, withProxy } from "./temp-files.ts"

test("a client that leaves while its answer waits in a file", () =>
  withProxy("", async (proxy, backend) => {
    const client = await proxy.connectSocket()
    client.write(GET)
    const peer = await backend.next()
    await receiveHead(peer)
    peer.write(HEAD)
    await sendPattern(peer, ANSWER_BYTES, 1)
    await until(proxy, () => openTempFiles(proxy.edge.pid).length === 1, "the file")
    client.destroy()
    const line = await proxy.accessLine(/down/)
    assert.equal(line.completion, "")
    await untilClosed(proxy)
  }))

test("an upstream is free for others while its answer waits for a client", () =>
  withProxy("", async (proxy, backend) => {
    const client = await proxy.connectSocket()
    client.write(GET)
    const peer = await backend.next()
    await receiveHead(peer)
    peer.write(HEAD)
    await sendPattern(peer, ANSWER_BYTES, 5)
    // With max_conns=1 there is no server for another while the first has it.
    const asked = receiveHead(peer).then((head) => {
      peer.write(SMALL_ANSWER)
      return head
    })
    const other = await proxy.connect()
    let status = 502
    while (status === 502) {
      await other.send("GET /other HTTP/1.1\r\nHost: a\r\n\r\n")
      status = (await other.readResponse()).status
    }
    assert.equal(status, 200)
    assert.match(await asked, /^GET \/other /)
    await receiveHead(client)
    assert.deepEqual(await receive(client, ANSWER_BYTES), patternOf(ANSWER_BYTES, 5))
    assert.equal((await proxy.accessLine(/down/)).completion, "OK")
    await untilClosed(proxy)
    other.destroy()
    client.destroy()
  }))

test("beyond the largest file an upstream waits for the client", () =>
  withProxy("proxy_max_temp_file_size 8m;", async (proxy, backend) => {
    const client = await proxy.connectSocket()
    client.write("GET /down HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    const peer = await backend.next()
    await receiveHead(peer)
    peer.write("HTTP/1.1 200 OK\r\nContent-Length: 500000000\r\n\r\n")
    const taken = await pourUntilStuck(peer, 200 * 1024 * 1024, 2_000)
    assert.ok(taken < 64 * 1024 * 1024, `${taken} bytes were taken`)
    assert.ok(taken > 8 * 1024 * 1024, `${taken} bytes were taken`)
    await receiveHead(client)
    peer.end()
    const received = await receive(client)
    assert.ok(received.bytes >= taken, `${received.bytes} of ${taken}`)
    await untilClosed(proxy)
  }))

test("a worker that is told to end lets an answer in a file go out first", () =>
  withProxy("", async (proxy, backend) => {
    const client = await proxy.connectSocket()
    client.write("GET /down HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    const peer = await backend.next()
    await receiveHead(peer)
    peer.write(HEAD)
    await sendPattern(peer, ANSWER_BYTES, 6)
    proxy.edge.signal("SIGQUIT")
    await receiveHead(client)
    assert.deepEqual(await receive(client), patternOf(ANSWER_BYTES, 6))
    assert.equal((await proxy.edge.exit).code, 0)
  }))
