/** Control frames of our own (RFC 6455 §5.5), and the numbers that frames are made of. */

/** RFC 6455 §11.8. */
export const OPCODE_CONTINUATION = 0x0
export const OPCODE_TEXT = 0x1
export const OPCODE_BINARY = 0x2
export const OPCODE_CLOSE = 0x8
export const OPCODE_PING = 0x9
export const OPCODE_PONG = 0xa

/** Close codes: RFC 6455 §7.4.1 and the IANA registry of them. */
export const NORMAL_CLOSURE = 1000
export const GOING_AWAY = 1001
export const PROTOCOL_ERROR = 1002
export const UNSUPPORTED_DATA = 1003
/** Stands for a Close without a code; never sent. */
export const NO_STATUS = 1005
/** Stands for an end without a Close; never sent. */
export const ABNORMAL_CLOSURE = 1006
export const INVALID_PAYLOAD = 1007
export const POLICY_VIOLATION = 1008
export const MESSAGE_TOO_BIG = 1009
export const INTERNAL_ERROR = 1011
export const SERVICE_RESTART = 1012
export const TRY_AGAIN_LATER = 1013
export const BAD_GATEWAY = 1014

/** The most payload that a control frame carries, in bytes. RFC 6455 §5.5. */
export const MAX_CONTROL_PAYLOAD_BYTES = 125

const FIN = 0x80
const MASKED = 0x80
const HEADER_BYTES = 2
const CODE_BYTES = 2
const MASK_KEY_BYTES = 4
const MAX_REASON_BYTES = MAX_CONTROL_PAYLOAD_BYTES - CODE_BYTES

/** Whether a Close may carry `code`: RFC 6455 §7.4, with the codes that were registered since. */
export function isSendableCloseCode(code: number): boolean {
  if (code < 1000 || code > 4999) return false
  if (code >= 3000) return true
  return code <= BAD_GATEWAY && code !== 1004 && code !== NO_STATUS && code !== ABNORMAL_CLOSURE
}

/**
 * A whole Close frame. `code` must be one that may be sent, or NO_STATUS: then the frame is empty. `reason` goes out
 * as UTF-8 and is cut on a character boundary to the 123 bytes that there are. `maskKey` is four random bytes toward
 * a server, null toward a client.
 */
export function closeFrame(code: number, reason: string, maskKey: Buffer | null): Buffer {
  if (code === NO_STATUS) return controlFrame(OPCODE_CLOSE, 0, maskKey)
  const text = Buffer.from(reason, "utf8")
  const length = cutLength(text, MAX_REASON_BYTES)
  const frame = controlFrame(OPCODE_CLOSE, CODE_BYTES + length, maskKey)
  const start = frame.length - CODE_BYTES - length
  frame.writeUInt16BE(code, start)
  text.copy(frame, start + CODE_BYTES, 0, length)
  return masked(frame, start, maskKey)
}

/** A whole ping frame. `payload`, at most 125 bytes, is copied; `maskKey` as for `closeFrame`. */
export function pingFrame(payload: Buffer, maskKey: Buffer | null): Buffer {
  const frame = controlFrame(OPCODE_PING, payload.length, maskKey)
  const start = frame.length - payload.length
  payload.copy(frame, start)
  return masked(frame, start, maskKey)
}

/** A control frame whose payload is still to be written. */
function controlFrame(opcode: number, payloadLength: number, maskKey: Buffer | null): Buffer {
  if (payloadLength > MAX_CONTROL_PAYLOAD_BYTES) throw new RangeError("control frame longer than 125 bytes")
  if (maskKey === null) {
    const frame = Buffer.allocUnsafe(HEADER_BYTES + payloadLength)
    frame[0] = FIN | opcode
    frame[1] = payloadLength
    return frame
  }
  if (maskKey.length !== MASK_KEY_BYTES) throw new RangeError("a mask key has four bytes")
  const frame = Buffer.allocUnsafe(HEADER_BYTES + MASK_KEY_BYTES + payloadLength)
  frame[0] = FIN | opcode
  frame[1] = MASKED | payloadLength
  maskKey.copy(frame, HEADER_BYTES)
  return frame
}

/** RFC 6455 §5.3. */
function masked(frame: Buffer, start: number, maskKey: Buffer | null): Buffer {
  if (maskKey === null) return frame
  for (let i = start; i < frame.length; i++) frame[i] ^= maskKey[(i - start) & 3]
  return frame
}

/** The length of the longest start of `text` that has at most `limit` bytes and ends with a whole character. */
function cutLength(text: Buffer, limit: number): number {
  if (text.length <= limit) return text.length
  let length = limit
  while (length > 0 && (text[length] & 0xc0) === 0x80) length--
  return length
}
