import { proxyBeforeUs } from "../clients.ts"
import { effective, effectiveList } from "../effective.ts"
import { variablesIn } from "../handshake-fields.ts"
import { locationText, placeOf } from "../location-text.ts"
import type { Location, Model } from "../model.ts"
import { type Report, rule } from "../rule.ts"
import type { Node } from "../tree.ts"
import { hasUnreadAround } from "../unread.ts"

/** Fewer handshakes than this in a second are an office behind one address that comes back after a restart. */
const FEW_OF_ADDRESS = 20
/** The same for all clients together. */
const FEW_OF_ALL = 200
/** Clients give a handshake up after this long: 20 s in socket.io. */
const PATIENCE_SECONDS = 20
/** WebSockets of one address: tabs, and the people behind a NAT. */
const FEW_SOCKETS = 20
/** A limit that is made for WebSockets alone is meant; below this it is worth a word. */
const VERY_FEW_SOCKETS = 5

/** Whom a limit counts together. */
interface Counted {
  readonly isAll: boolean
  readonly whose: string
  /** Why an address is all clients', as a sentence. */
  readonly why: string
}

const OF_ALL = "of all addresses together"

export const limitsOnHandshakes = rule({
  id: "limits-on-handshakes",
  severity: "warning",
  title: "A request or connection limit turns WebSockets away",
  page: {
    happens:
      "After a restart or a reload all clients open their WebSockets again in the same second; limit_req takes that for an attack and refuses them, again at each further try. limit_conn counts a WebSocket for as long as it lives: a few open tabs use up what was meant for requests of milliseconds, and then plain pages are refused, too.",
    shows:
      '`limiting requests, excess: 1.000 by zone "ws"`, `delaying request, excess: 4.992, by zone "ws"` or `limiting connections by zone "addr"` in the error log; 503 (or limit_req_status, limit_conn_status) in the access log and as `Unexpected server response: 503` in the client.',
    why: "A handshake is one request for limit_req, and a request that does not end for limit_conn, which gives the place back when the tunnel is closed. An address is often not one person: everyone behind a NAT, or behind a proxy in front without realip, shares one.",
    fix: "limit_req zone=ws burst=200 nodelay; in the WebSocket location, and limit_conn with a zone of its own there.",
  },
  inspect(model, report) {
    const pages = pagesByZone(model)
    for (const location of model.webSockets) {
      if (!location.forwardsUpgrade) continue
      inspectRequests(location, model, report)
      inspectConnections(location, pages, model, report)
    }
  },
})

function inspectRequests(location: Location, model: Model, report: Report): void {
  const { node } = location
  if (effective(node, "limit_req_dry_run", model.target)?.value === "on") return
  for (const limit of effectiveList(node, "limit_req").nodes) {
    const zone = zoneOf(model, "limit_req_zone", parameter(limit, "zone"))
    const rate = /^(\d+)r\/([sm])$/.exec(zone === undefined ? "" : parameter(zone, "rate"))
    if (zone === undefined || rate === null) continue
    const perSecond = Number(rate[1]) / (rate[2] === "m" ? 60 : 1)
    const counted = countedBy(zone.args[0] ?? "", location, model)
    if (perSecond === 0 || counted === null) continue
    reportRate(limit, zone, perSecond, counted, location, model, report)
  }
}

function reportRate(
  limit: Node,
  zone: Node,
  perSecond: number,
  counted: Counted,
  { node }: Location,
  model: Model,
  report: Report,
): void {
  const burst = Number(parameter(limit, "burst") || 0)
  const few = counted.isAll ? FEW_OF_ALL : FEW_OF_ADDRESS
  const set = `${parameter(zone, "rate")} by ${zone.args[0]}, burst ${burst}: limit_req ${whence(limit, node)}`
  if (burst + perSecond < few) {
    const status = effective(node, "limit_req_status", model.target)?.value ?? "503"
    report(
      limit,
      `Of the clients ${counted.whose} that come back at once, ${burst + 1} open their WebSocket and the others get ${status} (${set}).${counted.why}`,
    )
    return
  }
  const isDelayed = !limit.args.includes("nodelay") && parameter(limit, "delay") === ""
  const seconds = Math.floor(burst / perSecond)
  if (isDelayed && seconds > PATIENCE_SECONDS)
    report(
      limit,
      `Handshakes ${counted.whose} that come at once are held back, the last for ${seconds} seconds, which clients do not wait (${set}, without nodelay).${counted.why}`,
    )
}

