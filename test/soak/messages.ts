/** What flows: each message says whose it is and its number, and every byte of it can be told in advance. */

/** From the client; the backend sends it back. */
export const ECHOED = 1
/** From the backend, unasked. */
export const PUSHED = 2

const KIND_AT = 0
const TUNNEL_AT = 1
const NUMBER_AT = 5
const FILLER_AT = 9
export const MIN_MESSAGE_BYTES = 16

/** Writes message `number` of `tunnel` into `payload`, whose length is the message's. */
export function writeMessage(payload: Buffer, kind: number, tunnel: number, number: number): void {
  payload[KIND_AT] = kind
  payload.writeUInt32BE(tunnel, TUNNEL_AT)
  payload.writeUInt32BE(number, NUMBER_AT)
  for (let i = FILLER_AT; i < payload.length; i++) payload[i] = filler(tunnel, number, i)
}

/** "" for the message that must come next, else what is wrong with it. */
export function faultOf(
  payload: Buffer,
  expected: {
    readonly kind: number
    readonly tunnel: number
    readonly number: number
    readonly bytes: number
  },
): string {
  const { kind, tunnel, number, bytes } = expected
  if (payload.length !== bytes) return `${payload.length} bytes instead of ${bytes}`
  if (payload[KIND_AT] !== kind) return `kind ${payload[KIND_AT]} instead of ${kind}`
  const ofTunnel = payload.readUInt32BE(TUNNEL_AT)
  if (ofTunnel !== tunnel) return `a message of tunnel ${ofTunnel}`
  const came = payload.readUInt32BE(NUMBER_AT)
  if (came !== number) return `number ${came} instead of ${number}`
  for (let i = FILLER_AT; i < payload.length; i++)
    if (payload[i] !== filler(tunnel, number, i)) return `byte ${i} of number ${number} was altered`
  return ""
}

/** The kind of a message, 0 where it is empty. */
export function kindOf(payload: Buffer): number {
  return payload[KIND_AT] ?? 0
}

function filler(tunnel: number, number: number, at: number): number {
  return (tunnel * 7 + number * 31 + at * 13) & 0xff
}

/**
 * Calls `send` so often that each of `count()` connections gets `perSecond` a second, one after the other. The
 * caller stops it. What was late is made up for, up to a second's worth.
 */
export class Pacer {
  readonly #timer: NodeJS.Timeout

  constructor(perSecond: number, count: () => number, send: (index: number) => void) {
    let last = performance.now()
    let due = 0
    let next = 0
    this.#timer = setInterval(() => {
      const now = performance.now()
      const connections = count()
      due = Math.min(due + ((now - last) / 1000) * perSecond * connections, perSecond * connections)
      last = now
      for (; due >= 1 && connections > 0; due--) {
        send(next % connections)
        next = (next + 1) % connections
      }
    }, 10)
  }

  stop(): void {
    clearInterval(this.#timer)
  }
}
