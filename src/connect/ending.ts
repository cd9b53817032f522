/** How a WebSocket ended, in words. */
import { formatDuration } from "../client/duration.ts"
import { isNear, KNOWN_TIMEOUTS, type KnownTimeout } from "../probe/known-timeouts.ts"
import { ABNORMAL_CLOSURE, GOING_AWAY, NO_STATUS, NORMAL_CLOSURE } from "../websocket/frames.ts"
import { closeName } from "./close-codes.ts"
import type { SessionEnd, SessionInfo } from "./session.ts"

const CLEAN_CODES: ReadonlySet<number> = new Set([NORMAL_CLOSURE, GOING_AWAY, NO_STATUS])

/** Whether it ended as one side meant it to. */
export function isClean({ code, by, fault }: SessionEnd): boolean {
  return fault === undefined && (by === "us" || CLEAN_CODES.has(code))
}

/** The codes after which another connection would meet the same, or is not wanted. */
const FINAL_CODES: ReadonlySet<number> = new Set([1000, 1002, 1003, 1007, 1008, 1009, 1010])

/** Whether --reconnect goes on after it. */
export function isPassing(end: SessionEnd): boolean {
  return !FINAL_CODES.has(end.code)
}

/** One line: the code, its name, the reason, who it was and after how long. */
export function describeEnd(end: SessionEnd): string {
  const { code, reason, by, fault } = end
  const named = `${code} ${closeName(code)}`
  const quoted = reason === "" ? "" : ` "${reason}"`
  const time = `after ${exactly(end.livedMs)}`
  if (fault !== undefined)
    return code === ABNORMAL_CLOSURE ? `${fault} (${time})` : `${fault}: closed with ${named}`
  if (by === "peer") return `closed by the peer ${time}: ${named}${quoted}`
  if (by === "nobody") return `cut ${time} without a Close frame, by ${howText(end.how)}: ${named}`
  if (code === ABNORMAL_CLOSURE) return `closed by us ${time}; the peer did not answer the Close frame`
  return `closed by us ${time}: ${named}`
}

function howText(how: string): string {
  if (how === "FIN") return "an orderly end of the connection (FIN)"
  return how === "ECONNRESET" ? "a reset of the connection (RST)" : how
}

const MAX_NAMED = 3

/** What may have cut it; undefined where nothing is known that does so after that time. */
export function explainCut(end: SessionEnd, info: SessionInfo): string | undefined {
  if (end.by !== "nobody") return undefined
  const silence = end.idleMs < 1000 ? "" : `Nothing came from the peer for ${exactly(end.idleMs)} before. `
  const known = KNOWN_TIMEOUTS.filter((one) => fits(one, end) && isPossible(one, info))
  if (known.length === 0) return `${silence}Something in between cut it, or the peer's program died.`
  const names = known.slice(0, MAX_NAMED).map(({ name }) => name)
  if (known.length > MAX_NAMED) names.push("of others")
  const about = known[0]?.counts === "lifetime" ? end.livedMs : end.idleMs
  return `${silence}${roundly(about)} is the default of ${alternatives(names)}. Pings keep it open: --ping ${Math.max(1, Math.round(about / 2500))}s; holdfast probe --hold measures it.`
}

/** "a, b or c" */
function alternatives(names: readonly string[]): string {
  const last = names.at(-1) ?? ""
  return names.length < 2 ? last : `${names.slice(0, -1).join(", ")} or ${last}`
}

function fits({ counts, defaultMs }: KnownTimeout, { livedMs, idleMs, quietMs }: SessionEnd): boolean {
  if (counts === "lifetime") return isNear(livedMs, defaultMs)
  return isNear(idleMs, defaultMs) || isNear(quietMs, defaultMs)
}

/** Who always says who it is, and has not, was not there. */
function isPossible({ namesItself, product }: KnownTimeout, { server }: SessionInfo): boolean {
  return !namesItself || (server ?? "").toLowerCase().includes(product)
}

function exactly(ms: number): string {
  return ms < 1000 ? formatDuration(ms) : `${(ms / 1000).toFixed(1)} s`
}

function roundly(ms: number): string {
  return `${Math.round(ms / 1000)} s`
}
