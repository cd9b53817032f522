import { messageLoad, pushLoad } from "../load/loads.ts"
import type { CpuWork } from "../measure.ts"
import { cpuFamily, plainAndTls } from "./cpu-family.ts"

const TUNNELS = 100
const RECEIVERS = 1000
const PUSH_BYTES = 128
const PUSH_INTERVAL_MS = 50

const SIZES = [
  { bytes: 32, label: "32 B", limit: 1.4, tlsLimit: 1.6 },
  { bytes: 1024, label: "1 KB", limit: 1.4, tlsLimit: 1.6 },
  { bytes: 16 * 1024, label: "16 KB", limit: 0.6, tlsLimit: 0.7 },
  { bytes: 256 * 1024, label: "256 KB", limit: 0.6, tlsLimit: 0.7 },
] as const

export type MessageSize = (typeof SIZES)[number]

/** Messages there and back over `TUNNELS` tunnels, one in flight on each. */
export function messageWork(size: MessageSize, tls: boolean, suffix: string): CpuWork {
  return {
    name: `WebSocket message, ${size.label}, there and back${suffix}`,
    unit: "message",
    limit: tls ? size.tlsLimit : size.limit,
    connect: (station) =>
      messageLoad(station, { tls, tunnels: TUNNELS, messageBytes: size.bytes, kind: "websocket" }),
  }
}

export const SMALLEST: MessageSize = SIZES[0]
export const MIDDLE: MessageSize = SIZES[2]

export const messages = cpuFamily("messages", "WebSocket messages, there and back over 100 tunnels", () =>
  SIZES.flatMap((size) => plainAndTls((tls, suffix) => messageWork(size, tls, suffix))),
)

/** At a fixed pace, so that a peer cannot save work by joining messages that pile up. */
export const push = cpuFamily("push", "One to many: the backend sends, 1,000 tunnels receive", () =>
  plainAndTls((tls, suffix) => ({
    name: `message of ${PUSH_BYTES} B, ${1000 / PUSH_INTERVAL_MS} a second to each of 1,000${suffix}`,
    unit: "message",
    connect: (station) =>
      pushLoad(station, { tls, tunnels: RECEIVERS, messageBytes: PUSH_BYTES }, PUSH_INTERVAL_MS),
  })),
)
