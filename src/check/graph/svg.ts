/** The graph as SVG: one file that needs nothing else, for a light background. */
import type { Finding } from "../finding.ts"
import { badge, edgeStyleOf, footerOf } from "./footer.ts"
import type { Graph, Item, PeerRow } from "./graph.ts"
import {
  type Box,
  CAPTION,
  INSET,
  type Layout,
  layOut,
  MAX_BADGES,
  marksWidth,
  NOTE,
  ORDER_WIDTH,
  type PlacedDestination,
  type PlacedEdge,
  type PlacedListener,
  type PlacedServer,
  pillWidth,
  ROW,
  rowPills,
  serverPills,
  TITLE,
} from "./layout.ts"
import { escapeXml, type Font, fit, widthOf } from "./text.ts"

const MARGIN = 32
const TOP = 118
const MIN_WIDTH = 920

export function formatSvg(graph: Graph): string {
  const layout = layOut(graph, MARGIN, TOP)
  const width = Math.ceil(Math.max(MIN_WIDTH, layout.width + MARGIN))
  const footer = footerOf(graph, { x: MARGIN, y: layout.bottom + 36, width: width - 2 * MARGIN })
  const height = Math.ceil(layout.bottom + 36 + footer.height + MARGIN / 2)
  const painter = new Painter(graph)
  const parts = [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img">`,
    `<title>${escapeXml(`Routing of ${graph.title}`)}</title>`,
    STYLE,
    MARKERS,
    `<rect width="${width}" height="${height}" fill="#fff"/>`,
    ...header(graph, layout),
    // Rows lie above the edges, which end at their borders; the panels around them below.
    ...layout.servers.map((one) => painter.panelOf(one)),
    ...[...layout.edges].sort(socketsLast).map((one) => painter.edge(one)),
    ...layout.listeners.map((one) => painter.listener(one)),
    ...layout.servers.map((one) => painter.server(one)),
    ...layout.destinations.map((one) => painter.destination(one)),
    footer.text,
    "</svg>\n",
  ]
  return parts.join("\n")
}

function socketsLast(a: PlacedEdge, b: PlacedEdge): number {
  return Number(a.edge.isWebSocket) - Number(b.edge.isWebSocket)
}

const STYLE = `<style>
text{font-family:ui-sans-serif,system-ui,"Segoe UI",Roboto,"DejaVu Sans",sans-serif;fill:#0f172a}
.mono{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono","Liberation Mono",monospace}
.bold{font-weight:600}.note{fill:#475569}.caption{fill:#64748b}.ws{fill:#5b21b6}.off{opacity:.5}
.panel{fill:#f8fafc;stroke:#cbd5e1}.row{fill:#fff;stroke:#e2e8f0}.row-ws{fill:#f5f3ff;stroke:#c4b5fd}
.edge{fill:none;stroke-width:1.5}.edge-ws{stroke-width:2.25}
</style>`

/** One arrowhead for each colour: those that take the line's own are not known to all programs. */
const MARKERS = `<defs>${["plain", "ws", "redirect", "error", "auth", "internal"]
  .map(
    (name) =>
      `<marker id="holdfast-${name}" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" markerUnits="userSpaceOnUse" orient="auto"><path d="M0 .5 8 4 0 7.5z" fill="${edgeStyleOf(name).colour}"/></marker>`,
  )
  .join("")}</defs>`

function header(graph: Graph, { columns }: Layout): string[] {
  const locations = graph.servers.flatMap(({ rows }) => rows.filter(({ group }) => group !== "always"))
  const sockets = locations.filter(({ isWebSocket }) => isWebSocket).length
  const counts = [
    count(graph.servers.length, "server"),
    count(locations.length, "location"),
    `${sockets} of them for WebSockets`,
    count(graph.findings.length, "finding"),
    `judged for ${graph.target}`,
  ]
  const [first, second, third] = columns
  const captions = [
    text("listeners", first, 104, CAPTION, "caption"),
    text("servers, and their locations in the order in which nginx decides", second, 104, CAPTION, "caption"),
    ...(graph.destinations.length > 0 ? [text("upstreams and peers", third, 104, CAPTION, "caption")] : []),
  ]
  return [
    text(graph.title, MARGIN, 46, { size: 18, family: "sans" }, "bold"),
    text(counts.join("  ·  "), MARGIN, 68, { size: 12, family: "sans" }, "note"),
    ...captions,
  ]
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? "" : "s"}`
}

function text(content: string, x: number, y: number, { size, family }: Font, style = ""): string {
  const names = [family === "mono" ? "mono" : "", style].filter((name) => name !== "").join(" ")
  const classes = names === "" ? "" : ` class="${names}"`
  return `<text x="${at(x)}" y="${at(y)}" font-size="${size}"${classes} xml:space="preserve">${escapeXml(content)}</text>`
}

