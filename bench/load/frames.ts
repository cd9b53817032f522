const BINARY_FIN = 0x82
const MASKED = 0x80
const MASK = 0x5a

/** The length in bytes of a frame header without the mask. RFC 6455 §5.2. */
function headerBytes(payloadBytes: number): number {
  if (payloadBytes < 126) return 2
  return payloadBytes < 65536 ? 4 : 10
}

function writeHeader(frame: Buffer, payloadBytes: number, maskBit: number): void {
  frame[0] = BINARY_FIN
  if (payloadBytes < 126) {
    frame[1] = maskBit | payloadBytes
  } else if (payloadBytes < 65536) {
    frame[1] = maskBit | 126
    frame.writeUInt16BE(payloadBytes, 2)
  } else {
    frame[1] = maskBit | 127
    frame.writeBigUInt64BE(BigInt(payloadBytes), 2)
  }
}

/** The length in bytes of a whole frame from a client, which is masked. */
export function clientFrameBytes(payloadBytes: number): number {
  return headerBytes(payloadBytes) + 4 + payloadBytes
}

/** The length in bytes of a whole frame from a server, which is not masked. */
export function serverFrameBytes(payloadBytes: number): number {
  return headerBytes(payloadBytes) + payloadBytes
}

/** One whole binary message as a client sends it: masked (zeros under the mask). RFC 6455 §5.2. */
export function buildClientFrame(payloadBytes: number): Buffer {
  const frame = Buffer.alloc(clientFrameBytes(payloadBytes), MASK)
  writeHeader(frame, payloadBytes, MASKED)
  return frame
}

/** One whole binary message as a server sends it: not masked. RFC 6455 §5.2. */
export function buildServerFrame(payloadBytes: number): Buffer {
  const frame = Buffer.alloc(serverFrameBytes(payloadBytes), 0x61)
  writeHeader(frame, payloadBytes, 0)
  return frame
}
