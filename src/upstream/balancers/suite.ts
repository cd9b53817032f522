import assert from "node:assert/strict"
import { createHash } from "node:crypto"
import { test } from "node:test"
import { PeerSet } from "../balancer.ts"
import type { Peer, PeerOptions } from "../peer.ts"
import { tcpAddress } from "../peer.ts"
import type { UpstreamOptions } from "../upstream.ts"
import { Upstream } from "../upstream.ts"
import type { FindMemory, GroupMemory } from "../zone.ts"
import { ownMemory, sharedMemory } from "../zone.ts"
import { Sticky } from "./sticky.ts"

export type Method = UpstreamOptions["method"]

/** Where the tests' clock begins: any time long after 1970. */
export const START_MS = 1_700_000_000_000

/** A peer as `server 10.0.0.<n>:80` gives it, with nginx's defaults. */
export function server(n: number, changes: Partial<PeerOptions> = {}): PeerOptions {
  const address = tcpAddress(`10.0.${n >> 8}.${n & 255}`, 80)
  return {
    address,
    server: address.name,
    weight: 1,
    maxConns: 0,
    maxFails: 1,
    failTimeoutMs: 10_000,
    backup: false,
    down: false,
    ...changes,
  }
}

/** A group with memory of its own, or with what was found for it. */
export function group(
  method: Method,
  peers: PeerOptions[],
  memory: GroupMemory = ownMemory(),
  sticky?: Sticky,
): Upstream {
  return new Upstream({ name: "backend", peers, method, keepalive: undefined, memory, drainMs: null, sticky })
}

/** The same with ids for its peers. */
export function stickyGroup(method: Method, peers: PeerOptions[]): Upstream {
  const sticky = new Sticky({ lookup: [], cookie: null, learning: null, memoryNames: [] })
  return group(method, peers, ownMemory(), sticky)
}

/** Memory by name, kept in `map` with the keys that the program's services give it. */
export function findIn(map: Map<string, SharedArrayBuffer>): FindMemory {
  return (name, bytes) => {
    const found = map.get(`${name} ${bytes}`) ?? new SharedArrayBuffer(bytes)
    map.set(`${name} ${bytes}`, found)
    return found
  }
}

/** Picks for a client as a request's first attempt does. */
export function pickFor(
  upstream: Upstream,
  clientAddress: string,
  nowMs = START_MS,
  tried = new PeerSet(),
): Peer | undefined {
  return upstream.pick({ clientAddress, hashKey: clientAddress, boundTo: "", nowMs }, tried)
}

/** The same for a request whose session is bound to the server of the id `boundTo`. */
export function pickBound(
  upstream: Upstream,
  boundTo: string,
  nowMs = START_MS,
  tried = new PeerSet(),
): Peer | undefined {
  const clientAddress = "192.0.2.1"
  return upstream.pick({ clientAddress, hashKey: clientAddress, boundTo, nowMs }, tried)
}

/** The peer's last octet: which `server(n)` it is. */
export function number(peer: Peer | undefined): number {
  return peer === undefined ? -1 : Number(peer.address.host.split(".")[3])
}

