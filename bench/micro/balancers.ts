/**
 * Time to choose a peer and to give it back: `node bench/micro/balancers.ts`. Nanoseconds per choice, for each way
 * to choose and for few and many peers.
 */
import { PeerSet } from "../../src/upstream/balancer.ts"
import { group, type Method, server } from "../../src/upstream/balancers/suite.ts"
import { Meter } from "./meter.ts"

const METHODS: readonly Method[] = [
  "round_robin",
  "ip_hash",
  "hash",
  "consistent_hash",
  "least_conn",
  "random_two",
]
const NOW_MS = 1_700_000_000_000
const CLIENTS = 256

const meter = new Meter()
const addresses = Array.from({ length: CLIENTS }, (_, i) => `192.0.${i}.${(i * 7) & 255}`)
for (const method of METHODS)
  for (const count of [1, 2, 10, 100]) {
    const upstream = group(
      method,
      Array.from({ length: count }, (_, i) => server(i + 1, { weight: 1 + (i % 3) })),
    )
    const tried = new PeerSet()
    const input = { clientAddress: "", hashKey: "", boundTo: "", nowMs: NOW_MS }
    let turn = 0
    meter.measure(`${method}, ${count} peer${count === 1 ? "" : "s"}`, () => {
      input.clientAddress = addresses[turn++ % CLIENTS]
      input.hashKey = input.clientAddress
      tried.clear()
      const peer = upstream.pick(input, tried)
      if (peer === undefined) throw new Error("no peer")
      peer.release("ok", NOW_MS)
    })
  }
