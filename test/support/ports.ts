import { createSocket, type Socket } from "node:dgram"
import { createServer, type Server } from "node:net"

// Below the range from which systems take ports for outgoing connections and for `listen(0)`, so that
// nothing takes a port between the moment it was found free and the moment an edge binds it.
const FIRST_PORT = 10_000
const LAST_PORT = 31_999
const MAX_ATTEMPTS = 200
// Nothing else here uses this address of the loopback range.
const CLAIMS_ADDRESS = "127.80.0.1"

// A claim is a UDP socket bound to the same number, open as long as this process: the system refuses a
// second one, so that no two test files that run side by side are given one port, bound or not yet.
const claims: Socket[] = []

/**
 * Returns a TCP port on which nothing listens on the loopback addresses. It is not given out again, to this
 * process or to another one, until this process ends.
 */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
    const port = FIRST_PORT + Math.floor(Math.random() * (LAST_PORT - FIRST_PORT + 1))
    const claim = await tryClaim(port)
    if (claim === undefined) continue
    claims.push(claim)
    const server = await tryListen(port)
    if (server === undefined) continue
    await new Promise<void>((resolve) => server.close(() => resolve()))
    return port
  }
  throw new Error("no free port was found")
}

/** Returns `count` different free ports; see `freePort`. */
export async function freePorts(count: number): Promise<number[]> {
  const ports: number[] = []
  while (ports.length < count) ports.push(await freePort())
  return ports
}

function tryClaim(port: number): Promise<Socket | undefined> {
  return new Promise((resolve) => {
    const socket = createSocket("udp4")
    socket.unref()
    socket.once("error", () => {
      socket.close()
      resolve(undefined)
    })
    socket.bind({ port, address: CLAIMS_ADDRESS, exclusive: true }, () => resolve(socket))
  })
}

function tryListen(port: number): Promise<Server | undefined> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once("error", () => resolve(undefined))
    // The wildcard address, so that a listener on any address of this port counts as one.
    server.listen({ port, exclusive: true }, () => resolve(server))
  })
}
