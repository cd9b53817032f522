import assert from "node:assert/strict"
import { describe, it } from "node:test"
import { PeerSet } from "./balancer.ts"
import { type Peer, type PeerOptions, tcpAddress } from "./peer.ts"
import { Upstream, type UpstreamOptions } from "./upstream.ts"
import { ownMemory } from "./zone.ts"

const SLOW_MS = 10_000
const NOW = 1_000_000

function group(method: UpstreamOptions["method"], servers: readonly Partial<PeerOptions>[]): Upstream {
  const peers = servers.map((server, i) => ({
    address: tcpAddress("127.0.0.1", i + 1),
    server: "",
    weight: 1,
    maxConns: 0,
    maxFails: 1,
    failTimeoutMs: 1000,
    backup: false,
    down: false,
    ...server,
  }))
  return new Upstream({ name: "g", peers, method, keepalive: undefined, memory: ownMemory(), drainMs: null })
}

/** How often each peer is picked; the connections stay open with `keeps`. */
function counts(upstream: Upstream, picks: number, nowMs: number, keeps = false): number[] {
  const found = upstream.peers.map(() => 0)
  for (let i = 0; i < picks; i++) {
    const input = { clientAddress: "127.0.0.1", hashKey: "", boundTo: "", nowMs }
    const peer = upstream.pick(input, new PeerSet()) as Peer
    found[peer.index]++
    if (!keeps) peer.release("idle", nowMs)
  }
  return found
}

const TWO = [{ slowStartMs: SLOW_MS }, {}]

describe("slow_start", () => {
  it("round robin: the share grows with time, from nothing to its own", () => {
    for (const [elapsed, expected] of [
      [0, [0, 100]],
      [1000, [9, 91]],
      [5000, [33, 67]],
      [9999, [50, 50]],
      [10_000, [50, 50]],
      [1e9, [50, 50]],
    ] as const) {
      const upstream = group("round_robin", TWO)
      upstream.peers[0]?.startSlowly(NOW)
      assert.deepEqual(counts(upstream, 100, NOW + elapsed), expected, `after ${elapsed} ms`)
    }
  })

  it("weights count as they stand", () => {
    const upstream = group("round_robin", [{ weight: 3, slowStartMs: SLOW_MS }, { weight: 1 }])
    upstream.peers[0]?.startSlowly(NOW)
    assert.deepEqual(counts(upstream, 40, NOW + SLOW_MS), [30, 10])
    const half = group("round_robin", [{ weight: 3, slowStartMs: SLOW_MS }, { weight: 1 }])
    half.peers[0]?.startSlowly(NOW)
    assert.deepEqual(counts(half, 50, NOW + SLOW_MS / 2), [30, 20])
  })

  it("where all begin at once they share", () => {
    const upstream = group("round_robin", [{ slowStartMs: SLOW_MS }, { slowStartMs: SLOW_MS }])
    for (const peer of upstream.peers) peer.startSlowly(NOW)
    assert.deepEqual(counts(upstream, 10, NOW), [5, 5])
    assert.deepEqual(counts(upstream, 10, NOW + 100), [5, 5])
  })

  it("a peer that was never away has its whole weight", () => {
    assert.deepEqual(counts(group("round_robin", TWO), 10, NOW), [5, 5])
  })

  it("least_conn: it gets as many connections as its part of the weight", () => {
    const upstream = group("least_conn", TWO)
    upstream.peers[0]?.startSlowly(NOW)
    const [slow = 0, other = 0] = counts(upstream, 110, NOW + 1000, true)
    assert.ok(slow >= 10 && slow <= 11 && slow + other === 110, `${slow}`)
  })

  it("least_time: its time counts for more", () => {
    const upstream = group({ mode: "header", inflight: false }, TWO)
    upstream.peers[0]?.startSlowly(NOW)
    const [slow = 0, other = 0] = counts(upstream, 110, NOW + 1000, true)
    assert.ok(slow >= 9 && slow <= 11 && slow + other === 110, `${slow}`)
  })

  it("begins when failures are forgiven, if they had made the peer unavailable", () => {
    const upstream = group("round_robin", [{ slowStartMs: SLOW_MS, maxFails: 2 }, {}])
    const peer = upstream.peers[0] as Peer
    const fail = (nowMs: number): void => {
      peer.take()
      peer.release("failed", nowMs)
    }
    const succeed = (nowMs: number): void => {
      peer.take()
      peer.check(nowMs)
      peer.release("ok", nowMs)
    }
    fail(NOW)
    succeed(NOW + 2000)
    assert.equal(peer.weightParts(NOW + 2000), 1000, "one failure of two")
    fail(NOW + 3000)
    fail(NOW + 3000)
    assert.ok(!peer.isAvailable(NOW + 3500))
    assert.ok(peer.isAvailable(NOW + 4001))
    succeed(NOW + 4001)
    assert.equal(peer.weightParts(NOW + 4001), 0)
    assert.equal(peer.weightParts(NOW + 4001 + SLOW_MS / 4), 250)
  })

  it("means nothing where the peer is the only one", () => {
    const upstream = group("round_robin", [{ slowStartMs: SLOW_MS }])
    upstream.peers[0]?.startSlowly(NOW)
    assert.deepEqual(counts(upstream, 3, NOW), [3])
    assert.equal(upstream.peers[0]?.weightParts(NOW), 1000)
  })

  it("a session that is bound to a peer goes there all the same", () => {
    const upstream = group("round_robin", TWO)
    upstream.peers[0]?.startSlowly(NOW)
    assert.deepEqual(counts(upstream, 4, NOW), [0, 4])
  })
})
