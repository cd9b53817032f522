/** Servers that mean no good to whoever talks to them by `holdfast connect`. */
import assert from "node:assert/strict"
import { once } from "node:events"
import { createServer } from "node:http"
import type { Duplex } from "node:stream"
import { describe, type TestContext, test } from "node:test"
import { acceptKey } from "../../src/websocket/handshake.ts"
import { HOLDFAST } from "../support/holdfast.ts"
import { Screen, tmuxMissing } from "../support/tmux.ts"
import { connect, serving } from "./client.ts"

const FAULTS = [
  [
    "a reserved opcode",
    [0x83, 0x00],
    /the peer broke the protocol: .*opcode 3.*: closed with 1002 Protocol Error/,
  ],
  [
    "a masked frame",
    [0x81, 0x81, 1, 2, 3, 4, 5],
    /the peer broke the protocol: .*: closed with 1002 Protocol Error/,
  ],
  [
    "text that is not UTF-8",
    [0x81, 0x01, 0xff],
    /the peer broke the protocol: .*UTF-8.*: closed with 1007 Invalid Frame Payload Data/,
  ],
  [
    "a message of 2 GB",
    [0x82, 0x7f, 0, 0, 0, 0, 0x80, 0, 0, 0],
    /larger than --max-message allows: closed with 1009 Message Too Big/,
  ],
  [
    "a Close frame with code 999",
    [0x88, 0x02, 0x03, 0xe7],
    /the peer broke the protocol: .*999.*: closed with 1002 Protocol Error/,
  ],
] as const

// Side by side: each server keeps its connection for as long as it is let.
describe("a fault in the protocol ends it", { concurrency: true }, () => {
  for (const [name, frame, pattern] of FAULTS)
    test(name, async (t) => {
      const { url, received } = await sending(t, Buffer.from(frame))
      const { status, stdout, stderr } = await connect(["-n", url])
      assert.deepEqual([status, stdout], [1, ""])
      assert.match(stderr, pattern)
      assert.ok(received().length > 0, "it was told why")
    })
})

test("--max-message is for what comes as well: a compressed one counts with what it grows to", async (t) => {
  const url = await serving(t, (socket) => socket.send("x".repeat(200_000)))
  const [small, large] = await Promise.all([
    connect(["-n", "--max-message", "100k", url]),
    connect(["-1", "--max-message", "200k", url]),
  ])
  assert.equal(small.status, 1)
  assert.match(small.stderr, /larger than --max-message allows/)
  assert.equal(large.stdout.length, 200_001)
})

test("a peer that never answers a Close is left after --timeout", async (t) => {
  const { url } = await sending(t, Buffer.alloc(0))
  const { status, stderr } = await connect(["--timeout", "1s", url], "x\n")
  assert.equal(status, 0)
  assert.match(stderr, /closed by us after .*; the peer did not answer the Close frame\n/)
})

test("on a terminal its control characters are text", { skip: tmuxMissing() }, async (t) => {
  const evil = "\x1b[2J\x1b]0;title\x07\x9b31m\u202etxt.exe\tend\nnext"
  const url = await serving(t, (socket) => {
    socket.send(evil)
    socket.ping("\x1b[2J")
    socket.send(Buffer.alloc(100_000, 0x1b))
    socket.close(1011, "\x1b[2Jgone")
  })
  const screen = await Screen.start(t, `${HOLDFAST} connect --no-history --show-pings ${url}`, { rows: 60 })
  const text = await screen.waitFor(/\(exit 1\)/)
  assert.match(text, /^< \\x1b\[2J\\x1b\]0;title\\x07\\x9b31m\\u202etxt\.exe\s+end\n {2}next$/m)
  assert.match(text, /^ping "\\x1b\[2J"$/m)
  assert.match(text, /^< binary, 100,000 bytes\n00000000 {2}1b 1b .*\|\.{16}\|\n[\s\S]*\n99,488 more bytes$/m)
  assert.match(text, /1011 Internal Error\s"\\x1b\[2Jgone"/)
  for (const line of text.split("\n")) assert.ok(line.length <= 80, line)
})

/** A server that answers the handshake and sends `bytes`, whatever comes. */
async function sending(t: TestContext, bytes: Buffer): Promise<{ url: string; received: () => Buffer }> {
  const server = createServer()
  const sockets: Duplex[] = []
  const pieces: Buffer[] = []
  server.on("upgrade", (request, socket: Duplex) => {
    sockets.push(socket)
    socket.on("error", () => {}).on("data", (piece: Buffer) => pieces.push(piece))
    const accept = acceptKey(request.headers["sec-websocket-key"] ?? "")
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
    )
    socket.write(bytes)
  })
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  t.after(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  const address = server.address()
  const port = typeof address === "object" && address !== null ? address.port : 0
  return { url: `ws://127.0.0.1:${port}/`, received: () => Buffer.concat(pieces) }
}
