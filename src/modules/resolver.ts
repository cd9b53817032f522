/** resolver, resolver_timeout: the name servers that names are asked from at run time. ngx_http_core_resolver. */
import { isIPv4, isIPv6 } from "node:net"
import type { Conf } from "../config/row.ts"
import { ANY, directives, HTTP, LOCATION, SERVER, UPSTREAM, type ValueContext } from "../config/row.ts"
import { milliseconds, parseWholeSeconds } from "../config/values.ts"
import { type BuildContext, defineModule } from "../runtime/module.ts"
import { NameResolver } from "../upstream/name-resolver.ts"
import { needAddress, parseUpstreamAddress, type WrittenAddress } from "./upstream-server.ts"

const DNS_PORT = 53

/** A `resolver` directive, read. */
export interface WrittenResolver {
  readonly servers: readonly WrittenAddress[]
  readonly validMs: number | undefined
  readonly ipv4: boolean
  readonly ipv6: boolean
  readonly context: ValueContext
}

/** Where a location finds the addresses of names. */
export interface LocationResolver {
  readonly resolver: NameResolver
  readonly timeoutMs: number
}

const resolverRows = directives({
  resolver: {
    in: HTTP | SERVER | LOCATION | UPSTREAM,
    args: [1, ANY],
    parse: parseResolver,
    syntax: "address … [valid=time] [ipv4=on|off] [ipv6=on|off] [status_zone=zone]",
    doc: "The name servers for names that are resolved at run time: in a proxy_pass with variables, and of servers with `resolve`.",
    differs:
      "The next name server is asked where one refuses or fails, and not in turn. How long SRV records are good follows from the addresses of their targets unless `valid` says it. `status_zone` is accepted; its numbers are not collected.",
  },
  resolver_timeout: {
    in: HTTP | SERVER | LOCATION | UPSTREAM,
    value: milliseconds,
    default: "30s",
    syntax: "time",
    doc: "How long a request waits for the addresses of a name.",
  },
})

export const resolverModule = defineModule({
  name: "resolver",
  directives: resolverRows,
  main: (conf, context) => {
    const resolvers = new Resolvers(context)
    // Where no server inherits it, its name servers have to be found all the same.
    resolverOf(conf, resolvers)
    return resolvers
  },
  location: (conf, context): LocationResolver | undefined => resolverOf(conf, context.main(resolverModule)),
})

/** For `mergedConf` at an `upstream` block. */
export const resolverDirectives = resolverRows

/** What `conf` says; undefined where there is no `resolver`. */
export function resolverOf(
  conf: Conf<typeof resolverRows>,
  resolvers: Resolvers,
): LocationResolver | undefined {
  if (conf.resolver === undefined) return undefined
  return { resolver: resolvers.of(conf.resolver), timeoutMs: conf.resolver_timeout }
}

/** The resolvers of a generation: one for each directive, however many locations inherit it. */
export class Resolvers {
  readonly #context: BuildContext
  readonly #known = new Map<WrittenResolver, NameResolver>()

  constructor(context: BuildContext) {
    this.#context = context
  }

  of(written: WrittenResolver): NameResolver {
    const known = this.#known.get(written)
    if (known !== undefined) return known
    const { services, mainLog } = this.#context
    const made = new NameResolver({
      servers: written.servers.flatMap((server) => this.#addresses(server, written.context)),
      validMs: written.validMs || undefined,
      ipv4: written.ipv4,
      ipv6: written.ipv6,
      timers: services.timers,
      nowMs: () => services.nowMs(),
      log: mainLog,
    })
    this.#known.set(written, made)
    return made
  }

  #addresses({ host, port, text }: WrittenAddress, context: ValueContext): string[] {
    const hosts = isIPv4(host) || isIPv6(host) ? [host] : this.#context.services.addresses(host)
    if (hosts === undefined) return context.fail(`host not found in resolver "${text}"`)
    return hosts.map((address) => (isIPv6(address) ? `[${address}]:${port}` : `${address}:${port}`))
  }
}

/** ngx_resolver_create. */
function parseResolver(args: readonly string[], context: ValueContext): WrittenResolver {
  const servers: WrittenAddress[] = []
  let validMs: number | undefined
  let [ipv4, ipv6] = [true, true]
  for (const arg of args) {
    if (arg.startsWith("valid="))
      validMs = parseWholeSeconds(arg.slice(6)) ?? context.fail(`invalid parameter: ${arg}`)
    else if (arg.startsWith("ipv4=")) ipv4 = parseOnOff(arg, context)
    else if (arg.startsWith("ipv6=")) ipv6 = parseOnOff(arg, context)
    else if (arg.startsWith("status_zone=")) {
      if (arg === "status_zone=") context.fail(`invalid parameter: ${arg}`)
    } else servers.push(parseNameServer(arg, context))
  }
  if (!ipv4 && !ipv6) context.fail('"ipv4" and "ipv6" cannot both be "off"')
  if (servers.length === 0) context.fail("no name servers defined")
  return { servers, validMs, ipv4, ipv6, context }
}

function parseOnOff(arg: string, context: ValueContext): boolean {
  const value = arg.slice(5)
  if (value !== "on" && value !== "off") context.fail(`invalid parameter: ${arg}`)
  return value === "on"
}

function parseNameServer(text: string, context: ValueContext): WrittenAddress {
  const server = parseUpstreamAddress(text, DNS_PORT)
  if (typeof server === "string") return context.fail(`${server} in resolver "${text}"`)
  if (server.path !== "") context.fail(`a name server on a unix socket is not supported: "${text}"`)
  needAddress(server, context)
  return server
}
