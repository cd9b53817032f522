import type { Socket } from "node:net"
import type { TLSSocket } from "node:tls"
import { connector, fail, obey, readOptions } from "./protocol.ts"
import { ResponseReader } from "./response-reader.ts"

// Load by requests: "run <milliseconds>" keeps `connections` busy with one request each, and prints how many
// answers came. `mode`: "keep" uses them again and again, "new" opens one for each request, over TLS with
// a full handshake, "resume" over TLS with the session of an earlier one.

export interface HttpLoadOptions {
  readonly port: number
  readonly tls: boolean
  readonly connections: number
  readonly mode: "keep" | "new" | "resume"
  /** What is asked for, host and path: `localhost/`. Of several, each request takes the next one. */
  readonly targets: readonly string[]
  /** Connections that are kept come from networks of their own, 127.0.N.0/24, instead of all from one address. */
  readonly hasManyNetworks?: boolean
  /** Bytes of a body: the request is a POST then. */
  readonly uploadBytes: number
}

const options = readOptions<HttpLoadOptions>()
const requests = options.targets.map((target) => buildRequest(target, options))
const state = {
  running: false,
  nextRequest: 0,
  answers: 0,
  busy: 0,
  session: undefined as Buffer | undefined,
  finish: () => {},
}
const isResuming = options.mode === "resume"
const connections = connector(options.port, options.tls, () => (isResuming ? state.session : undefined))

function buildRequest(target: string, { uploadBytes, mode }: HttpLoadOptions): Buffer {
  const slash = target.indexOf("/")
  const [host, path] = [target.slice(0, slash), target.slice(slash)]
  const connection = mode === "keep" ? "" : "Connection: close\r\n"
  const start = uploadBytes > 0 ? "POST" : "GET"
  const length = uploadBytes > 0 ? `Content-Length: ${uploadBytes}\r\n` : ""
  const head = `${start} ${path} HTTP/1.1\r\nHost: ${host}\r\n${length}${connection}\r\n`
  return Buffer.concat([Buffer.from(head, "latin1"), Buffer.alloc(uploadBytes, 0x61)])
}

function ask(socket: Socket): void {
  socket.write(requests[state.nextRequest])
  state.nextRequest = (state.nextRequest + 1) % requests.length
}

function next(socket: Socket): void {
  if (state.running) ask(socket)
  else rest()
}

function rest(): void {
  state.busy--
  if (state.busy === 0) state.finish()
}

/** A connection that is kept: `idle` holds those between two runs. */
const idle: Socket[] = []

function openKept(index: number, ready: () => void): void {
  const localAddress = options.hasManyNetworks === true ? `127.0.${index}.1` : undefined
  const reader = new ResponseReader()
  const socket = connections.open(
    () => {
      idle.push(socket)
      ready()
    },
    (chunk) => {
      const answers = reader.read(chunk)
      if (answers === 0) return
      state.answers += answers
      next(socket)
    },
    localAddress,
  )
  socket.on("error", fail)
  socket.on("close", () => fail("a kept connection was closed"))
}

/** A connection for one request, and then the next one. */
function openOnce(): void {
  const reader = new ResponseReader()
  let answered = false
  const socket = connections.open(
    (connected) => {
      if (isResuming && state.session !== undefined && !(connected as TLSSocket).isSessionReused())
        fail("a session was not resumed")
      ask(connected)
    },
    (chunk) => {
      if (reader.read(chunk) === 0) return
      answered = true
      state.answers++
      socket.end()
    },
  )
  if (isResuming && state.session === undefined)
    socket.once("session", (session: Buffer) => {
      state.session = session
    })
  socket.on("error", (error) => {
    // The peer may have closed first, which is as it should be.
    if (!answered) fail(error)
  })
  socket.on("close", () => {
    if (!answered) fail("closed before the answer")
    if (state.running) openOnce()
    else rest()
  })
}

function run(durationMs: number): Promise<number> {
  return new Promise((resolve) => {
    state.answers = 0
    state.running = true
    state.busy = options.connections
    state.finish = () => resolve(state.answers)
    setTimeout(() => {
      state.running = false
    }, durationMs)
    if (options.mode === "keep") for (const socket of idle) next(socket)
    else for (let index = 0; index < options.connections; index++) openOnce()
  })
}

/** One request, so that there is a session to resume. TLS 1.3 gives it after the handshake. */
function fetchSession(): Promise<void> {
  return new Promise((resolve) => {
    state.running = false
    state.busy = 1
    state.finish = resolve
    openOnce()
  })
}

if (options.mode === "keep")
  for (let index = 0; index < options.connections; index++)
    await new Promise<void>((resolve) => openKept(index, resolve))
if (isResuming) {
  await fetchSession()
  if (state.session === undefined) fail("no session was given to resume")
}
console.log("open")
obey(async ([, duration]) => await run(Number(duration)))
