import assert from "node:assert/strict"
import { test } from "node:test"
import { createGunzip, createGzip, type Gunzip, type Gzip, gunzipSync, gzipSync } from "node:zlib"
import type { Request } from "../../runtime/request.ts"
import { RecordingExchange, RecordingProducer } from "../../runtime/testing.ts"
import { Fixture } from "../core-variables-fixture.ts"
import { type ZlibCoding, ZlibExchange } from "./zlib-exchange.ts"

interface Setup {
  readonly recorder: RecordingExchange
  readonly zipped: ZlibExchange
  readonly request: Request
  readonly producer: RecordingProducer
  /** The stream, once it was opened. */
  stream(): Gzip | Gunzip
}

class Coding implements ZlibCoding {
  readonly name: "deflate" | "inflate"
  stream: Gzip | Gunzip | undefined = undefined

  constructor(name: "deflate" | "inflate") {
    this.name = name
  }

  open(): Gzip | Gunzip {
    this.stream = this.name === "deflate" ? createGzip() : createGunzip()
    return this.stream
  }
}

function setup(name: "deflate" | "inflate"): Setup {
  const fixture = new Fixture("http { access_log off; server { } }")
  const request = fixture.request(fixture.location(), "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
  const recorder = new RecordingExchange()
  const producer = new RecordingProducer()
  recorder.producer = producer
  request.exchange = recorder
  const coding = new Coding(name)
  const zipped = new ZlibExchange(request, coding)
  request.exchange = zipped
  const stream = (): Gzip | Gunzip => {
    assert.ok(coding.stream)
    return coding.stream
  }
  return { recorder, zipped, request, producer, stream }
}

const closed = (stream: Gzip | Gunzip): Promise<void> =>
  new Promise((resolve) => {
    if (stream.closed) resolve()
    else stream.once("close", () => resolve())
  })

const TEXT = Buffer.from("some text ".repeat(1000))

test("a body comes out compressed, and its end after it", async () => {
  const { recorder, zipped, stream } = setup("deflate")
  zipped.sendHead()
  assert.equal(zipped.write(TEXT), true)
  zipped.end()
  assert.equal(recorder.hasEnded, false)
  await recorder.over.promise
  assert.deepEqual(gunzipSync(Buffer.concat(recorder.chunks)), TEXT)
  assert.deepEqual([zipped.bytesIn, zipped.isWhole], [TEXT.length, true])
  await closed(stream())
})

/** What gzip is like: it may code a small body at once. */
class WholeCoding extends Coding {
  whole(body: Buffer): Buffer {
    return gzipSync(body)
  }
}

for (const [name, pieces, isStreamed] of [
  ["a small body is coded at once", ["one", " and ", "two"], false],
  ["an empty body, too", [], false],
  ["a large one goes through a stream, its beginning included", ["begin", "x".repeat(20_000), "end"], true],
] as const)
  test(name, async () => {
    const coding = new WholeCoding("deflate")
    const { recorder, request } = setup("deflate")
    request.exchange = recorder
    const zipped = new ZlibExchange(request, coding)
    for (const piece of pieces) zipped.write(Buffer.from(piece))
    zipped.end()
    assert.equal(recorder.hasEnded, !isStreamed)
    await recorder.over.promise
    assert.deepEqual(gunzipSync(Buffer.concat(recorder.chunks)).toString(), pieces.join(""))
    assert.deepEqual([coding.stream !== undefined, zipped.isWhole], [isStreamed, true])
    assert.equal(zipped.bytesOut, Buffer.concat(recorder.chunks).length)
  })

test("a small body that is flushed does not wait for its end", async () => {
  const { recorder, request } = setup("deflate")
  request.exchange = recorder
  const zipped = new ZlibExchange(request, new WholeCoding("deflate"))
  zipped.write(Buffer.from("one"))
  assert.equal(recorder.chunks.length, 0)
  const flushed = new Promise<void>((resolve) => {
    recorder.onFlush = resolve
  })
  zipped.flush()
  await flushed
  assert.equal(gunzipSync(Buffer.concat(recorder.chunks), { finishFlush: 2 }).toString(), "one")
  zipped.abort()
})

test("no stream is opened before there is something for it", () => {
  const { recorder, zipped, stream } = setup("deflate")
  zipped.sendHead()
  zipped.flush()
  assert.equal(recorder.flushedAt.length, 1)
  assert.throws(stream)
  zipped.abort()
  assert.ok(recorder.hasAborted)
})

test("what is flushed can be read before the end", async () => {
  const { recorder, zipped, stream } = setup("deflate")
  for (const word of ["one", "two", "three"]) {
    const flushed = new Promise<void>((resolve) => {
      recorder.onFlush = resolve
    })
    zipped.write(Buffer.from(word))
    zipped.flush()
    await flushed
    const packed = Buffer.concat(recorder.chunks)
    assert.ok(gunzipSync(packed, { finishFlush: 2 }).toString().endsWith(word))
  }
  zipped.abort()
  await closed(stream())
})

test("a flush without new bytes costs no bytes", async () => {
  const { recorder, zipped } = setup("deflate")
  zipped.write(TEXT)
  for (let i = 0; i < 100; i++) zipped.flush()
  zipped.end()
  await recorder.over.promise
  assert.ok(Buffer.concat(recorder.chunks).length < 200)
})

test("a client that is slow pauses the stream, and the producer waits in the end", async () => {
  const { recorder, zipped, producer } = setup("inflate")
  recorder.isFull = true
  const zeros = gzipSync(Buffer.alloc(64 * 1024 * 1024))
  zipped.sendHead()
  let given = 0
  for (let isReady = true; isReady && given < 50; given++) isReady = zipped.write(zeros)
  assert.ok(given < 50)
  await new Promise((resolve) => setImmediate(resolve))
  recorder.isFull = false
  const before = recorder.chunks.length
  assert.ok(before <= 1, `${before} pieces came although the first was too many`)
  while (recorder.chunks.length === before) {
    zipped.onClientDrain()
    await new Promise((resolve) => setImmediate(resolve))
  }
  await producer.drained.promise
  zipped.abort()
})

test("broken data: the producer is released, the client sees a cut, the stream is closed", async () => {
  const { recorder, zipped, producer, stream } = setup("inflate")
  zipped.sendHead()
  zipped.write(Buffer.from("this is no gzip"))
  await recorder.over.promise
  assert.deepEqual([recorder.hasAborted, recorder.hasEnded, producer.isReleased], [true, false, true])
  assert.equal(zipped.write(TEXT), true)
  zipped.end()
  await closed(stream())
})

test("a client that leaves is told of to the producer; after the end it closes the stream", async () => {
  const { recorder, zipped, producer, stream } = setup("deflate")
  zipped.write(TEXT)
  zipped.onClientGone()
  assert.deepEqual([producer.isGone, recorder.hasAborted], [true, false])
  zipped.end()
  zipped.onClientGone()
  assert.ok(recorder.hasAborted)
  await closed(stream())
  assert.equal(recorder.hasEnded, false)
})

test("a request that is given up closes the stream", async () => {
  const { zipped, producer, stream } = setup("deflate")
  zipped.write(TEXT)
  zipped.release()
  assert.ok(producer.isReleased)
  await closed(stream())
})
