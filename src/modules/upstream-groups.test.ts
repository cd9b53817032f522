import assert from "node:assert/strict"
import { test } from "node:test"
import { TimerWheel } from "../base/timers.ts"
import type { OpenTunnel } from "../runtime/open-tunnel.ts"
import { TunnelRegistry } from "../tunnel/registry.ts"
import { PeerSet } from "../upstream/balancer.ts"
import { type PeerOptions, tcpAddress } from "../upstream/peer.ts"
import { Upstream } from "../upstream/upstream.ts"
import { prunePeers } from "../upstream/zone.ts"
import { impliedGroup, type PeerServices, UpstreamGroups } from "./upstream-groups.ts"

/** Memory as a worker has it: by name, in a map for all workers and in one of its own. */
class Memory implements PeerServices {
  readonly workerIndex = 0
  readonly shared = new Map<string, SharedArrayBuffer>()
  readonly local = new Map<string, SharedArrayBuffer>()

  sharedMemory(name: string, bytes: number): SharedArrayBuffer {
    return find(this.shared, name, bytes)
  }
  localMemory(name: string, bytes: number): SharedArrayBuffer {
    return find(this.local, name, bytes)
  }
}

function find(map: Map<string, SharedArrayBuffer>, name: string, bytes: number): SharedArrayBuffer {
  const found = map.get(`${name} ${bytes}`) ?? new SharedArrayBuffer(bytes)
  map.set(`${name} ${bytes}`, found)
  return found
}

function peer(n: number, changes: Partial<PeerOptions> = {}): PeerOptions {
  const address = tcpAddress("10.0.0.1", n)
  const limits = { weight: 1, maxConns: 0, maxFails: 1, failTimeoutMs: 10_000 }
  return { address, server: address.name, ...limits, backup: false, down: false, ...changes }
}

function add(
  groups: UpstreamGroups,
  name: string,
  peers: PeerOptions[],
  drainMs: number | null = null,
): Upstream {
  const memory = groups.memoryOf(name, false)
  const upstream = new Upstream({ name, peers, method: "round_robin", keepalive: undefined, memory, drainMs })
  groups.add(upstream)
  return upstream
}

const INPUT = { clientAddress: "192.0.2.1", hashKey: "", boundTo: "", nowMs: 1_700_000_000_000 }

test("what a new generation says of the peers of an old one", () => {
  const groups = new UpstreamGroups(new Memory())
  add(groups, "keeps", [peer(1), peer(2, { down: true }), peer(3, { backup: true })])
  add(
    groups,
    "closes",
    [peer(1), peer(2, { down: true }), peer(2), peer(4, { down: true, backup: true })],
    5000,
  )
  groups.addImplied("127.0.0.1|80", [tcpAddress("127.0.0.1", 80)])
  for (const [key, fate] of [
    ["keeps\n10.0.0.1:1", "stays"],
    ["keeps\n10.0.0.1:3", "stays"],
    ["keeps\n10.0.0.1:2", { drainMs: null }],
    ["keeps\n10.0.0.1:9", { drainMs: null }],
    ["closes\n10.0.0.1:1", "stays"],
    // Of two lines with one address one is enough.
    ["closes\n10.0.0.1:2", "stays"],
    ["closes\n10.0.0.1:3", { drainMs: 5000 }],
    ["closes\n10.0.0.1:4", { drainMs: 5000 }],
    ["other\n10.0.0.1:1", "gone"],
    ["127.0.0.1|80\n127.0.0.1:80", "stays"],
    ["127.0.0.1|80\n127.0.0.2:80", { drainMs: null }],
  ] as const)
    assert.deepEqual(groups.fateOf(key), fate, key)
})

test("the goodbyes that a worker says after a reload", () => {
  const memory = new Memory()
  const old = new UpstreamGroups(memory)
  const said: string[] = []
  const timers = new TimerWheel()
  const registry = new TunnelRegistry(timers)
  for (const group of [
    add(old, "one", [peer(1), peer(2)], 0),
    add(old, "two", [peer(1), peer(2)], null),
    add(old, "three", [peer(1)], 0),
    add(old, "four", [peer(1)], null),
  ])
    for (const { key, drainMs } of group.peers) {
      const tunnel: OpenTunnel = {
        peerKey: key,
        drainMs,
        sayGoodbye: () => said.push(key),
        destroy: () => {},
      }
      registry.add(tunnel)
    }
  const next = new UpstreamGroups(memory)
  add(next, "one", [peer(2)], 0)
  add(next, "two", [peer(1, { down: true }), peer(2)], 0)
  registry.drainRemoved((key) => next.fateOf(key))
  timers.close()
  // The new file decides where the group is still there ("two"), the old one where it is not ("three", "four").
  assert.deepEqual(said.sort(), ["one\n10.0.0.1:1", "three\n10.0.0.1:1", "two\n10.0.0.1:1"])
})

test("an implied group goes on in the next generation, one of a single request does not", () => {
  const memory = new Memory()
  const addresses = [tcpAddress("127.0.0.1", 80), tcpAddress("::1", 80)]
  const one = new UpstreamGroups(memory).addImplied("localhost|80", addresses)
  one.pick(INPUT, new PeerSet())?.release("failed", INPUT.nowMs)
  one.pick(INPUT, new PeerSet())
  const two = new UpstreamGroups(memory).addImplied("localhost|80", [addresses[1], addresses[0]])
  assert.deepEqual(
    two.peers.map(({ key, fails, connections }) => [key, fails, connections]),
    [
      ["localhost|80\n[::1]:80", 0, 1],
      ["localhost|80\n127.0.0.1:80", 1, 0],
    ],
  )
  const size = memory.local.size
  impliedGroup("localhost|80", addresses)
  assert.deepEqual([memory.local.size, memory.shared.size], [size, 0])
})

test("a thousand generations with ever new addresses leave a worker's maps as they were", () => {
  const memory = new Memory()
  let old = new UpstreamGroups(memory)
  for (let n = 1; n <= 1000; n++) {
    const groups = new UpstreamGroups(memory)
    add(groups, `group${n}`, [peer(n), peer(n + 1)])
    groups.add(
      new Upstream({
        name: `shared${n}`,
        peers: [peer(n)],
        method: "round_robin",
        keepalive: undefined,
        memory: groups.memoryOf(`shared${n}`, true),
        drainMs: null,
      }),
    )
    groups.addImplied(`10.0.0.1|${n}`, [tcpAddress("10.0.0.1", n)])
    const isNamed = (name: string): boolean => groups.namesMemory(name) || old.namesMemory(name)
    prunePeers(memory.shared, isNamed)
    prunePeers(memory.local, isNamed)
    old = groups
  }
  // Two generations: three peers for each worker alone; a shared peer and its lock.
  assert.deepEqual([memory.local.size, memory.shared.size], [6, 4])
})
