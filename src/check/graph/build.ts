/** Makes the picture's graph of a model and what the rules have found. */
import { effective } from "../effective.ts"
import type { CheckResult } from "../engine.ts"
import type { Finding } from "../finding.ts"
import type { Location, Model, Server, Upstream } from "../model.ts"
import type { Node } from "../tree.ts"
import { PASSES, type PassTarget, passTargets } from "./destinations.ts"
import type {
  DestinationItem,
  EdgeKind,
  Graph,
  GraphEdge,
  ListenerItem,
  PeerRow,
  RowGroup,
  RowItem,
  ServerItem,
} from "./graph.ts"
import { LinkFinder } from "./links.ts"
import { type Socket, socketsOf } from "./listeners.ts"
import { Marks } from "./marks.ts"

/** `title`: what the picture is of, a file's name. */
export function buildGraph({ model, findings }: CheckResult, title: string): Graph {
  return new Builder(model, findings).build(title)
}

const GROUP_OF: Readonly<Record<Location["kind"], RowGroup>> = {
  exact: "exact",
  "prefix-final": "final",
  regex: "regex",
  "regex-insensitive": "regex",
  prefix: "prefix",
  named: "named",
}

const GROUPS: readonly RowGroup[] = ["exact", "final", "regex", "prefix", "named"]

class Builder {
  readonly #model: Model
  readonly #findings: readonly Finding[]
  readonly #marks: Marks
  readonly #sockets: readonly Socket[]
  /** Ids of servers, locations, upstreams and what stands before locations. */
  readonly #ids = new Map<Node, string>()
  readonly #edges = new Map<string, GraphEdge>()
  /** Destinations by what is written for them. */
  readonly #targets = new Map<string, { id: string; target: PassTarget; isWebSocket: boolean; from: Node }>()

  constructor(model: Model, findings: readonly Finding[]) {
    this.#model = model
    this.#findings = findings
    this.#sockets = socketsOf(model.servers)
    const blocks = [...model.servers.map(({ node }) => node), ...[...model.upstreams.values()].map(nodeOf)]
    for (const node of blocks) this.#idOf(node)
    for (const { locations, node } of model.servers) {
      for (const location of locations) this.#idOf(location.node)
      for (const step of stepsOf(node)) this.#idOf(step)
    }
    this.#marks = new Marks(findings, model.main, new Set(this.#ids.keys()))
  }

  build(title: string): Graph {
    const servers = this.#model.servers.map((server) => this.#server(server))
    const listeners = this.#listeners()
    return {
      title,
      target: this.#model.target.name,
      listeners,
      servers,
      destinations: this.#destinations(),
      edges: [...this.#edges.values()],
      findings: this.#findings,
    }
  }

  #idOf(node: Node): string {
    let id = this.#ids.get(node)
    if (id === undefined) {
      const letter = node.name === "server" ? "s" : node.name === "upstream" ? "u" : "l"
      id = `${letter}${this.#ids.size + 1}`
      this.#ids.set(node, id)
    }
    return id
  }

