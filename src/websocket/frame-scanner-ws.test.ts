/** The scanner beside the receiver of the ws library: both see the same frames, or both refuse them. */
import assert from "node:assert/strict"
import { PassThrough, type Writable } from "node:stream"
import { test } from "node:test"
import fc from "fast-check"
import * as ws from "ws"
import { encodeFrame, FrameRelay, type FrameSpec } from "./frame-corpus.ts"
import { RSV_ANY, RSV_NONE, RSV1, VIOLATION } from "./frame-scanner.ts"
import { closeFrame, PROTOCOL_ERROR } from "./frames.ts"

/** What ws exports and its types leave out. */
interface Deflate {
  accept(configurations: object[]): object
  cleanup(): void
}
interface Extensions {
  "permessage-deflate"?: Deflate
}
interface Sender {
  send(data: Buffer, options: object, done: () => void): void
  ping(data: Buffer, isMasked: boolean, done: () => void): void
  pong(data: Buffer, isMasked: boolean, done: () => void): void
  close(code: number | undefined, data: Buffer, isMasked: boolean, done: () => void): void
}
const { Receiver, Sender, PerMessageDeflate } = ws as unknown as {
  Receiver: new (options: {
    isServer: boolean
    extensions: Extensions
    skipUTF8Validation: boolean
  }) => Writable
  Sender: new (socket: PassThrough, extensions: Extensions) => Sender
  PerMessageDeflate: new (options: { isServer: boolean; threshold: number }) => Deflate
}

function deflate(isServer: boolean): Extensions {
  const extension = new PerMessageDeflate({ isServer, threshold: 0 })
  extension.accept([{}])
  return { "permessage-deflate": extension }
}

/** What one side sees of a stream: control frames and where they stand among the messages. */
interface Seen {
  events: string[]
  messages: number
  /** The code of an error; "" where there was none. */
  error: string
}

async function receive(pieces: readonly Buffer[], isMasked: boolean, extensions: Extensions): Promise<Seen> {
  const receiver = new Receiver({ isServer: isMasked, extensions, skipUTF8Validation: true })
  const seen: Seen = { events: [], messages: 0, error: "" }
  const note = (kind: string, payload: string) =>
    seen.events.push(`${kind} ${payload} after ${seen.messages}`)
  receiver.on("message", () => seen.messages++)
  receiver.on("ping", (data: Buffer) => note("9", data.toString("latin1")))
  receiver.on("pong", (data: Buffer) => note("10", data.toString("latin1")))
  receiver.on("conclude", (code: number) => note("8", String(code)))
  receiver.on("error", (error: NodeJS.ErrnoException) => {
    seen.error = error.code ?? String(error)
  })
  const closed = new Promise((resolve) => receiver.once("close", resolve))
  // A copy: the receiver unmasks in place.
  for (const piece of pieces) if (!receiver.writableEnded) receiver.write(Buffer.from(piece))
  receiver.end()
  await closed
  return seen
}

/** The same from the scanner, by the same pieces. */
function scan(pieces: readonly Buffer[], isMasked: boolean, rsv: number): Seen & { relay: FrameRelay } {
  const relay: FrameRelay = new FrameRelay({ isMasked, rsv }, (scanner) => {
    const data = scanner.payload.toString("latin1", 0, scanner.payloadLength)
    const text = scanner.opcode === 8 ? String(scanner.closeCode) : data
    events.push(`${scanner.opcode} ${text} after ${scanner.messages}`)
    return false
  })
  const events: string[] = []
  for (const piece of pieces) {
    relay.push(piece)
    if (relay.scanner.event === VIOLATION) break
  }
  return { events, messages: relay.scanner.messages, error: relay.scanner.fault, relay }
}

function cutAt(bytes: Buffer, cuts: readonly number[]): Buffer[] {
  const sorted = cuts.map((cut) => cut % (bytes.length + 1)).sort((a, b) => a - b)
  return [...sorted, bytes.length].map((end, i) => bytes.subarray(i === 0 ? 0 : sorted[i - 1], end))
}

