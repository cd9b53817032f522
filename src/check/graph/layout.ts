/** Places for the items of a graph: three columns of panels, listeners to the left, destinations to the right. */
import type {
  DestinationItem,
  Graph,
  GraphEdge,
  ListenerItem,
  PeerRow,
  RowItem,
  ServerItem,
} from "./graph.ts"
import { type Font, widthOf } from "./text.ts"

export const TITLE: Font = { size: 13, family: "mono" }
export const ROW: Font = { size: 12, family: "mono" }
export const NOTE: Font = { size: 11, family: "mono" }
export const PILL: Font = { size: 10, family: "sans" }
export const CAPTION: Font = { size: 10, family: "sans" }

export interface Box {
  readonly x: number
  readonly y: number
  readonly width: number
  readonly height: number
}

export interface PlacedRow {
  readonly row: RowItem
  readonly box: Box
  /** A heading above it, where its group begins; "" where there is none. */
  readonly caption: string
}

export interface PlacedServer {
  readonly server: ServerItem
  readonly box: Box
  readonly rows: readonly PlacedRow[]
}

export interface PlacedDestination {
  readonly destination: DestinationItem
  readonly box: Box
  readonly peers: readonly { readonly peer: PeerRow; readonly box: Box }[]
}

export interface PlacedListener {
  readonly listener: ListenerItem
  readonly box: Box
}

/** An edge from (x1, y1) to (x2, y2); `bulge`: how far to the left of its ends it swings, 0 for one that goes right. */
export interface PlacedEdge {
  readonly edge: GraphEdge
  readonly x1: number
  readonly y1: number
  readonly x2: number
  readonly y2: number
  readonly bulge: number
}

export interface Layout {
  readonly listeners: readonly PlacedListener[]
  readonly servers: readonly PlacedServer[]
  readonly destinations: readonly PlacedDestination[]
  readonly edges: readonly PlacedEdge[]
  /** Where each column begins. */
  readonly columns: readonly [number, number, number]
  readonly width: number
  /** The lowest edge of any panel. */
  readonly bottom: number
}

export const INSET = 12
const GAP = 26
const INDENT = 20
const PILL_GAP = 6
const NOTE_HEIGHT = 15
const CAPTION_HEIGHT = 20
const MAX_PANEL = 640
const MAX_DESTINATION = 380
const LISTENER_GUTTER = 80
const DESTINATION_GUTTER = 130
/** The room for a row's order number. */
export const ORDER_WIDTH = 34

export function pillWidth(text: string): number {
  return Math.ceil(widthOf(text, PILL)) + 14
}

/** The room that a row's or panel's marks take at its right end. */
export function marksWidth(pills: readonly string[], findings: number): number {
  const badges = Math.min(findings, MAX_BADGES) * 20 + (findings > MAX_BADGES ? 24 : 0)
  return pills.reduce((sum, text) => sum + pillWidth(text) + PILL_GAP, 0) + badges
}

/** More findings than that on one item are a number. */
export const MAX_BADGES = 3

export function serverPills({ defaultFor, isAlwaysDefault }: ServerItem): string[] {
  if (defaultFor.length === 0) return []
  const more = defaultFor.length > 1 ? " …" : ""
  return [isAlwaysDefault ? "default" : `default for ${defaultFor[0]}${more}`]
}

export function rowPills({ isWebSocket, isReached }: RowItem): string[] {
  return [...(isWebSocket ? ["WebSocket"] : []), ...(isReached ? [] : ["never reached"])]
}

const CAPTIONS: Readonly<Record<RowItem["group"], string>> = {
  always: "before any location",
  exact: "= exact path",
  final: "^~ prefix: where it is the longest, no regular expression is asked",
  regex: "~ regular expression: the first that matches",
  prefix: "prefix: the longest",
  named: "@ named: reached from within only",
}

/** Lays out the graph below `top`, with `margin` at its left. */
export function layOut(graph: Graph, margin: number, top: number): Layout {
  const arcs = graph.edges.filter(({ kind }) => kind !== "accepts" && kind !== "passes")
  const servers = stackServers(graph.servers, top)
  const lanes = lanesOf(arcs, anchorsOf(servers))
  const listenerWidth = widest(graph.listeners.map(listenerWidthOf), 110, 260)
  const serverX =
    margin + listenerWidth + LISTENER_GUTTER + [...lanes.values()].reduce((a, b) => Math.max(a, b), 0)
  const serverWidth = widest(graph.servers.map(serverWidthOf), 320, MAX_PANEL)
  const right = serverX + serverWidth + (graph.destinations.length > 0 ? DESTINATION_GUTTER : 0)
  const placed = servers.map((one) => moveServer(one, serverX, serverWidth))
  const anchors = anchorsOf(placed)
  const listeners = placeListeners(graph, anchors, { x: margin, width: listenerWidth, top })
  const width = widest(graph.destinations.map(destinationWidthOf), 170, MAX_DESTINATION)
  const destinations = placeDestinations(graph, anchors, { x: right, width, top })
  const boxes = [...listeners, ...placed, ...destinations].map(({ box }) => box)
  return {
    listeners,
    servers: placed,
    destinations,
    edges: placeEdges(graph.edges, anchors, listeners, destinations, lanes),
    columns: [margin, serverX, right],
    width: graph.destinations.length > 0 ? right + width : serverX + serverWidth,
    bottom: boxes.reduce((low, { y, height }) => Math.max(low, y + height), top),
  }
}

