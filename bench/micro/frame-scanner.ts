/**
 * Time to follow the frames of a relayed WebSocket: `node bench/micro/frame-scanner.ts`.
 * Prints nanoseconds per frame, the best and the median of several rounds, for each kind of traffic.
 */
import { ALL_READ, FrameScanner, RSV_NONE } from "../../src/websocket/frame-scanner.ts"
import { buildClientFrame, buildServerFrame } from "../load/frames.ts"
import { Meter } from "./meter.ts"

const CHUNK_BYTES = 65536

const meter = new Meter()

/** Reads `chunks` over and over; they hold `frames` frames, the last of which ends with the last chunk. */
function measure(label: string, isMasked: boolean, frames: number, chunks: readonly Buffer[]): void {
  const scanner = new FrameScanner({ isMasked, rsv: RSV_NONE })
  let calls = 0
  const run = (): void => {
    calls++
    for (let j = 0; j < chunks.length; j++) {
      scanner.execute(chunks[j], 0)
      if (scanner.event !== ALL_READ) throw new Error(`event ${scanner.event}: ${scanner.fault}`)
    }
  }
  meter.measure(label, run, frames)
  if (scanner.messages !== calls * frames) throw new Error("a message was missed")
}

/** `count` frames one behind the other, cut into pieces of `chunkBytes`. */
function cut(frame: Buffer, count: number, chunkBytes: number): Buffer[] {
  const all = Buffer.concat(Array<Buffer>(count).fill(frame))
  const chunks: Buffer[] = []
  for (let from = 0; from < all.length; from += chunkBytes) chunks.push(all.subarray(from, from + chunkBytes))
  return chunks
}

for (const bytes of [32, 1024]) {
  const client = buildClientFrame(bytes)
  const server = buildServerFrame(bytes)
  measure(`${bytes} B, masked, one a chunk`, true, 1, [client])
  measure(`${bytes} B, unmasked, one a chunk`, false, 1, [server])
  const many = Math.floor(CHUNK_BYTES / client.length)
  measure(`${bytes} B, masked, ${many} a chunk`, true, many, cut(client, many, CHUNK_BYTES))
}
const large = buildClientFrame(16384)
measure("16 KiB, masked, in one chunk", true, 1, [large])
measure("16 KiB, masked, in chunks of 4 KiB", true, 1, cut(large, 1, 4096))
measure("16 KiB, masked, across chunks of 64 KiB", true, 64, cut(large, 64, CHUNK_BYTES))
measure("32 B, masked, each in two chunks", true, 1, cut(buildClientFrame(32), 1, 20))
measure(
  "32 B, masked, each cut in its header",
  true,
  1,
  cut(buildClientFrame(32), 1, 3).slice(0, 1).concat(buildClientFrame(32).subarray(3)),
)
