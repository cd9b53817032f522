import { replaceArguments } from "../edits.ts"
import type { Edit } from "../finding.ts"
import {
  connectionValue,
  describeField,
  HANDSHAKES,
  hasUpgradeToken,
  hasWebSocketOn,
  isRightConnection,
  isSurelyWebSocket,
  lostField,
  mayBeSetElsewhere,
  setFields,
  undefinedUses,
  valueFor,
  variablesIn,
} from "../handshake-fields.ts"
import { type Location, type Model, proxyHeader } from "../model.ts"
import { type Report, rule } from "../rule.ts"
import type { Node } from "../tree.ts"

const MAP = "map $http_upgrade $connection_upgrade { default upgrade; '' close; }"

export const websocketConnectionHeader = rule({
  id: "websocket-connection-header",
  severity: "error",
  title: "A WebSocket location does not send Connection: upgrade",
  page: {
    happens:
      "No WebSocket opens: the backend sees an Upgrade that Connection does not name, and must ignore it. With `$http_connection` they open for some clients and backends and fail for others.",
    shows:
      'The status of the backend\'s answer to a plain GET (200, 400, 404 or 426) in place of 101. With a variable that nothing defines, nginx does not start: `[emerg] unknown "connection_upgrade" variable`.',
    why: "Connection belongs to one connection (RFC 9110 §7.6.1), and nginx writes its own: `close` before 1.29.7, none since. What the client sent is no substitute: it may be `keep-alive, Upgrade` (Firefox), which simple backends compare as a whole and refuse, `close`, or a list of fields (`upgrade, X-Real-IP`) that a backend behind it then has to drop. A fixed `upgrade` and the map of nginx's documentation are both right; for plain requests, whose Upgrade is empty, the first does no harm.",
    fix: `proxy_set_header Connection "upgrade"; or, in http, ${MAP} and in the location proxy_set_header Connection $connection_upgrade;`,
  },
  inspect(model, report) {
    for (const { field, name, variable } of undefinedUses(model))
      if (name !== "upgrade") reportUndefined(field, variable, model, report)
    for (const location of model.webSockets) {
      if (location.proxy === null || hasWebSocketOn(location, model)) continue
      const field = proxyHeader(location.node, "connection")
      if (mayBeSetElsewhere(field, location.node, model)) continue
      if (field === null) reportMissing(location, location.proxy.node, model, report)
      else reportValue(field, location, model, report)
    }
  },
})

function reportMissing({ node, webSocket }: Location, pass: Node, model: Model, report: Report): void {
  // Without Upgrade, too, websocket-upgrade-header says both; what is hidden is for headers-lost-by-inheritance.
  if (proxyHeader(node, "upgrade") === null) return
  if (isRightConnection(lostField(node, "connection"), model)) return
  const sent = model.target.since("1.29.7") ? "sends none by itself" : 'sends "close" by itself'
  report(
    pass,
    `WebSockets (${webSocket}) cannot pass: no proxy_set_header Connection is in force here, and nginx ${sent}.`,
    { fix: setFields(model, node, [["Connection", connectionValue(model)]]) },
  )
}

function reportUndefined(field: Node, variable: string, model: Model, report: Report): void {
  const [name = "", value = ""] = field.args
  report(
    field,
    `proxy_set_header ${name} is ${value} here, and no map or set defines $${variable}: nginx does not start with it.`,
    {
      argument: 1,
      advice: `${MAP}, in http`,
      fix: variable === "connection_upgrade" ? addMap(model) : [],
    },
  )
}

function reportValue(field: Node, location: Location, model: Model, report: Report): void {
  const { node, webSocket } = location
  const written = field.args[1] ?? ""
  const where = describeField(field, node)
  if (variablesIn(written).includes("http_connection")) {
    reportClientsOwn(field, where, model, report)
    return
  }
  const values = HANDSHAKES.map((client) => valueFor(written, client, model))
  const wrong = values.find((value) => value !== null && !hasUpgradeToken(value))
  if (wrong === undefined || wrong === null) return
  const isSure = isSurelyWebSocket(location) || proxyHeader(node, "upgrade") !== null
  const isForSome = values.some((value) => value !== null && hasUpgradeToken(value))
  const comesOf = `${sentence(wrong)}${isForSome ? " for browsers that send `Connection: keep-alive, Upgrade`" : ""}`
  const message = isSure
    ? `WebSockets (${webSocket}) cannot pass: ${where}${mapPlace(written, model)}; ${comesOf}.`
    : `If this is for WebSockets (${webSocket}), they cannot pass: ${where}; ${comesOf}.`
  report(field, message, {
    severity: isSure ? "error" : "info",
    argument: 1,
    fix: isSure ? mend(field, node, model) : [],
  })
}

function reportClientsOwn(field: Node, where: string, model: Model, report: Report): void {
  report(
    field,
    `${where}: the client's own list goes to the backend. "keep-alive, Upgrade", as Firefox sends it, is refused by backends that compare the whole, and any client may name fields that the backend then has to drop.`,
    {
      severity: "warning",
      argument: 1,
      fix: [replaceArguments(model.tree, field, `Connection ${connectionValue(model)}`)],
    },
  )
}

function sentence(value: string): string {
  return value === "" ? "nothing is sent for a handshake" : `a handshake is sent on with "${value}"`
}

/** Where the map stands that makes the value. */
function mapPlace(written: string, { maps }: Model): string {
  const [name = ""] = variablesIn(written)
  const map = maps.get(name)
  return map === undefined ? "" : ` (its map is in line ${map.position.line})`
}

/** A line of the location's own is changed; one further out is right for what else it serves. */
function mend(field: Node, node: Node, model: Model): Edit[] {
  const isByMap = variablesIn(field.args[1] ?? "").length > 0
  const value = isByMap && connectionValue(model) !== '"upgrade"' ? connectionValue(model) : '"upgrade"'
  if (field.isWithin(node)) return [replaceArguments(model.tree, field, `Connection ${value}`)]
  return setFields(model, node, [["Connection", value]])
}

/** The map of nginx's documentation, in front of what `http` has. */
function addMap({ http }: Model): Edit[] {
  const first = http?.children?.[0]
  if (http === null || first === undefined || first.position.file !== http.position.file) return []
  const { file, line, column } = first.position
  const place = { line, column }
  const indent = line === http.position.line ? null : " ".repeat(column - 1)
  const gap = indent === null ? " " : `\n${indent}`
  const text = ["map $http_upgrade $connection_upgrade {", "  default upgrade;", "  '' close;", "}", ""].join(
    gap,
  )
  return [{ file, start: place, end: place, text }]
}
