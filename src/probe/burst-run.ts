/** Opens many WebSockets at a rate, holds them all, and notes what became of each. */
import { setTimeout as pause } from "node:timers/promises"
import { NORMAL_CLOSURE } from "../websocket/frames.ts"
import type { ProbeContext } from "./context.ts"
import { type HandshakeResult, openHandshake, type Upgraded } from "./handshake.ts"
import { Session, type SessionEnd } from "./session.ts"

/** One that did not open, or did not stay. */
export interface BurstFailure {
  /** Counts from 1. */
  readonly number: number
  /** How many were open then. */
  readonly open: number
  /** How long it took until it was clear. Milliseconds. */
  readonly afterMs: number
  /** Undefined where it opened and ended while it was held. */
  readonly refusal: HandshakeResult | undefined
  readonly end: SessionEnd | undefined
}

/** Ages in milliseconds; 0 where `count` is. */
export interface Cut {
  readonly count: number
  readonly youngestMs: number
  readonly oldestMs: number
}

export interface BurstCounts {
  readonly tried: number
  readonly opened: number
  /** The most that were open at a time. */
  readonly mostOpen: number
  /** Ended by the other side just after the handshake: there was no room. */
  readonly dropped: number
  /** Ended by the other side later, while they were held; how old they were. */
  readonly cut: Cut
  readonly failed: number
  readonly first: BurstFailure | undefined
  /** Of all that failed or were dropped: what with, and how many. */
  readonly kinds: ReadonlyMap<string, number>
  /** Handshakes that were accepted, in order: from the start of the connection to the answer. Milliseconds. */
  readonly handshakeMs: readonly number[]
}

/** For the messages of all sockets together, should a server send some. */
const MAX_MEMORY_BYTES = 256 * 1024 * 1024
const LEAST_MESSAGE_BYTES = 65_536
const MOST_MESSAGE_BYTES = 16 * 1024 * 1024
/** More of them in a row say nothing new. */
const MAX_FAILURES_IN_A_ROW = 10
/** What ends later had its room. */
const ROOM_MS = 1500
/** Keeps held sockets from being idle, whatever the usual timeouts. */
const PING_EVERY_MS = 10_000
const GOODBYE_MS = 2000
/** All have said goodbye in so many parts of a second. */
const GOODBYE_PARTS = 20
const FOREVER_MS = 2 ** 31 - 1
/** Ours, not the peer's: no more files, no more ports. */
const OWN_LIMITS: ReadonlySet<string> = new Set(["EMFILE", "ENFILE", "EADDRNOTAVAIL", "ENOBUFS", "ENOMEM"])

/** The error of this machine that kept a connection from being made, "" for none. */
export function ownLimitOf(refusal: HandshakeResult | undefined): string {
  return refusal?.kind === "unreachable" && OWN_LIMITS.has(refusal.error.code) ? refusal.error.code : ""
}

export class BurstRun {
  readonly #context: ProbeContext
  readonly #open = new Set<Session>()
  readonly #handshakeMs: number[] = []
  readonly #kinds = new Map<string, number>()
  /** Says what a failure was, for counting. */
  readonly #name: (failure: BurstFailure) => string
  #tried = 0
  #opened = 0
  #mostOpen = 0
  #dropped = 0
  #cut: Cut = { count: 0, youngestMs: 0, oldestMs: 0 }
  #failed = 0
  #failedInARow = 0
  #first: BurstFailure | undefined
  #isOver = false
  #isLeaving = false
  #stopPings: () => void = () => {}

  constructor(context: ProbeContext, name: (failure: BurstFailure) => string) {
    this.#context = context
    this.#name = name
  }

  get counts(): BurstCounts {
    return {
      tried: this.#tried,
      opened: this.#opened,
      mostOpen: this.#mostOpen,
      dropped: this.#dropped,
      cut: this.#cut,
      failed: this.#failed,
      first: this.#first,
      kinds: this.#kinds,
      handshakeMs: this.#handshakeMs,
    }
  }