function inspectConnections(
  location: Location,
  pages: ReadonlyMap<string, readonly Location[]>,
  model: Model,
  report: Report,
): void {
  const { node } = location
  if (effective(node, "limit_conn_dry_run", model.target)?.value === "on") return
  const { nodes, owner } = effectiveList(node, "limit_conn")
  for (const limit of nodes) {
    const [name = "", number = ""] = limit.args
    const zone = zoneOf(model, "limit_conn_zone", name)
    const counted = zone === undefined ? null : countedBy(zone.args[0] ?? "", location, model)
    if (zone === undefined || counted === null) continue
    const other = otherUser(pages.get(name) ?? [], location)
    const isShared = other !== null
    const few = counted.isAll ? FEW_OF_ALL : isShared ? FEW_SOCKETS : VERY_FEW_SOCKETS
    if (Number(number) > few) continue
    const status = effective(node, "limit_conn_status", model.target)?.value ?? "503"
    const what = isShared
      ? `then ${other} gets ${status}, too, for as long as they live`
      : `a further one gets ${status}`
    report(
      limit,
      `${number} open WebSockets ${counted.whose} use up "${name}", and ${what}: limit_conn ${owner === node ? "here" : whence(limit, node)}, by ${zone.args[0]}.${counted.why}`,
      { severity: isShared || counted.isAll ? "warning" : "info" },
    )
  }
}

/** Locations for plain requests, by the zones that they take places of. */
function pagesByZone({ servers }: Model): ReadonlyMap<string, readonly Location[]> {
  const pages = new Map<string, Location[]>()
  for (const location of servers.flatMap(({ locations }) => locations)) {
    if (location.webSocket !== null) continue
    for (const { args } of effectiveList(location.node, "limit_conn").nodes) {
      const known = pages.get(args[0] ?? "")
      if (known === undefined) pages.set(args[0] ?? "", [location])
      else known.push(location)
    }
  }
  return pages
}

/** The nearest of them. */
function otherUser(pages: readonly Location[], { server }: Location): string | null {
  const page = pages.find((one) => one.server === server) ?? pages[0]
  return page === undefined ? null : locationText(page)
}

/** "here", "set in server, line 3" */
function whence(limit: Node, block: Node): string {
  return limit.parent === block ? "here" : `set in ${limit.parent?.name}, ${placeOf(limit, block)}`
}

function zoneOf({ http }: Model, directive: string, name: string): Node | undefined {
  return http?.own(directive).find((zone) => parameter(zone, "zone").split(":")[0] === name)
}

/** "5" of `burst=5`; "" where there is none. */
function parameter({ args }: Node, name: string): string {
  return args.find((arg) => arg.startsWith(`${name}=`))?.slice(name.length + 1) ?? ""
}

const OF_ADDRESS = new Set(["binary_remote_addr", "remote_addr"])
const OF_NOBODY = new Set([
  "server_name",
  "host",
  "http_host",
  "uri",
  "document_uri",
  "request_uri",
  "server_addr",
])

/** By the zone's key; null where that is a matter of the request. */
function countedBy(key: string, location: Location, model: Model): Counted | null {
  const names = variablesIn(key)
  if (names.every((name) => OF_NOBODY.has(name))) return { isAll: true, whose: OF_ALL, why: "" }
  if (!names.every((name) => OF_NOBODY.has(name) || OF_ADDRESS.has(name))) return null
  // What brings the addresses back may stand in a file that could not be read.
  const proxy = hasUnreadAround(model.tree, location.node) ? null : proxyBeforeUs(location, model)
  return proxy === null
    ? { isAll: false, whose: "behind one address", why: "" }
    : { isAll: true, whose: OF_ALL, why: ` The address is a proxy's: ${proxy}.` }
}
