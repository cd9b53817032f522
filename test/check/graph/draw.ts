/** Graphs of texts, for tests. */
import { readFileSync } from "node:fs"
import { checkTree } from "../../../src/check/engine.ts"
import { buildGraph } from "../../../src/check/graph/build.ts"
import type { Graph, RowItem, ServerItem } from "../../../src/check/graph/graph.ts"
import type { Rule } from "../../../src/check/rule.ts"
import { RULES } from "../../../src/check/rules/index.ts"
import { parseTarget } from "../../../src/check/target.ts"
import { readTree } from "../../../src/check/tree.ts"

export interface DrawOptions {
  readonly target?: string
  readonly rules?: readonly Rule[]
  /** Texts of included files by path. */
  readonly files?: Readonly<Record<string, string>>
  readonly title?: string
}

/** The graph of what stands in `http`, or of a whole configuration. */
export function graphOf(config: string, options: DrawOptions = {}): Graph {
  const { target = "holdfast", rules = [], files = {}, title = "nginx.conf" } = options
  const text = /^\s*http\s*\{/m.test(config) ? config : `events {} http {${config}\n}\n`
  const tree = readTree(title, "./", (path) => {
    const found = path === title ? text : files[path]
    if (found === undefined) throw new Error(`no ${path}`)
    return { text: found, encoding: "utf8" }
  })
  return buildGraph(checkTree(tree, parseTarget(target), rules), title)
}

/** The graph of the configuration beside this file, with all rules, as `holdfast graph --target nginx chat.conf` makes it. */
export function chatGraph(): Graph {
  const path = new URL("chat.conf", import.meta.url)
  return graphOf(readFileSync(path, "utf8"), { rules: RULES, title: "chat.conf", target: "nginx" })
}

export function serverOf(graph: Graph, index = 0): ServerItem {
  return graph.servers[index] as ServerItem
}

/** "2.1 /ws/admin/" */
export function rowTexts(server: ServerItem): string[] {
  return server.rows.map(({ order, title }) => `${order} ${title}`.trim())
}

export function rowOf(graph: Graph, title: string): RowItem {
  const found = graph.servers.flatMap(({ rows }) => rows).find((row) => row.title === title)
  if (found === undefined) throw new Error(`no row "${title}"`)
  return found
}

/** "/ws/ -> chat: passes" */
export function edgeTexts(graph: Graph): string[] {
  const rows = graph.servers.flatMap((server) => [server, ...server.rows])
  const all = [...graph.listeners, ...rows, ...graph.destinations]
  const titles = new Map(all.map(({ id, title }) => [id, title]))
  return graph.edges.map(({ from, to, kind, label, isWebSocket, isChoice }) => {
    const words = [kind, label, isWebSocket ? "websocket" : "", isChoice ? "choice" : ""]
    return `${titles.get(from)} -> ${titles.get(to)}: ${words.filter((word) => word !== "").join(" ")}`
  })
}