function rect({ x, y, width, height }: Box, radius: number, more: string): string {
  return `<rect x="${at(x)}" y="${at(y)}" width="${at(width)}" height="${at(height)}" rx="${radius}" ${more}/>`
}

/** A coordinate: a tenth of a pixel is enough. */
function at(value: number): string {
  return String(Math.round(value * 10) / 10)
}

class Painter {
  readonly #graph: Graph
  readonly #titles: ReadonlyMap<string, string>

  constructor(graph: Graph) {
    this.#graph = graph
    const rows = graph.servers.flatMap((server) => [server, ...server.rows])
    const items: Item[] = [...graph.listeners, ...rows, ...graph.destinations]
    this.#titles = new Map(items.map(({ id, title }) => [id, title]))
  }

  edge({ edge, x1, y1, x2, y2, bulge }: PlacedEdge): string {
    const name =
      edge.kind === "accepts" || edge.kind === "passes" ? (edge.isWebSocket ? "ws" : "plain") : edge.kind
    const { colour, dash } = edgeStyleOf(name)
    const path = bulge > 0 ? arc(x1, y1, x2 - 1, y2, bulge) : curve(x1, y1, x2 - 1, y2)
    const dashes = dash !== "" || edge.isChoice ? ` stroke-dasharray="${dash || "6 4"}"` : ""
    const words = [edge.kind === "accepts" ? "" : edge.kind, edge.label]
      .filter((word) => word !== "")
      .join(" ")
    const ends = `${this.#titles.get(edge.from)} → ${this.#titles.get(edge.to)}`
    return `<path class="edge${edge.isWebSocket ? " edge-ws" : ""}" d="${path}" stroke="${colour}"${dashes} marker-end="url(#holdfast-${name})">${tooltip([ends, words, edge.isChoice ? "one of several" : ""])}</path>`
  }

  listener({ listener, box }: PlacedListener): string {
    const { title, notes, tags, isWebSocket, place } = listener
    const lines = notes.map((note, index) =>
      text(fit(note, box.width - 2 * INSET, NOTE), box.x + INSET, box.y + 36 + index * 15, NOTE, "note"),
    )
    const pills = this.#pills(tags, box.x + INSET, box.y + box.height - 25)
    return group([
      tooltip([place, isWebSocket ? "leads to WebSockets" : ""]),
      rect(box, 10, isWebSocket ? 'class="row-ws"' : 'class="panel"'),
      text(fit(title, box.width - 2 * INSET, TITLE), box.x + INSET, box.y + 21, TITLE, "bold"),
      ...lines,
      pills,
    ])
  }

  panelOf({ box }: PlacedServer): string {
    return rect(box, 12, 'class="panel"')
  }

