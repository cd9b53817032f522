import { connect as connectTcp, createServer, type Server, type Socket } from "node:net"
import { connect as connectTls, createSecureContext } from "node:tls"
import { Pacer } from "../soak/messages.ts"
import { Endpoint, type Farewell, makeFrames } from "./endpoint.ts"

const OPENING_AT_ONCE = 32
const SMALL_PER_SECOND = 1
const HANDSHAKE =
  "GET /ws/ HTTP/1.1\r\nHost: drain.test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
  "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
const SWITCHING =
  "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
  "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"

/** A backend that takes every upgrade, and holds back the answer to `GET /slow` until told. */
export class DrainBackend {
  readonly endpoints: Endpoint[] = []
  readonly #frames = makeFrames(false)
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  #onSlow: ((socket: Socket) => void) | null = null

  constructor() {
    this.#server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
      this.#sockets.add(socket)
      socket.once("close", () => this.#sockets.delete(socket))
      this.#greet(socket)
    })
  }

  get port(): number {
    return (this.#server.address() as { port: number }).port
  }

  listen(): Promise<void> {
    return new Promise((resolve) => {
      this.#server.listen({ port: 0, host: "127.0.0.1", backlog: 1024 }, () => resolve())
    })
  }

  /** The connection on which the next `GET /slow` waits for its answer. */
  nextSlow(): Promise<Socket> {
    return new Promise((resolve) => {
      this.#onSlow = resolve
    })
  }

  #greet(socket: Socket): void {
    let head = ""
    const onError = (): void => {}
    const read = (chunk: Buffer): void => {
      head += chunk.toString("latin1")
      if (!head.includes("\r\n\r\n")) return
      if (head.startsWith("GET /slow")) return this.#onSlow?.(socket)
      socket.off("data", read).off("error", onError)
      socket.write(SWITCHING)
      this.endpoints.push(new Endpoint(socket, false, this.#frames))
    }
    socket.on("data", read).on("error", onError)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    await new Promise<void>((resolve) => this.#server.close(() => resolve()))
  }
}

export async function startDrainBackend(): Promise<DrainBackend> {
  const backend = new DrainBackend()
  await backend.listen()
  return backend
}

/** Opens `count` tunnels to `port`; with `ca` over TLS. */
export async function openTunnels(port: number, count: number, ca?: string): Promise<Endpoint[]> {
  const frames = makeFrames(true)
  const secureContext = ca === undefined ? undefined : createSecureContext({ ca })
  const opened: Endpoint[] = []
  let begun = 0
  const open = (): Promise<Endpoint> =>
    new Promise((resolve, reject) => {
      const tcp = connectTcp({ port, host: "127.0.0.1", noDelay: true, allowHalfOpen: true })
      const socket: Socket =
        secureContext === undefined
          ? tcp
          : connectTls({ socket: tcp, secureContext, servername: "drain.test" })
      let head = ""
      const fail = (error?: Error): void => reject(error ?? new Error("closed before the 101"))
      const read = (chunk: Buffer): void => {
        head += chunk.toString("latin1")
        const end = head.indexOf("\r\n\r\n")
        if (end === -1) return
        if (!head.startsWith("HTTP/1.1 101 ")) return fail(new Error(head))
        socket.off("data", read).off("error", fail).off("close", fail)
        const endpoint = new Endpoint(socket, true, frames)
        if (head.length > end + 4) endpoint.receive(Buffer.from(head.slice(end + 4), "latin1"))
        resolve(endpoint)
      }
      socket.on("data", read).once("error", fail).once("close", fail)
      socket.write(HANDSHAKE)
    })
  const work = async (): Promise<void> => {
    while (begun < count) {
      begun++
      opened.push(await open())
    }
  }
  await Promise.all(Array.from({ length: OPENING_AT_ONCE }, work))
  return opened
}

/**
 * Small messages on all of `endpoints`, and 1 MiB in fragments on every `streamEach`-th. Resolves, with what stops it,
 * when each of them has got something; both ends must be told.
 */
export async function startTraffic(endpoints: readonly Endpoint[], streamEach: number): Promise<Pacer> {
  endpoints.forEach((endpoint, at) => {
    if (at % streamEach === 0) endpoint.stream()
  })
  const pacer = new Pacer(
    SMALL_PER_SECOND,
    () => endpoints.length,
    (index) => endpoints[index]?.sendSmall(),
  )
  await Promise.all(endpoints.map((endpoint) => endpoint.firstData))
  return pacer
}

/** How many goodbyes came in each tenth of the window. The last one has those that came later, too. */
export function histogram(farewells: readonly Farewell[], startMs: number, windowMs: number): number[] {
  const buckets: number[] = new Array(10).fill(0)
  for (const { code, atMs } of farewells) {
    if (code === 0) continue
    const bucket = Math.min(9, Math.floor(((atMs - startMs) / windowMs) * 10))
    buckets[bucket] = (buckets[bucket] as number) + 1
  }
  return buckets
}

/** The farewells that were not as they should be, each once and how often. */
export function unclean(farewells: readonly Farewell[]): Record<string, number> {
  const found: Record<string, number> = {}
  for (const { code, fault } of farewells) {
    if (code === 1001 && fault === "") continue
    const what = `${code} ${fault}`
    found[what] = (found[what] ?? 0) + 1
  }
  return found
}

/** How much of the large messages came, for people. */
export function largeMessages(farewells: readonly Farewell[]): string {
  const whole = farewells.reduce((total, { largeMessages }) => total + largeMessages, 0)
  const cut = farewells.filter(({ isInMessage }) => isInMessage).length
  return `${whole} messages of 1 MiB came whole, ${cut} goodbyes stood between the fragments of one`
}
