/**
 * What active health checks know of a peer, in its row: so all workers see it, and the next generation does, too.
 * ngx_http_upstream_hc_module, after its documentation.
 *
 * Each check of a group has its part of each row, in the order of the file. A part counts only for the check whose
 * key stands in it: to every other one the peer is as it was at first.
 */
import { threadId } from "node:worker_threads"
import { CHECK_INTS, CHECKER, CHECKS, MAX_CHECKS } from "./zone.ts"

/** Columns of a part. `KEY` tells whose it is, 0 for nobody's. */
const KEY = 0
const STATUS = 1
/** Checks in a row that failed, and that passed. */
const FAILS = 2
const PASSES = 3
/** All checks that were completed, those of them that failed, and how often the peer became unhealthy. */
const TOTAL = 4
const FAILED = 5
const BROKE = 6

/** No check has been completed. */
const UNKNOWN = 0
const UP = 1
const UNHEALTHY = 2

/** One health check of a group. It holds nothing of its generation: tunnels reach it by their peer. */
export interface CheckIdentity {
  /** Equal for the same check in each generation that keeps what it knows; not 0. */
  readonly key: number
  /** `mandatory`: until a first check is completed the peer gets no requests. */
  readonly isMandatory: boolean
}

/** How many checks in a row it takes. */
export interface CheckThresholds {
  readonly fails: number
  readonly passes: number
}

/** What a completed check has changed. */
export type HealthChange = "healthy" | "unhealthy" | "none"

/** What is known of one peer by one check: for status pages. */
export interface HealthCounts {
  readonly checks: number
  readonly fails: number
  /** How often the peer became unhealthy. */
  readonly unhealthy: number
}

function partOf(index: number): number {
  return CHECKS + index * CHECK_INTS
}

/** Whether requests may go to the peer with that row, as far as `checks` say. */
export function passesChecks(ints: Int32Array, checks: readonly CheckIdentity[]): boolean {
  for (let i = 0; i < checks.length; i++) {
    const status = statusOf(ints, i, checks[i])
    if (status === UNHEALTHY || (status === UNKNOWN && checks[i].isMandatory)) return false
  }
  return true
}

/** Whether one of `checks` has found the peer unhealthy. */
export function hasFailedCheck(ints: Int32Array, checks: readonly CheckIdentity[]): boolean {
  for (let i = 0; i < checks.length; i++) if (statusOf(ints, i, checks[i]) === UNHEALTHY) return true
  return false
}

function statusOf(ints: Int32Array, index: number, check: CheckIdentity): number {
  const part = partOf(index)
  return ints[part + KEY] === check.key ? ints[part + STATUS] : UNKNOWN
}

/**
 * Gives each of `checks` its part of a row, with what is known of it: the parts may have been in another order, or of
 * other checks, under an earlier configuration. For the worker that checks, before its first result.
 */
export function claimParts(ints: Int32Array, checks: readonly CheckIdentity[]): void {
  if (checks.every(({ key }, index) => ints[partOf(index) + KEY] === key)) return
  const known = new Map<number, Int32Array>()
  for (let index = 0; index < MAX_CHECKS; index++) {
    const part = ints.slice(partOf(index), partOf(index) + CHECK_INTS)
    if (part[KEY] !== 0) known.set(part[KEY], part)
  }
  for (let index = 0; index < MAX_CHECKS; index++) {
    const check = checks[index]
    const part = (check && known.get(check.key)) ?? new Int32Array(CHECK_INTS)
    part[KEY] = check?.key ?? 0
    // Not the key first: others would take what still stands there for theirs.
    ints[partOf(index) + KEY] = 0
    ints.set(part.subarray(KEY + 1), partOf(index) + KEY + 1)
    ints[partOf(index) + KEY] = part[KEY]
  }
}

/** Takes down the result of a completed check, the one at `index`. */
export function noteCheck(
  ints: Int32Array,
  index: number,
  check: CheckIdentity,
  hasPassed: boolean,
  limits: CheckThresholds,
): HealthChange {
  const part = partOf(index)
  const former = statusOf(ints, index, check)
  ints[part + TOTAL]++
  ints[part + PASSES] = hasPassed ? ints[part + PASSES] + 1 : 0
  ints[part + FAILS] = hasPassed ? 0 : ints[part + FAILS] + 1
  if (!hasPassed) ints[part + FAILED]++
  // The first check decides where nothing is known yet and that matters.
  const isFirst = former === UNKNOWN && check.isMandatory
  if (hasPassed) {
    if (former === UP || (former === UNHEALTHY && ints[part + PASSES] < limits.passes)) return "none"
    ints[part + STATUS] = UP
    return former === UNHEALTHY || isFirst ? "healthy" : "none"
  }
  if (former === UNHEALTHY || (!isFirst && ints[part + FAILS] < limits.fails)) return "none"
  ints[part + STATUS] = UNHEALTHY
  ints[part + BROKE]++
  return "unhealthy"
}

/** What the check at `index` has counted. */
export function healthCounts(ints: Int32Array, index: number): HealthCounts {
  const part = partOf(index)
  return { checks: ints[part + TOTAL], fails: ints[part + FAILED], unhealthy: ints[part + BROKE] }
}

/** A key for `CheckIdentity`, of what makes a check the same one. FNV-1a, 32 bits. */
export function checkKey(text: string): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  return hash === 0 ? 1 : hash
}

/**
 * Which worker checks a group. One that dies loses it (`repairPeers`), and so does one
 * that lets go of it; another takes it when it looks next.
 */
export class CheckerSeat {
  private readonly words: Int32Array
  private readonly owner: number

  /** `lockMemory`: that of the group's lock (`GroupMemory`). */
  constructor(lockMemory: SharedArrayBuffer) {
    this.words = new Int32Array(lockMemory)
    this.owner = threadId + 1
  }

  /** Whether this thread has the seat, which it takes where nobody has. */
  take(): boolean {
    const holder = Atomics.compareExchange(this.words, CHECKER, 0, this.owner)
    return holder === 0 || holder === this.owner
  }

  leave(): void {
    Atomics.compareExchange(this.words, CHECKER, this.owner, 0)
  }
}
