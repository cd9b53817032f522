import { handshakeLoad, httpLoad } from "../load/loads.ts"
import type { CpuWork } from "../measure.ts"
import { cpuFamily, plainAndTls } from "./cpu-family.ts"

const CONNECTIONS = 16

function newConnection(name: string, tls: boolean, mode: "new" | "resume"): CpuWork {
  return {
    name,
    unit: "connection",
    connect: (station) =>
      httpLoad(station, { tls, connections: CONNECTIONS, targets: ["localhost/"], mode, uploadBytes: 0 }),
  }
}

function handshake(tls: boolean, suffix: string): CpuWork {
  return {
    name: `WebSocket handshake on a new connection${suffix}`,
    unit: "handshake",
    limit: 2.5,
    connect: (station) => handshakeLoad(station, { tls, connections: CONNECTIONS }),
  }
}

/** What a new connection costs, with one request on it, or with the handshake of a WebSocket. */
export const connections = cpuFamily("connections", "New connections", () => [
  newConnection("GET on a new connection", false, "new"),
  newConnection("GET on a new connection, TLS, full handshake", true, "new"),
  newConnection("GET on a new connection, TLS, resumed", true, "resume"),
  ...plainAndTls(handshake),
])
