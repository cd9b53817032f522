/**
 * Loaded before the program, in each of its threads (`NODE_OPTIONS=--import=…`): answers over a unix socket in the
 * folder SOAK_FOLDER what can only be seen from inside, without a hook in the program itself.
 */
import diagnostics from "node:diagnostics_channel"
import { createServer, type Socket } from "node:net"
import { join } from "node:path"
import { getHeapStatistics, queryObjects, setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { isMainThread, threadId } from "node:worker_threads"
import { Location } from "../../src/runtime/location.ts"
import { ServerNames } from "../../src/runtime/server-names.ts"
import { VirtualServer } from "../../src/runtime/virtual-server.ts"

/** What one thread answers to "measure"; garbage is collected first. */
export interface ThreadMeasure {
  readonly threadId: number
  readonly isMainThread: boolean
  readonly heapBytes: number
  readonly externalBytes: number
  /** Objects that each generation makes anew. */
  readonly serverNames: number
  readonly virtualServers: number
  readonly locations: number
}

/** What one thread answers to "ports": the clients' ports of the connections that it accepted last. */
export interface ThreadPorts {
  readonly threadId: number
  readonly isMainThread: boolean
  readonly ports: readonly number[]
}

const REMEMBERED_PORTS = 256
const folder = process.env["SOAK_FOLDER"]

function start(path: string): void {
  // The flag holds for the whole process; a context made after it has the function.
  setFlagsFromString("--expose-gc")
  const collectGarbage = runInNewContext("gc") as () => void
  const ports: number[] = []
  diagnostics.subscribe("net.server.socket", (message) => {
    const { socket } = message as { socket: Socket }
    if (socket.remotePort !== undefined) ports.push(socket.remotePort)
    if (ports.length > REMEMBERED_PORTS) ports.shift()
  })
  const measure = (): ThreadMeasure => {
    collectGarbage()
    const { used_heap_size, external_memory } = getHeapStatistics()
    return {
      threadId,
      isMainThread,
      heapBytes: used_heap_size,
      externalBytes: external_memory,
      serverNames: queryObjects(ServerNames, { format: "count" }),
      virtualServers: queryObjects(VirtualServer, { format: "count" }),
      locations: queryObjects(Location, { format: "count" }),
    }
  }
  const server = createServer((socket) => {
    socket.on("error", () => {})
    socket.once("data", (command: Buffer) => {
      const answer = command.toString() === "ports" ? { threadId, isMainThread, ports } : measure()
      socket.end(JSON.stringify(answer))
    })
    socket.unref()
  })
  server.listen(join(path, `${threadId}.inspect`)).unref()
}

if (folder !== undefined) start(folder)
