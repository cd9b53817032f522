import { addLine, setDirective, setProxyHeader } from "../edits.ts"
import { describe, effective, effectiveList } from "../effective.ts"
import type { Edit } from "../finding.ts"
import { isRightConnection, lineOf, PLAIN_REQUEST, valueFor } from "../handshake-fields.ts"
import { locationText, placeOf } from "../location-text.ts"
import { isSocketPath, type Location, type Model, proxyHeader, type Upstream } from "../model.ts"
import { type Report, rule } from "../rule.ts"
import type { Node } from "../tree.ts"
import { hasUnreadAround } from "../unread.ts"

/** What becomes of the connection to the backend after a plain request. */
interface Fate {
  readonly location: Location
  /** "socket": only WebSockets come here, whose connections are never kept. */
  readonly kind: "kept" | "closed" | "socket" | "unknown"
  /** Why it is closed. */
  readonly cause: string
  /** Whether the location's own directives can mend it. */
  readonly isFixable: boolean
}

export const keepaliveWithoutEffect = rule({
  id: "keepalive-without-effect",
  severity: "warning",
  title: "keepalive in an upstream does nothing",
  page: {
    happens:
      "Each plain request opens a connection to the backend of its own, and with `proxy_pass https://` makes a TLS handshake, although `keepalive` seems to forbid it. Under load that is milliseconds a request, and ports in TIME_WAIT.",
    shows:
      "`Connection: close` in the requests that the backend sees; `ss -tan state time-wait` towards the backend grows with the requests; `$upstream_connect_time` is never 0.000 with a distant backend. At the end of the ports: `connect() to 192.168.10.20:8080 failed (99: Cannot assign requested address) while connecting to upstream`.",
    why: 'nginx keeps a connection when the answer leaves it open. Before 1.29.7 it asks by HTTP/1.0 and with `Connection: close` where nothing else is said, so every server closes. A map with `"" close`, as in nginx\'s example for WebSockets, says the same for plain requests with any version. The connection of a WebSocket is never kept: it belongs to its client until it ends.',
    fix: 'In the locations for plain requests: proxy_http_version 1.1; proxy_set_header Connection ""; and in a map that serves both: "" "";',
  },
  inspect(model, report) {
    const all = model.servers.flatMap(({ locations }) => locations)
    const users = Map.groupBy(all, ({ proxy }) => proxy?.upstream ?? null)
    const others = namesOfOthers(all)
    for (const upstream of model.upstreams.values()) {
      const keepalive = upstream.node.own("keepalive").at(-1)
      if (keepalive === undefined || keepalive.args[0] === "0" || others.has(upstream.name)) continue
      const fates = (users.get(upstream) ?? []).map((location) => fateOf(location, model))
      inspectGroup(upstream, keepalive, fates, model, report)
    }
  },
})

function inspectGroup(
  upstream: Upstream,
  keepalive: Node,
  all: readonly Fate[],
  model: Model,
  report: Report,
): void {
  const fates = all.filter(({ kind }) => kind !== "socket")
  const closed = fates.filter(({ kind }) => kind === "closed")
  const [first] = closed
  if (first === undefined) return
  const names = [...new Set(closed.map(({ location }) => placed(location, keepalive)))]
  const where =
    names.length > 3 ? `${names.slice(0, 3).join(", ")} and ${names.length - 3} more` : names.join(", ")
  const isAll = closed.length === fates.length
  report(
    keepalive,
    isAll
      ? `keepalive ${keepalive.args[0]} does nothing for "${upstream.name}": each request of ${where} closes its connection. ${first.cause}.`
      : `keepalive ${keepalive.args[0]} of "${upstream.name}" does nothing for ${where}, where each request closes its connection. ${first.cause}.`,
    {
      severity: isAll ? "warning" : "info",
      advice: first.isFixable
        ? `In ${locationText(first.location)}: proxy_http_version 1.1; proxy_set_header Connection "";`
        : 'In the map: "" ""; which leaves Connection out of plain requests, so that they may keep the connection.',
      fix: closed.flatMap((fate) => (fate.isFixable ? fixOf(fate.location, model) : [])),
    },
  )
}

function placed(location: Location, keepalive: Node): string {
  return `${locationText(location)} (${placeOf(location.node, keepalive)})`
}

function fateOf(location: Location, model: Model): Fate {
  const { node } = location
  const fate = (kind: Fate["kind"], cause = "", isFixable = false): Fate => ({
    location,
    kind,
    cause,
    isFixable,
  })
  if (effective(node, "websocket", model.target)?.value === "on") return fate("socket")
  if (hasUnreadAround(model.tree, node)) return fate("unknown")
  const field = proxyHeader(node, "connection")
  // What keeps its WebSockets from coming through is another rule's, and mended first.
  if (location.webSocket !== null && !(location.forwardsUpgrade && isRightConnection(field, model)))
    return fate("socket")
  const value = plainValue(field, model)
  if (value === null || /keep-alive/i.test(value)) return fate("unknown")
  // Hard-coded for WebSockets.
  if (/upgrade/i.test(value)) return fate("socket")
  const isMapped = field?.args[1]?.startsWith("$") === true
  if (location.webSocket !== null && isSocketPath(location.path)) return fate("socket")
  if (/close/i.test(value)) return fate("closed", closeCause(field, value, node), !isMapped)
  const version = effective(node, "proxy_http_version", model.target)
  if (version?.value !== "1.0") return fate("kept")
  return location.webSocket === null
    ? fate("closed", describe("proxy_http_version", version, node), true)
    : fate("socket")
}

/** The Connection field of a request without Upgrade; null where it cannot be told. */
function plainValue(field: Node | null, model: Model): string | null {
  if (field === null) return model.target.since("1.29.7") ? "" : "close"
  return valueFor(field.args[1] ?? "", PLAIN_REQUEST, model)
}

function closeCause(field: Node | null, value: string, block: Node): string {
  if (field === null) return "Connection is close here: the default, nothing sets it"
  const place = placeOf(field, block)
  return field.args[1] === value
    ? `Connection is ${value}: ${place}`
    : `${field.args[1]} (${place}) is ${value} for requests without Upgrade`
}

/** Groups that another protocol than HTTP/1 is spoken to, of whose connections nothing is known here. */
function namesOfOthers(locations: readonly Location[]): ReadonlySet<string> {
  const names = new Set<string>()
  for (const { node } of locations)
    for (const { name, args } of node.children ?? [])
      if (name.endsWith("_pass") && name !== "proxy_pass")
        names.add((args[0] ?? "").replace(/^grpcs?:\/\//, ""))
  return names
}

function fixOf({ node }: Location, model: Model): Edit[] {
  const { tree, target } = model
  const edits: Edit[] = []
  if (effective(node, "proxy_http_version", target)?.value === "1.0")
    edits.push(...setDirective(tree, node, "proxy_http_version", "1.1"))
  if (plainValue(proxyHeader(node, "connection"), model) === "") return edits
  const { nodes, owner } = effectiveList(node, "proxy_set_header")
  // A field in the location hides those further out: they are written again beside it.
  if (owner !== null && owner !== node)
    edits.push(...copiesOf(nodes).map((line) => addLine(tree, node, line)))
  edits.push(...setProxyHeader(tree, node, "Connection", '""'))
  return edits
}

function copiesOf(fields: readonly Node[]): string[] {
  return fields.filter(({ args }) => args[0]?.toLowerCase() !== "connection").map(lineOf)
}