function widest(widths: readonly number[], least: number, most: number): number {
  return Math.min(
    most,
    widths.reduce((a, b) => Math.max(a, b), least),
  )
}

function listenerWidthOf({ title, notes, tags }: ListenerItem): number {
  const texts = [widthOf(title, TITLE), ...notes.map((text) => widthOf(text, NOTE))]
  return (
    Math.max(
      ...texts,
      tags.reduce((sum, tag) => sum + pillWidth(tag) + PILL_GAP, 0),
    ) +
    2 * INSET
  )
}

function serverWidthOf(server: ServerItem): number {
  const head = widthOf(server.title, TITLE) + marksWidth(serverPills(server), server.findings.length)
  const rows = server.rows.map((row) => {
    const title = widthOf(row.title, ROW) + 16 + marksWidth(rowPills(row), row.findings.length)
    const notes = row.notes.map((text) => widthOf(text, NOTE))
    return Math.max(title, ...notes) + ORDER_WIDTH + 2 * INSET + row.depth * INDENT + 12
  })
  return Math.max(head + 2 * INSET + 16, ...rows)
}

function destinationWidthOf({ title, notes, peers, findings }: DestinationItem): number {
  const rows = peers.map(({ address, tags }) => widthOf(address, ROW) + marksWidth(tags, 0) + 3 * INSET)
  const head = widthOf(title, TITLE) + marksWidth([], findings.length)
  return Math.max(head, ...notes.map((text) => widthOf(text, NOTE)), ...rows) + 2 * INSET
}

function stackServers(servers: readonly ServerItem[], top: number): PlacedServer[] {
  let y = top
  return servers.map((server) => {
    const placed = placeServer(server, y)
    y += placed.box.height + GAP
    return placed
  })
}

/** At x 0; `moveServer` puts it into its column. */
function placeServer(server: ServerItem, y: number): PlacedServer {
  let at = y + 38 + server.notes.length * NOTE_HEIGHT
  let group = ""
  const rows = server.rows.map((row): PlacedRow => {
    const isNew = row.depth === 0 && row.group !== group
    if (row.depth === 0) group = row.group
    if (isNew) at += CAPTION_HEIGHT
    const height = 28 + row.notes.length * NOTE_HEIGHT
    const box = { x: INSET + row.depth * INDENT, y: at, width: 0, height }
    at += height + 6
    return { row, box, caption: isNew ? CAPTIONS[row.group] : "" }
  })
  return { server, box: { x: 0, y, width: 0, height: at + 6 - y }, rows }
}

function moveServer({ server, box, rows }: PlacedServer, x: number, width: number): PlacedServer {
  const moved = rows.map((placed) => {
    const inner = width - INSET - placed.box.x
    return { ...placed, box: { ...placed.box, x: x + placed.box.x, width: inner } }
  })
  return { server, box: { ...box, x, width }, rows: moved }
}

/** Where edges leave and reach servers and their rows. */
function anchorsOf(servers: readonly PlacedServer[]): Map<string, { box: Box; y: number }> {
  const anchors = new Map<string, { box: Box; y: number }>()
  for (const { server, box, rows } of servers) {
    anchors.set(server.id, { box, y: box.y + 19 })
    for (const { row, box: inner } of rows) anchors.set(row.id, { box: inner, y: inner.y + 14 })
  }
  return anchors
}

interface Column {
  readonly x: number
  readonly width: number
  readonly top: number
}

function placeListeners(graph: Graph, anchors: Anchors, { x, width, top }: Column): PlacedListener[] {
  const heights = graph.listeners.map(
    ({ notes, tags }) => 32 + notes.length * NOTE_HEIGHT + (tags.length > 0 ? 22 : 0),
  )
  const wished = graph.listeners.map(({ id }) => {
    const ends = graph.edges.filter(({ from }) => from === id).map(({ to }) => anchors.get(to)?.y ?? top)
    return average(ends, top) - 18
  })
  const places = spread(wished, heights, top, 18)
  return graph.listeners.map((listener, index) => ({
    listener,
    box: { x, y: places[index] as number, width, height: heights[index] as number },
  }))
}

