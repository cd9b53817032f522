/** geo: a variable whose value follows from an address. ngx_http_geo_module. */

import { IpAddress, Network, parseIpAddress, parseNetwork } from "../base/cidr.ts"
import { unknownVariable } from "../config/refused-variables.ts"
import { directives, HTTP, type ValueContext } from "../config/row.ts"
import { defineModule } from "../runtime/module.ts"
import type { Request } from "../runtime/request.ts"
import { finishText, type Template, template, type UnfinishedText } from "../runtime/template.ts"
import type { LateVariableGetter } from "../runtime/variables.ts"
import { workerState } from "./core-variables.ts"
import { GeoNetworks } from "./geo-networks.ts"
import { GeoRanges } from "./geo-ranges.ts"
import { EntryBlock } from "./map-entries.ts"
import { defineMade, isFixed, MadeVariable, newVariableName } from "./map-variable.ts"
import { findForwarded, type TrustedProxies } from "./realip-forwarded.ts"

export const geo = defineModule({
  name: "geo",
  directives: directives({
    geo: {
      in: HTTP,
      args: [1, 2],
      entries: parseGeo,
      syntax: "[$address] $variable",
      doc: "Makes a variable whose value follows from the client's address, or from the address in another variable: lines of a network, or with `ranges` of a range, and a value. `default`, `delete`, `include`, `proxy` (whose X-Forwarded-For is believed), `proxy_recursive` and `volatile` are as in nginx; binary bases (`.bin`) are not read, the text beside them is.",
    },
  }),
})

/** Where the address is looked up, and where it comes from. */
interface GeoParts {
  /** Null: the client's address. */
  readonly source: Template | null
  /** Null with `ranges`. */
  readonly networks: GeoNetworks | null
  readonly ranges: GeoRanges | null
  /** With `ranges`: the value of all other addresses. */
  readonly fallback: string
  /** Null where no `proxy` is named. */
  readonly proxies: TrustedProxies | null
  readonly isRecursive: boolean
}

const ALL_ADDRESSES = [
  new Network(new IpAddress(4, 0, 0, 0, 0), 0),
  new Network(new IpAddress(6, 0, 0, 0, 0), 0),
]

/** The lines of one `geo`, while they are read. */
class GeoReader {
  readonly block: EntryBlock
  /** Null until a line of networks comes. */
  networks: GeoNetworks | null = null
  /** Null without `ranges`. */
  ranges: GeoRanges | null = null
  fallback: string | null = null
  readonly proxies: Network[] = []
  isRecursive = false
  isVolatile = false

  constructor(context: ValueContext) {
    this.block = new EntryBlock(context, (words, line) => this.#line(words, line))
  }

  #line(words: readonly string[], context: ValueContext): void {
    if (words.length === 1 && this.#flag(words[0] as string, context)) return
    if (words.length !== 2) context.fail("invalid number of the geo parameters")
    const [key, value] = words as [string, string]
    if (key === "include") this.block.include(value, context)
    else if (key === "proxy") this.proxies.push(readNetwork(value, context))
    else if (this.ranges !== null) this.#range(this.ranges, key, value, context)
    else this.#network(key, value, context)
  }

  #flag(word: string, context: ValueContext): boolean {
    if (word === "ranges") {
      if (this.networks !== null)
        context.fail('the "ranges" directive must be the first directive inside "geo" block')
      this.ranges ??= new GeoRanges()
    } else if (word === "proxy_recursive") this.isRecursive = true
    else if (word === "volatile") this.isVolatile = true
    else return false
    return true
  }

  #network(key: string, value: string, context: ValueContext): void {
    this.networks ??= new GeoNetworks()
    if (key === "default") {
      for (const all of ALL_ADDRESSES) this.#add(this.networks, all, key, value, context)
    } else if (key === "delete") {
      if (!this.networks.delete(readNetwork(value, context))) context.warn(`no network "${value}" to delete`)
    } else this.#add(this.networks, readNetwork(key, context), key, value, context)
  }

  #add(networks: GeoNetworks, network: Network, text: string, value: string, context: ValueContext): void {
    const old = networks.add(network, value)
    if (old !== undefined) context.warn(`duplicate network "${text}", value: "${value}", old value: "${old}"`)
  }

  #range(ranges: GeoRanges, key: string, value: string, context: ValueContext): void {
    if (key === "default") {
      if (this.fallback !== null)
        context.warn(`duplicate default geo range value: "${value}", old value: "${this.fallback}"`)
      this.fallback = value
      return
    }
    const isDelete = key === "delete"
    const text = isDelete ? value : key
    const ends = readRange(text)
    if (ends === undefined) return context.fail(`invalid range "${text}"`)
    const [first, last] = ends
    if (isDelete) {
      if (!ranges.delete(first, last)) context.warn(`no address range "${text}" to delete`)
      return
    }
    ranges.add(first, last, value, {
      onDuplicate: (old) => context.warn(`duplicate range "${text}", value: "${value}", old value: "${old}"`),
      onOverlap: (from, to) => context.fail(`range "${text}" overlaps "${from}-${to}"`),
    })
  }
}

