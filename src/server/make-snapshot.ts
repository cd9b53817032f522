/** Makes one snapshot of what the workers tell. */
import { isUtf8 } from "node:buffer"
import { http2 } from "../modules/http2.ts"

import {
  ACCEPTED,
  ACTIVE,
  type CounterTable,
  HANDLED,
  READING,
  REQUESTS,
  WAITING,
  WRITING,
} from "../observe/counters.ts"
import type { LocationCounts } from "../observe/handshake-counts.ts"
import {
  type ConnectionsStatus,
  type FailureStatus,
  type ListenerStatus,
  type LocationStatus,
  PEER_STATES,
  type PeerStateName,
  type PeerStatus,
  type UpstreamStatus,
  type WorkerStateName,
  type WorkerStatus,
} from "../observe/snapshot.ts"
import type { SeatStatus } from "./crew.ts"
import type { Generation } from "./generation.ts"
import type { PeerReport, WorkerReport } from "./worker-report.ts"

/** A time of the wall clock in milliseconds. */
export function isoTime(ms: number): string {
  return new Date(ms).toISOString()
}

/** Text that is bytes, for a document in UTF-8: read as UTF-8 where it is that. */
export function shownText(latin1: string): string {
  const bytes = Buffer.from(latin1, "latin1")
  return isUtf8(bytes) ? bytes.toString("utf8") : latin1
}

/** The reports of those workers that have answered. */
export function reportsOf(seats: readonly SeatStatus[]): WorkerReport[] {
  return seats.flatMap(({ answer }) => (answer === undefined ? [] : [answer.report]))
}

export function workerStatus({ seat, handle, answer }: SeatStatus, counters: CounterTable): WorkerStatus {
  const report = answer?.report
  return {
    index: seat.index,
    state: workerState(seat, handle !== null, report !== undefined),
    thread: handle?.threadId ?? null,
    startedAt: handle === null ? null : isoTime(handle.startedMs),
    restarts: seat.restarts,
    connections: counters.of(seat.index, ACTIVE),
    tunnels: report === undefined ? null : sum(report.tunnels.values()),
    generation: report?.generation ?? null,
    heapBytes: report?.heapBytes ?? null,
    busy: report === undefined ? null : Math.round(report.busy * 1000) / 1000,
    answerMs: answer === undefined ? null : Math.round(answer.answerMs * 10) / 10,
  }
}

function workerState(
  { isRetired, isUp }: SeatStatus["seat"],
  hasThread: boolean,
  hasAnswered: boolean,
): WorkerStateName {
  if (!hasThread) return "waiting"
  if (!isUp && !isRetired) return "starting"
  if (!hasAnswered) return "not answering"
  return isRetired ? "retired" : "serving"
}

export function connectionsStatus(
  counters: CounterTable,
  reports: readonly WorkerReport[],
): ConnectionsStatus {
  return {
    active: counters.total(ACTIVE),
    reading: counters.total(READING),
    writing: counters.total(WRITING),
    waiting: counters.total(WAITING),
    accepted: counters.total(ACCEPTED),
    handled: counters.total(HANDLED),
    requests: counters.total(REQUESTS),
    tunnels: sum(reports.flatMap(({ tunnels }) => [...tunnels.values()])),
  }
}

export function listenerStatus(
  { addresses }: Generation,
  reports: readonly WorkerReport[],
): ListenerStatus[] {
  return [...addresses].map(([key, { listen, isSsl, isHttp2, names }]) => ({
    address: shownText(key),
    ssl: isSsl,
    http2: isHttp2 || names.default.location.of(http2)?.isOn === true,
    proxyProtocol: listen.isProxyProtocol,
    accepted: sum(reports.map(({ accepted }) => accepted.get(key) ?? 0)),
  }))
}

// --- locations

export function locationStatus(reports: readonly WorkerReport[]): LocationStatus[] {
  const all = reports.flatMap(({ locations }) => locations)
  const byName = Map.groupBy(all, ({ server, location }) => `${server}\n${location}`)
  return [...byName.values()].map(mergeLocation).sort(byServerAndLocation)
}

