import { existsSync } from "node:fs"
import { Helper, runProgram } from "./programs.ts"

/** A generator of load that is connected to one peer. */
export interface Load extends AsyncDisposable {
  /** Keeps the peer busy for about `durationMs` and gives how many units of work were done. */
  run(durationMs: number): Promise<number>
}

/** What is measured: one unit of work, and the ratio to nginx that it should stay under. */
export interface Workload {
  readonly name: string
  readonly limit: number
  missing(): string | false
  connect(port: number): Promise<Load>
}

/** One program, several loads: the last is what the others are compared with. */
export interface Comparison extends Pick<Workload, "name" | "limit"> {
  readonly loads: readonly { readonly name: string; connect(port: number): Promise<Load> }[]
}

// As many connections as the peers keep open to the backend, so that none is opened anew.
const GET_CONNECTIONS = 32
const TUNNELS = 100
const WRK = "/usr/bin/wrk"

/** Small GETs over keep-alive connections, by wrk, whose durations are whole seconds. */
function getWorkload(limit: number): Workload {
  return {
    name: "GET, 13 B, keep-alive on both sides",
    limit,
    missing: () => (existsSync(WRK) ? false : `${WRK} is not installed (Debian: apt-get install wrk)`),
    async connect(port) {
      return {
        async run(durationMs) {
          const seconds = Math.max(1, Math.round(durationMs / 1000))
          const args = ["-t1", `-c${GET_CONNECTIONS}`, `-d${seconds}s`, `http://127.0.0.1:${port}/`]
          return readWrkCount(await runProgram(WRK, args))
        },
        async [Symbol.asyncDispose]() {},
      }
    },
  }
}

/** The number of requests in wrk's report; throws when some of them failed. */
function readWrkCount(report: string): number {
  const count = /^\s*(\d+) requests in /m.exec(report)?.[1]
  const failure = /^\s*(Socket errors: .*|Non-2xx or 3xx responses: .*)$/m.exec(report)?.[1]
  if (count === undefined || failure !== undefined) throw new Error(`wrk: ${failure ?? report}`)
  return Number(count)
}

/** Messages of `bytes` there and back, one in flight on each tunnel. */
function messageWorkload(bytes: number, label: string, limit: number): Workload {
  return {
    name: `WebSocket message, ${label}, there and back`,
    limit,
    missing: () => false,
    connect: (port) => connectTunnels(port, bytes, "websocket"),
  }
}

/** `bytes`: the handshake is none of RFC 6455, so that no frames are looked for. */
async function connectTunnels(port: number, bytes: number, kind: "websocket" | "bytes"): Promise<Load> {
  const helper = new Helper("websocket-load.ts", [port, TUNNELS, bytes, kind])
  await helper.readLine()
  return {
    async run(durationMs) {
      helper.writeLine(`run ${durationMs}`)
      return Number(await helper.readLine())
    },
    [Symbol.asyncDispose]: () => helper[Symbol.asyncDispose](),
  }
}

/** What it costs that the frames of a WebSocket are followed, over relaying the same bytes. */
function framesComparison(bytes: number, label: string, limit: number): Comparison {
  return {
    name: `message, ${label}, there and back`,
    limit,
    loads: [
      { name: "frames followed", connect: (port) => connectTunnels(port, bytes, "websocket") },
      { name: "bytes only", connect: (port) => connectTunnels(port, bytes, "bytes") },
    ],
  }
}

export const FRAMES: readonly Comparison[] = [
  framesComparison(32, "32 B", 1.05),
  framesComparison(16 * 1024, "16 KB", 1.02),
]

export const QUICK: readonly Workload[] = [
  getWorkload(2.5),
  messageWorkload(32, "32 B", 2),
  messageWorkload(16 * 1024, "16 KB", 1),
]
