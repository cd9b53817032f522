import { replaceArguments } from "../edits.ts"
import { effectiveList } from "../effective.ts"
import type { Severity } from "../finding.ts"
import {
  describeField,
  hasWebSocketOn,
  lostField,
  mayBeSetElsewhere,
  setFields,
} from "../handshake-fields.ts"
import { type Location, type Model, type ProxyTarget, proxyHeader, type Server } from "../model.ts"
import { type Report, rule } from "../rule.ts"
import type { Node } from "../tree.ts"

/** Paths of servers that compare Origin with Host: Action Cable, Grafana, Jupyter, Streamlit. */
const CHECKING_PATH = /(?:\bcable\b|api\/live\b|kernels|terminals|_stcore)/i

export const websocketHostHeader = rule({
  id: "websocket-host-header",
  severity: "warning",
  title: "The backend sees another Host than the browser's, and refuses the handshake's Origin",
  page: {
    happens:
      "The site works, its WebSockets do not: the backend compares Origin, which the browser sends and nobody can change, with Host, and refuses what differs.",
    shows:
      "403 in place of 101 in the access log. In the application's log, for instance, `Request origin not allowed: https://example.com` (Action Cable), `websocket: request origin not allowed by Upgrader.CheckOrigin` (Go with gorilla/websocket), `Blocking Cross Origin WebSocket Attempt. Origin: https://example.com, Host: 127.0.0.1:8888` (Jupyter), `origin not allowed` (Grafana).",
    why: "By default nginx sends `Host $proxy_host`: the name that proxy_pass has, such as `ws_backend` or `127.0.0.1:3000`. `$host` is the client's, without its port, which Origin has where it is not 80 or 443. `$http_host` is exactly what the client sent.",
    fix: "proxy_set_header Host $http_host; (`$host` on the ports 80 and 443)",
  },
  inspectWebSocket(location, model, report) {
    const { node, proxy } = location
    if (proxy === null || hasWebSocketOn(location, model)) return
    const field = proxyHeader(node, "host")
    if (mayBeSetElsewhere(field, node, model)) return
    const value = field?.args[1]
    if (field === null || value === "$proxy_host") reportUpstreamName(location, proxy, field, model, report)
    else reportValue(field, value ?? "", location, proxy, model, report)
  },
})

function reportUpstreamName(
  location: Location,
  proxy: ProxyTarget,
  field: Node | null,
  model: Model,
  report: Report,
): void {
  const { node, server } = location
  // What hides it is the mistake then, and headers-lost-by-inheritance says it.
  const lost = lostField(node, "host")
  if (field === null && lost !== null && lost.args[1] !== "") return
  // A host of the internet is asked by its own name; one that variables make may be anything.
  if (proxy.host === "" || isForeign(proxy) || server.names.includes(proxy.host)) return
  const name = proxy.host.startsWith("unix:") ? "localhost" : proxy.host
  const what =
    field === null
      ? `Host is "${name}" here: the default, $proxy_host; nothing sets it`
      : `${describeField(field, node)}: "${name}"`
  const { severity, because } = field === null ? evidence(location, proxy) : INFO
  const comesOf = `A backend that compares it with the browser's Origin${because} refuses the handshake with 403.`
  report(field ?? proxy.node, `${what}. ${comesOf}`, {
    severity,
    fix: severity === "warning" ? setFields(model, node, [["Host", hostValue(server)]]) : [],
  })
}

interface Evidence {
  readonly severity: Severity
  readonly because: string
}

const INFO: Evidence = { severity: "info", because: "" }

/** Whether this backend is known to look at Host. */
function evidence({ node, server, path }: Location, proxy: ProxyTarget): Evidence {
  const { nodes } = effectiveList(node, "proxy_set_header")
  if (nodes.some(({ args }) => args[0]?.toLowerCase() === "x-forwarded-host"))
    return { severity: "info", because: " and does not take X-Forwarded-Host for it" }
  if (CHECKING_PATH.test(path)) return { severity: "warning", because: `, as is usual at "${path}",` }
  for (const other of server.locations) {
    const host = other.proxy?.host === proxy.host ? proxyHeader(other.node, "host") : null
    if (host !== null)
      return {
        severity: "warning",
        because: ` (line ${host.position.line} forwards Host to the same backend)`,
      }
  }
  return INFO
}

