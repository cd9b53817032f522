import { sharedServers, socketGroups } from "../backends.ts"
import { proxyBeforeUs } from "../clients.ts"
import { addFirst } from "../edits.ts"
import type { Location, Upstream } from "../model.ts"
import { rule } from "../rule.ts"
import type { Target } from "../target.ts"
import { hasUnreadIn } from "../unread.ts"

/** Ways to choose a server that have no memory of the client. */
const FORGETFUL = ["least_conn", "random", "least_time"]

/** What may stand in a group without saying which server is chosen. Anything else may well do so: a module's own way. */
const NEUTRAL =
  /^(?:server|zone|state|queue|ntlm|resolver|resolver_timeout|keepalive(?:_\w+)?|health_check|check(?:_\w+)?)$/

export const upstreamWithoutStickiness = rule({
  id: "upstream-without-stickiness",
  severity: "warning",
  title: "WebSockets are shared out among servers without regard to where the client was before",
  page: {
    happens:
      "After a reload, a deployment or a change of network the client reconnects to another server, which knows nothing of its session. Socket.IO and SockJS fail earlier: their long polling sends each request to another server.",
    shows:
      'A reconnect that begins from nothing; with Socket.IO status 400 and {"code":1,"message":"Session ID unknown"}. nginx logs nothing: $upstream_addr in the access log changes from request to request.',
    why: "Round robin, least_conn and random choose anew for each request. An open WebSocket stays where it is; what comes before it and after it does not.",
    fix: "ip_hash; as the first line of the group, before keepalive. Where many clients share an address: sticky cookie srv_id expires=1h path=/; (nginx 1.29.6, Holdfast). If the servers share their sessions (Redis and the like) and clients use no polling, suppress this finding with that reason.",
  },
  inspect(model, report) {
    for (const { upstream, locations } of socketGroups(model)) {
      const shared = sharedServers(upstream)
      const others = upstream.node.children?.filter(({ name }) => !NEUTRAL.test(name)) ?? []
      if (shared.length < 2 || others.some(({ name }) => !FORGETFUL.includes(name))) continue
      if (hasUnreadIn(model.tree, upstream.node)) continue
      const method = others.at(-1)
      const behind = proxyBeforeUs(locations[0], model) !== null
      const takesIt = canHashAddresses(upstream)
      report(
        method ?? upstream.node,
        `WebSockets (${pathsOf(locations)}) meet one of ${shared.length} servers of "${upstream.name}" chosen ${method === undefined ? "in turn: it says nothing of how, so it is round robin" : `by ${method.name}`}. A client that comes back, or that polls, lands on another one.`,
        {
          advice: adviceFor(model.target, behind, takesIt),
          // It must stand before `keepalive`: so it is first.
          fix:
            method === undefined && !behind && takesIt ? addFirst(model.tree, upstream.node, "ip_hash;") : [],
          ...(method === undefined ? { argument: 0 } : {}),
        },
      )
    }
  },
})

function pathsOf(locations: readonly Location[]): string {
  const paths = locations.slice(0, 3).map(({ path }) => path)
  return [...new Set(paths)].join(", ") + (locations.length > 3 ? ", …" : "")
}

function adviceFor(target: Target, isBehindProxy: boolean, takesIpHash: boolean): string {
  const cookie = target.since("1.29.6") ? "sticky cookie srv_id expires=1h path=/;" : ""
  if (isBehindProxy)
    return cookie === ""
      ? "ip_hash; after set_real_ip_from and real_ip_header: clients come through another proxy."
      : `${cookie} Not ip_hash: clients come through another proxy.`
  if (!takesIpHash)
    return cookie === "" ? "ip_hash; in place of backup and slow_start, which it does not take." : cookie
  return cookie === "" ? "ip_hash;" : `ip_hash; or ${cookie}`
}

/** nginx takes neither `backup` nor `slow_start` together with ip_hash. */
function canHashAddresses({ servers }: Upstream): boolean {
  return servers.every(({ args }) => !args.some((arg) => arg === "backup" || arg.startsWith("slow_start=")))
}
