import { hostsBehind, isLocal } from "../backends.ts"
import { describe, effective } from "../effective.ts"
import type { ProxyTarget } from "../model.ts"
import { rule } from "../rule.ts"
import { hasUnreadAround } from "../unread.ts"

export const upstreamTlsUnverified = rule({
  id: "upstream-tls-unverified",
  severity: "warning",
  title: "TLS to the backend of WebSockets, and nobody looks at its certificate",
  page: {
    happens:
      "Nothing that a user sees. Whoever can put a machine in the backend's place (a taken address, a changed DNS answer, ARP on the same network) answers with any certificate, and reads and changes every message and cookie.",
    shows:
      "Nothing in any log. With proxy_ssl_verify on such a machine gets status 502 and `upstream SSL certificate verify error: (21:unable to verify the first certificate) while SSL handshaking to upstream`.",
    why: "proxy_ssl_verify is off by default in nginx: https:// in proxy_pass encrypts, but for whoever answers.",
    fix: "proxy_ssl_verify on; proxy_ssl_trusted_certificate /etc/nginx/ssl/ca.crt; proxy_ssl_name backend.example.com; proxy_ssl_server_name on;",
  },
  inspectWebSocket({ node, proxy }, { target, tree }, report) {
    if (proxy === null || proxy.scheme !== "https" || hasUnreadAround(tree, node)) return
    const verify = effective(node, "proxy_ssl_verify", target)
    const hosts = hostsBehind(proxy)
    if (verify?.value !== "off" || (hosts.length > 0 && hosts.every(isLocal))) return
    report(
      verify.origin?.isWithin(node) ? verify.origin : proxy.node,
      `Whoever answers in place of ${nameOf(proxy)} is believed, and can read and change all messages: ${describe("proxy_ssl_verify", verify, node)}.`,
    )
  },
})

function nameOf({ host, upstream }: ProxyTarget): string {
  if (upstream !== null) return `the servers of "${upstream.name}"`
  return host === "" ? "the backend" : host
}