function placeDestinations(graph: Graph, anchors: Anchors, { x, width, top }: Column): PlacedDestination[] {
  const { destinations } = graph
  const heights = destinations.map(
    ({ notes, peers }) => 32 + notes.length * NOTE_HEIGHT + (peers.length > 0 ? peers.length * 27 + 8 : 0),
  )
  const sources = Map.groupBy(graph.edges, ({ to }) => to)
  const wished = destinations.map(({ id }, index) => {
    const ends = (sources.get(id) ?? []).map(({ from }) => anchors.get(from)?.y ?? top)
    // What nothing leads to comes last.
    return average(ends, Number.MAX_SAFE_INTEGER) - (heights[index] as number) / 3
  })
  const places = spread(wished, heights, top, 18)
  return destinations.map((destination, index) => {
    const y = places[index] as number
    const first = y + 32 + destination.notes.length * NOTE_HEIGHT
    const peers = destination.peers.map((peer, at) => ({
      peer,
      box: { x: x + INSET, y: first + at * 27, width: width - 2 * INSET, height: 22 },
    }))
    return { destination, box: { x, y, width, height: heights[index] as number }, peers }
  })
}

type Anchors = ReadonlyMap<string, { readonly box: Box; readonly y: number }>

function average(values: readonly number[], otherwise: number): number {
  return values.length === 0 ? otherwise : values.reduce((a, b) => a + b, 0) / values.length
}

/** Places near those wished for, in their order, that do not overlap. */
function spread(wished: readonly number[], heights: readonly number[], top: number, gap: number): number[] {
  const order = wished.map((_, index) => index).sort((a, b) => (wished[a] as number) - (wished[b] as number))
  const places = new Array<number>(wished.length).fill(top)
  // Runs that touch move as one, to the mean of what their members wish: regression to an order ("pool adjacent violators").
  const runs: { members: number[]; sum: number; height: number }[] = []
  const startOf = ({ members, sum }: { members: number[]; sum: number }): number =>
    Math.max(top, sum / members.length)
  for (const index of order) {
    const wish = wished[index] as number
    const isLast = wish > 1e12
    const before = runs.at(-1)
    const end = before === undefined ? top : startOf(before) + before.height
    let run = { members: [index], sum: isLast ? end : wish, height: (heights[index] as number) + gap }
    for (let last = runs.at(-1); last !== undefined; last = runs.at(-1)) {
      if (startOf(last) + last.height <= startOf(run)) break
      runs.pop()
      const sum = last.sum + run.sum - run.members.length * last.height
      run = { members: [...last.members, ...run.members], sum, height: last.height + run.height }
    }
    runs.push(run)
  }
  for (const run of runs) {
    let y = startOf(run)
    for (const index of run.members) {
      places[index] = y
      y += (heights[index] as number) + gap
    }
  }
  return places
}

/** How far each arc swings out: those that span others go around them. */
function lanesOf(arcs: readonly GraphEdge[], anchors: Anchors): Map<GraphEdge, number> {
  const spans = arcs.flatMap((edge) => {
    const [from, to] = [anchors.get(edge.from)?.y, anchors.get(edge.to)?.y]
    return from === undefined || to === undefined
      ? []
      : [{ edge, low: Math.min(from, to), high: Math.max(from, to) }]
  })
  spans.sort((a, b) => a.high - a.low - (b.high - b.low))
  const lanes = new Map<GraphEdge, number>()
  const taken: { low: number; high: number }[][] = []
  for (const { edge, low, high } of spans) {
    let lane = taken.findIndex((others) => others.every((one) => one.high < low || one.low > high))
    if (lane === -1) lane = taken.push([]) - 1
    taken[lane]?.push({ low, high })
    // Beyond ten lanes they share.
    lanes.set(edge, 22 + (lane % 10) * 8)
  }
  return lanes
}

function placeEdges(
  edges: readonly GraphEdge[],
  anchors: Anchors,
  listeners: readonly PlacedListener[],
  destinations: readonly PlacedDestination[],
  lanes: ReadonlyMap<GraphEdge, number>,
): PlacedEdge[] {
  const boxes = new Map<string, Box>()
  for (const { listener, box } of listeners) boxes.set(listener.id, box)
  for (const { destination, box } of destinations) boxes.set(destination.id, box)
  return edges.flatMap((edge): PlacedEdge[] => {
    const from = anchors.get(edge.from)
    const to = anchors.get(edge.to)
    const [source, sink] = [boxes.get(edge.from), boxes.get(edge.to)]
    if (edge.kind === "accepts" && source !== undefined && to !== undefined)
      return [{ edge, x1: source.x + source.width, y1: source.y + 17, x2: to.box.x, y2: to.y, bulge: 0 }]
    if (edge.kind === "passes" && from !== undefined && sink !== undefined)
      return [{ edge, x1: from.box.x + from.box.width, y1: from.y, x2: sink.x, y2: sink.y + 17, bulge: 0 }]
    if (from === undefined || to === undefined) return []
    // Beside those from the listeners.
    return [{ edge, x1: from.box.x, y1: from.y, x2: to.box.x, y2: to.y + 6, bulge: lanes.get(edge) ?? 22 }]
  })
}
