import { isLocal } from "../backends.ts"
import { describe, effective, effectiveList } from "../effective.ts"
import type { Severity } from "../finding.ts"
import type { Model, Server } from "../model.ts"
import { namesIn, requestPartsOf } from "../request-data.ts"
import { type Report, rule } from "../rule.ts"
import type { Node } from "../tree.ts"
import { hasUnreadAround } from "../unread.ts"

export const forwardedFromClient = rule({
  id: "forwarded-from-client",
  severity: "warning",
  title: "The client's own X-Forwarded-For and the like are believed",
  page: {
    happens:
      "Anybody who writes `X-Forwarded-For: 10.0.0.1` into a request is 10.0.0.1 to the application, or to nginx itself: bans, limits and allow lists by address are passed, logs name the wrong one; with X-Forwarded-Host, links in mails of the application lead to a host of the client's choice.",
    shows:
      "The application's log, and after set_real_ip_from 0.0.0.0/0 the access log, has addresses that no connection came from. `curl -H 'X-Forwarded-For: 10.0.0.1' ...` is seen there as 10.0.0.1.",
    why: "A header of a request is the client's text. $http_x_forwarded_for passes it on as if it were known, and set_real_ip_from says whose text is believed: 0.0.0.0/0 is everybody's. $remote_addr is the address of the connection; $proxy_add_x_forwarded_for appends it to what came, and applications count from the right.",
    fix: "proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for; X-Real-IP $remote_addr; X-Forwarded-Proto $scheme; X-Forwarded-Host $host. Behind a load balancer: set_real_ip_from its addresses; real_ip_header X-Forwarded-For; real_ip_recursive on; and let nobody else reach the port (allow, deny all).",
  },
  inspect(model, report) {
    for (const server of model.servers) if (!isOutOfReach(server)) visit(server.node, server, model, report)
    if (model.http === null) return
    for (const child of model.http.children ?? []) inspectKey(child, report)
    if (model.servers.some((server) => !isOutOfReach(server))) inspectTrust(model.http, model, report)
  },
})

function visit(block: Node, server: Server, model: Model, report: Report): void {
  inspectTrust(block, model, report)
  for (const child of block.children ?? []) if (child.children !== null) visit(child, server, model, report)
  // Those of http are seen from the locations that inherit them.
  if (block.own("proxy_pass").length === 0) return
  const fields = effectiveList(block, "proxy_set_header").nodes.filter(isDoubtful)
  if (fields.length === 0 || isGuarded(block, model)) return
  const hasTls = server.listens.some(({ isSsl }) => isSsl)
  for (const field of fields) inspectField(field, block, hasTls, model, report)
}

/** What each field may be made of, when the client's own is not to be believed. */
const FIELDS: Readonly<Record<string, string>> = {
  "x-forwarded-for": "$proxy_add_x_forwarded_for",
  "x-real-ip": "$remote_addr",
  "x-forwarded-proto": "$scheme",
  "x-forwarded-host": "$host",
  "x-forwarded-port": "$server_port",
  forwarded: '"for=$remote_addr"',
}

const CLIENT_FIELD = /^\$http_(?:x_forwarded_(?:for|proto|host|port)|x_real_ip|forwarded)$/
/** With one of them in the value, the client's text is added to, and the end of it is sure. */
const OWN_ADDRESS = /^(?:remote_addr|realip_remote_addr|proxy_protocol_addr|proxy_add_x_forwarded_for)$/

/** Whether it is one of them, and not made of the connection's own address or of what is right for it. */
function isDoubtful({ args }: Node): boolean {
  const [name = "", value = ""] = args
  const right = FIELDS[name.toLowerCase()]
  return right !== undefined && value !== right && !namesIn(value).some((one) => OWN_ADDRESS.test(one))
}

function inspectField(field: Node, block: Node, hasTls: boolean, model: Model, report: Report): void {
  const [name = "", value = ""] = field.args
  const right = FIELDS[name.toLowerCase()] ?? ""
  const part = requestPartsOf(value, block, model).find(({ variable }) => CLIENT_FIELD.test(variable))
  if (part === undefined) return
  // Without TLS of its own it is likely behind what has it, and $scheme would say "http" for all.
  const isOfBalancer = /^x-forwarded-(?:proto|port)$/i.test(name) && !hasTls
  const severity: Severity = isOfBalancer ? "info" : "warning"
  const by = value.includes(part.variable) ? "" : `, made from ${part.variable}`
  const source = `proxy_set_header ${name} is ${value}${by}`
  const consequence =
    "the client writes what the backend takes as known, since no set_real_ip_from or deny says who may"
  report(field, `${source}: ${consequence}.`, {
    argument: 1,
    severity,
    advice: isOfBalancer
      ? `If a load balancer ends TLS: set_real_ip_from its addresses, and let nobody else reach the port.`
      : `proxy_set_header ${name} ${right};`,
  })
}

