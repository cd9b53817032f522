import assert from "node:assert/strict"
import { once } from "node:events"
import { createServer, type Server } from "node:http"
import type { AddressInfo, Socket } from "node:net"
import { test } from "node:test"
import type { Load } from "../measure.ts"
import { buildServerFrame, clientFrameBytes } from "./frames.ts"
import { httpLoad, messageLoad, spreadLoad, wrkMissing } from "./loads.ts"

const TARGETS = ["a.example.com/", "b.example.com/one", "c.example.com/two?x=1", "a.example.com/three"]
const CONNECTIONS = 3
const MESSAGE_BYTES = 32
const TUNNELS = 7
const MESSAGES_IN_FLIGHT = 2

interface Ports {
  readonly port: number
  readonly tlsPort: number
}

async function listen(server: Server): Promise<Ports> {
  await once(server.listen(0, "127.0.0.1"), "listening")
  return { port: (server.address() as AddressInfo).port, tlsPort: 0 }
}

/** How often each target was asked for in one run of a load. */
async function countTargets(connect: (ports: Ports) => Promise<Load>): Promise<Map<string, number>> {
  const counts = new Map<string, number>()
  const server = createServer(({ headers, url }, response) => {
    const target = `${headers.host}${url}`
    counts.set(target, (counts.get(target) ?? 0) + 1)
    response.setHeader("Content-Length", 0).end()
  })
  try {
    await using load = await connect(await listen(server))
    assert.ok((await load.run(50)) >= TARGETS.length)
  } finally {
    server.close()
    server.closeAllConnections()
  }
  return counts
}

function assertSpread(counts: ReadonlyMap<string, number>): void {
  assert.deepEqual([...counts.keys()].toSorted(), TARGETS.toSorted())
  // What wrk has sent when its time is over may not have come.
  const most = Math.max(...counts.values())
  for (const count of counts.values()) assert.ok(most - count <= 1 + CONNECTIONS)
}

test("requests go to all targets in turn", async () => {
  const options = {
    tls: false,
    connections: CONNECTIONS,
    targets: TARGETS,
    mode: "keep",
    uploadBytes: 0,
  } as const
  assertSpread(await countTargets((ports) => httpLoad(ports, options)))
})

test("requests of wrk go to all targets in turn", { skip: wrkMissing() }, async () => {
  assertSpread(await countTargets((ports) => spreadLoad(ports, CONNECTIONS, TARGETS)))
})

test("few messages in flight go over all tunnels in turn", async () => {
  const received = new Map<Socket, number>()
  const answer = buildServerFrame(MESSAGE_BYTES)
  let waiting = 0
  let mostWaiting = 0
  const server = createServer().on("upgrade", (_request, socket: Socket) => {
    received.set(socket, 0)
    socket.on("error", () => {})
    socket.write("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")
    socket.on("data", (chunk: Buffer) => {
      assert.equal(chunk.length, clientFrameBytes(MESSAGE_BYTES))
      received.set(socket, (received.get(socket) ?? 0) + 1)
      mostWaiting = Math.max(mostWaiting, ++waiting)
      // By then the other messages in flight have come.
      setImmediate(() => {
        waiting--
        socket.write(answer)
      })
    })
  })
  try {
    const options = { tls: false, tunnels: TUNNELS, messageBytes: MESSAGE_BYTES, kind: "websocket" } as const
    await using load = await messageLoad(await listen(server), { ...options, inFlight: MESSAGES_IN_FLIGHT })
    const messages = await load.run(50)
    const counts = [...received.values()]
    assert.equal(counts.length, TUNNELS)
    assert.equal(
      counts.reduce((sum, count) => sum + count, 0),
      messages,
    )
    assert.ok(Math.max(...counts) - Math.min(...counts) <= MESSAGES_IN_FLIGHT)
    assert.ok(mostWaiting <= MESSAGES_IN_FLIGHT)
  } finally {
    server.close()
  }
})
