import { sharedServers, socketGroups } from "../backends.ts"
import { rule } from "../rule.ts"

/** With fewer, an office that comes to one server whole is no more than others bring. */
const MANY_SERVERS = 4

export const ipHashNat = rule({
  id: "ip-hash-nat",
  severity: "info",
  title: "ip_hash sends whole networks of 256 addresses to one server of many",
  page: {
    happens:
      "All people of an office, a campus or a mobile carrier that share an address, or the first three numbers of one, are on one server. It is full while others are idle; on an intranet with a single /24 one server does all the work.",
    shows: "Uneven counts of $upstream_addr in the access log. The error log has nothing.",
    why: "ip_hash takes the first three octets of an IPv4 address, and all of an IPv6 one (ngx_http_upstream_ip_hash_module).",
    fix: "sticky cookie srv_id expires=1h path=/; (nginx 1.29.6, Holdfast), or hash by what tells clients apart: hash $cookie_session consistent; or, where each has its own address, hash $remote_addr consistent;",
  },
  inspect(model, report) {
    for (const { upstream } of socketGroups(model)) {
      const method = upstream.node.own("ip_hash").at(-1)
      const count = sharedServers(upstream).length
      if (method === undefined || count < MANY_SERVERS || upstream.node.own("sticky").length > 0) continue
      report(
        method,
        `ip_hash takes the first three octets of an IPv4 address only: clients behind one NAT, or in one network of 256 addresses, all meet the same one of the ${count} servers of "${upstream.name}".`,
        {
          advice: model.target.since("1.29.6")
            ? "sticky cookie srv_id expires=1h path=/;"
            : "hash $remote_addr consistent; or hash $cookie_session consistent;",
        },
      )
    }
  },
})
