import assert from "node:assert/strict"
import { spawn } from "node:child_process"
import { once } from "node:events"
import { test } from "node:test"
import { closed, receiveHead } from "../faults/byte-streams.ts"
import { startProxy } from "../faults/proxy-under-test.ts"
import { startSocketBackend } from "../faults/socket-backend.ts"

const ECHO = `
require("node:net").createServer((socket) => {
  socket.once("data", () => {
    socket.write("HTTP/1.1 101 Switching Protocols\\r\\nUpgrade: echo\\r\\nConnection: Upgrade\\r\\n\\r\\nhello")
    socket.pipe(socket)
  })
}).listen(0, "127.0.0.1", function () { console.log(this.address().port) })`

test("a backend killed in the middle of a tunnel ends the client's connection", async () => {
  const child = spawn(process.execPath, ["-e", ECHO], { stdio: ["ignore", "pipe", "inherit"] })
  const [text] = (await once(child.stdout, "data")) as [Buffer]
  await using proxy = await startProxy({ backendPort: Number(text.toString()) })
  const client = await proxy.startUpgrade()
  assert.match(await receiveHead(client), /^HTTP\/1\.1 101 /)
  const ended = closed(client)
  client.on("end", () => client.end())
  client.resume()
  child.kill("SIGKILL")
  await ended
  await proxy.accessLine(/101/)
  const after = await proxy.connect()
  await after.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
  assert.equal((await after.readResponse()).status, 502)
})

test("a backend that closes within its 101 costs a 502", async () => {
  await using backend = await startSocketBackend()
  await using proxy = await startProxy({ backendPort: backend.port })
  const client = await proxy.startUpgrade()
  const peer = await backend.next()
  await receiveHead(peer)
  peer.end("HTTP/1.1 101 Switching Protocols\r\nUpgra")
  assert.match(await receiveHead(client), /^HTTP\/1\.1 502 /)
  await proxy.edge.waitForLog(
    /upstream prematurely closed connection while reading response header from upstream/,
  )
  client.destroy()
})
