/** What became of a worker's WebSocket handshakes, by location: for the status snapshot. */
import type {
  HandshakeCounts,
  HandshakeFailure,
  LocationCounts as LocationCounter,
} from "../runtime/module.ts"

/** Locations that are remembered. Those that were not used for longest go first, but none that has a tunnel. */
const MAX_LOCATIONS = 1000
/** Kinds of failures that a location remembers: cause, status and backend make a kind. */
const MAX_KINDS = 32

/** Failures of one kind. */
export interface CountedFailure extends HandshakeFailure {
  readonly count: number
  /** The last of them, by the wall clock in milliseconds. */
  readonly lastMs: number
}

export interface LocationCounts {
  readonly server: string
  readonly location: string
  /** Tunnels now, and since the worker began. */
  readonly open: number
  readonly opened: number
  /** Handshakes that failed, those of forgotten kinds among them. */
  readonly failed: number
  readonly failures: readonly CountedFailure[]
}

export class WorkerHandshakes implements HandshakeCounts {
  /** In the order of their last use. */
  readonly #locations = new Map<string, Counter>()
  readonly #nowMs: () => number

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs
  }

  of(server: string, location: string): LocationCounter {
    const key = `${server}\n${location}`
    let counter = this.#locations.get(key)
    if (counter === undefined) {
      if (this.#locations.size >= MAX_LOCATIONS) this.#forgetOne()
      counter = new Counter(flat(server), flat(location), this.#nowMs)
    } else this.#locations.delete(key)
    this.#locations.set(flat(key), counter)
    return counter
  }

  all(): LocationCounts[] {
    return [...this.#locations.values()].map((counter) => counter.counts())
  }

  #forgetOne(): void {
    for (const [key, counter] of this.#locations)
      if (counter.open === 0) {
        this.#locations.delete(key)
        return
      }
  }
}

interface Kind {
  readonly failure: HandshakeFailure
  count: number
  lastMs: number
}

class Counter implements LocationCounter {
  readonly #server: string
  readonly #location: string
  readonly #nowMs: () => number
  /** In the order of their last failure. */
  readonly #kinds = new Map<string, Kind>()
  #opened = 0
  #failed = 0
  open = 0
  /** One for all tunnels: each holds it until its end. */
  readonly tunnelClosed = (): void => {
    this.open--
  }

  constructor(server: string, location: string, nowMs: () => number) {
    this.#server = server
    this.#location = location
    this.#nowMs = nowMs
  }

  tunnelOpened(): void {
    this.open++
    this.#opened++
  }

  handshakeFailed(failure: HandshakeFailure): void {
    this.#failed++
    const { cause, status, peer, part } = failure
    const key = `${cause} ${status} ${part} ${peer}`
    const kind = this.#kinds.get(key) ?? this.#newKind(failure)
    kind.count++
    kind.lastMs = this.#nowMs()
    this.#kinds.delete(key)
    this.#kinds.set(key, kind)
  }

  #newKind(failure: HandshakeFailure): Kind {
    const [oldest] = this.#kinds.keys()
    if (oldest !== undefined && this.#kinds.size >= MAX_KINDS) this.#kinds.delete(oldest)
    return { failure: { ...failure, peer: flat(failure.peer) }, count: 0, lastMs: 0 }
  }

  counts(): LocationCounts {
    return {
      server: this.#server,
      location: this.#location,
      open: this.open,
      opened: this.#opened,
      failed: this.#failed,
      failures: [...this.#kinds.values()].map(({ failure, count, lastMs }) => ({
        ...failure,
        count,
        lastMs,
      })),
    }
  }
}

/** A copy that is no piece of a longer text: V8 would keep a whole configuration for it. */
function flat(text: string): string {
  return Buffer.from(text, "latin1").toString("latin1")
}
