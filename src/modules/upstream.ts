/** upstream: groups of servers. ngx_http_upstream_module, _ip_hash_module, _keepalive_module, _zone_module. */
import { isIPv4, isIPv6 } from "node:net"
import { HoldfastError } from "../base/error.ts"
import { type AddressFault, parseAddress } from "../config/address.ts"
import { mergedConf } from "../config/merge.ts"
import type { Directive } from "../config/parser.ts"
import { directives, HTTP, UPSTREAM, type ValueContext } from "../config/row.ts"
import type { Scope } from "../config/scope.ts"
import { milliseconds, number, parseMilliseconds, parseNumber, parseSize } from "../config/values.ts"
import { positionOf } from "../config/walker.ts"
import { type BuildContext, defineModule } from "../runtime/module.ts"
import { type PeerAddress, type PeerOptions, tcpAddress, unixAddress } from "../upstream/peer.ts"
import { DEFAULT_KEEPALIVE, type KeepaliveOptions } from "../upstream/pool.ts"
import { Upstream } from "../upstream/upstream.ts"
import { zoneBytes } from "../upstream/zone.ts"

/** A place to connect to, as written: its addresses are known once names are resolved. */
export interface WrittenAddress {
  readonly text: string
  /** A name or an address without brackets; "" for a unix socket. */
  readonly host: string
  readonly port: number
  /** Whether the port was written. */
  readonly hasPort: boolean
  /** The unix socket's path, or "". */
  readonly path: string
}

/** Reads `host[:port]`, `[v6][:port]` or `unix:path`; a text tells what is wrong. ngx_parse_url. */
export function parseUpstreamAddress(text: string, defaultPort: number): WrittenAddress | AddressFault {
  const found = parseAddress(text, { defaultPort })
  if (typeof found === "string") return found
  const { host, port, hasPort, path } = found
  return { text, host, port, hasPort, path }
}

/** The addresses of `written`. Undefined when its name has none. */
export function resolveWritten(written: WrittenAddress, context: BuildContext): PeerAddress[] | undefined {
  if (written.path !== "") return [unixAddress(written.path)]
  if (isIPv4(written.host) || isIPv6(written.host)) return [tcpAddress(written.host, written.port)]
  return context.services.addresses(written.host)?.map((host) => tcpAddress(host, written.port))
}

/** Asks for the resolution of a name, where `written` is one. */
export function needAddress(written: WrittenAddress, context: ValueContext): void {
  if (written.host !== "" && !isIPv4(written.host) && !isIPv6(written.host)) context.needAddress(written.host)
}

type Parameters = Omit<PeerOptions, "address" | "server">

interface WrittenServer {
  readonly address: WrittenAddress
  readonly parameters: Parameters
  readonly context: ValueContext
}

function parseServer(args: readonly string[], context: ValueContext): WrittenServer {
  const text = args[0] as string
  const address = parseUpstreamAddress(text, 80)
  if (typeof address === "string") return context.fail(`${address} in upstream "${text}"`)
  needAddress(address, context)
  const parameters: Parameters = {
    weight: 1,
    maxConns: 0,
    maxFails: 1,
    failTimeoutMs: 10_000,
    backup: false,
    down: false,
  }
  for (const arg of args.slice(1))
    if (!applyParameter(arg, parameters, context)) context.fail(`invalid parameter "${arg}"`)
  return { address, parameters, context }
}

const LATER = ["resolve", "route", "service", "slow_start", "drain"]

function applyParameter(arg: string, parameters: Parameters, context: ValueContext): boolean {
  const equals = arg.indexOf("=")
  const name = equals === -1 ? arg : arg.slice(0, equals)
  const value = equals === -1 ? undefined : arg.slice(equals + 1)
  if (LATER.includes(name))
    context.fail(`the "${name}" parameter of an upstream "server" is not supported by Holdfast`)
  if (value === undefined) {
    if (name === "backup") {
      // As in nginx, a method that stands below does not see it.
      if (context.scope.own.has("ip_hash"))
        context.fail('balancing method does not support parameter "backup"')
      parameters.backup = true
    } else if (name === "down") parameters.down = true
    else return false
    return true
  }
  const count = parseNumber(value)
  if (name === "weight" && count) parameters.weight = count
  else if (name === "max_fails" && count !== undefined) parameters.maxFails = count
  else if (name === "max_conns" && count !== undefined) parameters.maxConns = count
  else if (name === "fail_timeout") {
    const timeout = parseMilliseconds(value)
    if (timeout === undefined) return false
    parameters.failTimeoutMs = timeout
  } else return false
  return true
}

interface WrittenKeepalive {
  readonly connections: number
  readonly isLocal: boolean
}

function parseKeepalive(args: readonly string[], context: ValueContext): WrittenKeepalive {
  const connections = parseNumber(args[0] as string)
  if (connections === undefined) return context.fail(`invalid value "${args[0]}" in "keepalive" directive`)
  if (args[1] !== undefined && args[1] !== "local") return context.fail(`invalid parameter "${args[1]}"`)
  return { connections, isLocal: args[1] === "local" }
}

interface WrittenZone {
  readonly name: string
}

function parseZone(args: readonly string[], context: ValueContext): WrittenZone {
  const [name, size] = args as [string, string?]
  if (name === "") context.fail(`invalid zone name "${name}"`)
  const bytes = size === undefined ? undefined : parseSize(size)
  if (size !== undefined && bytes === undefined) context.fail(`invalid zone size "${size}"`)
  if (bytes !== undefined && bytes < 8 * 4096) context.fail(`zone "${name}" is too small`)
  return { name }
}

