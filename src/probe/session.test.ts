import assert from "node:assert/strict"
import { type Duplex, duplexPair } from "node:stream"
import { test } from "node:test"
import { deflateRawSync } from "node:zlib"
import { extensionsFault, Session, type SessionOptions } from "./session.ts"

const LIMIT_MS = 5000
const MAX_BYTES = 1024 * 1024

/** A session, and the stream of its peer. */
function pair(options: Partial<SessionOptions> = {}): { session: Session; peer: Duplex } {
  const [ours, peer] = duplexPair()
  const session = new Session(ours, {
    rest: Buffer.alloc(0),
    extensions: "",
    maxMessageBytes: MAX_BYTES,
    ...options,
  })
  return { session, peer }
}

/** A frame of up to 65,535 bytes, not masked. */
function frame(first: number, payload: Buffer | string): Buffer {
  const data = Buffer.from(payload)
  const header = data.length < 126 ? [first, data.length] : [first, 126, data.length >> 8, data.length & 0xff]
  return Buffer.concat([Buffer.from(header), data])
}

function compressed(text: string): Buffer {
  // RFC 7692 §7.2.1: without the last four bytes of an empty block.
  return frame(0xc1, deflateRawSync(text, { finishFlush: 2 }).subarray(0, -4))
}

test("what came with the head is read first", async () => {
  const { session, peer } = pair({ rest: frame(0x81, "one") })
  peer.write(frame(0x81, "two"))
  assert.equal((await session.message(LIMIT_MS))?.data.toString(), "one")
  assert.equal((await session.message(LIMIT_MS))?.data.toString(), "two")
  assert.deepEqual({ ...session.traffic }, { bytes: 5, messages: 2, pings: 0, pongs: 0, dropped: 0 })
  session.destroy()
})

test("a compressed message before the end of the connection comes before that end", async () => {
  const { session, peer } = pair({ extensions: "permessage-deflate" })
  peer.end(compressed("hello ".repeat(1000)))
  assert.equal((await session.message(LIMIT_MS))?.data.length, 6000)
  assert.equal((await session.ended(LIMIT_MS))?.how, "fin")
})

test("a session that is destroyed while it packs and unpacks fails over nothing", async () => {
  const { session, peer } = pair({ extensions: "permessage-deflate" })
  peer.write(compressed("hello ".repeat(1000)))
  session.send(Buffer.alloc(100_000, "a"), { isCompressed: true })
  await new Promise((resolve) => setImmediate(resolve))
  session.destroy()
  // What would fail, fails when zlib calls back.
  await new Promise((resolve) => setTimeout(resolve, 50))
  assert.equal(session.end?.reason, "ended by us")
})

test("a violation has its words, its kind and the bytes from the frame's start", async () => {
  const { session, peer } = pair()
  peer.write(Buffer.concat([frame(0x81, "fine"), Buffer.from([0xc1, 0x02, 0x0a, 0x0b])]))
  const end = await session.ended(LIMIT_MS)
  assert.equal(end?.how, "violation")
  assert.equal(end?.reason, "reserved bits set")
  assert.equal(end?.fault, "WS_ERR_UNEXPECTED_RSV_1")
  assert.equal(end?.bytes?.toString("hex"), "c1020a0b")
})

test("a Close is answered, and with `lingers` the end of the connection is left to the peer", async () => {
  for (const lingers of [false, true]) {
    const { session, peer } = pair({ lingers })
    const ended = new Promise((resolve) => peer.once("end", resolve))
    peer.resume().write(frame(0x88, Buffer.from([0x03, 0xe8])))
    assert.equal((await session.ended(LIMIT_MS))?.code, 1000)
    if (!lingers) await ended
    else {
      assert.equal(await session.peerEnds(20), false)
      peer.end()
      assert.equal(await session.peerEnds(LIMIT_MS), true)
    }
    session.destroy()
  }
})

test("pings that nobody takes the pongs of get a bounded number of them", async () => {
  const { session, peer } = pair()
  peer.write(Buffer.concat(Array<Buffer>(5000).fill(frame(0x89, "ping"))))
  await session.take(() => session.traffic.pings === 5000, LIMIT_MS)
  let bytes = 0
  peer.on("data", (chunk: Buffer) => {
    bytes += chunk.length
  })
  peer.write(frame(0x88, Buffer.from([0x03, 0xe8])))
  await session.ended(LIMIT_MS)
  session.destroy()
  assert.ok(bytes < 2000, `${bytes} bytes of pongs`)
})

test("extensions that browsers take, and others", () => {
  for (const good of ["", "permessage-deflate", "permessage-deflate; server_max_window_bits=10"])
    assert.equal(extensionsFault(good), undefined, good)
  for (const bad of [
    "x-webkit-deflate-frame",
    "permessage-deflate; server_max_window_bits=20",
    "permessage-deflate; client_max_window_bits",
    "permessage-deflate; what=1",
    ";;",
  ])
    assert.notEqual(extensionsFault(bad), undefined, bad)
  const { session } = pair({ extensions: "permessage-deflate; what=1" })
  assert.equal(session.isCompressed, false)
  session.destroy()
})
