/** upstream: groups of servers. ngx_http_upstream_module, _keepalive_module, _zone_module. */
import { HoldfastError } from "../base/error.ts"
import { mergedConf } from "../config/merge.ts"
import type { Directive } from "../config/parser.ts"
import { type Conf, directives, HTTP, UPSTREAM, type ValueContext } from "../config/row.ts"
import type { Scope } from "../config/scope.ts"
import { milliseconds, number, parseMilliseconds, parseNumber, parseSize } from "../config/values.ts"
import { positionOf } from "../config/walker.ts"
import { type BuildContext, defineModule } from "../runtime/module.ts"
import type { PeerOptions } from "../upstream/peer.ts"
import { DEFAULT_KEEPALIVE, type KeepaliveOptions } from "../upstream/pool.ts"
import { RequestQueue } from "../upstream/queue.ts"
import { Upstream } from "../upstream/upstream.ts"
import { knowZone } from "./limit-zone.ts"
import { UpstreamGroups } from "./upstream-groups.ts"
import { methodOf, methodRows } from "./upstream-method.ts"
import { buildResolved, checkResolve } from "./upstream-resolve.ts"
import { parseServer, resolveWritten, type WrittenServer } from "./upstream-server.ts"
import { buildSticky, stickyRows } from "./upstream-sticky.ts"

export { impliedGroup, UpstreamGroups } from "./upstream-groups.ts"
export { needAddress, parseUpstreamAddress, resolveWritten, type WrittenAddress } from "./upstream-server.ts"

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
  /** Undefined where another group's `zone` of that name has said it. */
  readonly sizeBytes: number | undefined
}

function parseZone(args: readonly string[], context: ValueContext): WrittenZone {
  const [name, size] = args as [string, string?]
  if (name === "") context.fail(`invalid zone name "${name}"`)
  const bytes = size === undefined ? undefined : parseSize(size)
  if (size !== undefined && bytes === undefined) context.fail(`invalid zone size "${size}"`)
  if (bytes !== undefined && bytes < 8 * 4096) context.fail(`zone "${name}" is too small`)
  knowZone(name, "zone", bytes ?? 0, context)
  return { name, sizeBytes: bytes }
}

interface WrittenDrain {
  /** Over how long goodbyes are spread; null: tunnels live on. */
  readonly drainMs: number | null
}

const DEFAULT_DRAIN_MS = 30_000

/** `drain keep`, `drain close [after=time]`. */
function parseDrain(args: readonly string[], context: ValueContext): WrittenDrain {
  const [way, after] = args as [string, string?]
  if (way !== "keep" && way !== "close") return context.fail(`invalid value "${way}" in "drain" directive`)
  if (after === undefined) return { drainMs: way === "keep" ? null : DEFAULT_DRAIN_MS }
  const drainMs =
    way === "close" && after.startsWith("after=") ? parseMilliseconds(after.slice(6)) : undefined
  if (drainMs === undefined) return context.fail(`invalid parameter "${after}"`)
  return { drainMs }
}

const upstreamRows = directives({
  upstream: {
    in: HTTP,
    args: 1,
    block: UPSTREAM,
    open: checkName,
    close: checkServers,
    syntax: "name",
    doc: "A group of servers.",
  },
  server: {
    in: UPSTREAM,
    args: [1, Number.POSITIVE_INFINITY],
    list: parseServer,
    inherit: false,
    syntax:
      "address [weight=number] [max_conns=number] [max_fails=number] [fail_timeout=time] [backup] [down] [drain] [resolve] [service=name] [route=string] [slow_start=time]",
    doc: "A server of the group. With `resolve` its name is resolved while the program runs, and its addresses come and go without a reload; `service` takes ports, weights and backups from SRV records.",
  },
  ...methodRows,
  ...stickyRows,
  keepalive: {
    in: UPSTREAM,
    args: [1, 2],
    parse: parseKeepalive,
    inherit: false,
    syntax: "connections [local]",
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
    join: (_former, latter) => latter,
    inherit: false,
    syntax: "name [size]",
    doc: "Shares the state of the group between the workers. Its size limits how many addresses servers with `resolve` may have: one for each kilobyte, 512 at most.",
  },
  drain: {
    in: UPSTREAM,
    args: [1, 2],
    parse: parseDrain,
    default: "keep",
    inherit: false,
    syntax: "keep | close after=time",
    doc: "What becomes of tunnels whose server a reload removes or marks down: `keep` lets them live, `close after=30s` says goodbye to them, spread over that time.",
  },
})

const GROUP_NAMES = Symbol("upstream names")

/** The names of the groups that were read so far: all, once the reading is complete. */
export function groupNames(context: ValueContext): Set<string> {
  return context.note(GROUP_NAMES, () => new Set<string>())
}

function checkName(args: readonly string[], context: ValueContext): void {
  const name = args[0] as string
  const names = groupNames(context)
  if (names.has(name)) context.fail(`duplicate upstream "${name}"`)
  names.add(name)
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
  if (servers.some((server) => server.isResolved))
    context.onComplete(() => checkResolve(scope, groupName(scope)))
}

function groupName(scope: Scope): string {
  return scope.directive?.args[0]?.text ?? ""
}

export const upstreamModule = defineModule({
  name: "upstream",
  directives: upstreamRows,
  main: buildGroups,
  activate: (groups: UpstreamGroups) => groups.activate(),
  dispose: (groups: UpstreamGroups) => groups.dispose(),
})

function buildGroups(_conf: unknown, context: BuildContext): UpstreamGroups {
  const groups = new UpstreamGroups(context.services)
  for (const scope of context.scope.blocks("upstream")) buildGroup(scope, groups, context)
  return groups
}

function buildGroup(scope: Scope, groups: UpstreamGroups, context: BuildContext): void {
  const conf = mergedConf(scope, upstreamRows, context.defaults)
  const name = groupName(scope)
  const { method, hashKey, sticky, queue, takesBackups } = methodOf(scope)
  const previous = context.previousMain(upstreamModule)
  const memory = groups.memoryOf(name, conf.zone !== undefined)
  const fixed = conf.server.flatMap((server) => (server.isResolved ? [] : peersOf(server, context)))
  const resolved = buildResolved(
    { scope, servers: conf.server, fixed, takesBackups },
    previous,
    name,
    context,
  )
  const zoneBytes = conf.zone?.sizeBytes
  const group = new Upstream({
    name,
    peers: resolved?.peers() ?? fixed,
    slots: resolved && groups.slotsOf(name, memory, zoneBytes),
    method,
    hashKey,
    sticky: sticky && buildSticky(sticky, name, previous, context),
    keepalive: keepaliveOf(conf),
    memory,
    drainMs: conf.drain.drainMs,
    queue: queue && new RequestQueue(queue, context.services.timers),
  })
  groups.add(group, resolved)
}

function keepaliveOf(conf: Conf<typeof upstreamRows>): KeepaliveOptions {
  return {
    ...DEFAULT_KEEPALIVE,
    connections: conf.keepalive?.connections ?? DEFAULT_KEEPALIVE.connections,
    local: conf.keepalive?.isLocal ?? DEFAULT_KEEPALIVE.local,
    requests: conf.keepalive_requests,
    timeMs: conf.keepalive_time,
    timeoutMs: conf.keepalive_timeout,
  }
}

function peersOf(server: WrittenServer, context: BuildContext): PeerOptions[] {
  const addresses = resolveWritten(server.address, context)
  if (addresses === undefined)
    return server.context.fail(`host not found in upstream "${server.address.text}"`)
  return addresses.map((address) => ({ ...server.parameters, address, server: server.address.text }))
}
