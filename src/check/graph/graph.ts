/** The routing of a configuration as a picture has it: panels, the rows in them, and edges between both. */
import type { Finding } from "../finding.ts"
import { isNamed } from "./listeners.ts"

/** What can be pointed at: an edge's end, a tooltip, a finding's place. */
export interface Item {
  /** Unique in its graph; a letter and a number. */
  readonly id: string
  readonly title: string
  /** Small lines below the title. */
  readonly notes: readonly string[]
  /** "nginx.conf:12"; "" for what stands nowhere. */
  readonly place: string
  /** Indices into the graph's findings. */
  readonly findings: readonly number[]
  readonly isWebSocket: boolean
}

/** A port that is listened on; addresses with the same servers are one. */
export interface ListenerItem extends Item {
  /** "ssl", "http2" */
  readonly tags: readonly string[]
}

/** How nginx comes to a row. */
export type RowGroup = "always" | "exact" | "final" | "regex" | "prefix" | "named"

/** A location, or what a server does before it looks for one. */
export interface RowItem extends Item {
  readonly group: RowGroup
  /** "3", of a nested one "3.1"; "" where there is no order. */
  readonly order: string
  /** How deep it is nested; 0 for the server's own. */
  readonly depth: number
  /** False behind a `return` of its server. */
  readonly isReached: boolean
  /** Why it is taken to serve WebSockets; "" where it does not. */
  readonly reason: string
}

export interface ServerItem extends Item {
  readonly names: readonly string[]
  /** Listeners that use it for names that no server has: "*:443". */
  readonly defaultFor: readonly string[]
  /** It is so for all that it listens on. */
  readonly isAlwaysDefault: boolean
  /** In the order in which nginx decides. */
  readonly rows: readonly RowItem[]
}

export interface PeerRow {
  readonly address: string
  /** "backup", "weight=5" */
  readonly tags: readonly string[]
  readonly place: string
}

/** Where requests go to. */
export interface DestinationItem extends Item {
  /** A block of `upstream`, one address, or what variables make of each request. */
  readonly kind: "group" | "address" | "variable"
  readonly peers: readonly PeerRow[]
  readonly isUsed: boolean
}

export type EdgeKind = "accepts" | "passes" | "redirect" | "error" | "auth" | "internal"

export interface GraphEdge {
  readonly from: string
  readonly to: string
  readonly kind: EdgeKind
  /** "502 504" of an error_page; the condition of a choice. */
  readonly label: string
  readonly isWebSocket: boolean
  /** One of several: a variable or a condition decides, in each request. */
  readonly isChoice: boolean
}

export interface Graph {
  /** The file's name. */
  readonly title: string
  /** "holdfast", "nginx/1.22" */
  readonly target: string
  readonly listeners: readonly ListenerItem[]
  readonly servers: readonly ServerItem[]
  readonly destinations: readonly DestinationItem[]
  readonly edges: readonly GraphEdge[]
  readonly findings: readonly Finding[]
}

/** All that an edge may lead to. */
export function itemsOf(graph: Graph): Item[] {
  const rows = graph.servers.flatMap((server) => [server, ...server.rows])
  return [...graph.listeners, ...rows, ...graph.destinations]
}

/** The servers of that name (or else those with a pattern for it), what leads to them and what they lead to; null where there is none. */
export function onlyServers(graph: Graph, name: string): Graph | null {
  const wanted = name.toLowerCase()
  const exact = graph.servers.filter(({ names }) => names.some((one) => one.toLowerCase() === wanted))
  const servers = exact.length > 0 ? exact : graph.servers.filter(({ names }) => isNamed(names, wanted))
  if (servers.length === 0) return null
  const inner = new Set(servers.flatMap((server) => [server.id, ...server.rows.map(({ id }) => id)]))
  const isOutside = new Set(graph.servers.flatMap((one) => [one.id, ...one.rows.map(({ id }) => id)]))
  for (const id of inner) isOutside.delete(id)
  const edges = graph.edges.filter(
    ({ from, to }) => (inner.has(from) || inner.has(to)) && !isOutside.has(from) && !isOutside.has(to),
  )
  const ends = new Set(edges.flatMap(({ from, to }) => [from, to]))
  const kept: Graph = {
    ...graph,
    listeners: graph.listeners.filter(({ id }) => ends.has(id)),
    servers,
    destinations: graph.destinations.filter(({ id }) => ends.has(id)),
    edges,
  }
  return withFindingsOf(kept, new Set(itemsOf(graph).flatMap(({ findings }) => findings)))
}

/** Leaves out findings of what is not in the picture; those that belong to no item stay. `placed`: those that do. */
function withFindingsOf(graph: Graph, placed: ReadonlySet<number>): Graph {
  const kept = new Set(itemsOf(graph).flatMap(({ findings }) => findings))
  const indices = graph.findings.map((_, index) => index).filter((one) => kept.has(one) || !placed.has(one))
  const renumbered = new Map(indices.map((old, index) => [old, index]))
  const renumber = <T extends Item>(item: T): T => ({
    ...item,
    findings: item.findings.map((old) => renumbered.get(old) as number),
  })
  return {
    ...graph,
    listeners: graph.listeners.map(renumber),
    servers: graph.servers.map((one) => ({ ...renumber(one), rows: one.rows.map(renumber) })),
    destinations: graph.destinations.map(renumber),
    findings: indices.map((index) => graph.findings[index] as Finding),
  }
}
