import type { Duplex } from "node:stream"
import { TLSSocket } from "node:tls"

/** Below this a buffer is left to the garbage collector: to free it by hand costs more. */
const MIN_BYTES = 4 * 1024

/**
 * Frees the memory of `chunk`, which is empty afterwards, where it has an ArrayBuffer to itself, as what a socket
 * read has; a part of a larger one is left alone. Only for who knows that nobody else looks at it any more.
 *
 * V8 counts the memory that its heap refers to and goes through all of the heap whenever 64 MB of it have come: of
 * bytes that are passed on as fast as they come that is many times a second.
 */
export function freeMemory(chunk: Buffer): void {
  const { buffer, length } = chunk
  if (length >= MIN_BYTES && length === buffer.byteLength && buffer instanceof ArrayBuffer) buffer.transfer(0)
}

/**
 * Writes bytes that nobody else looks at, and frees their memory when the system has them. Returns whether more may
 * be written: as `write` does, but true where the system has taken at once what is more than a socket wants to hold.
 */
export function give(socket: Duplex, chunk: Buffer): boolean {
  if (chunk.length < MIN_BYTES) return socket.write(chunk)
  // A TLS socket tells only later that it has taken something; TCP mostly takes it at once.
  if (socket instanceof TLSSocket)
    return socket.write(chunk, (error) => (error ? undefined : freeMemory(chunk)))
  const canTakeMore = socket.write(chunk)
  if (socket.writableLength > 0) return canTakeMore
  freeMemory(chunk)
  return true
}
