/** The key that session tickets are encrypted with: RFC 5077, `ssl_session_ticket_key`. */
import { randomBytes } from "node:crypto"

/** Name, HMAC key, AES key, 16 bytes each: what Node takes. */
export const TICKET_KEY_BYTES = 48
/** What the shared memory of a key has to hold. */
export const TICKET_KEY_MEMORY_BYTES = 4 + TICKET_KEY_BYTES

const EMPTY = 0
const FILLING = 1
const FILLED = 2
const FILL_LIMIT_MS = 1000

/**
 * The key in `memory`, which all workers and all generations share: whoever comes first fills it with random
 * bytes, the others wait for that moment. The memory is zero at first.
 */
export function sharedTicketKey(memory: SharedArrayBuffer): Buffer {
  const state = new Int32Array(memory, 0, 1)
  const shared = Buffer.from(memory, 4, TICKET_KEY_BYTES)
  const random = randomBytes(TICKET_KEY_BYTES)
  let seen = Atomics.compareExchange(state, 0, EMPTY, FILLING)
  // Who fills it needs a moment; one that takes longer has died meanwhile.
  if (seen === FILLING && Atomics.wait(state, 0, FILLING, FILL_LIMIT_MS) === "timed-out") seen = EMPTY
  if (seen === EMPTY) {
    shared.set(random)
    Atomics.store(state, 0, FILLED)
    Atomics.notify(state, 0)
  }
  // Of its own, not from the pool for small buffers: it lives as long as the connections made with it.
  const key = Buffer.allocUnsafeSlow(TICKET_KEY_BYTES)
  key.set(shared)
  return key
}

/**
 * A key from the bytes of a `ssl_session_ticket_key` file; undefined where their number is neither 48 nor 80.
 * nginx's files have the AES key before the HMAC key. Of the 256-bit keys of an 80 byte file the first halves are
 * used: Node encrypts tickets with AES-128 only, so such tickets are not those of an nginx with the same file.
 */
export function ticketKeyOf(file: Buffer): Buffer | undefined {
  if (file.length !== 48 && file.length !== 80) return undefined
  const name = file.subarray(0, 16)
  // 48 bytes: name, AES, HMAC. 80 bytes: name, HMAC (32), AES (32). ngx_ssl_session_ticket_keys.
  const hmac = file.length === 48 ? file.subarray(32, 48) : file.subarray(16, 32)
  const aes = file.length === 48 ? file.subarray(16, 32) : file.subarray(48, 64)
  return Buffer.concat([name, hmac, aes])
}
