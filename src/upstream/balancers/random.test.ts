import assert from "node:assert/strict"
import { test } from "node:test"
import { type BalancerInput, PeerSet } from "../balancer.ts"
import type { PeerOptions } from "../peer.ts"
import { PeerList } from "./peer-list.ts"
import { Random } from "./random.ts"
import { group, number, runBalancerSuite, START_MS, server } from "./suite.ts"

runBalancerSuite("random")
runBalancerSuite("random_two")

const INPUT: BalancerInput = { clientAddress: "192.0.2.1", hashKey: "", boundTo: "", nowMs: START_MS }

/** A choice by these draws: numbers from 0 to below 1, after which there are no more. */
function drawn(
  drawsTwo: boolean,
  servers: PeerOptions[],
  draws: number[],
  connections: number[] = [],
): number {
  const { peers } = group("random", servers)
  peers.forEach((peer, i) => {
    for (let taken = 0; taken < (connections[i] ?? 0); taken++) peer.take()
  })
  const left = [...draws]
  const random = (): number => left.shift() ?? assert.fail("drawn too often")
  const balancer = new Random(new PeerList(peers), new PeerList([]), drawsTwo, random)
  const chosen = number(balancer.pick(INPUT, new PeerSet()))
  assert.equal(left.length, 0, "not all was drawn")
  return chosen
}

test("a draw falls upon a server by its weight", () => {
  const servers = [server(1), server(2, { weight: 2 }), server(3)]
  for (const [draw, expected] of [
    [0, 1],
    [0.24, 1],
    [0.25, 2],
    [0.74, 2],
    [0.75, 3],
    [0.99, 3],
  ])
    assert.equal(drawn(false, servers, [draw]), expected, String(draw))
})

test("a server that may not be taken is drawn in vain", () => {
  assert.equal(drawn(false, [server(1), server(2, { down: true })], [0.6, 0.9, 0.1]), 1)
})

test("after 21 draws in vain the choice is round-robin's", () => {
  const servers = [server(1, { down: true }), server(2)]
  assert.equal(drawn(false, servers, new Array<number>(21).fill(0.1)), 2)
  assert.equal(drawn(true, servers, new Array<number>(21).fill(0.1)), 2)
})

test("of two the one with fewer connections for its weight is taken, of equal ones the second", () => {
  const servers = [server(1), server(2), server(3, { weight: 2 })]
  assert.equal(drawn(true, servers, [0.1, 0.3], [1, 0, 0]), 2)
  assert.equal(drawn(true, servers, [0.1, 0.3], [0, 1, 0]), 1)
  assert.equal(drawn(true, servers, [0.1, 0.3], [1, 1, 0]), 2)
  assert.equal(drawn(true, servers, [0.1, 0.9], [1, 0, 1]), 3)
  assert.equal(drawn(true, servers, [0.1, 0.9], [1, 0, 3]), 1)
})

test("the second is another one than the first", () => {
  assert.equal(drawn(true, [server(1), server(2)], [0.1, 0.2, 0.3, 0.9], [3, 1]), 2)
})
