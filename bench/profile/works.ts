/** The rows of the budget that are CPU time. */
import { handshakeLoad } from "../load/loads.ts"
import type { CpuWork } from "../measure.ts"
import { MIDDLE, messageWork, SMALLEST } from "../workloads/messages.ts"
import { smallGet } from "../workloads/requests.ts"

const HANDSHAKES = 16

const handshake: CpuWork = {
  name: "WebSocket handshake on a new connection",
  unit: "handshake",
  connect: (station) => handshakeLoad(station, { tls: false, connections: HANDSHAKES }),
}

export const WORKS: readonly CpuWork[] = [
  messageWork(SMALLEST, false, ""),
  messageWork(MIDDLE, false, ""),
  messageWork(SMALLEST, true, ", TLS"),
  messageWork(MIDDLE, true, ", TLS"),
  smallGet(false, ""),
  smallGet(true, ", TLS"),
  handshake,
]
