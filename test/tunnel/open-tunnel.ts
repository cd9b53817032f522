import type { Socket } from "node:net"
import type { Duplex } from "node:stream"
import { receiveHead } from "../faults/byte-streams.ts"
import type { ProxyUnderTest } from "../faults/proxy-under-test.ts"
import { type SocketBackend, SWITCHING } from "../faults/socket-backend.ts"

export interface OpenTunnel {
  readonly client: Socket
  readonly peer: Socket
  /** The head that the client got. */
  readonly head: string
}

/** Opens a tunnel through `proxy`; both ends are paused. `early` goes out behind either head, in one write. */
export async function openTunnel(
  proxy: ProxyUnderTest,
  backend: SocketBackend,
  early: { readonly fromClient?: string; readonly fromPeer?: string } = {},
): Promise<OpenTunnel> {
  const client = await proxy.startUpgrade("/", early.fromClient)
  const peer = await backend.next()
  await receiveHead(peer)
  peer.write(SWITCHING + (early.fromPeer ?? ""), "latin1")
  return { client, peer, head: await receiveHead(client) }
}

/** Destroys both ends. */
export function closeTunnel(tunnel: { readonly client: Duplex; readonly peer: Duplex }): void {
  tunnel.client.destroy()
  tunnel.peer.destroy()
}