/** What every way to choose owes its callers, whatever it prefers. */
export function runBalancerSuite(method: Method): void {
  const title =
    typeof method === "string" ? method : `least_time ${method.mode}${method.inflight ? " inflight" : ""}`
  runBoundSuite(method, title)
  test(`${title}: a request tries every live peer once, then there is none`, () => {
    const upstream = group(method, [
      server(1),
      server(2, { weight: 3 }),
      server(3, { down: true }),
      server(4),
    ])
    assert.equal(upstream.tries, 3)
    const tried = new PeerSet()
    const seen = new Set<number>()
    for (let i = 0; i < upstream.tries; i++) {
      const peer = pickFor(upstream, "192.0.2.1", START_MS, tried)
      assert.ok(peer !== undefined && tried.has(peer))
      seen.add(number(peer))
    }
    assert.deepEqual([...seen].sort(), [1, 2, 4])
    assert.equal(pickFor(upstream, "192.0.2.1", START_MS, tried), undefined)
  })

  test(`${title}: a cleared set is as good as new`, () => {
    const upstream = group(method, [server(1), server(2)])
    const tried = new PeerSet()
    for (let request = 0; request < 5; request++) {
      const picks = [0, 1].map(() => number(pickFor(upstream, "192.0.2.1", START_MS, tried)))
      assert.deepEqual(picks.sort(), [1, 2])
      tried.clear()
    }
  })

  test(`${title}: the same again where there are more peers than bits in a word`, () => {
    const peers = Array.from({ length: 100 }, (_, i) => server(i + 1))
    const upstream = group(method, peers)
    const tried = new PeerSet()
    const seen = new Set<number>()
    for (let i = 0; i < 100; i++) seen.add(number(pickFor(upstream, "2001:db8::1", START_MS, tried)))
    assert.equal(seen.size, 100)
    assert.ok(!seen.has(-1))
    assert.equal(pickFor(upstream, "2001:db8::1", START_MS, tried), undefined)
  })

  test(`${title}: connections are counted and max_conns is kept`, () => {
    const upstream = group(method, [server(1, { maxConns: 1 }), server(2, { maxConns: 2 })])
    const picked: Peer[] = []
    for (let i = 0; i < 3; i++) {
      const peer = pickFor(upstream, `10.${i}.0.1`)
      assert.ok(peer !== undefined)
      picked.push(peer)
    }
    assert.deepEqual(
      upstream.peers.map((peer) => peer.connections),
      [1, 2],
    )
    assert.equal(pickFor(upstream, "10.9.0.1"), undefined)
    picked[0].release("ok", START_MS)
    assert.equal(pickFor(upstream, "10.9.0.1"), picked[0])
  })

  test(`${title}: a peer that failed max_fails times rests for fail_timeout, then one request finds out`, () => {
    const upstream = group(method, [server(1, { maxFails: 2 }), server(2, { down: true })])
    const warned: Peer[] = []
    const peer = upstream.peers[0]
    let nowMs = START_MS
    const attempt = (outcome: "ok" | "failed" | "idle"): boolean => {
      const got = pickFor(upstream, "192.0.2.1", nowMs)
      if (got === undefined) return false
      if (got.release(outcome, nowMs)) warned.push(got)
      return true
    }
    assert.ok(attempt("failed"))
    assert.deepEqual(warned, [])
    assert.ok(attempt("failed"))
    assert.deepEqual(warned, [peer])
    assert.ok(!attempt("ok"))
    nowMs += 10_000
    assert.ok(!attempt("ok"))
    nowMs += 1
    // The one that finds out: while it is under way, no other goes there.
    assert.equal(pickFor(upstream, "192.0.2.1", nowMs), peer)
    assert.equal(pickFor(upstream, "192.0.2.1", nowMs), undefined)
    peer.release("idle", nowMs)
    assert.equal(pickFor(upstream, "192.0.2.1", nowMs), undefined)
    nowMs += 10_001
    assert.ok(attempt("ok"))
    assert.equal(peer.fails, 0)
    assert.ok(attempt("ok"))
    assert.equal(peer.connections, 0)
  })

  test(`${title}: a tunnel's answer brings a peer back without the end of the tunnel`, () => {
    const upstream = group(method, [server(1), server(2, { down: true })])
    const peer = upstream.peers[0]
    pickFor(upstream, "192.0.2.1")!.release("failed", START_MS)
    const later = START_MS + 10_001
    assert.equal(pickFor(upstream, "192.0.2.1", later), peer)
    assert.equal(pickFor(upstream, "192.0.2.1", later), undefined)
    peer.markAlive()
    assert.equal(pickFor(upstream, "192.0.2.1", later), peer)
    assert.equal(peer.connections, 2)
  })

  test(`${title}: max_fails=0 never rests`, () => {
    const upstream = group(method, [server(1, { maxFails: 0 }), server(2, { down: true })])
    for (let i = 0; i < 5; i++) pickFor(upstream, "192.0.2.1")!.release("failed", START_MS)
    assert.equal(upstream.peers[0].fails, 5)
    assert.equal(upstream.peers[0].effectiveWeight, 1)
  })

  test(`${title}: a group of one server does not count failures, but knows down and max_conns`, () => {
    const upstream = group(method, [server(1, { maxConns: 1 })])
    for (let i = 0; i < 5; i++) pickFor(upstream, "192.0.2.1")!.release("failed", START_MS)
    assert.equal(upstream.peers[0].fails, 0)
    assert.ok(pickFor(upstream, "192.0.2.1") !== undefined)
    assert.equal(pickFor(upstream, "192.0.2.1"), undefined)
    assert.equal(pickFor(group(method, [server(1, { down: true })]), "192.0.2.1"), undefined)
  })

  test(`${title}: when all have failed there is none until fail_timeout is over`, () => {
    const upstream = group(method, [server(1), server(2)])
    const tried = new PeerSet()
    for (let i = 0; i < 2; i++) pickFor(upstream, "192.0.2.1", START_MS, tried)!.release("failed", START_MS)
    assert.equal(pickFor(upstream, "192.0.2.1"), undefined)
    assert.ok(pickFor(upstream, "192.0.2.1", START_MS + 10_001) !== undefined)
  })

  test(`${title}: two workers on one zone see each other's connections and failures`, () => {
    const find = findIn(new Map())
    const peers = [server(1, { maxConns: 1 }), server(2, { maxConns: 1 })]
    const one = group(method, peers, sharedMemory("backend", find, 0))
    const first = pickFor(one, "192.0.2.1")
    const two = group(method, peers, sharedMemory("backend", find, 1))
    const second = pickFor(two, "192.0.2.1")
    assert.notEqual(number(first), number(second))
    assert.equal(pickFor(one, "192.0.2.1"), undefined)
    assert.equal(pickFor(two, "192.0.2.1"), undefined)
    first!.release("failed", START_MS)
    assert.equal(two.peers[first!.index].fails, 1)
    assert.equal(pickFor(two, "192.0.2.1"), undefined)
  })
}

