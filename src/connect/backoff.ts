/** Pauses before another try. */

const FIRST_PAUSE_MS = 500
const MAX_DOUBLINGS = 30

/**
 * Twice as long after each failure, up to `maxMs`; half of it is left to chance, so that clients that were cut at once do
 * not come back at once. `attempt` counts from 1.
 */
export function retryDelayMs(attempt: number, maxMs: number, random: () => number = Math.random): number {
  const whole = Math.min(FIRST_PAUSE_MS * 2 ** Math.min(attempt - 1, MAX_DOUBLINGS), maxMs)
  return whole / 2 + (random() * whole) / 2
}