const BROADCAST = "255.255.255.255"

function readNetwork(text: string, context: ValueContext): Network {
  // nginx takes it without a prefix only: it is what its parser of addresses returns for a failure.
  const parsed = text.startsWith(`${BROADCAST}/`) ? undefined : parseNetwork(text)
  if (parsed === undefined) return context.fail(`invalid network "${text}"`)
  if (parsed.hasLowBits) context.warn(`low address bits of ${text} are meaningless`)
  return parsed.network
}

/** `192.0.2.1-192.0.2.9` as unsigned numbers. */
function readRange(text: string): readonly [first: number, last: number] | undefined {
  const dash = text.indexOf("-")
  const first = readIpv4(text.slice(0, Math.max(dash, 0)))
  const last = readIpv4(text.slice(dash + 1))
  return dash === -1 || first === -1 || last === -1 || first > last ? undefined : [first, last]
}

function readIpv4(text: string): number {
  const address = text === BROADCAST ? undefined : parseIpAddress(text)
  return address === undefined || address.family === 6 ? -1 : address.word3 >>> 0
}

function parseGeo(context: ValueContext, args: readonly string[]): true {
  const source = args.length === 2 ? sourceTemplate(args[0] as string, context) : null
  const name = newVariableName(args.at(-1) as string, context)
  const reader = new GeoReader(context)
  reader.block.run()
  const { ranges, proxies } = reader
  const parts: GeoParts = {
    source,
    networks: ranges === null ? (reader.networks ?? new GeoNetworks()) : null,
    ranges,
    fallback: reader.fallback ?? "",
    proxies: proxies.length === 0 ? null : { networks: proxies, trustsUnix: false },
    isRecursive: reader.isRecursive,
  }
  const variable = new GeoVariable(name, parts, context)
  variable.isVolatile = reader.isVolatile
  // The client's address is another one when realip has found it.
  variable.isPure = source?.variables().every(isFixed) === true
  defineMade(variable, context)
  return true
}

/** The variable that the address is in. */
function sourceTemplate(text: string, context: ValueContext): Template {
  if (!text.startsWith("$")) context.fail(`invalid variable name "${text}"`)
  const name = text.slice(1)
  if (name === "") context.fail('invalid variable name "$"')
  // What a template would read as something else is a name like any other here, which nothing defines.
  if (!/^\w+$/.test(name) || /^\d$/.test(name)) context.onComplete(() => context.fail(unknownVariable(name)))
  return template(`\${${name.replaceAll(/\W/g, "_")}}`, context)
}

class GeoVariable extends MadeVariable {
  readonly #parts: GeoParts

  constructor(name: string, parts: GeoParts, context: ValueContext) {
    super(name, context)
    this.#parts = parts
  }

  protected compute(request: Request): string {
    const { source } = this.#parts
    const own =
      source === null ? workerState(request).addressOf(request.remote) : readAddress(source.evaluate(request))
    if (own === undefined || this.#parts.proxies === null) return lookUp(this.#parts, own)
    return lookUp(this.#parts, behindProxies(this.#parts, own, forwardedFor(request)))
  }

  protected start(request: Request): LateVariableGetter {
    const { source } = this.#parts
    if (source === null) return finisher(this.#parts, [request.remote.address], forwardedFor(request))
    return finisher(this.#parts, source.begin(request, null), forwardedFor(request))
  }

  protected sources(): readonly string[] {
    return this.#parts.source?.variables() ?? []
  }
}

/** Made apart from the request, so that it knows nothing of it. */
function finisher(parts: GeoParts, source: UnfinishedText, values: readonly string[]): LateVariableGetter {
  return (progress) => {
    const own = readAddress(finishText(source, progress, null))
    return lookUp(parts, own === undefined ? undefined : behindProxies(parts, own, values))
  }
}

function lookUp({ networks, ranges, fallback }: GeoParts, address: IpAddress | undefined): string {
  return networks === null ? (ranges?.find(address) ?? fallback) : networks.find(address)
}

/** The client behind `own`, if that is a proxy whose word is taken. */
function behindProxies(
  { proxies, isRecursive }: GeoParts,
  own: IpAddress,
  values: readonly string[],
): IpAddress {
  if (proxies === null || values.length === 0) return own
  return findForwarded(own, values, proxies, isRecursive)?.address ?? own
}

/** ngx_parse_addr: no port, no brackets, no zone. */
function readAddress(text: string): IpAddress | undefined {
  return text.includes("%") ? undefined : parseIpAddress(text)
}

/** The X-Forwarded-For fields in their order. */
function forwardedFor({ headers }: Request): readonly string[] {
  const values: string[] = []
  for (let i = 0; i < headers.keys.length; i++)
    if (headers.keys[i] === "x-forwarded-for") values.push(headers.values[i] as string)
  return values
}
