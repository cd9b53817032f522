/** The loads, as the measurements see them: each is a generator program of its own, connected to one peer. */
import { existsSync } from "node:fs"
import { fileURLToPath } from "node:url"
import type { Load, Station } from "../measure.ts"
import type { HandshakeLoadOptions } from "./handshake-load.ts"
import type { HttpLoadOptions } from "./http-load.ts"
import { Helper, runProgram } from "./programs.ts"
import type { WebSocketLoadOptions } from "./websocket-load.ts"

const WRK = "/usr/bin/wrk"
const WRK_MAX_SECONDS = 3600
const SPREAD_SCRIPT = fileURLToPath(new URL("spread.lua", import.meta.url))
const PUSH_SETTLE_MS = 10_000

type Ports = Pick<Station, "port" | "tlsPort">

export function wrkMissing(): string | false {
  return existsSync(WRK) ? false : `${WRK} is not installed (Debian: apt-get install wrk)`
}

/** GETs over kept connections by wrk; by `httpLoad` where it is not installed. */
export function getLoad(
  station: Ports,
  tls: boolean,
  connections: number,
  path: string,
  threads = 1,
): Promise<Load> {
  if (wrkMissing() !== false) {
    const targets = [`localhost${path}`]
    return httpLoad(station, { tls, connections, targets, mode: "keep", uploadBytes: 0 })
  }
  const origin = tls ? `https://localhost:${station.tlsPort}` : `http://127.0.0.1:${station.port}`
  return Promise.resolve(wrkLoad([`-t${threads}`, `-c${connections}`, origin + path]))
}

/** As `getLoad`, without TLS: the requests go to `targets` (host and path) in turn. */
export function spreadLoad(station: Ports, connections: number, targets: readonly string[]): Promise<Load> {
  if (wrkMissing() !== false)
    return httpLoad(station, { tls: false, connections, targets, mode: "keep", uploadBytes: 0 })
  const origin = `http://127.0.0.1:${station.port}`
  return Promise.resolve(wrkLoad(["-t1", `-c${connections}`, "-s", SPREAD_SCRIPT, origin, "--", ...targets]))
}

function wrkLoad(args: readonly string[]): Load {
  return {
    async run(durationMs) {
      // Its own durations are whole seconds; interrupted, it reports what it has done.
      return readWrkCount(await runProgram(WRK, [`-d${WRK_MAX_SECONDS}s`, ...args], durationMs))
    },
    // It has ended when it is asked for, and nothing else of ours ends during a round.
    cpuMicros: (times) => times.endedChildrenCpuMicros(),
    async [Symbol.asyncDispose]() {},
  }
}

/** The number of requests in wrk's report; throws when some of them failed. */
function readWrkCount(report: string): number {
  const count = /^\s*(\d+) requests in /m.exec(report)?.[1]
  const failure = /^\s*(Socket errors: .*|Non-2xx or 3xx responses: .*)$/m.exec(report)?.[1]
  if (count === undefined || failure !== undefined) throw new Error(`wrk: ${failure ?? report}`)
  return Number(count)
}

export function httpLoad(station: Ports, options: Omit<HttpLoadOptions, "port">): Promise<Load> {
  return openHelper("http-load.ts", { ...options, port: portFor(station, options.tls) })
}

/** Messages there and back, one in flight on each tunnel. */
export function messageLoad(station: Ports, options: Omit<WebSocketLoadOptions, "port">): Promise<Load> {
  return openHelper("websocket-load.ts", { ...options, port: portFor(station, options.tls) })
}

export function handshakeLoad(station: Ports, options: Omit<HandshakeLoadOptions, "port">): Promise<Load> {
  return openHelper("handshake-load.ts", { ...options, port: portFor(station, options.tls) })
}

/** The backend sends, at each interval one message to each tunnel; a unit is a message that came. */
export async function pushLoad(
  station: Station,
  options: { readonly tls: boolean; readonly tunnels: number; readonly messageBytes: number },
  intervalMs: number,
): Promise<Load> {
  const port = portFor(station, options.tls)
  const helper = await openProgram("websocket-load.ts", { ...options, port, kind: "push" })
  let expected = 0
  return {
    async run(durationMs) {
      const sent = Number(
        await station.backend.ask(`push ${durationMs} ${intervalMs} ${options.messageBytes}`),
      )
      expected += sent
      const deadline = performance.now() + PUSH_SETTLE_MS
      while (Number(await helper.ask("count")) < expected)
        if (performance.now() > deadline) throw new Error("messages were lost")
      return sent
    },
    cpuMicros: (times) => times.cpuMicros([helper.pid]),
    [Symbol.asyncDispose]: () => helper[Symbol.asyncDispose](),
  }
}

export function portFor({ port, tlsPort }: Ports, tls: boolean): number {
  return tls ? tlsPort : port
}

/** Starts a generator and waits until its connections are open. */
export async function openProgram(script: string, options: object): Promise<Helper> {
  const helper = new Helper(script, options)
  try {
    await helper.readLine()
    return helper
  } catch (error) {
    await helper[Symbol.asyncDispose]()
    throw error
  }
}

async function openHelper(script: string, options: object): Promise<Load> {
  const helper = await openProgram(script, options)
  return {
    run: async (durationMs) => Number(await helper.ask(`run ${durationMs}`)),
    cpuMicros: (times) => times.cpuMicros([helper.pid]),
    [Symbol.asyncDispose]: () => helper[Symbol.asyncDispose](),
  }
}
