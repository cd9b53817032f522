import { type ChildProcess, spawn } from "node:child_process"
import { existsSync, writeFileSync } from "node:fs"
import { createServer, type IncomingMessage, type Server } from "node:http"
import { connect } from "node:net"
import { join } from "node:path"
import { setTimeout as pause } from "node:timers/promises"
import { type WebSocket, WebSocketServer } from "ws"
import { freePort } from "./ports.ts"
import { makeTempFolder } from "./temp.ts"

/** A WebSocket server of the tests. */
export interface WebSocketBackend {
  readonly port: number
  close(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

export interface EchoOptions {
  readonly port?: number
  readonly host?: string
  /** permessage-deflate, as `ws` has it. */
  readonly compress?: boolean
  /** The largest message that it takes, bytes. */
  readonly maxPayload?: number
}

/**
 * An echo server made with `ws`. Its handshake answer has `X-Backend: <name>`, the text "whoami" is answered
 * with the name, "close <code>" closes with that code, all else comes back as it is. A plain request is
 * answered with 200, `X-Backend` and "<name> <method> <url>\n".
 */
export class EchoBackend implements WebSocketBackend {
  readonly name: string
  /** The handshake and plain requests that came, in order. */
  readonly requests: IncomingMessage[] = []
  readonly #http: Server
  readonly #webSockets: WebSocketServer

  constructor(name: string, options: EchoOptions) {
    this.name = name
    this.#http = createServer((request, response) => {
      this.requests.push(request)
      response.setHeader("X-Backend", name)
      response.end(`${name} ${request.method} ${request.url}\n`)
    })
    this.#webSockets = new WebSocketServer({
      server: this.#http,
      perMessageDeflate: options.compress ?? false,
      maxPayload: options.maxPayload ?? 64 * 1024 * 1024,
    })
    this.#webSockets.on("headers", (headers: string[]) => headers.push(`X-Backend: ${name}`))
    this.#webSockets.on("connection", (webSocket, request) => {
      this.requests.push(request)
      echo(webSocket, name)
    })
  }

  get port(): number {
    const address = this.#http.address()
    return typeof address === "object" && address !== null ? address.port : 0
  }

  /** The connections that are open now. */
  get clients(): ReadonlySet<WebSocket> {
    return this.#webSockets.clients
  }

  listen(options: EchoOptions): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#http.once("error", reject)
      this.#http.listen(options.port ?? 0, options.host ?? "127.0.0.1", () => resolve())
    })
  }

  close(): Promise<void> {
    for (const client of this.#webSockets.clients) client.terminate()
    return new Promise((resolve) => {
      this.#webSockets.close()
      this.#http.close(() => resolve())
      this.#http.closeAllConnections()
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }
}

export async function startEchoBackend(name: string, options: EchoOptions = {}): Promise<EchoBackend> {
  const backend = new EchoBackend(name, options)
  await backend.listen(options)
  return backend
}

function echo(webSocket: WebSocket, name: string): void {
  webSocket.on("message", (data: Buffer, isBinary) => {
    const text = isBinary || data.length > 32 ? "" : data.toString("latin1")
    const close = /^close (\d+)$/.exec(text)
    if (text === "whoami") webSocket.send(name)
    else if (close !== null) webSocket.close(Number(close[1]), "as you say")
    else webSocket.send(data, { binary: isBinary })
  })
  // Broken connections are part of what is tested.
  webSocket.on("error", () => {})
}

const PYTHON = "/usr/bin/python3"

const PYTHON_ECHO = `import asyncio, sys, websockets

async def echo(websocket, path=None):
    async for message in websocket:
        await websocket.send(message)

async def main():
    async with websockets.serve(echo, "127.0.0.1", int(sys.argv[1]), max_size=int(sys.argv[2])):
        print("listening", flush=True)
        await asyncio.Future()

asyncio.run(main())
`

/** An echo server by the Python library "websockets", a program of its own. `maxSize`: of a message, bytes. */
export async function startPythonEcho(maxSize = 64 * 1024 * 1024): Promise<WebSocketBackend> {
  const port = await freePort()
  const script = join(makeTempFolder("python"), "echo.py")
  writeFileSync(script, PYTHON_ECHO)
  return startProgram(PYTHON, [script, String(port), String(maxSize)], port)
}

/** Why `startPythonEcho` cannot run here, or false: made for node:test's `skip`. */
export function pythonEchoMissing(): string | false {
  const library = "/usr/lib/python3/dist-packages/websockets"
  return existsSync(PYTHON) && existsSync(library) ? false : "python3-websockets is not installed"
}

const WEBSOCKETD = "/usr/bin/websocketd"

/** An echo server by websocketd (a Go program) around `cat`: one text message a line. `options`: more of its own. */
export async function startWebsocketd(options: readonly string[] = []): Promise<WebSocketBackend> {
  const port = await freePort()
  const own = ["--address=127.0.0.1", `--port=${port}`, "--loglevel=error", ...options]
  return startProgram(WEBSOCKETD, [...own, "cat"], port)
}

/** Why `startWebsocketd` cannot run here, or false: made for node:test's `skip`. */
export function websocketdMissing(): string | false {
  return existsSync(WEBSOCKETD) ? false : "websocketd is not installed"
}

const CONNECT_ATTEMPTS = 400
const CONNECT_PAUSE_MS = 25

/** Starts a server program and waits until its port accepts. */
async function startProgram(
  command: string,
  args: readonly string[],
  port: number,
): Promise<WebSocketBackend> {
  const child = spawn(command, [...args], { stdio: ["ignore", "ignore", "pipe"] })
  let stderr = ""
  child.stderr.on("data", (chunk: Buffer) => {
    stderr += chunk.toString("latin1")
  })
  const killOnExit = (): void => void child.kill("SIGKILL")
  process.once("exit", killOnExit)
  const exited = new Promise<void>((resolve) => {
    child.once("error", () => resolve())
    child.once("close", () => resolve())
  })
  const close = async (): Promise<void> => {
    child.kill("SIGTERM")
    await exited
    process.off("exit", killOnExit)
  }
  // The program has no event for "I listen", so its port is tried until it does.
  for (let attempt = 0; attempt < CONNECT_ATTEMPTS && isRunning(child); attempt++) {
    if (await accepts(port)) return { port, close, [Symbol.asyncDispose]: close }
    await pause(CONNECT_PAUSE_MS)
  }
  await close()
  throw new Error(`${command} does not listen on ${port}\n${stderr}`)
}

function isRunning(child: ChildProcess): boolean {
  return child.pid !== undefined && child.exitCode === null && child.signalCode === null
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1")
    socket.once("connect", () => {
      socket.destroy()
      resolve(true)
    })
    socket.once("error", () => resolve(false))
  })
}
