import { replaceArguments } from "../edits.ts"
import { effectiveList } from "../effective.ts"
import {
  asksForWebSocket,
  connectionValue,
  describeField,
  HANDSHAKES,
  hasUpgradeToken,
  hasWebSocketOn,
  isFragment,
  isRightConnection,
  isRightUpgrade,
  isSurelyWebSocket,
  lostField,
  mayBeSetElsewhere,
  PLAIN_REQUEST,
  setFields,
  undefinedUses,
  valueFor,
  variablesIn,
} from "../handshake-fields.ts"
import { type Location, type Model, type ProxyTarget, proxyHeader } from "../model.ts"
import { type Report, rule } from "../rule.ts"
import type { Node } from "../tree.ts"

export const websocketUpgradeHeader = rule({
  id: "websocket-upgrade-header",
  severity: "error",
  title: "A WebSocket location does not forward Upgrade",
  page: {
    happens:
      "No WebSocket opens. The backend gets an ordinary GET and answers it as one; the browser says that the connection failed (code 1006) and the application sees requests for pages that do not exist.",
    shows:
      "The status of the backend's answer to a plain GET (200, 400, 404 or 426) in place of 101, in the access log; browsers write `Unexpected response code: 200`. The error log has nothing.",
    why: "Upgrade belongs to one connection (RFC 9110 §7.8), so nginx drops it unless proxy_set_header writes it anew. `$http_upgrade` is what the client asked for, and empty for a plain request, whose Upgrade is then left out. A fixed `websocket` goes along with plain requests as well: a polling fallback at the same path is answered with 400 or 426. `$connection_upgrade`, of the map for Connection, is `upgrade`, and that is no protocol.",
    fix: 'proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection "upgrade";',
  },
  inspect(model, report) {
    for (const { field, name, variable } of undefinedUses(model))
      if (name === "upgrade") reportUndefined(field, variable, model, report)
    for (const location of model.webSockets) {
      if (location.proxy === null || hasWebSocketOn(location, model)) continue
      const field = proxyHeader(location.node, "upgrade")
      if (mayBeSetElsewhere(field, location.node, model)) continue
      if (field === null) reportMissing(location, location.proxy, model, report)
      else reportValue(field, location, model, report)
    }
  },
})

function reportMissing(location: Location, { node: pass }: ProxyTarget, model: Model, report: Report): void {
  const { node, webSocket } = location
  // What hides it is the mistake then, and headers-lost-by-inheritance says it.
  if (isRightUpgrade(lostField(node, "upgrade"), model)) return
  if (isServedBeside(location, model)) return
  const isSure = isSurelyWebSocket(location)
  const connection = proxyHeader(node, "connection")
  const isBoth = connection === null && !isRightConnection(lostField(node, "connection"), model)
  const what = isBoth ? "Upgrade and Connection are not forwarded" : "Upgrade is not forwarded"
  // The http block around a fragment may have both.
  const isAll = effectiveList(node, "proxy_set_header").owner !== null || !isFragment(model)
  const certain = isAll ? "error" : "warning"
  const fields = [["Upgrade", "$http_upgrade"] as const]
  const both = [...fields, ["Connection", connectionValue(model)] as const]
  const message = isSure
    ? `WebSockets (${webSocket}) cannot pass: ${what} here; no proxy_set_header is in force for it, and nginx passes none on by itself.`
    : `If this is for WebSockets (${webSocket}), they cannot pass: ${what} here.`
  report(pass, message, {
    severity: isSure ? certain : "info",
    fix: isSure ? setFields(model, node, isBoth ? both : fields) : [],
  })
}

function reportUndefined(field: Node, variable: string, model: Model, report: Report): void {
  report(
    field,
    `proxy_set_header Upgrade is ${field.args[1]} here, and nothing defines $${variable}: nginx does not start with it.`,
    { argument: 1, fix: [replaceArguments(model.tree, field, "Upgrade $http_upgrade")] },
  )
}

/** Known by its backend's name only, while another location forwards that backend's WebSockets. */
function isServedBeside({ server, proxy, webSocket }: Location, model: Model): boolean {
  if (webSocket?.startsWith("its backend") !== true) return false
  return server.locations.some(
    ({ node, proxy: other }) =>
      other?.host === proxy?.host && isRightUpgrade(proxyHeader(node, "upgrade"), model),
  )
}

function reportValue(field: Node, location: Location, model: Model, report: Report): void {
  const { node, webSocket } = location
  const written = field.args[1] ?? ""
  const where = describeField(field, node)
  const fix = [replaceArguments(model.tree, field, "Upgrade $http_upgrade")]
  const values = HANDSHAKES.map((client) => valueFor(written, client, model))
  const wrong = values.find((value) => value !== null && !asksForWebSocket(value))
  if (wrong !== undefined && wrong !== null) {
    const comesOf =
      wrong === "" ? "nothing is sent" : `the backend is asked for "${wrong}", not for "websocket"`
    // Fields that take Upgrade away for all of a server are right there: the location needs its own.
    const own =
      written === "" && !field.isWithin(node) ? setFields(model, node, [["Upgrade", "$http_upgrade"]]) : fix
    report(field, `WebSockets (${webSocket}) cannot pass: ${where}; ${comesOf}.`, { argument: 1, fix: own })
    return
  }
  if (variablesIn(written).length === 0) reportFixedText(field, location, model, report)
}

/** `Upgrade websocket`: right for handshakes, wrong for all else. */
function reportFixedText(field: Node, { node }: Location, model: Model, report: Report): void {
  const connection = proxyHeader(node, "connection")?.args[1] ?? ""
  const onPlain = valueFor(connection, PLAIN_REQUEST, model) ?? "upgrade"
  const isHarmful = hasUpgradeToken(onPlain)
  const comesOf = isHarmful
    ? "backends answer those with 400 or 426"
    : "only Connection keeps backends from taking them for handshakes"
  report(field, `${describeField(field, node)}: plain requests carry it, too, and ${comesOf}.`, {
    severity: isHarmful ? "warning" : "info",
    argument: 1,
    fix: [replaceArguments(model.tree, field, "Upgrade $http_upgrade")],
  })
}
