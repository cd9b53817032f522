import { createServer, type Server } from "node:net"

// Below the range from which systems take ports for outgoing connections and for `listen(0)`, so that
// nothing takes a port between the moment it was found free and the moment an edge binds it.
const FIRST_PORT = 10_000
const LAST_PORT = 31_999
const MAX_ATTEMPTS = 200

// Ports given out in this process are not given out again.
const given = new Set<number>()

/** Returns a TCP port on which nothing listens on the loopback addresses. Each call gives another one. */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
    const port = FIRST_PORT + Math.floor(Math.random() * (LAST_PORT - FIRST_PORT + 1))
    if (given.has(port)) continue
    const server = await tryListen(port)
    if (server === undefined) continue
    given.add(port)
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

function tryListen(port: number): Promise<Server | undefined> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once("error", () => resolve(undefined))
    // The wildcard address, so that a listener on any address of this port counts as one.
    server.listen({ port, exclusive: true }, () => resolve(server))
  })
}
