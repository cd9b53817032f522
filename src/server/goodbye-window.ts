/** Over which time the goodbyes of a graceful stop are spread. */

/** Where no time is set for the stop. */
const DEFAULT_WINDOW_MS = 30_000
/** The part of a set time that is left for the closing handshakes of the last ones, and its bounds. */
const CLOSING_SHARE = 0.2
const MAX_CLOSING_MS = 10_000

/** `limitMs`: worker_shutdown_timeout; undefined where there is none. */
export function goodbyeWindowMs(limitMs: number | undefined): number {
  if (limitMs === undefined) return DEFAULT_WINDOW_MS
  return limitMs - Math.min(limitMs * CLOSING_SHARE, MAX_CLOSING_MS)
}
