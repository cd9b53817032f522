/** The graph as a flowchart of Mermaid, for README files, issues and wikis. */
import type {
  DestinationItem,
  EdgeKind,
  Graph,
  GraphEdge,
  Item,
  ListenerItem,
  RowItem,
  ServerItem,
} from "./graph.ts"

export function formatMermaid(graph: Graph): string {
  const lines = [
    `%% Routing of ${graph.title.toWellFormed().replaceAll(/[^ -~\u00a1-\uffff]|[{}]/g, "?")}`,
    "flowchart LR",
    ...graph.listeners.map((one) => `  ${listener(one)}`),
    ...graph.servers.flatMap((one) => server(one, graph)),
    ...graph.destinations.flatMap((one) => destination(one, graph)),
    ...graph.edges.map((one) => `  ${edge(inner(one, graph))}`),
    ...linkStyles(graph.edges),
    ...CLASSES,
    ...classesOf(graph),
  ]
  return `${lines.join("\n")}\n`
}

const CLASSES = [
  "  classDef websocket fill:#f5f3ff,stroke:#7c3aed,color:#5b21b6,stroke-width:2px",
  "  classDef error stroke:#dc2626,stroke-width:3px",
  "  classDef warning stroke:#d97706,stroke-width:3px",
  "  classDef never opacity:0.5",
]

function listener({ id, title, notes, tags }: ListenerItem): string {
  return `${id}([${label([[title, ...tags].join(" "), ...notes])}])`
}

function server(item: ServerItem, graph: Graph): string[] {
  const defaults = item.defaultFor.length > 0 ? [`default of ${item.defaultFor.join(", ")}`] : []
  const head = label([item.title, ...item.notes, ...defaults, ...findingLines(item, graph)])
  const rows = item.rows.map((row) => `    ${rowNode(row, graph)}`)
  // A subgraph of nothing is none: edges to it would make a node of its name.
  if (rows.length === 0) rows.push(`    ${item.id}n[${label(["no location"])}]`)
  else if (graph.edges.some((one) => isInner(one, item)))
    rows.unshift(`    ${item.id}n[${label(["from any location"])}]`)
  return [`  subgraph ${item.id}[${head}]`, ...rows, "  end"]
}

/** Whether it leads from the server itself to a row of it. */
function isInner({ from, to }: GraphEdge, { id, rows }: ServerItem): boolean {
  return from === id && rows.some((row) => row.id === to)
}

/** An edge from a subgraph into itself is an error of Mermaid's: it begins at a node within then. */
function inner(edge: GraphEdge, { servers }: Graph): GraphEdge {
  const server = servers.find(({ id }) => id === edge.from)
  return server !== undefined && isInner(edge, server) ? { ...edge, from: `${server.id}n` } : edge
}

function rowNode(row: RowItem, graph: Graph): string {
  const order = row.order === "" ? "" : `(${row.order}) `
  const lines = [`${order}${row.title}${row.isWebSocket ? " · WebSocket" : ""}`, ...row.notes]
  return `${row.id}[${label([...lines, ...findingLines(row, graph)])}]`
}

function destination(item: DestinationItem, graph: Graph): string[] {
  const text = label([item.title, ...item.notes, ...findingLines(item, graph)])
  if (item.peers.length === 0)
    return [`  ${item.id}${item.kind === "variable" ? `{{${text}}}` : `([${text}])`}`]
  const peers = item.peers.map(
    ({ address, tags }, index) => `    ${item.id}p${index + 1}[${label([[address, ...tags].join(" ")])}]`,
  )
  return [`  subgraph ${item.id}[${text}]`, ...peers, "  end"]
}

function findingLines({ findings }: Item, graph: Graph): string[] {
  return findings.flatMap((index) => {
    const found = graph.findings[index]
    return found === undefined ? [] : [`${found.severity}: ${found.ruleId}`]
  })
}

const WORDS: Readonly<Record<EdgeKind, string>> = {
  accepts: "",
  passes: "",
  redirect: "redirect",
  error: "error_page",
  auth: "",
  internal: "",
}

function edge({ from, to, kind, label: text, isChoice }: GraphEdge): string {
  const isWay = kind === "accepts" || kind === "passes"
  const words = [WORDS[kind], text].filter((word) => word !== "").join(" ")
  const middle = words === "" ? "" : `|${label([words])}|`
  return `${from} ${isWay && !isChoice ? "-->" : "-.->"}${middle} ${to}`
}

function linkStyles(edges: readonly GraphEdge[]): string[] {
  const sockets = edges.flatMap(({ isWebSocket }, index) => (isWebSocket ? [index] : []))
  return sockets.length === 0 ? [] : [`  linkStyle ${sockets.join(",")} stroke:#7c3aed,stroke-width:3px`]
}

function classesOf(graph: Graph): string[] {
  const items = [...graph.listeners, ...graph.servers.flatMap(({ rows }) => rows), ...graph.destinations]
  const rows = graph.servers.flatMap(({ rows }) => rows)
  const has = (item: Item, severity: string): boolean =>
    item.findings.some((index) => graph.findings[index]?.severity === severity)
  const all = [...items, ...graph.servers]
  const classes: readonly (readonly [string, readonly Item[]])[] = [
    ["websocket", items.filter(({ isWebSocket }) => isWebSocket)],
    ["never", rows.filter(({ isReached }) => !isReached)],
    ["warning", all.filter((item) => has(item, "warning") && !has(item, "error"))],
    ["error", all.filter((item) => has(item, "error"))],
  ]
  return classes
    .filter(([, members]) => members.length > 0)
    .map(([name, members]) => `  class ${members.map(({ id }) => id).join(",")} ${name}`)
}

/** Mermaid reads Markdown and HTML in a text, and "style…:…#…;" as a statement: only these, and "-" in words, are plain. */
const SPECIAL = /(?!(?<=\w)-(?=\w))[^\p{L}\p{N} /.,=@·…]/gu

/** A text in quotes; other signs are written as character references ("#42;"). */
function label(lines: readonly string[]): string {
  const escaped = lines.map((line) =>
    line.toWellFormed().replaceAll(SPECIAL, (sign) => `#${sign.codePointAt(0)};`),
  )
  return `"${escaped.map((line) => (line.trim() === "" ? "#160;" : line)).join("<br/>")}"`
}
