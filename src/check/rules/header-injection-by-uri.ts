import { replaceArguments } from "../edits.ts"
import type { Edit } from "../finding.ts"
import type { Model } from "../model.ts"
import {
  blocksAround,
  namesIn,
  partsIn,
  type RequestPart,
  valuesOf,
  valuesOfRewrite,
} from "../request-data.ts"
import { rule } from "../rule.ts"
import type { Node, Tree } from "../tree.ts"

export const headerInjectionByUri = rule({
  id: "header-injection-by-uri",
  severity: "warning",
  title: "The decoded path is written into a header, line ends and all",
  page: {
    happens:
      "A link like /a%0d%0aSet-Cookie:%20session=1 makes the server answer with a header of the link's author: cookies are planted, caches poisoned, redirects led elsewhere. Towards a backend the same adds headers to the request, X-Real-IP or X-Remote-User among them, or a second request. Without any attack, a blank in a path (%20) makes the request line that proxy_pass writes invalid.",
    shows:
      'A response with a header that nothing sets: `curl -i "http://host/a%0d%0aX-Test:%20y"` answers with a line `X-Test: y`. With proxy_pass, 400 from the backend for paths with %20. nginx logs neither.',
    why: "$uri, $document_uri and the captures of a location's or a server's regular expression are the path after decoding: %0d%0a is a line end in them, and nginx writes them as they are. A capture of (.*) cannot hold a line feed; one of ([^/]*) can. $request_uri is the text of the request line, still encoded. Holdfast writes no line end of a path into a head.",
    fix: "return 301 https://$host$request_uri; and in expressions ([^/\\s]+) or ([\\w-]+) in place of ([^/]+).",
  },
  inspect(model, report) {
    // It escapes line ends, or writes a blank in their place.
    if (model.target.isHoldfast) return
    visit(model.main, (node) => {
      for (const [index, parts] of injected(node, model)) {
        const [part] = parts
        if (part === undefined) continue
        report(node, messageOf(node, index, part), {
          argument: index,
          fix: fixOf(model.tree, node),
        })
      }
    })
  },
})

function visit(node: Node, look: (node: Node) => void): void {
  for (const child of node.children ?? []) {
    look(child)
    visit(child, look)
  }
}

/** The arguments that become part of a head, each with what may bring a line end into it. */
function injected(node: Node, model: Model): [index: number, parts: RequestPart[]][] {
  const index = headArgument(node)
  const text = index === undefined ? undefined : node.args[index]
  const block = node.parent
  if (index === undefined || text === undefined || block === null) return []
  if (namesIn(text).every((name) => HARMLESS.test(name))) return []
  // nginx encodes the captures of the rewrite itself, and nothing else in it.
  const values =
    node.name === "rewrite"
      ? valuesOfRewrite(node, model).map((value) =>
          value.filter((part) => typeof part === "string" || !isCapture(part)),
        )
      : valuesOf(text, block, model)
  return [[index, partsIn(values).filter((part) => part.admits("\n"))]]
}

/** The variables that nearly all such texts are made of: no line ends in them. */
const HARMLESS =
  /^(?:http_\w+|host|scheme|remote_addr|proxy_add_x_forwarded_for|request_uri|server_(?:name|port))$/

function isCapture({ variable }: RequestPart): boolean {
  return /^\$\d$/.test(variable)
}

/** Which argument nginx writes into the head of a message. */
function headArgument({ name, args }: Node): number | undefined {
  if (name === "return") return args.length === 1 ? 0 : /^30[12378]$/.test(args[0] ?? "") ? 1 : undefined
  if (name === "add_header" || name === "proxy_set_header" || name === "add_trailer") return 1
  if (name === "proxy_pass") return 0
  if (name !== "rewrite") return undefined
  const isRedirect =
    /^(?:redirect|permanent)$/.test(args[2] ?? "") || /^(?:https?:\/\/|\$scheme)/.test(args[1] ?? "")
  return isRedirect ? 1 : undefined
}

function messageOf({ name, args }: Node, index: number, { variable }: RequestPart): string {
  const text = args[index] ?? ""
  const isDirect = namesIn(text).some((one) => `$${one}` === variable)
  const what = isDirect ? variable : `${variable}, of which that is made,`
  return `${name} writes "${text}" into ${placeOf(name)}, and ${what} is the path after decoding: %0d%0a in a link ends the line there and begins a header of the client's.`
}

function placeOf(name: string): string {
  if (name === "proxy_pass") return "the request line to the backend"
  return name === "proxy_set_header" ? "a field to the backend" : "a response header"
}

const WITH_QUERY =
  /^(https?:\/\/[\w.:$-]+)\$(?:\{(?:document_)?uri\}|(?:document_)?uri)(?:\$is_args\$args|\?\$args|\?\$query_string)$/

/** $request_uri is the same where nothing has rewritten the path, and a host stands before it: "//evil" needs one. */
function fixOf(tree: Tree, node: Node): Edit[] {
  const [code = "", text = ""] = node.args
  const found = node.name === "return" ? WITH_QUERY.exec(text) : null
  const isRewritten = blocksAround(node).some((block) => block.own("rewrite").length > 0)
  const isWhole = node.parent?.name === "server" || node.parent?.name === "location"
  const isNamed = node.parent?.args[0]?.startsWith("@") === true
  if (
    found === null ||
    isRewritten ||
    !isWhole ||
    isNamed ||
    !/^[\w.:$-]*[\w]$/.test(found[1]?.slice(8) ?? "")
  )
    return []
  return [replaceArguments(tree, node, `${code} ${found[1]}$request_uri`)]
}
