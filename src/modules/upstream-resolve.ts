/** `server … resolve`: what a group needs for names that are resolved at run time. ngx_http_upstream_init_round_robin. */
import { HoldfastError } from "../base/error.ts"
import { mergedConf } from "../config/merge.ts"
import type { Directive } from "../config/parser.ts"
import type { Scope } from "../config/scope.ts"
import { positionOf } from "../config/walker.ts"
import type { BuildContext } from "../runtime/module.ts"
import type { PeerOptions } from "../upstream/peer.ts"
import { ResolvedServers } from "../upstream/resolved-servers.ts"
import { resolverDirectives, resolverModule, resolverOf } from "./resolver.ts"
import type { UpstreamGroups } from "./upstream-groups.ts"
import type { WrittenServer } from "./upstream-server.ts"

/** Throws where the group of `scope` cannot have servers with `resolve`. Once the whole file has been read. */
export function checkResolve(scope: Scope, name: string): void {
  const position = positionOf(scope.directive as Directive)
  if (!scope.own.has("zone"))
    throw new HoldfastError(
      "VALUE",
      `resolving names at run time requires upstream "${name}" in ${position.file}:${position.line} to be in shared memory`,
    )
  if (!scope.own.has("resolver") && scope.parent?.own.has("resolver") !== true)
    throw new HoldfastError(
      "VALUE",
      `no resolver defined to resolve names at run time in upstream "${name}"`,
      position,
    )
}

interface GroupServers {
  readonly scope: Scope
  readonly servers: readonly WrittenServer[]
  /** The peers that the file itself names. */
  readonly fixed: readonly PeerOptions[]
  readonly takesBackups: boolean
}

/** What keeps the group's peers up to date; undefined where no server has `resolve`. */
export function buildResolved(
  { scope, servers, fixed, takesBackups }: GroupServers,
  previous: UpstreamGroups | undefined,
  name: string,
  context: BuildContext,
): ResolvedServers | undefined {
  const resolved = servers.filter((server) => server.isResolved)
  if (resolved.length === 0 && !scope.own.has("resolver")) return undefined
  const conf = mergedConf(scope, resolverDirectives, context.defaults)
  const from = resolverOf(conf, context.main(resolverModule))
  if (resolved.length === 0) return undefined
  if (from === undefined) throw new Error("a group without its resolver")
  const { services } = context
  const options = {
    fixed,
    servers: resolved.map(({ address, service, parameters }) => ({
      name: address.host,
      service,
      port: address.port,
      options: { ...parameters, server: address.text },
    })),
    takesBackups,
    resolver: from.resolver,
    timeoutMs: from.timeoutMs,
    timers: services.timers,
    nowMs: () => services.nowMs(),
    log: context.mainLog,
    drainPeer: (peerKey: string, windowMs: number) => services.tunnels.drainPeer(peerKey, windowMs),
  }
  return new ResolvedServers(options, previous?.resolvedOf(name))
}