function mergeLocation(parts: readonly LocationCounts[]): LocationStatus {
  const [{ server, location }] = parts as [LocationCounts]
  const kinds = Map.groupBy(
    parts.flatMap(({ failures }) => failures),
    ({ cause, status, part, peer }) => `${cause} ${status} ${part} ${peer}`,
  )
  const failures = [...kinds.values()].map((same): FailureStatus => {
    const [{ cause, status, peer, part }] = same as [(typeof same)[number]]
    const lastAt = isoTime(Math.max(...same.map(({ lastMs }) => lastMs)))
    return { cause, status, peer: shownText(peer), part, count: sum(same.map(({ count }) => count)), lastAt }
  })
  return {
    server: shownText(server),
    location: shownText(location),
    open: sum(parts.map(({ open }) => open)),
    opened: sum(parts.map(({ opened }) => opened)),
    failed: sum(parts.map(({ failed }) => failed)),
    failures: failures.sort((a, b) => b.count - a.count || (a.lastAt < b.lastAt ? 1 : -1)),
  }
}

function byServerAndLocation(a: LocationStatus, b: LocationStatus): number {
  if (a.server !== b.server) return a.server < b.server ? -1 : 1
  return a.location < b.location ? -1 : 1
}

// --- upstreams

/** Groups in the order of the configuration; those of which only tunnels are left come last. */
export function upstreamStatus(reports: readonly WorkerReport[]): UpstreamStatus[] {
  const tunnels = tunnelsByPeer(reports)
  const byPeer = Map.groupBy(
    reports.flatMap(({ peers }) => peers),
    ({ key, ordinal }) => `${key}\n${ordinal}`,
  )
  const groups = new Map<string, { zone: boolean; peers: PeerStatus[] }>()
  const add = (key: string, known: readonly PeerReport[]): void => {
    const [name, address] = key.split("\n") as [string, string]
    const group = groups.get(name) ?? { zone: known[0]?.isShared ?? false, peers: [] }
    groups.set(name, group)
    group.peers.push(mergePeer(shownText(address), known, tunnels.get(key) ?? 0))
    // Two servers of one address cannot be told apart by a tunnel: the first has them.
    tunnels.delete(key)
  }
  for (const known of byPeer.values()) add((known[0] as PeerReport).key, known)
  for (const key of tunnels.keys()) add(key, [])
  return [...groups].map(([name, group]) => ({ name: groupName(name), ...group }))
}

function tunnelsByPeer(reports: readonly WorkerReport[]): Map<string, number> {
  const total = new Map<string, number>()
  for (const { tunnels } of reports)
    for (const [key, count] of tunnels) total.set(key, (total.get(key) ?? 0) + count)
  return total
}

/** A group that a URL implies has its port behind its name. */
function groupName(name: string): string {
  return shownText(name.replace(/\|\d+$/, ""))
}

function mergePeer(address: string, known: readonly PeerReport[], tunnels: number): PeerStatus {
  const worst = known.toSorted((a, b) => rank(b.state) - rank(a.state))[0]
  if (worst === undefined) return removedPeer(address, tunnels)
  const { state, backup, weight, maxConns, isSingle, isShared } = worst
  const lastMs = Math.max(...known.map(({ lastFailureMs }) => lastFailureMs))
  // With a zone all workers look at the same numbers.
  const total = (numbers: number[]): number => (isShared ? Math.max(...numbers) : sum(numbers))
  return {
    address,
    state,
    workers: [known.filter((peer) => peer.state === state).length, known.length],
    backup,
    weight,
    maxConns,
    connections: total(known.map(({ connections }) => connections)),
    tunnels,
    fails: total(known.map(({ fails }) => fails)),
    single: isSingle,
    lastFailureAt: lastMs === 0 ? null : isoTime(lastMs),
  }
}

/** Tunnels outlive the configuration that their peer was in. */
function removedPeer(address: string, tunnels: number): PeerStatus {
  return {
    address,
    state: "removed",
    workers: [0, 0],
    backup: false,
    weight: 0,
    maxConns: 0,
    connections: tunnels,
    tunnels,
    fails: 0,
    single: false,
    lastFailureAt: null,
  }
}

function rank(state: PeerStateName): number {
  return PEER_STATES.indexOf(state)
}

function sum(numbers: Iterable<number>): number {
  let total = 0
  for (const number of numbers) total += number
  return total
}
