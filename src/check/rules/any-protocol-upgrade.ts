import { effective, effectiveList } from "../effective.ts"
import { hasUpgradeToken, hasWebSocketOn, valueFor } from "../handshake-fields.ts"
import { type Location, type Model, proxyHeader } from "../model.ts"
import { rule } from "../rule.ts"
import type { Node } from "../tree.ts"

/** What a client sends that wants a tunnel of HTTP/2 (RFC 7540 §3.2). */
const H2C = { upgrade: "h2c", connection: "Upgrade, HTTP2-Settings" }

const MAP =
  "map $http_upgrade $websocket_upgrade { default ''; ~*^websocket$ websocket; } in http, and in the location proxy_set_header Upgrade $websocket_upgrade; proxy_set_header Connection $websocket_connection; with map $websocket_upgrade $websocket_connection { default upgrade; '' close; }"

export const anyProtocolUpgrade = rule({
  id: "any-protocol-upgrade",
  severity: "warning",
  title: "An upgrade to any protocol is a way around the rules for other locations of the same backend",
  page: {
    happens:
      "Somebody who may not ask for /admin through the proxy asks the backend for it all the same: they upgrade at the WebSocket location to h2c (HTTP/2 in the clear), and send any request through the tunnel. allow, deny, auth_basic, auth_request and the access log do not see it.",
    shows: "One line with 101 in the access log, for the WebSocket location; none for what was asked for.",
    why: "`Upgrade $http_upgrade` forwards whatever protocol the client names, and after a 101 nginx relays bytes. Backends that take h2c by upgrade are many: Go with x/net/http2/h2c, Jetty, Undertow, Tomcat, Hypercorn. Without such a backend, or without locations to protect, it does no harm.",
    fix: MAP,
  },
  inspectWebSocket(location, model, report) {
    const { node, proxy } = location
    if (proxy === null || proxy.host === "" || hasWebSocketOn(location, model)) return
    const upgrade = proxyHeader(node, "upgrade")
    if (upgrade === null || !passesH2c(upgrade, node, model)) return
    for (const other of location.server.locations) {
      const guard = guardPassedBy(location, other, model)
      if (guard === null) continue
      const place = `location ${other.node.args.join(" ")} (line ${guard.position.line})`
      report(
        upgrade,
        `Any protocol is forwarded here, h2c too: a tunnel of it leads past the ${guard.name} of ${place} to the same backend, "${proxy.host}".`,
        { argument: 1 },
      )
      return
    }
  },
})

/** Whether a client that asks for h2c gets to ask the backend for it. */
function passesH2c(upgrade: Node, node: Node, model: Model): boolean {
  if (valueFor(upgrade.args[1] ?? "", H2C, model)?.toLowerCase() !== "h2c") return false
  const connection = proxyHeader(node, "connection")?.args[1] ?? ""
  return hasUpgradeToken(valueFor(connection, H2C, model) ?? "")
}

const LOGINS = ["auth_basic", "auth_request", "auth_jwt", "auth_digest", "auth_ldap", "auth_pam"]

/** What keeps people out at `other`, and not at `socket`, although the same backend is behind both. */
function guardPassedBy(socket: Location, other: Location, model: Model): Node | null {
  if (other === socket || socket.node.isWithin(other.node)) return null
  const isSame = other.proxy !== null && other.proxy.host === socket.proxy?.host
  if (!isSame && !isClosedPart(socket, other)) return null
  const { node } = other
  const guards = [
    denial(node),
    ...LOGINS.map((name) => switchedOn(node, name)),
    ...node.own("internal"),
    ...node.own("limit_except"),
  ]
  const refusal = isSame ? undefined : node.own("return")[0]
  return (
    [...guards, refusal].find((guard) => guard != null && !isInForceAt(guard, socket.node, model)) ?? null
  )
}

/** `deny all` at least, or `deny` of some. */
function denial(node: Node): Node | null {
  return node.own("deny")[0] ?? null
}

function switchedOn(node: Node, name: string): Node | null {
  const directive = node.own(name).at(-1)
  return directive === undefined || directive.args[0] === "off" ? null : directive
}

/** Whether the socket's location has the same check: whoever passes it may ask for all that is behind. */
function isInForceAt(guard: Node, node: Node, { target }: Model): boolean {
  if (guard.name === "deny")
    return effectiveList(node, "deny").nodes.some(({ args }) => args[0] === guard.args[0])
  if (guard.name === "limit_except") return node.own("limit_except").length > 0
  if (guard.name === "internal" || guard.name === "return") return false
  const own = effective(node, guard.name, target)
  return own?.origin != null && own.value !== "off"
}

const CONTENT = [
  "proxy_pass",
  "fastcgi_pass",
  "uwsgi_pass",
  "grpc_pass",
  "stub_status",
  "alias",
  "root",
  "try_files",
  "rewrite",
]

/** `location /admin { deny all; }` where all else goes to the backend: the backend has that path. */
function isClosedPart(socket: Location, { kind, path, node }: Location): boolean {
  // Regular expressions that are closed are about files (`/\.ht`) in all likelihood.
  if (kind !== "prefix" && kind !== "prefix-final" && kind !== "exact") return false
  if (path.includes("/.") || CONTENT.some((name) => node.own(name).length > 0)) return false
  const [status = ""] = node.own("return")[0]?.args ?? []
  const isClosed =
    node.own("deny").some(({ args }) => args[0] === "all") || /^(?:401|403|404|410|444)$/.test(status)
  const hasRest = socket.server.locations.some(
    (one) => one.kind === "prefix" && one.path === "/" && one.proxy?.host === socket.proxy?.host,
  )
  return isClosed && hasRest
}
