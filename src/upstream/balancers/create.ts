import type { Balancer } from "../balancer.ts"
import { ConsistentHash } from "./consistent-hash.ts"
import { Hash } from "./hash.ts"
import { IpHash } from "./ip-hash.ts"
import { LeastConn } from "./least-conn.ts"
import type { PeerList } from "./peer-list.ts"
import { Random } from "./random.ts"
import { RoundRobin } from "./round-robin.ts"

/** The ways to choose that have no options. `least_time` has. */
export type BalancingMethod =
  | "round_robin"
  | "ip_hash"
  | "hash"
  | "consistent_hash"
  | "least_conn"
  | "random"
  | "random_two"

export function createBalancer(method: BalancingMethod, primaries: PeerList, backups: PeerList): Balancer {
  switch (method) {
    case "ip_hash":
      return new IpHash(primaries, backups)
    case "hash":
      return new Hash(primaries, backups)
    case "consistent_hash":
      return new ConsistentHash(primaries, backups)
    case "least_conn":
      return new LeastConn(primaries, backups)
    case "random":
      return new Random(primaries, backups, false)
    case "random_two":
      return new Random(primaries, backups, true)
    case "round_robin":
      return new RoundRobin(primaries, backups)
  }
}