  #edge(from: string, to: string, kind: EdgeKind, more: Partial<GraphEdge> = {}): void {
    if (from === to) return
    const key = `${from} ${to} ${kind}`
    const known = this.#edges.get(key)
    const labels = [known?.label ?? "", more.label ?? ""].filter((text) => text !== "")
    const label = [...new Set(labels)].join(" ")
    this.#edges.set(key, { from, to, kind, isWebSocket: false, isChoice: false, ...more, label })
  }

  #server(server: Server): ServerItem {
    const { node, locations, names } = server
    const links = new LinkFinder(server, this.#sockets)
    const steps = stepsOf(node)
    const isAnswered = steps.some(({ name }) => name === "return")
    const rows = [
      ...steps.map((step) => this.#step(step)),
      ...this.#level(
        node,
        Map.groupBy(locations, (one) => one.node.parent as Node),
        "",
        0,
        !isAnswered,
      ),
    ]
    for (const block of [node, ...locations.map(nodeOf)]) this.#link(block, links)
    const isWebSocket = !isAnswered && locations.some(({ webSocket }) => webSocket !== null)
    const sockets = this.#sockets.filter(({ servers }) => servers.includes(server))
    const own = sockets.filter((one) => one.defaultServer === server)
    return {
      id: this.#idOf(node),
      title: names[0] === undefined || names[0] === "" ? "(no name)" : names[0],
      notes: names.length > 1 ? [names.slice(1).join(" ")] : [],
      place: placeOf(node),
      findings: this.#marks.of(node),
      isWebSocket,
      names,
      defaultFor: own.map(({ address }) => address),
      isAlwaysDefault: own.length === sockets.length,
      rows,
    }
  }

  /** The edges of the directives of one block; those of a server's `return` begin at its own row. */
  #link(block: Node, links: LinkFinder): void {
    for (const child of block.children ?? [])
      for (const { kind, label, to } of links.linksOf(child))
        this.#edge(this.#idOf(this.#ids.has(child) ? child : block), this.#idOf(to.node), kind, { label })
  }

  /** What a server does before it looks for a location. */
  #step(node: Node): RowItem {
    const inner = isIf(node) ? (node.children ?? []).filter(({ name }) => STEPS.has(name)) : [node]
    return {
      id: this.#idOf(node),
      title:
        node.name === "return"
          ? "every request"
          : `${node.name} ${isIf(node) ? written(node) : node.args[0]}`,
      notes: node.name === "rewrite" ? [`to ${node.args.slice(1).join(" ")}`] : inner.map(textOf),
      place: placeOf(node),
      findings: this.#marks.of(node),
      isWebSocket: false,
      group: "always",
      order: "",
      depth: 0,
      isReached: true,
      reason: "",
    }
  }

  /** The locations of one block in the order in which nginx decides, nested ones behind theirs. */
  #level(
    block: Node,
    byParent: ReadonlyMap<Node, readonly Location[]>,
    above: string,
    depth: number,
    isReached: boolean,
  ): RowItem[] {
    const rank = ({ kind }: Location): number => GROUPS.indexOf(GROUP_OF[kind])
    const isByLength = ({ kind }: Location): boolean => kind === "prefix" || kind === "prefix-final"
    const byLength = (a: Location, b: Location): number => (isByLength(a) ? b.path.length - a.path.length : 0)
    const sorted = [...(byParent.get(block) ?? [])].sort((a, b) => rank(a) - rank(b) || byLength(a, b))
    return sorted.flatMap((location, index) => {
      const isNamed = location.kind === "named"
      const order = isNamed ? "" : `${above}${index + 1}`
      const row = this.#row(location, order, depth, isReached)
      return [row, ...this.#level(location.node, byParent, `${order}.`, depth + 1, isReached)]
    })
  }

  #row(location: Location, order: string, depth: number, isReached: boolean): RowItem {
    const { node, kind, webSocket } = location
    const id = this.#idOf(node)
    const isWebSocket = webSocket !== null
    for (const target of passTargets(location, this.#model))
      this.#edge(id, this.#destinationId(target, node, isWebSocket && isReached), "passes", {
        isWebSocket: isWebSocket && isReached,
        isChoice: target.isChoice,
      })
    return {
      id,
      title: written(node),
      notes: notesOf(node, this.#model),
      place: placeOf(node),
      findings: this.#marks.of(node),
      isWebSocket,
      group: GROUP_OF[kind],
      order,
      depth,
      isReached: isReached || kind === "named",
      reason: webSocket ?? "",
    }
  }

  #destinationId(target: PassTarget, from: Node, isWebSocket: boolean): string {
    const key = `${target.kind} ${target.host}`
    const known = this.#targets.get(key)
    if (known !== undefined) {
      known.isWebSocket ||= isWebSocket
      return known.id
    }
    const group = target.kind === "group" ? this.#model.upstreams.get(target.host) : undefined
    const id = group === undefined ? `d${this.#targets.size + 1}` : this.#idOf(group.node)
    this.#targets.set(key, { id, target, isWebSocket, from })
    return id
  }

  #destinations(): DestinationItem[] {
    const used = [...this.#targets.values()].map(({ id, target, isWebSocket, from }): DestinationItem => {
      const group = target.kind === "group" ? this.#model.upstreams.get(target.host) : undefined
      if (group !== undefined) return this.#group(group, isWebSocket, true)
      const notes = target.kind === "variable" ? ["known in each request only"] : []
      return {
        ...{ id, title: target.host, notes, place: placeOf(from), findings: [], isWebSocket },
        ...{ kind: target.kind, peers: [], isUsed: true },
      }
    })
    // Any group may be what a variable names.
    const isOpen = used.some(({ kind }) => kind === "variable")
    const unused = [...this.#model.upstreams.values()].filter(
      ({ name }) => !this.#targets.has(`group ${name}`),
    )
    return [...used, ...unused.map((group) => this.#group(group, false, isOpen))]
  }

  #group({ node, name, servers }: Upstream, isWebSocket: boolean, isUsed: boolean): DestinationItem {
    const method = METHODS.flatMap((directive) => node.own(directive)).at(0)
    const more = ["keepalive", "zone"].flatMap((directive) => node.own(directive)).map(textOf)
    return {
      id: this.#idOf(node),
      title: name,
      notes: [[method === undefined ? "round robin" : textOf(method), ...more].join(" · ")],
      place: placeOf(node),
      findings: this.#marks.of(node),
      isWebSocket,
      kind: "group",
      peers: servers.map(peerOf),
      isUsed,
    }
  }

  /** Addresses of one port with the same servers are one item: `listen 80; listen [::]:80;`. */
  #listeners(): ListenerItem[] {
    const keyOf = (one: Socket): string =>
      `${one.port === "" ? one.address : one.port} ${one.tags} ${this.#idOf(one.defaultServer.node)} ${one.servers.map(({ node }) => this.#idOf(node))}`
    return [...Map.groupBy(this.#sockets, keyOf).values()].map((sockets, index) => {
      const first = sockets[0] as Socket
      const id = `p${index + 1}`
      const isWebSocket = first.servers.some((server) => this.#isWebSocketServer(server))
      for (const server of first.servers)
        this.#edge(id, this.#idOf(server.node), "accepts", {
          isWebSocket: this.#isWebSocketServer(server),
          label: server === first.defaultServer && first.servers.length > 1 ? "default" : "",
        })
      return {
        id,
        title: first.address,
        notes: sockets.slice(1).map(({ address }) => address),
        place: first.place === null ? "" : placeOf(first.place.node),
        findings: [],
        isWebSocket,
        tags: first.tags,
      }
    })
  }

  #isWebSocketServer({ node, locations }: Server): boolean {
    return node.own("return").length === 0 && locations.some(({ webSocket }) => webSocket !== null)
  }
}

