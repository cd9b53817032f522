/** Value parsers that rows share: nginx's flags, numbers, sizes, times, enumerations and paths. */
import type { ValueContext } from "./row.ts"

const MAX_SIZE = Number.MAX_SAFE_INTEGER

/** `on` or `off`. ngx_conf_set_flag_slot. */
export function flag(text: string, context: ValueContext): boolean {
  const lower = text.toLowerCase()
  if (lower === "on") return true
  if (lower === "off") return false
  return context.fail(
    `invalid value "${text}" in "${context.directive.name}" directive, it must be "on" or "off"`,
  )
}

/** A string as it is. */
export function string(text: string): string {
  return text
}

/** A whole number of at least 0. ngx_conf_set_num_slot. */
export function number(text: string, context: ValueContext): number {
  const value = parseNumber(text)
  return value === undefined ? context.failDirective("invalid number") : value
}

/** Digits only; undefined for anything else. ngx_atoi. */
export function parseNumber(text: string): number | undefined {
  if (!/^\d+$/.test(text)) return undefined
  const value = Number(text)
  return value > MAX_SIZE ? undefined : value
}

/** Bytes: digits with `k` or `m`, and `g` where `parseOffset` reads. ngx_parse_size. */
export function parseSize(text: string, units = "km"): number | undefined {
  const last = text.slice(-1).toLowerCase()
  const power = last === "" ? -1 : units.indexOf(last)
  const digits = parseNumber(power === -1 ? text : text.slice(0, -1))
  if (digits === undefined) return undefined
  const value = digits * 1024 ** (power + 1)
  return value > MAX_SIZE ? undefined : value
}

/** A size in bytes (`8k`, `1m`). ngx_conf_set_size_slot. */
export function size(text: string, context: ValueContext): number {
  return parseSize(text) ?? context.failDirective("invalid value")
}

/** A size in bytes that may be large (`2g`). ngx_conf_set_off_slot. */
export function offset(text: string, context: ValueContext): number {
  return parseSize(text, "kmg") ?? context.failDirective("invalid value")
}

/** NGX_MIN_POOL_SIZE and NGX_POOL_ALIGNMENT on 64-bit systems. */
const MIN_POOL_BYTES = 112
const POOL_ALIGNMENT = 16

/** The size of a memory pool of nginx's. ngx_http_core_pool_size. */
export function poolSize(text: string, context: ValueContext): number {
  const bytes = size(text, context)
  if (bytes < MIN_POOL_BYTES) context.fail(`the pool size must be no less than ${MIN_POOL_BYTES}`)
  if (bytes % POOL_ALIGNMENT !== 0) context.fail(`the pool size must be a multiple of ${POOL_ALIGNMENT}`)
  return bytes
}

/** Number and size of buffers: `8 4k`. ngx_conf_set_bufs_slot. */
export function buffers(
  args: readonly string[],
  context: ValueContext,
): { count: number; sizeBytes: number } {
  const count = parseNumber(args[0] as string)
  const sizeBytes = parseSize(args[1] as string)
  if (!count || !sizeBytes) return context.failDirective("invalid value")
  return { count, sizeBytes }
}

/** A unit of time: its place in the order from large to small, and its length. */
interface TimeUnit {
  readonly rank: number
  readonly milliseconds: number
}

const SECOND = 1000
const DAY = 86_400 * SECOND
/** Years and months are units only where whole seconds are counted. */
const MONTH_RANK = 1
const SECOND_RANK = 6
const TIME_UNITS: Readonly<Record<string, TimeUnit>> = {
  y: { rank: 0, milliseconds: 365 * DAY },
  M: { rank: MONTH_RANK, milliseconds: 30 * DAY },
  w: { rank: 2, milliseconds: 7 * DAY },
  d: { rank: 3, milliseconds: DAY },
  h: { rank: 4, milliseconds: DAY / 24 },
  m: { rank: 5, milliseconds: 60 * SECOND },
  s: { rank: SECOND_RANK, milliseconds: SECOND },
  ms: { rank: 7, milliseconds: 1 },
}

/**
 * nginx's time text: a number with a unit, or several from large to small, blanks behind the units as one likes
 * (`1h 30m`, `500ms`, `60`); a number at the end without a unit counts seconds. Returns milliseconds; undefined
 * where it is not one. ngx_parse_time.
 */
export function parseMilliseconds(text: string): number | undefined {
  return parseTime(text, false)
}

/** The same, of whole seconds: years and months are units, too. */
export function parseWholeSeconds(text: string): number | undefined {
  return parseTime(text, true)
}

function parseTime(text: string, isWholeSeconds: boolean): number | undefined {
  const part = /(\d+)(ms|[yMwdhms]| )? */y
  let total = 0
  let lastRank = isWholeSeconds ? -1 : MONTH_RANK
  do {
    const found = part.exec(text)
    if (found === null) return undefined
    const [, digits, name] = found
    const { rank, milliseconds: unit } = TIME_UNITS[name ?? " "] ?? {
      rank: SECOND_RANK,
      milliseconds: SECOND,
    }
    if (name !== undefined && rank <= lastRank) return undefined
    if (name === "ms" && isWholeSeconds) return undefined
    // A blank right behind a number ends it all.
    lastRank = name === " " ? TIME_UNITS["ms"].rank : rank
    total += Number(digits) * unit
  } while (part.lastIndex < text.length)
  return total > MAX_SIZE ? undefined : total
}

/** A time, in milliseconds; a bare number counts seconds. ngx_conf_set_msec_slot. */
export function milliseconds(text: string, context: ValueContext): number {
  return parseTime(text, false) ?? context.failDirective("invalid value")
}

/** A time of whole seconds, in milliseconds all the same: one unit inside the program. ngx_conf_set_sec_slot. */
export function seconds(text: string, context: ValueContext): number {
  return parseTime(text, true) ?? context.failDirective("invalid value")
}

/** One of the given words, which the reference shows as `words`. ngx_conf_set_enum_slot. */
export function oneOf<const T extends string>(...words: readonly T[]) {
  const parse = (text: string, context: ValueContext): T => {
    const lower = text.toLowerCase()
    for (const word of words) if (word === lower) return word
    return context.fail(`invalid value "${text}"`)
  }
  return Object.assign(parse, { words })
}

/** One or more of the given words. ngx_conf_set_bitmask_slot. */
export function someOf<const T extends string>(...words: readonly T[]) {
  return (args: readonly string[], context: ValueContext): ReadonlySet<T> => {
    const found = new Set<T>()
    for (const text of args) {
      const word = words.find((candidate) => candidate === text.toLowerCase())
      if (word === undefined) return context.fail(`invalid value "${text}"`)
      if (found.has(word)) context.warn(`duplicate value "${text}"`)
      found.add(word)
    }
    return found
  }
}

/** For `join` of rows with `someOf`: a directive that is repeated adds to the words before. */
export function joinSets<T>(former: ReadonlySet<T>, latter: ReadonlySet<T>): ReadonlySet<T> {
  return new Set([...former, ...latter])
}

/** A path of the main file's folder unless absolute: certificates, includes. */
export function confPath(text: string, context: ValueContext): string {
  return text.startsWith("/") ? text : context.confPrefix + text
}

/** A path of the prefix (`-p`) unless absolute: logs, pid, root. */
export function prefixPath(text: string, context: ValueContext): string {
  return text.startsWith("/") ? text : context.prefix + text
}
