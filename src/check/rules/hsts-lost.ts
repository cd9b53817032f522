import { addLine, replaceArguments, writtenArguments } from "../edits.ts"
import { effective, effectiveList } from "../effective.ts"
import type { Edit } from "../finding.ts"
import { placeOf } from "../location-text.ts"
import type { Location, Model, Server } from "../model.ts"
import { type Report, rule } from "../rule.ts"
import type { Node, Tree } from "../tree.ts"
import { hasUnreadIn } from "../unread.ts"

const FIELD = "strict-transport-security"

export const hstsLost = rule({
  id: "hsts-lost",
  severity: "warning",
  title: "Strict-Transport-Security is set, and missing from answers all the same",
  page: {
    happens:
      "The browser does not learn, or forgets after max-age, that the site is https and wss only. The next ws:// or http:// goes out unencrypted, where anybody on the way can answer it.",
    shows:
      "Nothing in the logs. `curl -sI https://example.com/path | grep -i strict` prints nothing; nor does it for an answer of 401, 404 or 502, nor for the 101 of a WebSocket, where `always` is missing.",
    why: "add_header is inherited only by blocks that have no add_header of their own: one in a location puts all of those outside aside. And without `always` nginx adds a field to 200, 201, 204, 206, 301, 302, 303, 304, 307 and 308 only (ngx_http_headers_module): not to errors, not to a refused handshake, and not to 101.",
    fix: 'add_header Strict-Transport-Security "max-age=31536000" always; in each block that has an add_header; or add_header_inherit merge; (nginx 1.29.3).',
  },
  inspect(model, report) {
    for (const server of model.servers) {
      inspectAlways(server, model, report)
      const set = inForce(server)
      if (set === undefined) continue
      for (const location of server.locations) {
        inspectBlock(location.node, location, set, model, report)
        for (const block of location.node.own("if")) inspectBlock(block, location, set, model, report)
      }
    }
  },
})

/** What the server sends where nothing else is said. Over plain HTTP browsers do not look at it. */
function inForce({ node, listens }: Server): Node | undefined {
  const { nodes, owner } = effectiveList(node, "add_header")
  const isMeant = owner === node || listens.some(({ isSsl }) => isSsl)
  return isMeant ? nodes.findLast(isHsts) : undefined
}

function isHsts({ args }: Node): boolean {
  return args[0]?.toLowerCase() === FIELD
}

function inspectAlways({ node, locations }: Server, { tree }: Model, report: Report): void {
  const blocks = [node, ...locations.flatMap((location) => [location.node, ...location.node.own("if")])]
  for (const block of blocks) {
    const set = effectiveList(block, "add_header").nodes.findLast(isHsts)
    if (set === undefined || set.args.includes("always")) continue
    const written = writtenArguments(tree, set)
    report(
      set,
      "Strict-Transport-Security is missing from errors, from refused handshakes and from the 101 of a WebSocket: this add_header has no always.",
      {
        advice: "Write always at its end.",
        fix: written === undefined ? [] : [replaceArguments(tree, set, `${written} always`)],
      },
    )
  }
}

function inspectBlock(block: Node, location: Location, set: Node, model: Model, report: Report): void {
  const own = block.own("add_header")
  const first = own[0]
  if (first === undefined || own.some(isHsts)) return
  if (block.own("internal").length > 0 || hasUnreadIn(model.tree, block)) return
  if (effective(block, "add_header_inherit", model.target)?.value === "merge") return
  report(
    first,
    `Strict-Transport-Security of ${set.parent?.name ?? "the server"} (${placeOf(set, block)}) is lost in this ${block.name}${alsoLost(set, own)}: an add_header of its own puts those outside aside.`,
    {
      // One answer is enough for a browser to learn it, and pages are where it begins.
      severity: isEntrance(location) ? "warning" : "info",
      advice: `add_header ${set.args.map(quoted).join(" ")}${set.args.includes("always") ? "" : " always"}; here, too.`,
      fix: copyOf(model.tree, set, block),
    },
  )
}

function isEntrance({ kind, path, webSocket }: Location): boolean {
  return webSocket !== null || (path === "/" && kind !== "regex" && kind !== "regex-insensitive")
}

function alsoLost(set: Node, own: readonly Node[]): string {
  const has = new Set(own.map(({ args }) => args[0]?.toLowerCase()))
  const names = (set.parent?.own("add_header") ?? [])
    .filter((node) => !isHsts(node) && !has.has(node.args[0]?.toLowerCase()))
    .map(({ args }) => args[0] ?? "")
  return names.length === 0 ? "" : ` with ${[...new Set(names)].join(", ")}`
}

function copyOf(tree: Tree, set: Node, block: Node): readonly Edit[] {
  const written = writtenArguments(tree, set)
  if (written === undefined) return []
  const always = set.args.includes("always") ? "" : " always"
  return [addLine(tree, block, `add_header ${written}${always};`)]
}

function quoted(text: string): string {
  return /[\s;]/.test(text) ? `"${text}"` : text
}
