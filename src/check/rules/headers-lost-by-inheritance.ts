import { addLine } from "../edits.ts"
import { effective, effectiveList } from "../effective.ts"
import type { Severity } from "../finding.ts"
import {
  hasWebSocketOn,
  isRightConnection,
  isRightUpgrade,
  lineOf,
  mayBeSetElsewhere,
} from "../handshake-fields.ts"
import type { Location, Model } from "../model.ts"
import { type Report, rule } from "../rule.ts"
import type { Node } from "../tree.ts"

/** Without these no WebSocket opens. */
const OF_HANDSHAKE = new Set(["upgrade", "connection"])
/** `websocket on` gives these where nothing is said. */
const GIVEN_BY_WEBSOCKET_ON = new Set(["host", "x-real-ip", "x-forwarded-for", "x-forwarded-proto"])

export const headersLostByInheritance = rule({
  id: "headers-lost-by-inheritance",
  severity: "warning",
  title: "A block's own proxy_set_header or add_header hides those further out",
  page: {
    happens:
      "Fields that are set for the whole server are missing at one location. Without Upgrade or Connection no WebSocket opens there; without Host the backend refuses the handshake by its Origin check, or makes links to its own address; without X-Real-IP and X-Forwarded-For it takes the proxy for the client.",
    shows:
      "200, 400, 403 or 426 in place of 101; in the application's log the proxy's address as the client's, and the upstream's name as the host. nginx itself says nothing.",
    why: "Directives that may be repeated (proxy_set_header, add_header) are inherited if and only if the block has none of its own: one line in a location takes all those of the server away. They do not merge.",
    fix: "Repeat all that the location needs in the location itself, or keep them in a file of their own and include it in each location.",
  },
  inspect(model, report) {
    const sockets = new Set(model.webSockets)
    const all = model.servers.flatMap(({ locations }) => locations)
    // What WebSockets lose comes first: a block that several locations inherit from is reported once.
    const proxied = [...model.webSockets, ...all.filter((one) => !sockets.has(one))].filter(
      ({ proxy }) => proxy !== null,
    )
    const reported = new Set<Node>()
    for (const location of proxied) {
      reportRequestFields(location, sockets.has(location), reported, model, report)
      reportAnswerFields(location, reported, model, report)
    }
  },
})

function reportRequestFields(
  location: Location,
  isSocket: boolean,
  reported: Set<Node>,
  model: Model,
  report: Report,
): void {
  const { nodes, owner, hidden } = effectiveList(location.node, "proxy_set_header")
  const [outer] = hidden
  const first = nodes[0]
  if (owner === null || outer === undefined || first === undefined || reported.has(first)) return
  // What could not be read may repeat them.
  if (mayBeSetElsewhere(null, owner, model)) return
  const own = namesOf(nodes)
  const lost = outer
    .own("proxy_set_header")
    .filter((line) => !own.has(nameOf(line)) && isMissed(line, location, isSocket, model))
  if (lost.length === 0) return
  reported.add(first)
  const names = [...namesOf(lost)]
  const severity = severityOf(names, isSocket)
  const comesOf = names.some((name) => name === "upgrade" || name === "connection") && isSocket
  report(
    first,
    `${subject(owner, first)} hides what ${placeOf(outer, first, lost)} sets: ${listOf(lost)} ${lost.length === 1 ? "is" : "are"} not sent${comesOf ? ", and no WebSocket opens" : ""}.`,
    {
      severity,
      // Elsewhere less may be meant, and what is sent to a plain backend is no matter of WebSockets.
      fix: isSocket ? lost.map((line) => addLine(model.tree, owner, lineOf(line))) : [],
    },
  )
}

function severityOf(names: readonly string[], isSocket: boolean): Severity {
  if (!isSocket) return "info"
  return names.some((name) => OF_HANDSHAKE.has(name)) ? "error" : "warning"
}

/** Whether the location is worse off without the line. */
function isMissed(line: Node, location: Location, isSocket: boolean, model: Model): boolean {
  const name = nameOf(line)
  if (!isSocket) return name !== "upgrade" && name !== "connection"
  if (hasWebSocketOn(location, model))
    return name !== "upgrade" && name !== "connection" && !GIVEN_BY_WEBSOCKET_ON.has(name)
  // `Connection ""`, for connections that are kept, is no loss for WebSockets.
  if (name === "connection") return isRightConnection(line, model)
  if (name === "upgrade") return isRightUpgrade(line, model)
  // `Host ""` is a mistake of its own where it stands.
  return name !== "host" || line.args[1] !== ""
}

/** add_header: what answers lack. Strict-Transport-Security is another rule's. */
function reportAnswerFields(location: Location, reported: Set<Node>, model: Model, report: Report): void {
  if (effective(location.node, "add_header_inherit", model.target)?.value === "merge") return
  const { nodes, owner, hidden } = effectiveList(location.node, "add_header")
  const [outer] = hidden
  const first = nodes[0]
  if (owner === null || outer === undefined || first === undefined || reported.has(first)) return
  // What could not be read may repeat them.
  if (mayBeSetElsewhere(null, owner, model)) return
  const own = namesOf(nodes)
  const lost = outer
    .own("add_header")
    .filter((line) => !own.has(nameOf(line)) && nameOf(line) !== "strict-transport-security")
  if (lost.length === 0) return
  reported.add(first)
  report(
    first,
    `${subject(owner, first)} hides what ${placeOf(outer, first, lost)} sets: answers have no ${listOf(lost)} here.`,
    { severity: "info" },
  )
}

function subject(owner: Node, first: Node): string {
  const block = owner.name === "location" ? `location ${owner.args.join(" ")}` : owner.name
  return `The ${first.name} of ${block}`
}

/** "server (line 3)", "http (line 2, 5)" */
function placeOf(outer: Node, first: Node, lost: readonly Node[]): string {
  const places = new Set(
    lost.map(({ position: { file, line } }) =>
      file === first.position.file ? `${line}` : `${file}:${line}`,
    ),
  )
  const block = outer.name === "location" ? `location ${outer.args.join(" ")}` : outer.name
  return `${block} (line ${[...places].join(", ")})`
}

function listOf(lines: readonly Node[]): string {
  const names = [...new Set(lines.map(({ args }) => args[0] ?? ""))]
  return names.length < 2 ? (names[0] ?? "") : `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`
}

function nameOf({ args }: Node): string {
  return (args[0] ?? "").toLowerCase()
}

function namesOf(lines: readonly Node[]): Set<string> {
  return new Set(lines.map(nameOf))
}
