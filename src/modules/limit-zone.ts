/** What limit_req_zone and limit_conn_zone have in common: their parameters, and zones that outlive generations. */
import { HoldfastError } from "../base/error.ts"
import { ERROR, INFO, NOTICE, WARN } from "../base/logger.ts"
import { PAGE_BYTES } from "../base/shared-slab.ts"
import type { SharedTable } from "../base/shared-table.ts"
import type { ValueContext } from "../config/row.ts"
import { number, oneOf, parseSize } from "../config/values.ts"
import { type Template, template } from "../runtime/template.ts"

const MIN_PAGES = 8

/** `limit_req_zone`, `limit_conn_zone`: what a zone is for. */
export type ZoneUse = "limit_req_zone" | "limit_conn_zone"

/** A zone as its directive says it. */
export interface WrittenZone {
  readonly name: string
  readonly key: Template
  readonly sizeBytes: number
  /** Requests in a second, times a thousand; of limit_req_zone alone. */
  readonly rate: number
}

/** A name that some directive spoke of: ngx_shared_memory_add. */
interface KnownZone {
  readonly use: ZoneUse | "zone"
  /** 0 while no zone directive has said it. */
  sizeBytes: number
  /** The key as written; undefined as long. */
  key: string | undefined
}

const ZONES = Symbol("shared memory zones")

/**
 * Notes that a directive speaks of the zone `name`; `sizeBytes` is 0 where it only uses it. The use "zone" is that of
 * upstream groups.
 */
export function knowZone(
  name: string,
  use: ZoneUse | "zone",
  sizeBytes: number,
  context: ValueContext,
): { key: string | undefined } {
  const zones = context.note(ZONES, () => new Map<string, KnownZone>())
  const known = zones.get(name)
  if (known === undefined) {
    const zone: KnownZone = { use, sizeBytes, key: undefined }
    zones.set(name, zone)
    context.onComplete(() => {
      // As in nginx, when the file has been read: no line is to blame.
      if (zone.sizeBytes === 0) throw new HoldfastError("VALUE", `zero size shared memory zone "${name}"`)
    })
    return zone
  }
  if (known.use !== use)
    context.fail(`the shared memory zone "${name}" is already declared for a different use`)
  if (known.sizeBytes === 0) known.sizeBytes = sizeBytes
  if (sizeBytes !== 0 && known.sizeBytes !== sizeBytes)
    context.fail(
      `the size ${sizeBytes} of shared memory zone "${name}" conflicts with already declared size ${known.sizeBytes}`,
    )
  return known
}

/** Reads `key zone=name:size`, and what `rate` knows: it returns undefined for any other parameter. */
export function parseZone(
  use: ZoneUse,
  args: readonly string[],
  context: ValueContext,
  rate: (text: string) => number | undefined,
): WrittenZone {
  const key = template(args[0] as string, context)
  let name = ""
  let sizeBytes = 0
  let written = 1000
  for (const text of args.slice(1)) {
    const found = text.startsWith("zone=") ? undefined : rate(text)
    if (text.startsWith("zone=")) [name, sizeBytes] = nameAndSize(text, context)
    else if (found === undefined) context.fail(`invalid parameter "${text}"`)
    else written = found
  }
  if (name === "") context.fail(`"${use}" must have "zone" parameter`)
  const known = knowZone(name, use, sizeBytes, context)
  if (known.key !== undefined) context.fail(`${use} "${name}" is already bound to key "${known.key}"`)
  known.key = key.source
  return { name, key, sizeBytes, rate: written }
}

function nameAndSize(text: string, context: ValueContext): [name: string, sizeBytes: number] {
  const colon = text.indexOf(":")
  const sizeBytes = colon === -1 ? undefined : parseSize(text.slice(colon + 1))
  if (sizeBytes === undefined) return context.fail(`invalid zone size "${text}"`)
  if (sizeBytes < MIN_PAGES * PAGE_BYTES) context.fail(`zone "${text}" is too small`)
  return [text.slice("zone=".length, colon), sizeBytes]
}

/** The value of `limit_req_status` and `limit_conn_status`. */
export function errorStatus(text: string, context: ValueContext): number {
  const status = number(text, context)
  return status < 400 || status > 599 ? context.fail("value must be between 400 and 599") : status
}

const LEVELS = { info: INFO, notice: NOTICE, warn: WARN, error: ERROR } as const

export const logLevel = oneOf("info", "notice", "warn", "error")

export function levelOf(word: keyof typeof LEVELS): number {
  return LEVELS[word]
}

/** The name of a zone's memory. */
export function zoneMemory(use: ZoneUse, name: string): string {
  return `${use}/${name}`
}

/** Whether a key of a map behind `sharedMemory` is that of a zone of this use. */
export function isZoneMemory(use: ZoneUse, key: string): boolean {
  return key.startsWith(`${use}/`)
}

/**
 * A zone that is there keeps its states, so the meaning of its keys must stay; `directive` is as nginx calls it.
 * ngx_http_limit_req_init_zone, ngx_http_limit_conn_init_zone.
 */
export function bindKey(table: SharedTable, directive: string, { name, key }: WrittenZone): void {
  const former = table.note
  if (former === key.source) return
  if (former === "") table.note = key.source
  else
    throw new HoldfastError(
      "VALUE",
      `${directive} "${name}" uses the "${key.source}" key while previously it used the "${former}" key`,
    )
}

/** Drops the memory of zones that `isNamed` does not know, by the key in the map behind `sharedMemory`. */
export function pruneZones(memory: Map<string, SharedArrayBuffer>, isNamed: (key: string) => boolean): void {
  for (const key of memory.keys()) {
    const isZone = isZoneMemory("limit_req_zone", key) || isZoneMemory("limit_conn_zone", key)
    if (isZone && !isNamed(key)) memory.delete(key)
  }
}