/** Whether the configuration says that proxies are in front, or lets in addresses from a list only. */
function isGuarded(block: Node, model: Model): boolean {
  if (hasUnreadAround(model.tree, block)) return true
  const trusted = effectiveList(block, "set_real_ip_from").nodes
  if (trusted.some(({ args }) => !isEverybody(args[0] ?? ""))) return true
  if (effective(block, "ssl_verify_client", model.target)?.value === "on") return true
  return effectiveList(block, "deny").nodes.some(({ args }) => args[0] === "all")
}

function isEverybody(network: string): boolean {
  return /^(?:0\.0\.0\.0\/0|::\/0|\[::\]\/0|0\/0)$/.test(network)
}

/** Nobody but programs on this machine can connect. */
function isOutOfReach({ listens }: Server): boolean {
  const hosts = listens.map(({ host }) => host.replace(/^\[|\]$/g, ""))
  return hosts.length > 0 && hosts.every((host) => host.startsWith("unix:") || isLocal(host))
}

/** `set_real_ip_from` in a block, and how its header is read. */
function inspectTrust(block: Node, model: Model, report: Report): void {
  const trusted = block.own("set_real_ip_from")
  if (trusted.length === 0) return
  const header = effective(block, "real_ip_header", model.target)
  const name = header?.value ?? "X-Real-IP"
  for (const node of trusted.filter(({ args }) => isEverybody(args[0] ?? "")))
    report(
      node,
      `set_real_ip_from ${node.args[0]} believes everybody: any client becomes any address by ${name === "proxy_protocol" ? "a PROXY line" : name}, for allow, deny, limits, ip_hash and the logs.`,
      {
        argument: 0,
        // A client that does not speak it is refused, and one that does is rarer.
        severity: name === "proxy_protocol" || isGuarded(block, model) ? "info" : "warning",
        advice: "set_real_ip_from with the addresses of the proxies in front, and nothing else.",
      },
    )
  inspectRecursion(block, trusted, model, report)
}

function inspectRecursion(block: Node, trusted: readonly Node[], model: Model, report: Report): void {
  const { target } = model
  const header = effective(block, "real_ip_header", target)
  const recursive = effective(block, "real_ip_recursive", target)
  const proxies = trusted.filter(({ args }) => !isEverybody(args[0] ?? "") && args[0] !== "unix:")
  if (header?.value.toLowerCase() !== "x-forwarded-for" || recursive?.value === "on" || proxies.length < 2)
    return
  const state =
    recursive === undefined
      ? "real_ip_recursive is off here: the default, nothing sets it"
      : describe("real_ip_recursive", recursive, block)
  report(
    header.origin ?? (proxies[0] as Node),
    `${state}, and ${proxies.length} networks are trusted: a request that passes two of these proxies has the first one's address for its client's, since only the last entry of X-Forwarded-For is taken.`,
    { severity: "info", advice: "real_ip_recursive on;" },
  )
}

const KEYED = new Set(["limit_req_zone", "limit_conn_zone"])

/** Limits and lists by what the client writes. */
function inspectKey(node: Node, report: Report): void {
  const isGeo = node.name === "geo" && node.args.length === 2
  if (!KEYED.has(node.name) && !isGeo) return
  const variable = namesIn(node.args[0] ?? "").find(
    (one) => CLIENT_FIELD.test(`$${one}`) || one === "proxy_add_x_forwarded_for",
  )
  if (variable === undefined) return
  const consequence = isGeo
    ? "it takes a header of the client's for its address, and whoever writes another one is somebody else"
    : "each value of that header has a limit of its own, and a client that writes another one every time has none"
  report(node, `${node.name} is by $${variable}: ${consequence}.`, {
    argument: 0,
    severity: isGeo ? "info" : "warning",
    advice:
      `${node.name} $binary_remote_addr ...; with set_real_ip_from and real_ip_header where a proxy is in front.`.replace(
        "geo $binary_remote_addr",
        "geo $remote_addr",
      ),
  })
}
