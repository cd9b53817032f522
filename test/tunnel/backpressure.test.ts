import assert from "node:assert/strict"
import type { Socket } from "node:net"
import { test } from "node:test"
import { pourUntilStuck } from "../faults/byte-streams.ts"
import { startProxy } from "../faults/proxy-under-test.ts"
import { startSocketBackend } from "../faults/socket-backend.ts"
import { openTunnel } from "./open-tunnel.ts"

const OFFERED = 200 * 1024 * 1024
/** What the kernels on the way may hold on loopback: send and receive buffers of two connections. */
const KERNEL_BYTES = 48 * 1024 * 1024
const MEMORY_BYTES = 32 * 1024 * 1024

for (const isTls of [false, true])
  for (const writer of ["client", "peer"] as const) {
    test(`a side that does not read stops the other: ${writer} writes, ${isTls ? "TLS" : "plain"}`, async () => {
      await using backend = await startSocketBackend()
      await using proxy = await startProxy({ backendPort: backend.port, isTls })
      const tunnel = await openTunnel(proxy, backend)
      const before = proxy.residentBytes()
      const from: Socket = tunnel[writer]
      const taken = await pourUntilStuck(from, OFFERED)
      const grown = proxy.residentBytes() - before
      assert.ok(taken < KERNEL_BYTES, `${taken} bytes were taken though nobody reads`)
      assert.ok(grown < MEMORY_BYTES, `memory grew by ${grown} bytes`)
      tunnel.client.destroy()
      tunnel.peer.destroy()
      await proxy.accessLine(/101/)
    })
  }