const upstreamRows = directives({
  upstream: {
    in: HTTP,
    args: 1,
    block: UPSTREAM,
    open: checkName,
    close: checkServers,
    doc: "A group of servers.",
  },
  server: {
    in: UPSTREAM,
    args: [1, Number.POSITIVE_INFINITY],
    list: parseServer,
    inherit: false,
    doc: "A server of the group.",
  },
  ip_hash: {
    in: UPSTREAM,
    args: 0,
    parse: parseMethod,
    join: () => true,
    inherit: false,
    doc: "Chooses the server by the client's address.",
  },
  keepalive: {
    in: UPSTREAM,
    args: [1, 2],
    parse: parseKeepalive,
    inherit: false,
    doc: "The most idle connections that a worker keeps; 0 for none. Default: 32 local.",
  },
  keepalive_requests: {
    in: UPSTREAM,
    value: number,
    default: "1000",
    inherit: false,
    doc: "The most requests on one connection to a server.",
  },
  keepalive_time: {
    in: UPSTREAM,
    value: milliseconds,
    default: "1h",
    inherit: false,
    doc: "After this long a connection to a server is not kept.",
  },
  keepalive_timeout: {
    in: UPSTREAM,
    value: milliseconds,
    default: "60s",
    inherit: false,
    doc: "How long an idle connection to a server stays open.",
  },
  zone: {
    in: UPSTREAM,
    args: [1, 2],
    parse: parseZone,
    inherit: false,
    doc: "Shares the state of the group between the workers.",
  },
})

/** nginx warns where another method, `keepalive` among them, stands before. */
function parseMethod(_args: readonly string[], context: ValueContext): true {
  const { own } = context.scope
  if (own.has("ip_hash") || own.has("keepalive")) context.warn("load balancing method redefined")
  return true
}

function checkName(args: readonly string[], context: ValueContext): void {
  const name = args[0] as string
  const twin = context.scope.blocks("upstream").find((scope) => groupName(scope) === name)
  if (twin !== undefined) context.fail(`duplicate upstream "${name}"`)
}

function checkServers(scope: Scope, context: ValueContext): void {
  const servers = scope.own.get("server")?.value as WrittenServer[] | undefined
  if (servers === undefined) return context.fail("no servers are inside upstream")
  if (servers.every((server) => server.parameters.backup))
    throw new HoldfastError(
      "VALUE",
      `no servers in upstream "${groupName(scope)}"`,
      positionOf(scope.directive as Directive),
    )
}

function groupName(scope: Scope): string {
  return scope.directive?.args[0]?.text ?? ""
}

/** The groups of a generation: those of `upstream` blocks, and those that the URLs of `proxy_pass` imply. */
export class UpstreamGroups {
  readonly #groups = new Map<string, Upstream>()

  get(name: string): Upstream | undefined {
    return this.#groups.get(name)
  }

  add(upstream: Upstream): void {
    this.#groups.set(upstream.name, upstream)
  }

  all(): Iterable<Upstream> {
    return this.#groups.values()
  }
}

export const upstreamModule = defineModule({
  name: "upstream",
  directives: upstreamRows,
  main: buildGroups,
  dispose: (groups: UpstreamGroups) => {
    for (const group of groups.all()) group.pool.close()
  },
})

function buildGroups(_conf: unknown, context: BuildContext): UpstreamGroups {
  const groups = new UpstreamGroups()
  for (const scope of context.scope.blocks("upstream")) groups.add(buildGroup(scope, context))
  return groups
}

function buildGroup(scope: Scope, context: BuildContext): Upstream {
  const conf = mergedConf(scope, upstreamRows, context.defaults)
  const name = groupName(scope)
  const peers = conf.server.flatMap((server) => peersOf(server, context))
  const keepalive: KeepaliveOptions = {
    ...DEFAULT_KEEPALIVE,
    connections: conf.keepalive?.connections ?? DEFAULT_KEEPALIVE.connections,
    local: conf.keepalive?.isLocal ?? DEFAULT_KEEPALIVE.local,
    requests: conf.keepalive_requests,
    timeMs: conf.keepalive_time,
    timeoutMs: conf.keepalive_timeout,
  }
  const zone =
    conf.zone === undefined
      ? undefined
      : context.services.sharedMemory(zoneKey(name, peers), zoneBytes(peers.length))
  const method = conf.ip_hash === true ? "ip_hash" : "round_robin"
  return new Upstream({ name, peers, method, keepalive, zone })
}

/** Equal for groups whose state may go on across a reload: the same servers in the same order. */
function zoneKey(name: string, peers: readonly PeerOptions[]): string {
  return `upstream ${name} ${peers.map((peer) => `${peer.address.name}*${peer.weight}`).join(" ")}`
}

function peersOf(server: WrittenServer, context: BuildContext): PeerOptions[] {
  const addresses = resolveWritten(server.address, context)
  if (addresses === undefined)
    return server.context.fail(`host not found in upstream "${server.address.text}"`)
  return addresses.map((address) => ({ ...server.parameters, address, server: server.address.text }))
}

/** The group that a URL without an `upstream` block implies: its addresses, round robin, nothing kept. */
export function impliedGroup(name: string, addresses: readonly PeerAddress[]): Upstream {
  const peers = addresses.map((address) => ({
    address,
    server: name,
    weight: 1,
    maxConns: 0,
    maxFails: 1,
    failTimeoutMs: 10_000,
    backup: false,
    down: false,
  }))
  return new Upstream({ name, peers, method: "round_robin", keepalive: undefined, zone: undefined })
}
