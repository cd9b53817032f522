/** A connection that has left HTTP behind, as the rest of the worker sees it: it can be asked to end. */
export interface OpenTunnel {
  /** `Peer.key` of the peer at its other end. */
  readonly peerKey: string
  /**
   * What becomes of it when its peer is taken out of the configuration together with its whole group: the time
   * over which goodbyes are spread, in milliseconds, or null: it lives on.
   */
  readonly drainMs: number | null
  /** Says goodbye (RFC 6455 §7) and ends in its own time. A tunnel that is no WebSocket ignores it. */
  sayGoodbye(): void
  /** Ends at once, whatever is unsent; `reason` is for the error log. */
  destroy(reason: string): void
}

/** All tunnels of a worker. */
export interface OpenTunnels {
  add(tunnel: OpenTunnel): void
  delete(tunnel: OpenTunnel): void
  /** Says goodbye to all whose `peerKey` that is, spread over `windowMs`. */
  drainPeer(peerKey: string, windowMs: number): void
}
