import assert from "node:assert/strict"
import { test } from "node:test"
import { BINARY, CLOSE, closePayload, type FrameToSend, frameBytes, PING, TEXT } from "./frame-socket.ts"
import { endWithPeer, startWebSocketProxy } from "./web-socket-proxy.ts"

const BAD: readonly {
  readonly what: string
  readonly fault: RegExp
  readonly frames: readonly FrameToSend[]
}[] = [
  { what: "a reserved opcode", fault: /opcode/, frames: [{ opcode: 3 }] },
  { what: "a reserved bit", fault: /reserved bit/, frames: [{ opcode: TEXT, rsv: 0x20 }] },
  {
    what: "compression that was not negotiated",
    fault: /reserved bit/,
    frames: [{ opcode: TEXT, rsv: 0x40 }],
  },
  { what: "a fragmented ping", fault: /fragment/, frames: [{ opcode: PING, isFinal: false }] },
  { what: "a long ping", fault: /control frame/, frames: [{ opcode: PING, payload: Buffer.alloc(126) }] },
  { what: "a continuation of nothing", fault: /continuation/, frames: [{ opcode: 0 }] },
  {
    what: "a message inside a message",
    fault: /message/,
    frames: [{ opcode: TEXT, isFinal: false }, { opcode: BINARY }],
  },
  { what: "a Close of one byte", fault: /[Cc]lose/, frames: [{ opcode: CLOSE, payload: "x" }] },
  {
    what: "a Close with a code that may not be sent",
    fault: /[Cc]lose/,
    frames: [{ opcode: CLOSE, payload: closePayload(1006) }],
  },
]

for (const isClient of [true, false]) {
  const side = isClient ? "client" : "upstream"
  for (const { what, fault, frames } of BAD) {
    test(`${what} from the ${side} ends both sides with 1002 and one line in the log`, async () => {
      await using proxy = await startWebSocketProxy()
      const { client, backend } = await proxy.open()
      endWithPeer(client, backend)
      const [culprit, victim] = isClient ? [client, backend] : [backend, client]
      culprit.send({ opcode: TEXT, payload: "well" })
      assert.equal(await victim.nextText(), "well")
      for (const frame of frames) culprit.send(frame)
      let frame = await victim.next()
      if (frame?.opcode === TEXT) frame = await victim.next()
      assert.equal(frame?.opcode, CLOSE)
      assert.equal(frame?.payload.readUInt16BE(), 1002)
      assert.equal(frame?.isMasked, isClient)
      assert.equal(await culprit.nextCloseCode(), 1002)
      assert.equal(await victim.ended(), "end")
      const lines = (await logLines(proxy.proxy.edge, /sent invalid WebSocket frame/)).filter((line) =>
        /WebSocket frame/.test(line),
      )
      assert.equal(lines.length, 1)
      assert.match(lines[0] as string, fault)
      assert.match(
        lines[0] as string,
        new RegExp(
          `\\[${isClient ? "info" : "error"}\\] .* ${side} sent invalid WebSocket frame: .* while proxying upgraded connection`,
        ),
      )
    })
  }
}

test("an unmasked frame of a client, and a masked one of a backend, are violations", async () => {
  await using proxy = await startWebSocketProxy()
  const first = await proxy.open()
  endWithPeer(first.client, first.backend)
  first.client.socket.write(frameBytes({ opcode: TEXT, payload: "bare" }, false))
  assert.equal(await first.backend.nextCloseCode(), 1002)
  assert.equal(await first.client.nextCloseCode(), 1002)
  const second = await proxy.open()
  endWithPeer(second.client, second.backend)
  second.backend.socket.write(frameBytes({ opcode: TEXT, payload: "veiled" }, true))
  assert.equal(await second.client.nextCloseCode(), 1002)
  assert.equal(await second.backend.nextCloseCode(), 1002)
})

test("the bad frame comes in pieces: no byte of it passes", async () => {
  await using proxy = await startWebSocketProxy()
  const { client, backend } = await proxy.open()
  endWithPeer(client, backend)
  client.socket.write(
    Buffer.concat([frameBytes({ opcode: TEXT, payload: "good" }, true), Buffer.from([0x89])]),
  )
  assert.equal(await backend.nextText(), "good")
  // A ping of 126 bytes or more.
  client.socket.write(Buffer.from([0xfe]))
  assert.equal(await backend.nextCloseCode(), 1002)
  assert.equal(await backend.ended(), "end")
  assert.equal(backend.partialBytes, 0)
})

test("the other direction's frame is let finish before its 1002", async () => {
  await using proxy = await startWebSocketProxy()
  const { client, backend } = await proxy.open()
  endWithPeer(client, backend)
  const message = frameBytes({ opcode: TEXT, payload: "half and half" }, false)
  backend.socket.write(message.subarray(0, 6))
  client.send({ opcode: 3 })
  assert.equal(await backend.nextCloseCode(), 1002)
  backend.socket.write(message.subarray(6))
  assert.equal(await client.nextText(), "half and half")
  assert.equal(await client.nextCloseCode(), 1002)
})

test("websocket_protocol_errors pass: everything is relayed, and one line says so", async () => {
  await using proxy = await startWebSocketProxy({ location: "websocket_protocol_errors pass;" })
  const { client, backend } = await proxy.open()
  client.send({ opcode: TEXT, payload: "well" })
  assert.equal(await backend.nextText(), "well")
  client.send({ opcode: 3, payload: "odd" })
  assert.equal((await backend.next())?.opcode, 3)
  client.send({ opcode: 0, payload: "odder" })
  assert.equal((await backend.next())?.payload.toString(), "odder")
  backend.send({ opcode: 4, payload: "back" })
  assert.equal((await client.next())?.payload.toString(), "back")
  client.socket.end()
  assert.equal(await backend.next(), undefined)
  backend.socket.end()
  const lines = await logLines(proxy.proxy.edge, /sent invalid WebSocket frame/)
  assert.equal(lines.length, 1)
})

test("permessage-deflate may set its bit, an extension that nobody here knows any", async () => {
  await using proxy = await startWebSocketProxy()
  const deflate = await proxy.open({
    answerFields: "Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover\r\n",
  })
  deflate.client.send({ opcode: BINARY, rsv: 0x40, payload: "opaque" })
  assert.equal((await deflate.backend.next())?.rsv, 0x40)
  const unknown = await proxy.open({
    answerFields: "Sec-WebSocket-Extensions: x-odd, permessage-deflate\r\n",
  })
  unknown.backend.send({ opcode: 5, rsv: 0x30, payload: "odd" })
  assert.equal((await unknown.client.next())?.rsv, 0x30)
})

async function logLines(
  edge: { waitForLog(pattern: RegExp): Promise<unknown>; errorLog(): string },
  pattern: RegExp,
): Promise<string[]> {
  await edge.waitForLog(pattern)
  return edge
    .errorLog()
    .split("\n")
    .filter((line) => pattern.test(line))
}
