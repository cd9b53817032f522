/** How connections spread over backends, from the order in which they came there. */

/**
 * "one": all to the same. "in-turn": one after the other, weights included. "even": about the same number each.
 * "uneven": neither.
 */
export type Spread = "one" | "in-turn" | "even" | "uneven"

export function spreadOf(order: readonly string[]): Spread {
  const counts = countsOf(order)
  if (counts.size <= 1) return "one"
  if (isPeriodic(order, counts.size)) return "in-turn"
  const numbers = [...counts.values()]
  const mean = order.length / counts.size
  return Math.max(...numbers) - Math.min(...numbers) <= Math.max(mean / 2, 1) ? "even" : "uneven"
}

/** Most first; equals by name. */
export function countsOf(order: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>()
  for (const name of order) counts.set(name, (counts.get(name) ?? 0) + 1)
  return new Map([...counts].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1)))
}

/** Whether it repeats after `count` or more, seen at least twice. */
function isPeriodic(order: readonly string[], count: number): boolean {
  for (let period = count; period * 2 <= order.length; period++)
    if (order.every((name, index) => index < period || name === order[index - period])) return true
  return false
}

/** A client that came back twice, with the cookies that it had been given. */
export interface Reconnect {
  /** Where it had been. */
  readonly first: string
  readonly again: readonly string[]
}

/**
 * "address": all to one, whoever comes from here. "cookie": back to where the cookie was given. "cookie-hash": with the
 * cookie always to the same, which need not be where it was given. "none": reconnects do not return.
 */
export type Way = "address" | "cookie" | "cookie-hash" | "none"

export function wayOf(order: readonly string[], reconnects: readonly Reconnect[]): Way {
  const isSpread = new Set(order).size > 1
  if (reconnects.length === 0) return isSpread ? "none" : "address"
  if (reconnects.every(({ first, again }) => isAll(again, first))) return isSpread ? "cookie" : "address"
  return reconnects.every(({ again }) => isAll(again, again[0])) ? "cookie-hash" : "none"
}

function isAll(names: readonly string[], name: string | undefined): boolean {
  return names.every((one) => one === name)
}
