/** A goodbye at a moment of the test's choice: a reload that marks the only peer `down`, with `drain close after=0`. */
import type { Socket } from "node:net"
import { type ProxySetup, proxyConfig } from "../faults/proxy-under-test.ts"
import { holdfastProgram } from "../support/holdfast.ts"
import { startWebSocketProxy, type WebSocketProxy } from "./web-socket-proxy.ts"

export interface Drainable extends AsyncDisposable {
  readonly proxy: WebSocketProxy
  /** All tunnels get their goodbye; new ones cannot be opened any more. */
  sayGoodbyes(): Promise<void>
}

export async function startDrainable(setup: Omit<ProxySetup, "backendPort"> = {}): Promise<Drainable> {
  const proxy = await startWebSocketProxy(setup)
  const sayGoodbyes = async (): Promise<void> => {
    const { edge, port, statusPort } = proxy.proxy
    const drained = {
      ...setup,
      backendPort: proxy.backend.port,
      peer: "down",
      upstream: "drain close after=0;",
    }
    edge.writeConfig(holdfastProgram, await proxyConfig(drained, port, statusPort))
    edge.signal("SIGHUP")
  }
  return { proxy, sayGoodbyes, [Symbol.asyncDispose]: () => proxy[Symbol.asyncDispose]() }
}

/** Resolves when nothing of what was written to `socket` was taken for a while: all buffers on the way are full. */
export async function untilStuck(socket: Socket): Promise<void> {
  for (let last = -1; socket.writableLength !== last; ) {
    last = socket.writableLength
    await new Promise((resolve) => setTimeout(resolve, 500))
  }
}