  server({ server, box, rows }: PlacedServer): string {
    const pills = serverPills(server)
    const marks = marksWidth(pills, server.findings.length)
    const room = box.width - 2 * INSET - marks - 8
    const defaults = server.defaultFor.length > 0 ? `default server of ${server.defaultFor.join(", ")}` : ""
    return group([
      group([
        tooltip([server.place, server.names.join(" "), defaults, ...this.#messages(server)]),
        // What the pointer meets; the panel itself lies below the edges.
        rect({ ...box, height: 34 }, 12, 'fill="transparent"'),
        text(fit(server.title, room, TITLE), box.x + INSET, box.y + 24, TITLE, "bold"),
        ...server.notes.map((note, index) =>
          text(fit(note, box.width - 2 * INSET, NOTE), box.x + INSET, box.y + 40 + index * 15, NOTE, "note"),
        ),
        this.#marks(server, pills, box.x + box.width - INSET, box.y + 10),
      ]),
      ...rows.flatMap((placed) => this.#row(placed, box)),
    ])
  }

  #row({ row, box, caption }: PlacedServer["rows"][number], panel: Box): string[] {
    const pills = rowPills(row)
    const inner = box.x + (row.depth > 9 ? 8 : ORDER_WIDTH)
    const room = box.x + box.width - inner - 10
    const right = box.x + box.width - 10
    const style = row.isWebSocket ? "bold ws" : "bold"
    const reason = row.isWebSocket ? `WebSocket: ${row.reason}` : ""
    const parts = [
      tooltip([row.place, row.title, reason, ...row.notes, ...this.#messages(row)]),
      rect(box, 6, row.isWebSocket ? 'class="row-ws"' : 'class="row"'),
      row.isWebSocket ? rect({ x: box.x, y: box.y, width: 4, height: box.height }, 2, 'fill="#7c3aed"') : "",
      text(row.order, box.x + 10, box.y + 18, { size: 10, family: "mono" }, "caption"),
      text(fit(row.title, room - marksWidth(pills, row.findings.length), ROW), inner, box.y + 18, ROW, style),
      ...row.notes.map((note, index) =>
        text(fit(note, room, NOTE), inner, box.y + 35 + index * 15, NOTE, "note"),
      ),
      this.#marks(row, pills, right, box.y + 5),
    ]
    const heading = caption === "" ? [] : [text(caption, panel.x + INSET, box.y - 7, CAPTION, "caption")]
    return [...heading, group(parts, row.isReached ? "" : "off")]
  }

  destination({ destination, box, peers }: PlacedDestination): string {
    const { title, notes, isWebSocket, isUsed, kind, place } = destination
    const isRound = kind !== "group"
    const room = box.width - 2 * INSET - marksWidth([], destination.findings.length)
    const classes = isWebSocket ? "row-ws" : "panel"
    const rows = peers.map(({ peer, box: inner }) => {
      const tags = tagsThatFit(peer, inner.width)
      const width = marksWidth(tags, 0)
      return group([
        tooltip([peer.place, peer.address, peer.tags.join(" ")]),
        rect(inner, 5, 'class="row"'),
        text(fit(peer.address, inner.width - width - 20, ROW), inner.x + 10, inner.y + 15.5, ROW),
        this.#pills(tags, inner.x + inner.width - width, inner.y + 3),
      ])
    })
    const head = [
      tooltip([place, title, isUsed ? "" : "no location uses it", ...this.#messages(destination)]),
      rect(
        box,
        isRound ? 16 : 10,
        `class="${classes}"${kind === "variable" ? ' stroke-dasharray="5 4"' : ""}`,
      ),
      text(fit(title, room, TITLE), box.x + INSET, box.y + 21, TITLE, isWebSocket ? "bold ws" : "bold"),
      ...notes.map((note, index) =>
        text(fit(note, box.width - 2 * INSET, NOTE), box.x + INSET, box.y + 38 + index * 15, NOTE, "note"),
      ),
      this.#marks(destination, [], box.x + box.width - INSET, box.y + 8),
    ]
    return group([group(head), ...rows], isUsed ? "" : "off")
  }

  /** Pills and numbers of findings, ending at `right`. */
  #marks(item: Item, pills: readonly string[], right: number, y: number): string {
    const shown = item.findings.slice(0, MAX_BADGES)
    const left = right - marksWidth(pills, item.findings.length)
    const badges = left + marksWidth(pills, 0)
    const parts = shown.map((index, place) => this.#badge(index, badges + place * 20 + 10, y + 9))
    const rest = item.findings.length - shown.length
    if (rest > 0) parts.push(text(`+${rest}`, badges + MAX_BADGES * 20 + 2, y + 13, CAPTION, "caption"))
    return this.#pills(pills, left, y) + parts.join("")
  }

  #badge(index: number, x: number, y: number): string {
    return badge(index + 1, (this.#graph.findings[index] as Finding).severity, x, y)
  }

  #pills(words: readonly string[], x: number, y: number): string {
    let left = x
    return words
      .map((word) => {
        const width = pillWidth(word)
        const isSocket = word === "WebSocket"
        const box = rect({ x: left, y, width, height: 17 }, 8.5, `fill="${isSocket ? "#7c3aed" : "#e2e8f0"}"`)
        const middle = left + width / 2
        left += width + 6
        return `${box}<text x="${at(middle)}" y="${at(y + 12)}" font-size="10" text-anchor="middle" style="fill:${isSocket ? "#fff" : "#334155"}">${escapeXml(word)}</text>`
      })
      .join("")
  }

  #messages({ findings }: Item): string[] {
    return findings.map((index) => {
      const { severity, message, ruleId } = this.#graph.findings[index] as Finding
      return `${severity}: ${message} [${ruleId}]`
    })
  }
}

/** The address goes first; the tooltip has all. */
function tagsThatFit({ address, tags }: PeerRow, width: number): string[] {
  const room = width - 20 - Math.min(widthOf(address, ROW), width * 0.6)
  return tags.filter((_, index) => marksWidth(tags.slice(0, index + 1), 0) <= room)
}

function group(parts: readonly string[], style = ""): string {
  const inner = parts.filter((part) => part !== "").join("\n")
  return style === "" ? `<g>${inner}</g>` : `<g class="${style}">${inner}</g>`
}

function tooltip(lines: readonly string[]): string {
  const said = lines.filter((line) => line !== "")
  return said.length === 0 ? "" : `<title>${escapeXml(said.join("\n"))}</title>`
}

function curve(x1: number, y1: number, x2: number, y2: number): string {
  const middle = (x1 + x2) / 2
  return `M${at(x1)} ${at(y1)}C${at(middle)} ${at(y1)} ${at(middle)} ${at(y2)} ${at(x2)} ${at(y2)}`
}

/** Out to the left and back: a cubic comes three quarters of the way to its handles. */
function arc(x1: number, y1: number, x2: number, y2: number, bulge: number): string {
  const handle = Math.min(x1, x2) - (bulge * 4) / 3
  return `M${at(x1)} ${at(y1)}C${at(handle)} ${at(y1)} ${at(handle)} ${at(y2)} ${at(x2)} ${at(y2)}`
}
