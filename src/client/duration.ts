/** Durations of the command line, and for people. */
import { HoldfastError } from "../base/error.ts"

const UNITS_MS: ReadonlyMap<string, number> = new Map([
  ["ms", 1],
  ["s", 1000],
  ["m", 60_000],
  ["h", 3_600_000],
])

/** Milliseconds of `90`, `90s`, `1.5s`, `250ms`, `2m`, `1h`; a number alone counts seconds. Throws USAGE. */
export function parseDuration(option: string, text: string): number {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h)?$/.exec(text)
  const unit = UNITS_MS.get(match?.[2] ?? "s")
  const ms = match === null || unit === undefined ? 0 : Number(match[1]) * unit
  if (ms < 1 || ms > 86_400_000)
    throw new HoldfastError("USAGE", `invalid --${option} "${text}": a duration such as 500ms, 90s or 2m`)
  return ms
}

/** `250 ms`, `3.0 s`, `90 s`. */
export function formatDuration(ms: number): string {
  if (ms < 10) return `${ms.toFixed(1)} ms`
  if (ms < 1000) return `${Math.round(ms)} ms`
  return ms < 10_000 ? `${(ms / 1000).toFixed(1)} s` : `${Math.round(ms / 1000)} s`
}