type Step =
  | { kind: "fragment"; data: Uint8Array; binary: boolean; compress: boolean; fin: boolean }
  | { kind: "ping" | "pong"; data: Uint8Array }

const CUTS = fc.array(fc.nat(), { maxLength: 12 })
const CONTROL_DATA = fc.uint8Array({ maxLength: 125 })
const DATA = fc.oneof(
  { weight: 4, arbitrary: fc.uint8Array({ maxLength: 40 }) },
  {
    weight: 1,
    arbitrary: fc.constantFrom(125, 126, 127, 65535, 65536).map((n) => new Uint8Array(n).fill(n)),
  },
)
const STEP: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant("fragment" as const),
      data: DATA,
      binary: fc.boolean(),
      compress: fc.boolean(),
      fin: fc.boolean(),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constantFrom("ping" as const, "pong" as const), data: CONTROL_DATA }),
  },
)
const CLOSE = fc.option(fc.constantFrom(undefined, 1000, 1001, 1003, 1007, 1014, 3000, 4999), { nil: null })

/** What ws sends for `steps` and, unless null, a Close. */
async function send(
  steps: readonly Step[],
  code: number | undefined | null,
  isMasked: boolean,
  extensions: Extensions,
): Promise<Buffer> {
  const socket = new PassThrough({ highWaterMark: 2 ** 24 })
  const sender = new Sender(socket, extensions)
  const canCompress = extensions["permessage-deflate"] !== undefined
  const written: Promise<void>[] = []
  const run = (send: (done: () => void) => void) => written.push(new Promise((resolve) => send(resolve)))
  for (const step of steps) {
    const data = Buffer.from(step.data)
    if (step.kind === "fragment") {
      const options = { ...step, compress: step.compress && canCompress, mask: isMasked }
      run((done) => sender.send(data, options, done))
    } else run((done) => sender[step.kind](data, isMasked, done))
  }
  if (code !== null) run((done) => sender.close(code, Buffer.alloc(0), isMasked, done))
  await Promise.all(written)
  socket.end()
  return Buffer.concat(await socket.toArray())
}

test("frames that ws sends are read as ws reads them", async () => {
  const steps = fc.array(STEP, { maxLength: 12 })
  await fc.assert(
    fc.asyncProperty(
      steps,
      CLOSE,
      fc.boolean(),
      fc.boolean(),
      CUTS,
      async (steps, code, isMasked, isDeflating, cuts) => {
        const sending = isDeflating ? deflate(!isMasked) : {}
        const receiving = isDeflating ? deflate(isMasked) : {}
        const bytes = await send(steps, code, isMasked, sending)
        const pieces = cutAt(bytes, cuts)
        const seen = await receive(pieces, isMasked, receiving)
        assert.equal(seen.error, "")
        const { relay, ...scanned } = scan(pieces, isMasked, isDeflating ? RSV1 : RSV_NONE)
        assert.deepEqual(scanned, seen)
        assert.equal(relay.output.compare(bytes), 0)
        sending["permessage-deflate"]?.cleanup()
        receiving["permessage-deflate"]?.cleanup()
      },
    ),
    { numRuns: 300 },
  )
})

/** Frames that are mostly right, with every field now and then wrong. */
function anyFrame(isMasked: boolean): fc.Arbitrary<Buffer> {
  const spec: fc.Arbitrary<FrameSpec> = fc.record({
    opcode: fc.oneof(
      { weight: 12, arbitrary: fc.constantFrom(0, 1, 2, 8, 9, 10) },
      { weight: 1, arbitrary: fc.nat(15) },
    ),
    fin: fc.oneof({ weight: 3, arbitrary: fc.constant(true) }, { weight: 1, arbitrary: fc.boolean() }),
    rsv: fc.oneof(
      { weight: 12, arbitrary: fc.constant(0) },
      { weight: 1, arbitrary: fc.constantFrom(16, 32, 64) },
    ),
    payload: fc.oneof(
      fc.nat(9),
      fc.constantFrom(0, 125),
      fc.constantFrom("\x03\xe8", "\x03\xed", "\x13\x87bye", "\x13\x88", "\x03"),
    ),
    form: fc.constantFrom(7 as const, 7 as const, 7 as const, 16 as const, 64 as const),
  })
  const isRight = fc.oneof(
    { weight: 20, arbitrary: fc.constant(true) },
    { weight: 1, arbitrary: fc.constant(false) },
  )
  return fc.tuple(spec, isRight).map(([spec, isRight]) => encodeFrame(spec, isMasked === isRight).frame)
}

