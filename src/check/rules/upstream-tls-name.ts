import { hostOf, hostsBehind, isAddress, isHostName, isLocal } from "../backends.ts"
import { setDirective } from "../edits.ts"
import { describe, type Effective, effective } from "../effective.ts"
import type { Location, Model, ProxyTarget } from "../model.ts"
import { type Report, rule } from "../rule.ts"
import type { Node } from "../tree.ts"
import { hasUnreadAround } from "../unread.ts"

/** The TLS settings in force at a location that proxies by https. */
interface Settings {
  readonly proxy: ProxyTarget
  readonly verify: Effective
  readonly serverName: Effective
  readonly name: Effective
  /** The name that a certificate is compared with and that SNI would send. */
  readonly host: string
  /** It is the host part of proxy_pass, because proxy_ssl_name says nothing else. */
  readonly isFromUrl: boolean
}

export const upstreamTlsName = rule({
  id: "upstream-tls-name",
  severity: "warning",
  title: "The backend of WebSockets is asked for by the wrong name in TLS, or by none",
  page: {
    happens:
      "No WebSocket opens, with status 502, or the backend answers 404 or 421 in the name of another site: it chose its certificate without the name that it was to have.",
    shows:
      '`upstream SSL certificate does not match "ws_backend" while SSL handshaking to upstream`; without SNI also `SSL_do_handshake() failed (SSL: … alert handshake failure:SSL alert number 40) while SSL handshaking to upstream`. 502 to the client.',
    why: 'proxy_ssl_name is $proxy_host by default, which is the host as proxy_pass has it: for a group that is the group\'s name, which no certificate bears. And proxy_ssl_server_name is off by default, so the backend is not told any name (SNI, RFC 6066 §3). nginx compares with DNS names alone: "IP Address:10.0.0.1" in a certificate does not count there.',
    fix: "proxy_ssl_name backend.example.com; proxy_ssl_server_name on;",
  },
  inspectWebSocket(location, model, report) {
    const settings = settingsOf(location, model)
    if (settings === null || hasUnreadAround(model.tree, location.node)) return
    const { proxy, isFromUrl, host } = settings
    const isGroup = isFromUrl && proxy.upstream !== null && !host.includes(".")
    if (isGroup) inspectGroupName(location, settings, report)
    else if (isFromUrl && isAddress(host)) inspectAddress(location, settings, model, report)
    else inspectServerName(location, settings, model, report)
  },
})

function settingsOf({ node, proxy }: Location, { target }: Model): Settings | null {
  const verify = effective(node, "proxy_ssl_verify", target)
  const serverName = effective(node, "proxy_ssl_server_name", target)
  const name = effective(node, "proxy_ssl_name", target)
  if (proxy?.scheme !== "https" || !verify || !serverName || !name) return null
  const isFromUrl = name.value === "$proxy_host"
  const host = isFromUrl ? hostOf(proxy.host) : hostOf(name.value)
  return host === "" || host.includes("$") ? null : { proxy, verify, serverName, name, host, isFromUrl }
}

function inspectGroupName({ node }: Location, settings: Settings, report: Report): void {
  const { proxy, verify, serverName, name, host } = settings
  const isVerified = verify.value === "on"
  if (!isVerified && serverName.value !== "on") return
  const because = isVerified
    ? `The servers of "${host}" must show a certificate for the name "${host}", or the answer is 502`
    : `The servers of "${host}" are asked for a site "${host}" by SNI, and may refuse or answer for another one`
  const switched = isVerified
    ? describe("proxy_ssl_verify", verify, node)
    : describe("proxy_ssl_server_name", serverName, node)
  report(
    placeOf(name, node, proxy),
    `${because}: ${switched}, and ${describe("proxy_ssl_name", name, node)}, which is the name of the group.`,
    // A certificate of a public authority has no underscore, and nobody else's is likely to.
    {
      severity: isVerified && host.includes("_") ? "error" : "warning",
      advice: "proxy_ssl_name backend.example.com;",
    },
  )
}

function inspectAddress({ node }: Location, settings: Settings, { target }: Model, report: Report): void {
  const { proxy, verify, name, host } = settings
  // Holdfast compares an address with the addresses in a certificate, too.
  if (verify.value !== "on" || target.isHoldfast) return
  report(
    placeOf(name, node, proxy),
    `The certificate of ${host} must have "${host}" as a DNS name or, where it has none, as its common name, or the answer is 502: nginx does not look at the IP addresses in a certificate; ${describe("proxy_ssl_verify", verify, node)}, and ${describe("proxy_ssl_name", name, node)}.`,
    { advice: "proxy_ssl_name backend.example.com;" },
  )
}

function inspectServerName({ node }: Location, settings: Settings, { tree }: Model, report: Report): void {
  const { proxy, serverName, host, isFromUrl } = settings
  if (serverName.value === "on" || !isHostName(host) || !host.includes(".")) return
  if (isFromUrl && hostsBehind(proxy).every(isLocal)) return
  report(
    placeOf(serverName, node, proxy),
    `The backend is not told that "${host}" is wanted, and may refuse or answer with the certificate of another site: ${describe("proxy_ssl_server_name", serverName, node)}.`,
    { advice: "proxy_ssl_server_name on;", fix: setDirective(tree, node, "proxy_ssl_server_name", "on") },
  )
}

function placeOf(value: Effective, node: Node, proxy: ProxyTarget): Node {
  return value.origin?.isWithin(node) ? value.origin : proxy.node
}