  /** Opens `count` sockets, `rate` of them a second; resolves when it is clear what became of the last. */
  async openAll(count: number, rate: number, progress: (text: string) => void): Promise<void> {
    const startedMs = performance.now()
    const pending: Promise<void>[] = []
    const pings = setInterval(() => this.#pingAll(), PING_EVERY_MS)
    this.#stopPings = () => clearInterval(pings)
    let shownMs = 0
    for (let index = 0; index < count && !this.#isOver; index++) {
      const dueMs = startedMs + (index * 1000) / rate - performance.now()
      if (dueMs > 1) await pause(dueMs)
      if (this.#isOver) break
      pending.push(this.#openOne(index + 1))
      if (performance.now() - shownMs < 200) continue
      shownMs = performance.now()
      progress(`${this.#open.size} open, ${this.#failed} failed, of ${count}`)
    }
    await Promise.all(pending)
  }

  /** One more, after the others; it is closed at once. Whether it opened. */
  async tryOne(): Promise<boolean> {
    const opened = await openHandshake(this.#context)
    if (!("answer" in opened)) return false
    const session = this.#sessionOf(opened)
    // Some accept, and close at once.
    const end = await session.ended(100)
    await leave(session)
    return end === undefined
  }

  /** Says goodbye to all, a part at a time. */
  async closeAll(): Promise<void> {
    this.#isLeaving = true
    this.#stopPings()
    const sessions = [...this.#open]
    const share = Math.ceil(sessions.length / GOODBYE_PARTS)
    const left: Promise<void>[] = []
    for (let at = 0; at < sessions.length; at += share) {
      if (at > 0) await pause(1000 / GOODBYE_PARTS)
      left.push(...sessions.slice(at, at + share).map(leave))
    }
    await Promise.all(left)
    this.#open.clear()
  }

  #sessionOf({ answer, connection, rest }: Upgraded): Session {
    const share = Math.floor(MAX_MEMORY_BYTES / this.#context.plan.burst)
    return new Session(connection.socket, {
      rest,
      extensions: answer.head.headers.getJoined("sec-websocket-extensions") ?? "",
      maxMessageBytes: Math.min(Math.max(share, LEAST_MESSAGE_BYTES), MOST_MESSAGE_BYTES),
    })
  }

  #pingAll(): void {
    for (const session of this.#open) session.ping(PING_PAYLOAD)
  }

  async #openOne(number: number): Promise<void> {
    const startedMs = performance.now()
    this.#tried++
    const opened = await openHandshake(this.#context)
    const afterMs = performance.now() - startedMs
    if (!("answer" in opened)) {
      this.#failed++
      return this.#note({ number, open: this.#open.size, afterMs, refusal: opened, end: undefined })
    }
    this.#opened++
    this.#failedInARow = 0
    this.#handshakeMs.push(afterMs)
    const session = this.#sessionOf(opened)
    this.#open.add(session)
    this.#mostOpen = Math.max(this.#mostOpen, this.#open.size)
    void this.#watch(session, number)
  }

  async #watch(session: Session, number: number): Promise<void> {
    // All that comes is taken, and dropped: thousands that keep it would fill the memory.
    while ((await session.take(() => true, FOREVER_MS)) !== undefined) if (session.end !== undefined) break
    const { end } = session
    if (this.#isLeaving || end === undefined) return
    this.#open.delete(session)
    session.destroy()
    // A message that was too long for us says nothing of room.
    if (end.how === "violation") return
    if (end.afterMs > ROOM_MS) {
      this.#cut = withOneMore(this.#cut, end.afterMs)
      return
    }
    this.#dropped++
    this.#note({ number, open: this.#open.size, afterMs: end.afterMs, refusal: undefined, end })
  }

  #note(failure: BurstFailure): void {
    this.#first ??= failure
    const name = this.#name(failure)
    this.#kinds.set(name, (this.#kinds.get(name) ?? 0) + 1)
    this.#failedInARow++
    if (this.#failedInARow >= MAX_FAILURES_IN_A_ROW || ownLimitOf(failure.refusal) !== "") this.#isOver = true
  }
}

const PING_PAYLOAD = Buffer.from("holdfast-probe")

function withOneMore({ count, youngestMs, oldestMs }: Cut, ageMs: number): Cut {
  return {
    count: count + 1,
    youngestMs: count === 0 ? ageMs : Math.min(youngestMs, ageMs),
    oldestMs: Math.max(oldestMs, ageMs),
  }
}

async function leave(session: Session): Promise<void> {
  session.close(NORMAL_CLOSURE)
  await session.ended(GOODBYE_MS)
  session.destroy()
}
