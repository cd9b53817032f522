import { caddy, haproxy } from "./debian.ts"
import { holdfast, nginx } from "./edges.ts"
import { fastifyHttpProxy, httpProxy3, httpxy } from "./npm.ts"
import type { Peer } from "./peer.ts"

/** All that can be measured, in the order of the tables. */
export const PEERS: readonly Peer[] = [holdfast, nginx, haproxy, caddy, httpProxy3, httpxy, fastifyHttpProxy]
