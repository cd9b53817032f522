import { sharedServers, socketGroups } from "../backends.ts"
import { LISTENS_HERE_ONLY, proxyBeforeUs } from "../clients.ts"
import { rule } from "../rule.ts"
import type { Target } from "../target.ts"
import type { Node } from "../tree.ts"
import { isComplete } from "../unread.ts"

export const ipHashBehindProxy = rule({
  id: "ip-hash-behind-proxy",
  severity: "warning",
  title: "ip_hash chooses by the address of a proxy in front, not by the client's",
  page: {
    happens:
      "One server gets all the clients, and the others none; or, with several proxies in front, clients move when their requests come through another one.",
    shows:
      "The same $upstream_addr in every line of the access log, and the same $remote_addr, which is the proxy's. The error log has nothing.",
    why: "ip_hash, and hash by $remote_addr, know the client by the connection. Behind a load balancer, a CDN or another nginx that is the address of those, until set_real_ip_from and real_ip_header put the client's in its place.",
    fix: "set_real_ip_from 10.0.0.0/8; (the networks of the proxy in front) and real_ip_header X-Forwarded-For; or real_ip_header proxy_protocol; or sticky cookie srv_id expires=1h path=/; in the group (nginx 1.29.6, Holdfast).",
  },
  inspect(model, report) {
    // What brings the addresses back often stands in a file of its own.
    if (!isComplete(model)) return
    for (const { upstream, locations } of socketGroups(model)) {
      const method = addressMethod(upstream.node)
      if (method === undefined || sharedServers(upstream).length < 2) continue
      const reason = locations.map((location) => proxyBeforeUs(location, model)).find((one) => one !== null)
      if (reason === undefined) continue
      report(
        method,
        `${[method.name, ...method.args].join(" ")} chooses a server of "${upstream.name}" by the address of the connection, but ${reason}. All clients look the same, and one server gets them all.`,
        { severity: reason === LISTENS_HERE_ONLY ? "info" : "warning", advice: adviceFor(model.target) },
      )
    }
  },
})

function addressMethod(group: Node): Node | undefined {
  return group.children?.findLast(
    ({ name, args }) =>
      name === "ip_hash" || (name === "hash" && /^\$\{?(?:binary_)?remote_addr\}?$/.test(args[0] ?? "")),
  )
}

function adviceFor(target: Target): string {
  const real = "set_real_ip_from (the proxy's networks) with real_ip_header X-Forwarded-For or proxy_protocol"
  return target.since("1.29.6")
    ? `${real}; or sticky cookie srv_id expires=1h path=/; in the group.`
    : `${real}.`
}
