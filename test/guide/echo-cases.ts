import assert from "node:assert/strict"
import { randomBytes } from "node:crypto"
import { once } from "node:events"
import type { WebSocket } from "ws"
import type { Guide } from "./guide.ts"

const SIXTEEN_MIB = 16 * 1024 * 1024

/** A conversation that every backend which can hold it must hold through the proxy. */
export interface EchoCase {
  readonly name: string
  /** What the backend must be able to do for it. */
  readonly needs: "lines" | "binary"
  run(guide: Guide): Promise<void>
}

async function nextMessage(webSocket: WebSocket): Promise<{ data: Buffer; isBinary: boolean }> {
  const [data, isBinary] = (await once(webSocket, "message")) as [Buffer, boolean]
  return { data, isBinary }
}

async function expectEcho(webSocket: WebSocket, message: string | Buffer): Promise<void> {
  webSocket.send(message)
  const { data, isBinary } = await nextMessage(webSocket)
  assert.equal(isBinary, typeof message !== "string")
  // assert.equal would print both on a difference, all 16 MiB of them.
  assert.ok(data.equals(Buffer.from(message)), `${data.length} bytes came back, but not those that were sent`)
}

async function expectClose(webSocket: WebSocket, code: number): Promise<void> {
  const closed = once(webSocket, "close")
  webSocket.close(code, "enough")
  assert.equal((await closed)[0], code)
}

/** A case that opens one WebSocket, talks, and closes with 1000. */
function conversation(
  name: string,
  needs: EchoCase["needs"],
  talk: (webSocket: WebSocket) => Promise<void>,
  compress = false,
): EchoCase {
  const run = async (guide: Guide): Promise<void> => {
    const webSocket = await guide.connect({ compress })
    if (compress) assert.match(webSocket.extensions, /permessage-deflate/)
    await talk(webSocket)
    await expectClose(webSocket, 1000)
  }
  return { name, needs, run }
}

async function sendFragments(webSocket: WebSocket, message: Buffer, pieceBytes: number): Promise<void> {
  const answer = nextMessage(webSocket)
  for (let offset = 0; offset < message.length; offset += pieceBytes) {
    const isLast = offset + pieceBytes >= message.length
    webSocket.send(message.subarray(offset, offset + pieceBytes), { binary: true, fin: isLast })
  }
  const { data } = await answer
  assert.ok(data.equals(message))
}

export const ECHO_CASES: readonly EchoCase[] = [
  conversation("a text", "lines", (webSocket) => expectEcho(webSocket, "Hällo, 世界 ✓")),
  conversation("a text of 1 byte", "lines", (webSocket) => expectEcho(webSocket, "x")),
  conversation("a thousand texts, one after the other", "lines", async (webSocket) => {
    for (let index = 0; index < 1000; index++) await expectEcho(webSocket, `message ${index}`)
  }),
  conversation("a ping, answered by a pong with the same bytes", "lines", async (webSocket) => {
    const pong = once(webSocket, "pong")
    webSocket.ping("are you there?")
    assert.equal(String((await pong)[0]), "are you there?")
  }),
  conversation("a binary message of 1 byte", "binary", (webSocket) => expectEcho(webSocket, Buffer.of(0))),
  conversation("a binary message of all byte values", "binary", (webSocket) =>
    expectEcho(webSocket, Buffer.from(Array.from({ length: 256 }, (_, value) => value))),
  ),
  conversation("messages around the lengths where a frame's header grows", "binary", async (webSocket) => {
    for (const length of [0, 125, 126, 127, 65535, 65536, 65537]) {
      await expectEcho(webSocket, randomBytes(length))
    }
  }),
  conversation("a message of 16 MiB", "binary", (webSocket) =>
    expectEcho(webSocket, randomBytes(SIXTEEN_MIB)),
  ),
  conversation("fragments of 1 and of 1000 bytes", "binary", async (webSocket) => {
    await sendFragments(webSocket, randomBytes(100), 1)
    await sendFragments(webSocket, randomBytes(100_000), 1000)
  }),
  conversation(
    "compressed messages",
    "binary",
    async (webSocket) => {
      await expectEcho(webSocket, "again and ".repeat(10_000))
      await expectEcho(webSocket, Buffer.alloc(1_000_000, 7))
      await expectEcho(webSocket, randomBytes(100_000))
    },
    true,
  ),
  {
    name: "close codes from the client",
    needs: "binary",
    async run(guide) {
      for (const code of [1000, 1001, 3000, 4999]) await expectClose(await guide.connect(), code)
    },
  },
]
