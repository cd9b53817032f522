import type { Bench, Family, PeerResult, WorkResult } from "../bench.ts"
import type { HttpLoadOptions } from "../load/http-load.ts"
import { getLoad, httpLoad, messageLoad, spreadLoad } from "../load/loads.ts"
import { type CpuWork, type Load, measureTogether, type Station } from "../measure.ts"
import { isEdge } from "../peers/edges.ts"
import type { Peer } from "../peers/peer.ts"
import { type Extent, locations, peers, servers } from "./growth-configuration.ts"
import { GET_CONNECTIONS } from "./requests.ts"

// What ten times of anything may cost, each message or request.
const LIMIT_PER_TENFOLD = 1.2
const MESSAGE_BYTES = 32
const MESSAGES_IN_FLIGHT = 100

// 32 clients, whom ip_hash sends to as many peers: it looks at networks, and takes those of one for one client.
const MANY_NETWORKS: Omit<HttpLoadOptions, "port"> = {
  tls: false,
  connections: GET_CONNECTIONS,
  mode: "keep",
  targets: ["localhost/"],
  hasManyNetworks: true,
  uploadBytes: 0,
}

interface Curve {
  readonly name: string
  /** What there is more and more of. */
  readonly of: string
  /** From the smallest to the largest. */
  readonly sizes: readonly number[]
  work(name: string, size: number): CpuWork
}

const CURVES: readonly Curve[] = [
  {
    name: "WebSocket message, 32 B",
    of: "tunnels",
    sizes: [100, 1000, 5000],
    work: (name, tunnels) => ({
      name,
      unit: "message",
      connect: (station) =>
        messageLoad(station, {
          tls: false,
          tunnels,
          messageBytes: MESSAGE_BYTES,
          inFlight: MESSAGES_IN_FLIGHT,
          kind: "websocket",
        }),
    }),
  },
  requestCurve("GET by name", "servers", [20, 200, 2000], (count) => servers(count, false)),
  requestCurve("GET by wildcard name", "servers", [20, 200, 2000], (count) => servers(count, true)),
  requestCurve("GET by prefix", "locations", [10, 100, 1000], locations),
  peerCurve("GET, round robin", "", (station) => getLoad(station, false, GET_CONNECTIONS, "/")),
  peerCurve("GET, ip_hash", "ip_hash;", (station) => httpLoad(station, MANY_NETWORKS)),
]

function requestCurve(
  name: string,
  of: string,
  sizes: readonly number[],
  extentOf: (size: number) => Extent,
): Curve {
  return {
    name,
    of,
    sizes,
    work(workName, size) {
      const { targets, configuration } = extentOf(size)
      const connect = (station: Station): Promise<Load> => spreadLoad(station, GET_CONNECTIONS, targets)
      return { name: workName, unit: "request", configuration, connect }
    },
  }
}

function peerCurve(name: string, method: "" | "ip_hash;", connect: CpuWork["connect"]): Curve {
  return {
    name,
    of: "peers",
    sizes: [4, 40, 400],
    work: (workName, size) => ({
      name: workName,
      unit: "request",
      configuration: peers(size, method).configuration,
      backendAddresses: size,
      connect,
    }),
  }
}

/** What a message or a request costs where there is ever more that it could have to do with: it should not matter. */
export const growth: Family = {
  name: "growth",
  title: "Cost against the size of the work",
  async measure(bench) {
    const edges = bench.peers.filter(isEdge)
    const results: WorkResult[] = []
    for (const curve of edges.length > 0 ? CURVES : [])
      if (bench.wants(`growth ${curve.name}, ${curve.of}`))
        results.push(...(await measureCurve(bench, edges, curve)))
    return results
  },
}

async function measureCurve(
  bench: Bench,
  edges: readonly Peer[],
  { name, of, sizes, work }: Curve,
): Promise<WorkResult[]> {
  const measured = bench.isQuick ? [sizes[0], sizes[sizes.length - 1]] : sizes
  const works = measured.map((size) => work(`${name}, ${size.toLocaleString("en")} ${of}`, size))
  const results = await measureTogether(bench, "growth", `${name}, ${of}`, works, edges)
  const smallest = results[0]
  return results.map((result, index) => {
    const size = measured[index]
    return {
      ...result,
      point: { curve: `${name}, over ${of}`, size },
      limit: index === 0 ? undefined : LIMIT_PER_TENFOLD ** Math.log10(size / measured[0]),
      peers: result.peers.map((peer) => ({ ...peer, growth: growthOf(peer, smallest) })),
    }
  })
}

/** What a peer used over what it used at the smallest size; undefined where that was not measured. */
function growthOf({ peer, value }: PeerResult, smallest: WorkResult): number | undefined {
  const first = smallest.peers.find((other) => other.peer === peer)
  return first === undefined ? undefined : value.median / first.value.median
}
