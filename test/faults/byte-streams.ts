import { createHash } from "node:crypto"
import type { Duplex } from "node:stream"

const PIECE_BYTES = 64 * 1024

/** What came on one side of a connection, up to its end or up to the bytes that were asked for. */
export interface Received {
  readonly bytes: number
  /** SHA-256 of the bytes, in hexadecimal. */
  readonly digest: string
}

/** A piece of 64 KiB that differs from seed to seed and does not repeat itself within. */
function piece(seed: number): Buffer {
  const bytes = Buffer.allocUnsafe(PIECE_BYTES)
  let state = (seed * 2_654_435_761 + 1) >>> 0
  for (let i = 0; i < PIECE_BYTES; i++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    bytes[i] = state >>> 24
  }
  return bytes
}

/** What a peer gets to whom `sendPattern(…, bytes, seed)` sends. */
export function patternOf(bytes: number, seed: number): Received {
  const hash = createHash("sha256")
  const whole = piece(seed)
  for (let left = bytes; left > 0; left -= PIECE_BYTES)
    hash.update(left >= PIECE_BYTES ? whole : whole.subarray(0, left))
  return { bytes, digest: hash.digest("hex") }
}

/** Writes `bytes` of a pattern as fast as they are taken. Resolves when all are written, or the socket is gone. */
export function sendPattern(socket: Duplex, bytes: number, seed: number): Promise<void> {
  const whole = piece(seed)
  let left = bytes
  return new Promise((resolve) => {
    const push = (): void => {
      while (left > 0) {
        const part = left >= PIECE_BYTES ? whole : whole.subarray(0, left)
        left -= part.length
        if (!socket.write(part)) return
      }
      socket.off("drain", push)
      resolve()
    }
    socket.on("drain", push)
    socket.once("close", () => resolve())
    push()
  })
}

/** Reads `bytes`, or up to the peer's end where fewer come. Nothing else may read the socket meanwhile. */
export function receive(socket: Duplex, bytes = Number.POSITIVE_INFINITY): Promise<Received> {
  const hash = createHash("sha256")
  let count = 0
  return new Promise((resolve) => {
    const done = (): void => {
      socket.off("data", take)
      socket.off("end", done)
      socket.off("close", done)
      resolve({ bytes: count, digest: hash.digest("hex") })
    }
    const take = (chunk: Buffer): void => {
      const mine = chunk.length > bytes - count ? chunk.subarray(0, bytes - count) : chunk
      hash.update(mine)
      count += mine.length
      if (count < bytes) return
      socket.pause()
      done()
      if (mine.length < chunk.length) socket.unshift(chunk.subarray(mine.length))
    }
    if (bytes === 0 || socket.readableEnded || socket.destroyed) return done()
    socket.on("data", take)
    socket.on("end", done)
    socket.on("close", done)
    socket.resume()
  })
}

/** Reads a head up to its blank line and leaves what follows to the next reader. "" when the peer ends first. */
export function receiveHead(socket: Duplex): Promise<string> {
  let text = ""
  return new Promise((resolve) => {
    const finish = (): void => {
      socket.pause()
      socket.off("data", take)
      socket.off("end", finish)
      socket.off("close", finish)
      const end = text.indexOf("\r\n\r\n")
      if (end === -1) return resolve("")
      if (text.length > end + 4) socket.unshift(Buffer.from(text.slice(end + 4), "latin1"))
      resolve(text.slice(0, end + 4))
    }
    const take = (chunk: Buffer): void => {
      text += chunk.toString("latin1")
      if (text.includes("\r\n\r\n")) finish()
    }
    socket.on("data", take)
    socket.on("end", finish)
    socket.on("close", finish)
    socket.resume()
  })
}

/** Resolves when the socket is gone, with the code of its error ("" for none). */
export function closed(socket: Duplex): Promise<string> {
  if (socket.destroyed) return Promise.resolve("")
  return new Promise((resolve) => {
    let code = ""
    socket.once("error", (error: NodeJS.ErrnoException) => {
      code = error.code ?? error.message
    })
    socket.once("close", () => resolve(code))
  })
}

/**
 * Writes to `socket` for as long as any of it is taken, `limitBytes` at most, and returns how many bytes were:
 * once the kernels' buffers on the way are full, nothing is taken any more. There is no event for "nothing
 * happens", so it ends when nothing was taken for `quietMs`.
 */
export async function pourUntilStuck(socket: Duplex, limitBytes: number, quietMs = 700): Promise<number> {
  const whole = piece(7)
  let taken = 0
  for (let sent = 0; sent < limitBytes; sent += PIECE_BYTES) {
    let quiet: NodeJS.Timeout | undefined
    const isTaken = await new Promise<boolean>((resolve) => {
      quiet = setTimeout(() => resolve(false), quietMs)
      socket.write(whole, (error) => resolve(error == null))
    })
    clearTimeout(quiet)
    if (!isTaken) break
    taken += PIECE_BYTES
  }
  return taken
}
