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

const UNIT_SECONDS: Readonly<Record<string, number>> = {
  y: 31536000,
  M: 2592000,
  w: 604800,
  d: 86400,
  h: 3600,
  m: 60,
  s: 1,
}
const UNIT_ORDER = "yMwdhms"

/**
 * nginx's time text: a number with a unit, or several from large to small with blanks between
 * (`1h 30m`, `500ms`, `60`). Returns milliseconds; undefined where it is not one. ngx_parse_time.
 */
export function parseMilliseconds(text: string): number | undefined {
  if (text === "") return undefined
  const part = /(\d+)(ms|[yMwdhms])?( *)/y
  let total = 0
  let lastUnit = -1
  while (part.lastIndex < text.length) {
    const found = part.exec(text)
    if (found === null) return undefined
    const unit = found[2] ?? ""
    const rank =
      unit === "ms" || unit === "" ? UNIT_ORDER.length + (unit === "" ? 0 : 1) : UNIT_ORDER.indexOf(unit)
    if (rank <= lastUnit) return undefined
    lastUnit = unit === "" ? UNIT_ORDER.length + 2 : rank
    total += Number(found[1]) * (unit === "ms" ? 1 : (UNIT_SECONDS[unit] ?? 1) * 1000)
  }
  return total > 2 ** 31 * 1000 ? undefined : total
}

/** A time, in milliseconds; a bare number counts seconds. ngx_conf_set_msec_slot. */
export function milliseconds(text: string, context: ValueContext): number {
  return parseMilliseconds(text) ?? context.failDirective("invalid value")
}

/** A time of whole seconds, in milliseconds all the same: one unit inside the program. ngx_conf_set_sec_slot. */
export function seconds(text: string, context: ValueContext): number {
  if (text.includes("ms")) return context.failDirective("invalid value")
  return milliseconds(text, context)
}

/** One of the given words. ngx_conf_set_enum_slot. */
export function oneOf<const T extends string>(...words: readonly T[]) {
  return (text: string, context: ValueContext): T => {
    const lower = text.toLowerCase()
    for (const word of words) if (word === lower) return word
    return context.fail(`invalid value "${text}"`)
  }
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