const METHODS = ["ip_hash", "hash", "sticky", "least_conn", "least_time", "random"]

function peerOf(node: Node): PeerRow {
  const [address = "", ...tags] = node.args
  return { address, tags, place: placeOf(node) }
}

const STEPS = new Set(["return", "rewrite"])

/** `return`, `rewrite` and `if` with one of them, of a server: they come before the choice of a location. */
function stepsOf(server: Node): Node[] {
  return (server.children ?? []).filter(
    (node) => STEPS.has(node.name) || (isIf(node) && node.children?.some(({ name }) => STEPS.has(name))),
  )
}

function isIf({ name }: Node): boolean {
  return name === "if"
}

/** Directives that say what becomes of a request. */
const NOTED = new Set<string>([
  ...PASSES,
  ...["return", "rewrite", "root", "alias", "try_files", "error_page", "auth_request", "auth_basic"],
  ...["internal", "stub_status", "websocket", "empty_gif", "autoindex", "mirror", "allow", "deny"],
])

const MAX_NOTES = 5

function notesOf(node: Node, { target }: Model): string[] {
  const notes: string[] = []
  for (const child of node.children ?? []) {
    if (NOTED.has(child.name)) notes.push(textOf(child))
    if (!isIf(child)) continue
    const inner = (child.children ?? []).filter(({ name }) => NOTED.has(name))
    if (inner.length > 0) notes.push(`if ${written(child)} ${inner.map(textOf).join("; ")}`)
  }
  if (notes.length > MAX_NOTES)
    return [...notes.slice(0, MAX_NOTES - 1), `${notes.length - MAX_NOTES + 1} more`]
  if (notes.length > 0 || (node.children ?? []).some(({ name }) => name === "location")) return notes
  const root = effective(node, "root", target)
  return [root === undefined ? "files" : `files of ${root.value}`]
}

function textOf(node: Node): string {
  return node.args.length === 0 ? node.name : `${node.name} ${written(node)}`
}

/** The arguments as a file has them; in quotes where they must be. */
function written({ words }: Node): string {
  const shown = words.map(({ text }) => {
    const plain = text.replaceAll("\n", "\\n").replaceAll("\t", "\\t").replaceAll("\r", "\\r")
    return /^$|[\s;{}]/.test(text) ? `"${plain}"` : plain
  })
  return shown.join(" ").replace(/" \)$/, '")')
}

function placeOf({ position }: Node): string {
  return `${position.file}:${position.line}`
}

function nodeOf({ node }: { readonly node: Node }): Node {
  return node
}