/** Whether proxy_pass names a host of the internet itself. */
function isForeign({ host, upstream }: ProxyTarget): boolean {
  const name = host.replace(/:\d+$/, "")
  return upstream === null && /\.[a-z]{2,}$/i.test(name) && !host.startsWith("unix:")
}

function reportValue(
  field: Node,
  value: string,
  location: Location,
  proxy: ProxyTarget,
  model: Model,
  report: Report,
): void {
  const where = describeField(field, location.node)
  const { server } = location
  const fix = [replaceArguments(model.tree, field, "Host $http_host")]
  if (value === "") {
    report(field, `${where}: a request of HTTP/1.1 without Host must be answered with 400 (RFC 9112 §3.2).`, {
      argument: 1,
      fix,
    })
  } else if (value === "$hostname") {
    const message = `${where}: that is this machine's own name. $host or $http_host is what the browser asked for.`
    report(field, message, { argument: 1, fix })
  } else if (value === "$host" || value === "$server_name") {
    reportPort(field, where, location, model, report)
  } else if (!value.includes("$") && isOther(value, server, proxy)) {
    report(
      field,
      `${where}, and no name of this server: browsers' Origin is of ${namesOf(server)}, and a backend that compares the two refuses the handshake with 403.`,
      { argument: 1 },
    )
  }
}

/** `$host` has no port, and Origin has one where it is not the scheme's own. */
function reportPort(field: Node, where: string, location: Location, model: Model, report: Report): void {
  const { server, node } = location
  if (isBehindProxy(server, model)) return
  const { nodes } = effectiveList(node, "proxy_set_header")
  if (nodes.some(({ args }) => /^x-forwarded-(?:host|port)$/i.test(args[0] ?? ""))) return
  const odd = server.listens.find(
    ({ port, host, isSsl }) => port !== "" && port !== (isSsl ? "443" : "80") && !isLocal(host),
  )
  if (odd === undefined) return
  // A plain port is often one of a container, which clients reach by another number.
  const isSure = odd.isSsl
  report(
    field,
    `${where}, without the port: browsers that come to port ${odd.port} send Origin with it, and a backend that compares the two refuses the handshake with 403. $http_host has it.`,
    {
      severity: isSure ? "warning" : "info",
      argument: 1,
      fix: isSure ? [replaceArguments(model.tree, field, "Host $http_host")] : [],
    },
  )
}

/** Whether clients reach the server by another address than its own. */
function isBehindProxy({ node, listens }: Server, model: Model): boolean {
  const scopes = [node, model.http]
  return (
    scopes.some((scope) => (scope?.own("set_real_ip_from").length ?? 0) > 0) ||
    listens.some(({ parameters }) => parameters.includes("proxy_protocol"))
  )
}

function isLocal(host: string): boolean {
  return host.startsWith("127.") || host === "localhost" || host === "[::1]" || host.startsWith("unix:")
}

function isOther(value: string, { names }: Server, proxy: ProxyTarget): boolean {
  const host = value.replace(/:\d+$/, "").toLowerCase()
  // A name that virtual hosts of the backend need, and names that cannot be compared.
  if (proxy.host.replace(/:\d+$/, "").toLowerCase() === host || isForeign(proxy)) return false
  if (proxy.upstream?.servers.some(({ args }) => args[0]?.replace(/:\d+$/, "") === host)) return false
  if (names.length === 0 || names.some((name) => name === "_" || name === "" || name.startsWith("~")))
    return false
  return !names.some((name) => matches(name.toLowerCase(), host))
}

/** server_name: exact, ".example.com", "*.example.com", "www.example.*". */
function matches(name: string, host: string): boolean {
  if (name.startsWith(".")) return host === name.slice(1) || host.endsWith(name)
  if (name.startsWith("*.")) return host.endsWith(name.slice(1))
  if (name.endsWith(".*")) return host.startsWith(name.slice(0, -1))
  return name === host
}

function namesOf({ names }: Server): string {
  const [first, ...others] = names
  return others.length === 0
    ? `${first}`
    : `${first} and ${others.length} other${others.length > 1 ? "s" : ""}`
}

/** `$host` does where the ports are the usual ones, and is what nginx made sure of. */
function hostValue({ listens }: Server): string {
  return listens.every(({ port }) => port === "80" || port === "443") ? "$host" : "$http_host"
}
