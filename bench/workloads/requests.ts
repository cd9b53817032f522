import { getLoad, httpLoad } from "../load/loads.ts"
import type { CpuWork } from "../measure.ts"
import { cpuFamily, plainAndTls } from "./cpu-family.ts"

// As many connections as nginx keeps open to the backend, so that none is opened anew.
export const GET_CONNECTIONS = 32
const UPLOAD_BYTES = 1_000_000
const UPLOAD_CONNECTIONS = 8

export function smallGet(tls: boolean, suffix: string): CpuWork {
  return {
    name: `GET, 13 B, keep-alive on both sides${suffix}`,
    unit: "request",
    limit: tls ? 1.7 : 1.6,
    connect: (station) => getLoad(station, tls, GET_CONNECTIONS, "/"),
  }
}

function largeGet(tls: boolean, suffix: string): CpuWork {
  return {
    name: `GET, 64 KB${suffix}`,
    unit: "request",
    connect: (station) => getLoad(station, tls, GET_CONNECTIONS, "/64k"),
  }
}

function upload(tls: boolean, suffix: string): CpuWork {
  return {
    name: `POST, 1 MB${suffix}`,
    unit: "request",
    connect: (station) =>
      httpLoad(station, {
        tls,
        connections: UPLOAD_CONNECTIONS,
        targets: ["localhost/upload"],
        mode: "keep",
        uploadBytes: UPLOAD_BYTES,
      }),
  }
}

/** Requests over connections that are kept. */
export const requests = cpuFamily("requests", "Requests over kept connections", () => [
  ...plainAndTls(smallGet),
  ...plainAndTls(largeGet),
  ...plainAndTls(upload),
])
