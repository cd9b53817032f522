/** What the tests of `--hold` set up. */
import { spawn } from "node:child_process"
import { once } from "node:events"
import { connect, createServer, type Socket } from "node:net"
import type { TestContext } from "node:test"
import { type WebSocket, WebSocketServer } from "ws"
import { startHaproxy } from "../support/haproxy.ts"
import { startHoldfast } from "../support/holdfast.ts"
import { startNginx } from "../support/nginx.ts"
import { freePort } from "../support/ports.ts"

/** A server with `ws` that does with each socket what `behave` says; returns its port. */
export async function wsBackend(
  t: TestContext,
  behave: (socket: WebSocket) => void = () => {},
): Promise<number> {
  const server = new WebSocketServer({ host: "127.0.0.1", port: 0 })
  server.on("connection", (socket) => {
    socket.on("error", () => {})
    socket.on("message", (data, isBinary) => socket.send(data, { binary: isBinary }))
    behave(socket)
  })
  await once(server, "listening")
  t.after(() => {
    for (const client of server.clients) client.terminate()
    server.close()
  })
  const address = server.address()
  return typeof address === "object" && address !== null ? address.port : 0
}

/** Runs `act` once nothing has come from the client for `ms`; pings and pongs count. */
export function onIdle(socket: WebSocket, ms: number, act: () => void): void {
  const timer = setTimeout(act, ms)
  const again = (): void => void timer.refresh()
  socket.on("message", again).on("ping", again).on("pong", again)
  socket.on("close", () => clearTimeout(timer))
}

export function after(socket: WebSocket, ms: number, act: () => void): void {
  const timer = setTimeout(act, ms)
  socket.on("close", () => clearTimeout(timer))
}

/** The heartbeat of the documentation of ws: who has not answered by the next turn is terminated. */
export function heartbeat(socket: WebSocket, everyMs: number): void {
  let isAlive = true
  const timer = setInterval(() => {
    if (!isAlive) return socket.terminate()
    isAlive = false
    socket.ping()
  }, everyMs)
  socket.on("pong", () => {
    isAlive = true
  })
  socket.on("close", () => clearInterval(timer))
}

export function proxyLocation(backend: number, more: string): string {
  return `location /ws/ {
    proxy_pass http://127.0.0.1:${backend};
    proxy_http_version 1.1;
    proxy_set_header Upgrade $http_upgrade;
    proxy_set_header Connection "upgrade";
    proxy_set_header Host $http_host;
    ${more}
  }`
}

function config(port: number, location: string): string {
  return `events { } http { server { listen 127.0.0.1:${port}; ${location} } }`
}

/** Returns the URL of the socket behind nginx. */
export async function behindNginx(t: TestContext, backend: number, more: string): Promise<string> {
  const port = await freePort()
  const edge = await startNginx(config(port, proxyLocation(backend, more)))
  t.after(() => edge.stop())
  return `ws://127.0.0.1:${port}/ws/`
}

export async function behindHoldfast(t: TestContext, backend: number, more: string): Promise<string> {
  const port = await freePort()
  const edge = await startHoldfast(config(port, proxyLocation(backend, more)))
  t.after(() => edge.stop())
  return `ws://127.0.0.1:${port}/ws/`
}

export async function behindHaproxy(t: TestContext, backend: number, tunnel: string): Promise<string> {
  const port = await freePort()
  const text = `defaults
  mode http
  timeout connect 5s
  timeout client 50s
  timeout server 50s
  ${tunnel}
frontend all
  bind 127.0.0.1:${port}
  default_backend sockets
backend sockets
  server one 127.0.0.1:${backend}
`
  const edge = await startHaproxy(text, port)
  t.after(() => edge.stop())
  return `ws://127.0.0.1:${port}/ws/`
}

const PYTHON_SERVER = `import asyncio, sys, websockets

async def echo(websocket, path=None):
    async for message in websocket:
        await websocket.send(message)

async def main():
    every = float(sys.argv[2])
    async with websockets.serve(echo, "127.0.0.1", int(sys.argv[1]), ping_interval=every, ping_timeout=every):
        print("listening", flush=True)
        await asyncio.Future()

asyncio.run(main())
`

/** python3-websockets that pings, and waits for the answer, as long each. */
export async function pythonBackend(t: TestContext, everySeconds: number): Promise<number> {
  const port = await freePort()
  const words = ["-c", PYTHON_SERVER, String(port), String(everySeconds)]
  const child = spawn("/usr/bin/python3", words, { stdio: ["ignore", "pipe", "inherit"] })
  t.after(async () => {
    child.kill("SIGTERM")
    if (child.exitCode === null && child.signalCode === null) await once(child, "close")
  })
  await once(child.stdout, "data")
  return port
}

/** A NAT between client and server: it forgets a connection that is idle for `ms`, and answers what comes later by RST. */
export async function forgetfulNat(t: TestContext, target: number, ms: number): Promise<number> {
  const sockets = new Set<Socket>()
  const server = createServer((client) => {
    const upstream = connect(target, "127.0.0.1")
    let isForgotten = false
    const timer = setTimeout(() => {
      isForgotten = true
    }, ms)
    const relay = (from: Socket, to: Socket): void => {
      from.on("data", (chunk) => {
        if (isForgotten) return void from.resetAndDestroy()
        timer.refresh()
        to.write(chunk)
      })
    }
    relay(client, upstream)
    relay(upstream, client)
    for (const socket of [client, upstream]) {
      sockets.add(socket)
      socket.on("error", () => {})
      socket.on("close", () => {
        clearTimeout(timer)
        client.destroy()
        upstream.destroy()
      })
    }
  })
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  t.after(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  const address = server.address()
  return typeof address === "object" && address !== null ? address.port : 0
}