/** What every way to choose owes to a request whose session is bound to a server. */
function runBoundSuite(method: Method, title: string): void {
  const servers = (changes: Partial<PeerOptions> = {}): PeerOptions[] => [
    server(1, { route: "one" }),
    server(2, { route: "two", ...changes }),
    server(3, { route: "three" }),
  ]

  test(`${title}: a bound request goes to its server, however often`, () => {
    const upstream = stickyGroup(method, servers())
    for (let i = 0; i < 30; i++) {
      const peer = pickBound(upstream, "two")
      assert.equal(number(peer), 2)
      if (i % 2 === 0) peer?.release("ok", START_MS)
    }
    assert.equal(upstream.peers[1].connections, 15)
  })

  test(`${title}: without a route the id is the MD5 of the address`, () => {
    const upstream = stickyGroup(method, [server(1), server(2)])
    assert.equal(upstream.peers[1].sid, createHash("md5").update("10.0.0.2:80").digest("hex"))
    for (let i = 0; i < 5; i++) assert.equal(number(pickBound(upstream, upstream.peers[1].sid)), 2)
  })

  test(`${title}: an id that no server has binds nobody`, () => {
    const upstream = stickyGroup(method, servers())
    const tried = new PeerSet()
    const seen = [0, 1, 2].map(() => number(pickBound(upstream, "four", START_MS, tried)))
    assert.deepEqual(seen.sort(), [1, 2, 3])
  })

  test(`${title}: where its server failed, a bound request is tried elsewhere`, () => {
    const upstream = stickyGroup(method, servers())
    const tried = new PeerSet()
    const first = pickBound(upstream, "two", START_MS, tried)
    assert.equal(number(first), 2)
    first?.release("failed", START_MS)
    const rest = [0, 1].map(() => number(pickBound(upstream, "two", START_MS, tried)))
    assert.deepEqual(rest.sort(), [1, 3])
    for (let i = 0; i < 10; i++) assert.notEqual(number(pickBound(upstream, "two")), 2)
    assert.equal(number(pickBound(upstream, "two", START_MS + 10_001)), 2)
  })

  test(`${title}: a server that is full or down takes no bound request either`, () => {
    const full = stickyGroup(method, servers({ maxConns: 1 }))
    assert.equal(number(pickBound(full, "two")), 2)
    for (let i = 0; i < 10; i++) assert.notEqual(number(pickBound(full, "two")), 2)
    const down = stickyGroup(method, servers({ down: true }))
    for (let i = 0; i < 10; i++) assert.notEqual(number(pickBound(down, "two")), 2)
  })

  test(`${title}: a draining server takes bound requests only`, () => {
    const upstream = stickyGroup(method, servers({ draining: true }))
    assert.equal(upstream.tries, 2)
    for (let i = 0; i < 30; i++) assert.notEqual(number(pickFor(upstream, `10.${i}.0.1`)), 2)
    for (let i = 0; i < 5; i++) assert.equal(number(pickBound(upstream, "two")), 2)
    const alone = stickyGroup(method, [server(1, { draining: true, route: "one" })])
    assert.equal(pickFor(alone, "192.0.2.1"), undefined)
    assert.equal(pickBound(alone, "two"), undefined)
    assert.equal(number(pickBound(alone, "one")), 1)
  })
}
