import { createServer } from "node:net"

/** A port to listen on, and whether it is the one that was asked for. */
export interface ChosenPort {
  readonly port: number
  readonly isWanted: boolean
}

/**
 * Chooses a TCP port for 127.0.0.1: `wanted`, or another one when that is taken there or on ::1 (a browser
 * told "localhost" may go to either), or when this user may not listen on it.
 */
export async function choosePort(wanted: number): Promise<ChosenPort> {
  const isFree = (await tryListen(wanted, "127.0.0.1")) !== undefined && !(await isTaken(wanted, "::1"))
  if (isFree) return { port: wanted, isWanted: true }
  const port = await tryListen(0, "127.0.0.1")
  if (port === undefined) throw new Error("no free port on 127.0.0.1")
  return { port, isWanted: false }
}

/** Whether somebody listens there; false on a machine without that address. */
async function isTaken(port: number, host: string): Promise<boolean> {
  const hasAddress = (await tryListen(0, host)) !== undefined
  return hasAddress && (await tryListen(port, host)) === undefined
}

/** Listens for a moment and gives the port; undefined when that fails. */
function tryListen(port: number, host: string): Promise<number | undefined> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once("error", () => resolve(undefined))
    server.listen({ port, host, exclusive: true }, () => {
      const address = server.address()
      const given = typeof address === "object" && address !== null ? address.port : undefined
      server.close(() => resolve(given))
    })
  })
}
