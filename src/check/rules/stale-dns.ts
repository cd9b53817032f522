import { hostOf, isHostName, isLocal, socketGroups } from "../backends.ts"
import { effective } from "../effective.ts"
import type { Location, Model } from "../model.ts"
import { possibleHosts } from "../proxy-hosts.ts"
import { type Report, type ReportOptions, rule } from "../rule.ts"
import type { Node } from "../tree.ts"
import { isComplete } from "../unread.ts"

/** Names that containers, clusters and clouds give, and give to another address tomorrow. */
const MOVING =
  /^[^.]+$|\.(?:internal|local|localdomain|lan|docker|svc|consul|nomad)$|\.amazonaws\.com$|\.azure\.\w+$/

export const staleDns = rule({
  id: "stale-dns",
  severity: "warning",
  title: "The backend's name is looked up once at the start, or cannot be looked up at all",
  page: {
    happens:
      "A container comes back with another address, and nginx goes on to the old one: 502 or 504 for each reconnect until somebody reloads it; or another container has that address now, and gets the messages. With variables in proxy_pass and no resolver nothing works from the start.",
    shows:
      "502 with `connect() failed (113: No route to host) while connecting to upstream` or `(111: Connection refused)`, or 504 with `upstream timed out (110: Connection timed out) while connecting to upstream`. With variables: 502 and `no resolver defined to resolve backend.example.com`.",
    why: "nginx asks for the names in proxy_pass and in upstream when it reads its configuration, by the system's resolver, and never again. Names that variables make are asked for at each request (as long as an answer is valid), but only by the directive resolver: /etc/resolv.conf and /etc/hosts do not count there, not even for localhost.",
    fix: "resolver 127.0.0.11 valid=10s; (Docker's; your own elsewhere), zone ws 64k; in the group, and server backend:3000 resolve; (nginx 1.27.3, Holdfast). Before 1.27.3: resolver with set $backend backend:3000; proxy_pass http://$backend;",
  },
  inspect(model, report) {
    for (const { upstream } of socketGroups(model))
      for (const server of upstream.servers)
        if (!server.args.some((arg) => arg === "resolve" || arg.startsWith("service=")))
          inspectName(hostOf(server.args[0] ?? ""), server, model, report)
    for (const { proxy } of model.webSockets)
      if (proxy !== null && proxy.upstream === null && !proxy.hasVariables && !isGroupElsewhere(proxy.host))
        inspectName(hostOf(proxy.host), proxy.node, model, report)
    // A resolver may stand in a file that is not here.
    if (!isComplete(model)) return
    const known = knownHosts(model)
    for (const server of model.servers)
      for (const location of server.locations) inspectVariables(location, model, known, report)
  },
})

/** A bare name without a port is a group's that another file has. */
function isGroupElsewhere(host: string): boolean {
  return /^[^.:]+$/.test(host)
}

function inspectName(host: string, node: Node, { target }: Model, report: Report): void {
  if (!isHostName(host) || isLocal(host)) return
  const options: ReportOptions = {
    severity: MOVING.test(host) ? "warning" : "info",
    argument: 0,
    advice: target.since("1.27.3")
      ? `resolver with a name server, and in a group with zone: server ${addressIn(node.args[0] ?? "")} resolve;`
      : `resolver with a name server, set $backend ${host}; and proxy_pass with $backend.`,
  }
  report(
    node,
    `"${host}" is looked up once, when the configuration is read: when it gets another address, WebSockets go on to the old one until a reload.`,
    options,
  )
}

/** "backend:3000" of "http://backend:3000/path" or of itself. */
function addressIn(text: string): string {
  return text.replace(/^https?:\/\//i, "").replace(/[/?].*$/, "")
}

/** Names that groups and fixed URLs have: a URL by variables finds them without a resolver. */
function knownHosts({ servers, upstreams }: Model): ReadonlySet<string> {
  const hosts = new Set([...upstreams.keys()].map((name) => name.toLowerCase()))
  for (const { locations } of servers)
    for (const { proxy } of locations)
      if (proxy !== null && !proxy.hasVariables) hosts.add(hostOf(proxy.host))
  return hosts
}

/** Of "$name.svc.local" any name with that end may be meant. */
function isKnown(name: string, known: ReadonlySet<string>): boolean {
  if (!hasVariable(name)) return known.has(name)
  const end = name.slice(name.lastIndexOf("."))
  return [...known].some((one) => one.endsWith(end))
}

function hasVariable(name: string): boolean {
  return name.includes("$")
}

function inspectVariables(
  location: Location,
  model: Model,
  known: ReadonlySet<string>,
  report: Report,
): void {
  const { node, proxy } = location
  if (proxy === null || !proxy.hasVariables) return
  if (effective(node, "resolver", model.target) !== undefined) return
  const hosts = possibleHosts(proxy.url, location, model)
  const unknown = hosts.filter((name) => !isKnown(name, known) && (isHostName(name) || hasVariable(name)))
  const host = unknown[0]
  if (host === undefined) return
  const isEach = unknown.length === hosts.length
  report(
    proxy.node,
    `${isEach ? "Requests" : "Some requests"} end with 502: proxy_pass has variables, so "${host}" is looked up for each request, and there is no resolver that could do it. The log says "no resolver defined to resolve ${host}".`,
    {
      severity: isEach ? "error" : "warning",
      argument: 0,
      advice: hasVariable(host)
        ? "resolver with the address of a name server."
        : `resolver with the address of a name server; or a group: upstream ${host} { server …; }`,
    },
  )
}
