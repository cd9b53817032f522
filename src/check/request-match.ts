/** Which server and location a URL meets, and what was found of those. */
import { hostname } from "node:os"
import { parseTarget } from "../http/target.ts"
import { defaultServers } from "./default-server.ts"
import type { CheckResult } from "./engine.ts"
import type { Finding } from "./finding.ts"
import { LocationMatcher, readRegex } from "./location-match.ts"
import type { Location, Model, Server } from "./model.ts"
import type { Node } from "./tree.ts"

/** A URL as a server sees it. */
export interface UrlParts {
  readonly secure: boolean
  /** In lower case, without a port. */
  readonly host: string
  readonly port: number
  /** Path and query. */
  readonly target: string
}

export interface RequestMatch {
  readonly server: Server
  /** Null where the server itself answers. */
  readonly location: Location | null
  /** nginx answers 301 to the same path with a slash at its end. */
  readonly addsSlash: boolean
  /** False where something could not be read here that may decide otherwise. */
  readonly isSure: boolean
}

/** Undefined where the configuration has no server for it. */
export function matchRequest(model: Model, url: UrlParts): RequestMatch | undefined {
  const server = serverFor(model, url)
  if (server === undefined) return undefined
  const path = parseTarget("GET", url.target, true)?.uri
  if (path === undefined) return { server, location: null, addsSlash: false, isSure: false }
  return { server, ...new LocationMatcher(server).match(path) }
}

/** What was found at the location, at what it proxies to, and at what holds for it from further out. */
export function findingsOf({ findings, model }: CheckResult, match: RequestMatch): Finding[] {
  const blocks = [...blocksOf(model), ...match.server.locations.map(({ node }) => node)]
  const own = ancestorsOf(match.location?.node ?? match.server.node)
  const group = match.location?.proxy?.upstream?.node
  return findings.filter((finding) => {
    const around = blocks.filter((block) => stands(finding, block))
    return around.every((block) => own.has(block) || block === group)
  })
}

/** Those that hold for some requests only. */
function blocksOf({ servers, upstreams }: Model): Node[] {
  return [...servers.map(({ node }) => node), ...[...upstreams.values()].map(({ node }) => node)]
}

function ancestorsOf(start: Node): ReadonlySet<Node> {
  const found = new Set<Node>()
  for (let node: Node | null = start; node !== null; node = node.parent) found.add(node)
  return found
}

/** Includes within a block stand in files of their own: their findings count as outside of all blocks. */
function stands({ file, line }: Finding, block: Node): boolean {
  const { position, blockEndLine } = block
  return file === position.file && line >= position.line && line <= blockEndLine
}

/** ngx_http_find_virtual_server among the servers of the port; of all, where none has it: a container maps ports. */
function serverFor(model: Model, { secure, host, port }: UrlParts): Server | undefined {
  const listening = model.servers.filter((server) => portsOf(server).includes(String(port)))
  const alike = model.servers.filter(({ listens }) => listens.some(({ isSsl }) => isSsl) === secure)
  const candidates = listening.length > 0 ? listening : alike.length > 0 ? alike : model.servers
  const defaults = defaultServers(model)
  return byName(candidates, host) ?? candidates.find((server) => defaults.has(server)) ?? candidates[0]
}

function portsOf({ listens }: Server): string[] {
  return listens.length === 0 ? ["80"] : listens.map(({ port }) => port)
}

/** Exact, longest `*.name`, longest `name.*`, first regular expression. */
function byName(servers: readonly Server[], host: string): Server | undefined {
  let best: { readonly server: Server; readonly rank: number } | undefined
  for (const server of servers) {
    const rank = Math.max(...server.names.map((name) => rankOf(name.toLowerCase(), name, host)), 0)
    if (rank > (best?.rank ?? 0)) best = { server, rank }
  }
  return best?.server
}

const EXACT = 3000
const LEADING = 2000
const TRAILING = 1000
const REGEX = 1

/** How well a name of `server_name` fits `host`; 0 where it does not. */
function rankOf(name: string, written: string, host: string): number {
  if (name === host || (name === "$hostname" && host === hostname().toLowerCase())) return EXACT
  if (name.startsWith("~")) return readRegex(written.slice(1), /[A-Z]/.test(written))?.test(host) ? REGEX : 0
  if (name.startsWith(".") && (host === name.slice(1) || host.endsWith(name))) return LEADING + name.length
  if (name.startsWith("*.") && host.endsWith(name.slice(1))) return LEADING + name.length
  return name.endsWith(".*") && host.startsWith(name.slice(0, -1)) ? TRAILING + name.length : 0
}
