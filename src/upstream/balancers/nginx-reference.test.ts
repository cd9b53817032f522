import assert from "node:assert/strict"
import { after, before, describe, test } from "node:test"
import type { ComparedGroup, ComparedMethod, ComparedServer } from "./nginx-reference.ts"
import { NginxReference, skip } from "./nginx-reference.ts"

const live: ComparedServer = { alive: true }
const dead: ComparedServer = { alive: false }

/** The same groups for either hash. */
function hashed(method: ComparedMethod): Record<string, ComparedGroup> {
  return {
    [`${method} of two`]: { method, servers: [live, live] },
    [`${method} of seven`]: { method, servers: [live, live, live, live, live, live, live] },
    [`${method} with weights`]: { method, servers: [live, { ...live, weight: 5 }, { ...live, weight: 2 }] },
    [`${method} with a server down`]: {
      method,
      servers: [live, { ...live, weight: 3, down: true }, live, live],
    },
    [`${method} with a dead server`]: { method, servers: [live, dead, { ...live, weight: 2 }] },
    [`${method} with a dead server that is never judged`]: {
      method,
      servers: [live, { ...dead, maxFails: 0, weight: 4 }, live],
    },
    [`${method} with so little left that the hash gives up`]: {
      method,
      servers: [{ ...live, weight: 100, down: true }, live, live],
    },
    [`${method} of one`]: { method, servers: [live] },
    [`${method} with all dead`]: { method, servers: [dead, dead, dead] },
  }
}

const named: Record<string, ComparedGroup> = {
  "ip_hash of two": { method: "ip_hash", servers: [live, live] },
  "ip_hash of seven": { method: "ip_hash", servers: [live, live, live, live, live, live, live] },
  "ip_hash with weights": {
    method: "ip_hash",
    servers: [live, { ...live, weight: 5 }, { ...live, weight: 2 }],
  },
  "ip_hash with a server down": {
    method: "ip_hash",
    servers: [live, { ...live, weight: 3, down: true }, live, live],
  },
  "ip_hash with a dead server": { method: "ip_hash", servers: [live, dead, { ...live, weight: 2 }] },
  "ip_hash with a dead server that is never judged": {
    method: "ip_hash",
    servers: [live, { ...dead, maxFails: 0, weight: 4 }, live],
  },
  "ip_hash with so little left that the hash gives up": {
    method: "ip_hash",
    servers: [{ ...live, weight: 100, down: true }, live, live],
  },
  "ip_hash of one": { method: "ip_hash", servers: [live] },
  "ip_hash with all dead": { method: "ip_hash", servers: [dead, dead, dead] },
  ...hashed("hash"),
  ...hashed("consistent_hash"),
  "consistent_hash of a large weight": {
    method: "consistent_hash",
    servers: [{ ...live, weight: 50 }, live, { ...live, weight: 3 }],
  },
  "least_conn of three": { method: "least_conn", servers: [live, live, live] },
  "least_conn with weights": {
    method: "least_conn",
    servers: [{ ...live, weight: 4 }, live, { ...live, weight: 2 }],
  },
  "least_conn with a dead server": {
    method: "least_conn",
    servers: [live, { ...dead, weight: 3, maxFails: 2 }, live],
  },
  "least_conn with backups": {
    method: "least_conn",
    servers: [dead, { ...live, backup: true, weight: 2 }, { ...live, backup: true }],
  },
  "least_conn of one, dead": { method: "least_conn", servers: [dead] },
  "round_robin 5 1 1": { method: "round_robin", servers: [{ ...live, weight: 5 }, live, live] },
  "round_robin 4 2 3": {
    method: "round_robin",
    servers: [
      { ...live, weight: 4 },
      { ...live, weight: 2 },
      { ...live, weight: 3 },
    ],
  },
  "round_robin with a dead server": {
    method: "round_robin",
    servers: [
      { ...live, weight: 3 },
      { ...dead, weight: 6, maxFails: 3 },
      { ...live, weight: 2 },
    ],
  },
  "round_robin with a dead server that is never judged": {
    method: "round_robin",
    servers: [live, { ...dead, weight: 2, maxFails: 0 }, live],
  },
  "round_robin with backups": {
    method: "round_robin",
    servers: [
      dead,
      { ...live, backup: true, weight: 2 },
      { ...dead, maxFails: 2 },
      { ...live, backup: true },
    ],
  },
  "round_robin with a dead backup": {
    method: "round_robin",
    servers: [dead, { ...dead, backup: true }, { ...live, backup: true }],
  },
  "round_robin with all dead": { method: "round_robin", servers: [dead, { ...dead, maxFails: 2 }] },
  "round_robin of one, dead": { method: "round_robin", servers: [dead] },
  "round_robin of one, down": { method: "round_robin", servers: [{ ...live, down: true }] },
}

/** Whole numbers below `bound`, always the same row of them (a linear congruential generator). */
function numbers(seed: number): (bound: number) => number {
  let state = seed
  return (bound) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return Math.floor((state / 2 ** 32) * bound)
  }
}

const METHODS = ["round_robin", "ip_hash", "hash", "consistent_hash", "least_conn"] as const

function randomGroups(count: number): ComparedGroup[] {
  const next = numbers(1)
  return Array.from({ length: count }, (_, i) => {
    const method = METHODS[i % METHODS.length]
    const servers = Array.from({ length: 2 + next(6) }, (_, j): ComparedServer => {
      const backup = (method === "round_robin" || method === "least_conn") && j > 0 && next(4) === 0
      return { alive: next(4) !== 0, weight: 1 + next(6), maxFails: next(4), down: next(6) === 0, backup }
    })
    return { method, servers }
  })
}

function clients(count: number, seed: number): string[] {
  const next = numbers(seed)
  return Array.from({ length: count }, (_, i) => {
    if (i % 2 === 0) return [next(256), next(256), next(256), next(256)].join(".")
    const groups = Array.from({ length: 8 }, () => next(0x10000).toString(16))
    // Half of them with a run of zeros, so that the short form is met too.
    if (i % 4 === 3) groups.splice(next(3), 2 + next(4), "")
    const text = groups.join(":")
    return text.startsWith(":") ? `:${text}` : text
  })
}

describe("the same choice as nginx", { skip }, () => {
  const groups = [...Object.values(named), ...randomGroups(100)]
  const reference = new NginxReference(groups)
  before(() => reference.start())
  after(() => reference.stop())

  async function compare(index: number, count: number): Promise<Set<string>> {
    const upstream = reference.build(index)
    const seen = new Set<string>()
    for (const [i, client] of clients(count, index + 1).entries()) {
      // A number, a path with a query, a long one, and sometimes none at all.
      const key = i % 50 === 49 ? "" : [`${i}`, `/room/${i}?user=${client}`, client.repeat(20)][i % 3]
      const expected = await reference.ask(index, client, key)
      assert.equal(reference.simulate(upstream, client, key), expected, `client ${client}, key ${key}`)
      seen.add(expected)
    }
    return seen
  }

  Object.keys(named).forEach((name, index) => {
    test(name, async () => {
      const seen = await compare(index, 300)
      const servers = named[name].servers.filter((server) => server.alive && server.down !== true)
      // The comparison means something only where the choice varies.
      assert.ok(seen.size >= servers.length, [...seen].join("; "))
    })
  })

  test("a hundred groups at random", async () => {
    for (let i = Object.keys(named).length; i < groups.length; i++) await compare(i, 40)
  })
})
