/** A snapshot is somebody else's text: nothing of it is shown before it is seen to be what it should be. */
import { HoldfastError } from "../base/error.ts"
import { HARMFUL, printable } from "../base/visible-text.ts"
import {
  type ConnectionsStatus,
  type FailureStatus,
  type GenerationStatus,
  type ListenerStatus,
  type LocationStatus,
  PEER_STATES,
  type PeerStatus,
  type ReloadStatus,
  SNAPSHOT_FORMAT,
  type Snapshot,
  type UpstreamStatus,
  type WorkerStatus,
} from "../observe/snapshot.ts"
import { FAILURE_CAUSES } from "../runtime/module.ts"

/** Takes a value as JSON gives it; throws PROCESS where it is not what it should be. `path` says which it is. */
type Reader<T> = (value: unknown, path: string) => T

function wrong(path: string, what: string): never {
  throw new HoldfastError(
    "PROCESS",
    `the answer is no status of Holdfast: ${path || "all of it"} is no ${what}`,
  )
}

/** Without anything that a terminal would obey. */
const text: Reader<string> = (value, path) =>
  typeof value === "string" ? printable(value) : wrong(path, "text")

const number: Reader<number> = (value, path) => (typeof value === "number" ? value : wrong(path, "number"))

const flag: Reader<boolean> = (value, path) => (typeof value === "boolean" ? value : wrong(path, "flag"))

const time: Reader<string> = (value, path) =>
  typeof value === "string" && /^[-\d:.TZ]{1,40}$/.test(value) && !Number.isNaN(Date.parse(value))
    ? value
    : wrong(path, "time")

function oneOf<T extends string>(words: readonly T[]): Reader<T> {
  return (value, path) => words.find((word) => word === value) ?? wrong(path, "known word")
}

function nullable<T>(reader: Reader<T>): Reader<T | null> {
  return (value, path) => (value === null ? null : reader(value, path))
}

function list<T>(reader: Reader<T>): Reader<T[]> {
  return (value, path) =>
    Array.isArray(value) ? value.map((item, at) => reader(item, `${path}[${at}]`)) : wrong(path, "list")
}

/** An object with at least these fields; others are left out. */
function object<T extends object>(readers: { readonly [K in keyof T]: Reader<T[K]> }): Reader<T> {
  return (value, path) => {
    if (typeof value !== "object" || value === null) return wrong(path, "object")
    const fields = Object.entries<Reader<unknown>>(readers).map(([name, reader]) => [
      name,
      reader((value as Record<string, unknown>)[name], path === "" ? name : `${path}.${name}`),
    ])
    return Object.fromEntries(fields) as T
  }
}

const generation = object<GenerationStatus>({ number, file: text, prefix: text, loadedAt: time })

const reload = object<ReloadStatus>({ at: time, ok: flag, error: nullable(text) })

const worker = object<WorkerStatus>({
  index: number,
  state: oneOf(["serving", "starting", "waiting", "retired", "not answering"]),
  thread: nullable(number),
  startedAt: nullable(time),
  restarts: number,
  connections: number,
  tunnels: nullable(number),
  generation: nullable(number),
  heapBytes: nullable(number),
  busy: nullable(number),
  answerMs: nullable(number),
})

const listener = object<ListenerStatus>({
  address: text,
  ssl: flag,
  http2: flag,
  proxyProtocol: flag,
  accepted: number,
})

const connections = object<ConnectionsStatus>({
  active: number,
  reading: number,
  writing: number,
  waiting: number,
  accepted: number,
  handled: number,
  requests: number,
  tunnels: number,
})

const failure = object<FailureStatus>({
  cause: oneOf(FAILURE_CAUSES),
  status: number,
  peer: text,
  part: text,
  count: number,
  lastAt: time,
})

const location = object<LocationStatus>({
  server: text,
  location: text,
  open: number,
  opened: number,
  failed: number,
  failures: list(failure),
})

const workersOfPeer: Reader<readonly [number, number]> = (value, path) => {
  const [having, all] = list(number)(value, path)
  return having === undefined || all === undefined ? wrong(path, "pair of numbers") : [having, all]
}

const peer = object<PeerStatus>({
  address: text,
  state: oneOf(PEER_STATES),
  workers: workersOfPeer,
  backup: flag,
  weight: number,
  maxConns: number,
  connections: number,
  tunnels: number,
  fails: number,
  single: flag,
  lastFailureAt: nullable(time),
})

const upstream = object<UpstreamStatus>({ name: text, zone: flag, peers: list(peer) })

const format: Reader<typeof SNAPSHOT_FORMAT> = (value, path) => {
  if (value === SNAPSHOT_FORMAT) return SNAPSHOT_FORMAT
  if (typeof value !== "number") return wrong(path, "number")
  throw new HoldfastError(
    "PROCESS",
    `the program tells its status in form ${value}, this one reads form ${SNAPSHOT_FORMAT}: use the same version`,
  )
}

const snapshot = object<Snapshot>({
  format,
  version: text,
  pid: number,
  state: oneOf(["running", "paused", "stopping"]),
  replaces: nullable(number),
  replacedBy: nullable(number),
  at: time,
  startedAt: time,
  rssBytes: number,
  generation,
  lastReload: nullable(reload),
  workers: list(worker),
  listeners: list(listener),
  connections,
  locations: list(location),
  upstreams: list(upstream),
})

/** Reads a document. Throws PROCESS with the place where it is no snapshot. */
export function readSnapshot(document: string): Snapshot {
  return snapshot(parse(document), "")
}

/** The document on one line, as it came, but for characters that a terminal would obey: those are escaped. */
export function printableJson(document: string): string {
  const line = JSON.stringify(parse(document))
  return line.replaceAll(HARMFUL, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`)
}

function parse(document: string): unknown {
  try {
    return JSON.parse(document) as unknown
  } catch {
    throw new HoldfastError("PROCESS", "the answer is no status of Holdfast: it is not JSON")
  }
}
