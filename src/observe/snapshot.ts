/**
 * What a running program is doing, as one document: what `holdfast status --json` prints. Its schema is
 * docs/status.schema.json. Texts of configurations and paths are decoded as UTF-8 where they are that.
 */
import type { FailureCause } from "../runtime/module.ts"

/** Changes when a reader of the old form would misread the new one; what is only added changes nothing. */
export const SNAPSHOT_FORMAT = 1

export interface Snapshot {
  readonly format: typeof SNAPSHOT_FORMAT
  readonly version: string
  readonly pid: number
  readonly state: "running" | "paused" | "stopping"
  /** The process that this one is to replace, or that is to replace this one (SIGUSR2). */
  readonly replaces: number | null
  readonly replacedBy: number | null
  /** All times are ISO 8601. */
  readonly at: string
  readonly startedAt: string
  readonly rssBytes: number
  readonly generation: GenerationStatus
  /** Null before the first. */
  readonly lastReload: ReloadStatus | null
  readonly workers: readonly WorkerStatus[]
  readonly listeners: readonly ListenerStatus[]
  readonly connections: ConnectionsStatus
  readonly locations: readonly LocationStatus[]
  readonly upstreams: readonly UpstreamStatus[]
}

/** The configuration in force. */
export interface GenerationStatus {
  /** Grows with each that is tried: there may be gaps. */
  readonly number: number
  readonly file: string
  readonly prefix: string
  readonly loadedAt: string
}

export interface ReloadStatus {
  readonly at: string
  readonly ok: boolean
  /** Why everything stayed as it was; null where it did not. */
  readonly error: string | null
}

export type WorkerStateName = "serving" | "starting" | "waiting" | "retired" | "not answering"

export interface WorkerStatus {
  /** From 0. */
  readonly index: number
  readonly state: WorkerStateName
  /** Its number in the log, and since when it runs; null where it waits for its next start. */
  readonly thread: number | null
  readonly startedAt: string | null
  /** How often another took the place of one that had died. */
  readonly restarts: number
  readonly connections: number
  /** The rest is null where it does not answer. */
  readonly tunnels: number | null
  readonly generation: number | null
  readonly heapBytes: number | null
  /** The part of the last second in which its event loop was not idle, 0 to 1. */
  readonly busy: number | null
  /** How long it took to answer the question for this. */
  readonly answerMs: number | null
}

export interface ListenerStatus {
  /** `0.0.0.0:443`, `[::]:80`, `unix:/run/x.sock` */
  readonly address: string
  readonly ssl: boolean
  readonly http2: boolean
  readonly proxyProtocol: boolean
  /** Connections since it was opened, by the workers that run now. */
  readonly accepted: number
}

/** The numbers of stub_status, and tunnels, which are among the active. */
export interface ConnectionsStatus {
  readonly active: number
  readonly reading: number
  readonly writing: number
  readonly waiting: number
  readonly accepted: number
  readonly handled: number
  readonly requests: number
  readonly tunnels: number
}

/** The WebSockets of one location, by the workers that run now. */
export interface LocationStatus {
  /** The first `server_name`; "" where it has none. */
  readonly server: string
  /** As it is written, its modifier included; "" outside of all. */
  readonly location: string
  /** Tunnels now, and since the workers began. */
  readonly open: number
  readonly opened: number
  /** Handshakes that did not end in a tunnel; kinds that have been forgotten are among them. */
  readonly failed: number
  readonly failures: readonly FailureStatus[]
}

/** Handshakes that failed in one way. */
export interface FailureStatus {
  readonly cause: FailureCause
  /** What the client was answered, or the backend's status where it had one; 0: nothing. */
  readonly status: number
  /** The backend's address; "" where none was asked. */
  readonly peer: string
  /** For `bad-handshake`: the part of the client's request that is wrong. */
  readonly part: string
  readonly count: number
  readonly lastAt: string
}

export interface UpstreamStatus {
  /** Of the `upstream` block, or the host and port of `proxy_pass`. */
  readonly name: string
  /** Its workers share what they know of the peers: `zone`. */
  readonly zone: boolean
  readonly peers: readonly PeerStatus[]
}

export const PEER_STATES = [
  "up",
  /** It is tried again, and has not answered yet. */
  "failing",
  "full",
  "unavailable",
  "unhealthy",
  /** `mandatory`: its first health check is not completed. */
  "checking",
  "draining",
  "down",
  /** No longer in the configuration; tunnels live on. */
  "removed",
] as const
export type PeerStateName = (typeof PEER_STATES)[number]

export interface PeerStatus {
  /** Where it listens: `$upstream_addr`. */
  readonly address: string
  /** The worst that a worker knows. */
  readonly state: PeerStateName
  /** In how many workers it has that state, of how many that know it. */
  readonly workers: readonly [number, number]
  readonly backup: boolean
  readonly weight: number
  /** 0: no limit. */
  readonly maxConns: number
  /** Requests and tunnels that have it now. */
  readonly connections: number
  readonly tunnels: number
  /** Failures that count now. */
  readonly fails: number
  /** It is the only one of its group: as in nginx, its failures are not counted. */
  readonly single: boolean
  readonly lastFailureAt: string | null
}
