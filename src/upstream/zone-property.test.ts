import assert from "node:assert/strict"
import { test } from "node:test"
import fc from "fast-check"
import { findIn, group, number, pickFor, server } from "./balancers/suite.ts"
import type { Peer } from "./peer.ts"
import type { Upstream } from "./upstream.ts"
import { prunePeers, repairPeers, sharedMemory } from "./zone.ts"

const WORKERS = 3
const ADDRESSES = 5

/** The supervisor's map, and workers with maps of their own, as they are while generations come and go. */
class Program {
  readonly map = new Map<string, SharedArrayBuffer>()
  readonly workerMaps = Array.from({ length: WORKERS }, () => new Map<string, SharedArrayBuffer>())
  groups: Upstream[] = []
  members: readonly number[] = []
  #names = new Set<string>()
  /** Picked and not given back: by worker. */
  readonly held: Peer[][] = Array.from({ length: WORKERS }, () => [])

  /** A reload, in the program's order: the supervisor builds, hands its map over, the workers build, all prune. */
  reload(members: readonly number[]): void {
    const peers = members.map((n) => server(n, { weight: (n % 3) + 1 }))
    const checked = group("round_robin", peers, sharedMemory("backend", findIn(this.map), 0))
    this.groups = this.workerMaps.map((map, index) => {
      for (const [key, memory] of this.map) map.set(key, memory)
      return group("round_robin", peers, sharedMemory("backend", findIn(map), index))
    })
    const names = new Set(checked.memoryNames)
    const isNamed = (name: string): boolean => names.has(name) || this.#names.has(name)
    for (const map of [...this.workerMaps, this.map]) prunePeers(map, isNamed)
    this.#names = names
    this.members = members
  }

  /** A worker dies with all that it has, and another gets its index. */
  kill(worker: number): void {
    this.held[worker] = []
    repairPeers(this.map, worker, worker)
    const map = new Map(this.map)
    this.workerMaps[worker] = map
    const peers = this.members.map((n) => server(n, { weight: (n % 3) + 1 }))
    this.groups[worker] = group("round_robin", peers, sharedMemory("backend", findIn(map), worker))
  }

  /** What should be counted on the peer of that number. */
  expected(n: number): number {
    return this.held.flat().filter((peer) => number(peer) === n).length
  }
}

const members = fc.uniqueArray(fc.integer({ min: 1, max: ADDRESSES }), { minLength: 1 })
const worker = fc.integer({ min: 0, max: WORKERS - 1 })
const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ what: fc.constant("pick" as const), worker }) },
  { weight: 4, arbitrary: fc.record({ what: fc.constant("release" as const), worker, at: fc.nat() }) },
  { weight: 2, arbitrary: fc.record({ what: fc.constant("reload" as const), members }) },
  { weight: 1, arbitrary: fc.record({ what: fc.constant("kill" as const), worker }) },
)

test("property: picks, ends, reloads and dead workers in any order lose and invent no connection", () => {
  fc.assert(
    fc.property(members, fc.array(step, { maxLength: 60 }), (first, steps) => {
      const program = new Program()
      program.reload(first)
      for (const one of steps) {
        if (one.what === "reload") program.reload(one.members)
        else if (one.what === "kill") program.kill(one.worker)
        else if (one.what === "pick") {
          const peer = pickFor(program.groups[one.worker] as Upstream, "192.0.2.1")
          assert.ok(peer !== undefined)
          program.held[one.worker]?.push(peer)
        } else {
          const held = program.held[one.worker] as Peer[]
          const [peer] = held.splice(one.at % Math.max(held.length, 1), 1)
          peer?.release("ok", 1)
        }
        for (const { peers } of program.groups)
          for (const peer of peers) assert.equal(peer.connections, program.expected(number(peer)))
      }
      // With nothing open and a group of one, nothing but that is left: of it, and of the generation before.
      for (const peer of program.held.flat()) peer.release("idle", 1)
      for (let i = 0; i < 2; i++) program.reload([1])
      assert.equal(program.map.size, 2)
    }),
    { numRuns: 1000 },
  )
})