/** Streams of both directions: good and bad frames, with bytes changed, cut off, or nothing but bytes. */
const STREAM = fc.boolean().chain((isMasked) => {
  const frames = fc.array(anyFrame(isMasked), { maxLength: 10 }).map((list) => Buffer.concat(list))
  const change = fc.option(fc.tuple(fc.nat(), fc.nat(255)), { nil: null })
  const changed = fc.tuple(frames, change).map(([bytes, change]) => {
    if (change !== null && bytes.length > 0) bytes[change[0] % bytes.length] = change[1]
    return bytes
  })
  const raw = fc.uint8Array({ maxLength: 60 }).map((bytes) => Buffer.from(bytes))
  const bytes = fc.oneof({ weight: 5, arbitrary: changed }, { weight: 1, arbitrary: raw })
  return fc.record({ isMasked: fc.constant(isMasked), bytes })
})

test("what ws refuses for its framing is refused, and nothing else", async () => {
  let refused = 0
  await fc.assert(
    fc.asyncProperty(STREAM, CUTS, async ({ isMasked, bytes }, cuts) => {
      const pieces = cutAt(bytes, cuts)
      const seen = await receive(pieces, isMasked, {})
      const { relay, ...scanned } = scan(pieces, isMasked, RSV_NONE)
      assert.ok(bytes.subarray(0, relay.passed).equals(relay.output))
      // A limit of ws's own: beyond 2^53 bytes; it stands in for the end of the stream.
      if (seen.error === "WS_ERR_UNSUPPORTED_DATA_PAYLOAD_LENGTH") return
      assert.deepEqual([scanned.events, scanned.messages], [seen.events, seen.messages])
      if (seen.error !== "") assert.notEqual(scanned.error, "")
      if (scanned.error === "") return
      refused++
      // ws may want more of the frame before it says so.
      const more = await receive([bytes, Buffer.alloc(200)], isMasked, {})
      assert.notEqual(more.error, "", scanned.error)
      // The stream that went out stands on a frame boundary: a Close is read there.
      const key = isMasked ? Buffer.from([1, 2, 3, 4]) : null
      const closed = await receive([relay.output, closeFrame(PROTOCOL_ERROR, "", key)], isMasked, {})
      assert.deepEqual([closed.error, closed.events.at(-1)], ["", `8 1002 after ${scanned.messages}`])
    }),
    { numRuns: 3000 },
  )
  assert.ok(refused > 500, `${refused} streams were refused`)
})

test("whatever comes, cuts change nothing, and the scanner neither throws nor stands still", () => {
  const rsv = fc.constantFrom(RSV_NONE, RSV1, RSV_ANY)
  fc.assert(
    fc.property(STREAM, CUTS, rsv, ({ isMasked, bytes }, cuts, rsv) => {
      const { relay: whole, ...expected } = scan([bytes], isMasked, rsv)
      for (const pieces of [cutAt(bytes, cuts), [...bytes].map((byte) => Buffer.from([byte]))]) {
        const { relay, ...seen } = scan(pieces, isMasked, rsv)
        assert.deepEqual(seen, expected)
        assert.ok(relay.output.equals(whole.output))
        assert.ok(bytes.subarray(0, relay.passed).equals(relay.output))
      }
    }),
    { numRuns: 3000 },
  )
})
