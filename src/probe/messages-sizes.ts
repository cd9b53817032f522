/** Messages of all sizes and manners against an echo, and where they stop coming back. */
import { MESSAGE_TOO_BIG } from "../websocket/frames.ts"
import type { ProbeContext } from "./context.ts"
import { type Manner, openTalk, type Talk, type Trip, trip } from "./messages-talk.ts"

const SHORT_BYTES = 126
/** Long enough to show how fast bytes get through. */
const PACE_BYTES = 65_536

/** Small ones first: what ends a session costs a new one. */
const TRIPS: readonly (readonly [Manner, number])[] = [
  ["text", 1],
  ["text", SHORT_BYTES],
  ["fragmented", 300],
  ["binary", 126],
  ["compressed", 4096],
  ["text", PACE_BYTES],
  ["text", 1_048_576],
]

/** Where messages stop coming back. */
export interface SizeLimit {
  /** The longest that came back, and the shortest that did not; bytes. They are neighbours where it was found out. */
  readonly passedBytes: number
  readonly refusedBytes: number
  readonly refusal: Trip
}

export interface SizesSeen {
  readonly trips: readonly Trip[]
  /** Undefined: all came back. */
  readonly limit: SizeLimit | undefined
}

/** Trips through one session, a new one after each that ended it. */
class Trips {
  readonly #context: ProbeContext
  readonly #isWrapped: boolean
  #talk: Talk | undefined

  constructor(context: ProbeContext, talk: Talk, isWrapped: boolean) {
    this.#context = context
    this.#talk = talk
    this.#isWrapped = isWrapped
  }

  /** The session, where one is open. */
  get talk(): Talk | undefined {
    return this.#talk?.session.end === undefined ? this.#talk : undefined
  }

  /** One that is open; undefined where none opens any more. */
  async open(): Promise<Talk | undefined> {
    if (this.talk !== undefined) return this.talk
    this.close()
    const opened = await openTalk(this.#context)
    this.#talk = "session" in opened ? opened : undefined
    return this.#talk
  }

  async run(manner: Manner, bytes: number, limitMs = this.#context.client.timeoutMs): Promise<Trip> {
    const talk = await this.open()
    if (talk === undefined)
      return { manner, bytes, outcome: "unopened", ms: 0, isOtherKind: false, end: undefined }
    const found = await trip(talk.session, manner, bytes, limitMs, this.#isWrapped)
    // An answer that is late must not be counted for another message.
    if (found.outcome === "silent" || found.outcome === "other") this.close()
    return found
  }

  close(): void {
    this.#talk?.session.destroy()
    this.#talk = undefined
  }
}

/** Tries them all; returns what was seen, and a session that is open after them, where there is one. */
export async function trySizes(
  context: ProbeContext,
  talk: Talk,
  progress: (text: string) => void,
  isWrapped: boolean,
): Promise<{ readonly seen: SizesSeen; readonly talk: Talk | undefined }> {
  const trips = new Trips(context, talk, isWrapped)
  const { timeoutMs } = context.client
  const all: Trip[] = []
  let passed: Trip | undefined
  let limit: SizeLimit | undefined
  for (const [manner, bytes] of TRIPS) {
    if (manner === "compressed" && !talk.session.isCompressed) continue
    // A letter is in many a message.
    if (isWrapped && bytes < SHORT_BYTES) continue
    if (limit !== undefined && bytes >= limit.refusedBytes) continue
    progress(`${bytes} bytes, ${manner}`)
    const found = judged(
      await trips.run(manner, bytes, limitOf(manner, timeoutMs, passed)),
      passed,
      timeoutMs,
    )
    if (manner !== "text") {
      // Once is chance: a cut, a moment without an answer.
      all.push(isFailure(found) && manner !== "binary" ? await trips.run(manner, bytes) : found)
      continue
    }
    const last = isFailure(found) ? await narrow(trips, passed, found, timeoutMs) : found
    if ("refusal" in last) {
      limit = last
      all.push(found)
      continue
    }
    all.push(last)
    if (last.outcome !== "same") break
    passed = last
  }
  return { seen: { trips: all, limit }, talk: await trips.open() }
}

function isFailure({ outcome }: Trip): boolean {
  return outcome === "ended" || outcome === "silent"
}

/** A server of texts alone has no answer to binary messages: they are not waited for any longer. */
const BINARY_MS = 1000

function limitOf(manner: Manner, timeoutMs: number, passed: Trip | undefined): number {
  if (manner !== "binary") return timeoutMs
  return Math.min(Math.max(BINARY_MS, SEVERAL * (passed?.ms ?? 0)), timeoutMs)
}

const SEVERAL = 4
/** The path may be slower by half than it was for the shorter message. */
const SLOWER = 2

/** A slow path is no fault: at the pace of `passed` there was not time enough. */
function judged(found: Trip, passed: Trip | undefined, limitMs: number): Trip {
  if (found.outcome !== "silent" || passed === undefined || passed.bytes < PACE_BYTES) return found
  const neededMs = (SLOWER * passed.ms * found.bytes) / passed.bytes
  return neededMs < limitMs ? found : { ...found, outcome: "slow" }
}

/**
 * Between what passes and what does not: to the powers of two, which most limits are, and to the byte behind one. The
 * trip that takes the place of `refusal` where there is no limit: it was chance, or others came for an answer.
 */
async function narrow(
  trips: Trips,
  passed: Trip | undefined,
  refusal: Trip,
  timeoutMs: number,
): Promise<SizeLimit | Trip> {
  const refusedBytes = refusal.bytes
  let limit: SizeLimit = { passedBytes: passed?.bytes ?? 0, refusedBytes, refusal }
  const limitMs = Math.min(timeoutMs, Math.max(NARROW_MS, SEVERAL * SEVERAL * (passed?.ms ?? 0)))
  const between = powersOfTwo(limit.passedBytes, limit.refusedBytes)
  while (between.length > 0) {
    const middle = between.length >> 1
    const bytes = between[middle] ?? 0
    const found = await trips.run("text", bytes, limitMs)
    if (found.outcome === "unopened") return limit
    if (found.outcome === "other") return { ...refusal, outcome: "other" }
    if (found.outcome === "same") between.splice(0, middle + 1)
    else between.splice(middle)
    limit = moved(limit, bytes, found)
  }
  if (refusal.outcome !== "ended") return limit
  const next = limit.passedBytes + 1
  if (next < limit.refusedBytes && next >= MIN_LIMIT) {
    const found = await trips.run("text", next, limitMs)
    if (found.outcome !== "unopened") limit = moved(limit, next, found)
  }
  if (limit.refusal.end?.code === MESSAGE_TOO_BIG || limit.refusedBytes < refusedBytes) return limit
  const again = await trips.run("text", refusedBytes, timeoutMs)
  return again.outcome === "same" ? again : limit
}

const MIN_LIMIT = 2
/** Of each try, once a longer message had all the time. */
const NARROW_MS = 2000

function moved(limit: SizeLimit, bytes: number, found: Trip): SizeLimit {
  return found.outcome === "same"
    ? { ...limit, passedBytes: bytes }
    : { ...limit, refusedBytes: bytes, refusal: found }
}

function powersOfTwo(above: number, below: number): number[] {
  const powers: number[] = []
  for (let power = 1; power < below; power *= 2) if (power > above) powers.push(power)
  return powers
}
