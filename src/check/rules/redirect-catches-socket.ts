import { addressOf, tlsAddresses } from "../listen-address.ts"
import { readRegex } from "../location-match.ts"
import { locationText, placeOf } from "../location-text.ts"
import { isSocketPath, type Location, type Model, type Server } from "../model.ts"
import { type Report, rule } from "../rule.ts"
import { samplePaths } from "../sample-path.ts"
import type { Node } from "../tree.ts"

export const redirectCatchesSocket = rule({
  id: "redirect-catches-socket",
  severity: "error",
  title: "A redirect or another answer comes before the WebSocket location",
  page: {
    happens:
      "No WebSocket opens: the handshake is answered with a redirect, and WebSocket clients do not follow redirects. Pages of the same site work, since browsers do follow them there.",
    shows:
      "301, 302, 307 or 308 (or the other status of the `return`) in the access log where 101 should be; nothing in the error log. Chrome says `Error during WebSocket handshake: Unexpected response code: 301`.",
    why: '`return`, `rewrite` and `if` of the server run before a location is looked for, those of a location before its proxy_pass (ngx_http_rewrite_module). What they answer, the backend never sees. RFC 6455 §4.1 lets a client follow a 3xx; the WebSocket API of browsers does not (WHATWG WebSockets: redirect mode "error").',
    fix: "Move the redirect into a location of its own, `location / { return 301 https://$host$request_uri; }`, so that the WebSocket location is found before it.",
  },
  inspect(model, report) {
    const secure = tlsAddresses(model.servers)
    for (const server of model.servers) {
      const isPlain = isPlainOnly(server, model, secure)
      const sockets = server.locations.filter(({ webSocket, proxy }) => webSocket !== null && proxy !== null)
      if (sockets.length === 0) continue
      const reported = new Set<Node>()
      for (const location of sockets.sort(bySocketPath)) inspectSocket(location, isPlain, reported, report)
      inspectSlashRedirects(server, sockets, report)
      for (const node of server.node.own("if")) inspectHostRedirect(node, report)
    }
  },
})

/** The ones to name in a message first. */
function bySocketPath(a: Location, b: Location): number {
  return Number(isSocketPath(b.path)) - Number(isSocketPath(a.path))
}

function inspectSocket(location: Location, isPlain: boolean, reported: Set<Node>, report: Report): void {
  const samples = samplePaths(location)
  // Of a location for more than sockets, all must be caught: `rewrite ^/$ /login redirect` is for its front page.
  const paths = isSocketPath(location.path) ? samples.slice(0, 1) : samples
  const context = { location, paths, isPlain, reported }
  // A named location, or one that something leads into, is reached in another way than by its path.
  const isDirect = location.kind !== "named" && location.node.own("internal").length === 0
  if (isDirect && walk(location.server.node, context, report)) return
  walk(location.node, context, report)
}

interface Context {
  readonly location: Location
  /** What clients may open. */
  readonly paths: readonly string[]
  /** The server has no TLS, so $scheme is always "http". */
  readonly isPlain: boolean
  /** One finding for a redirect, however many locations it comes before. */
  readonly reported: Set<Node>
}

/** Follows the rewrite directives of a block; true where they end there, for whatever reason. */
function walk(block: Node, context: Context, report: Report): boolean {
  for (const node of block.children ?? []) {
    if (node.name === "break") return true
    if (node.name === "return") {
      if (!leadsBack(block, node)) reportEnd(node, block, context, report)
      return true
    }
    if (node.name === "rewrite" && walkRewrite(node, block, context, report)) return true
    if (node.name === "if" && walkIf(node, block, context, report)) return true
  }
  return false
}

function walkRewrite(node: Node, block: Node, context: Context, report: Report): boolean {
  const [pattern = "", replacement = "", flag = ""] = node.args
  const regex = readRegex(pattern, false)
  if (!everyPath(context, (path) => regex?.test(path) === true)) return false
  const redirects =
    flag === "redirect" || flag === "permanent" || /^(?:https?:\/\/|\$scheme)/.test(replacement)
  if (redirects) reportEnd(node, block, context, report)
  // Without it, the path is another one from here on.
  return true
}

/** An `if` whose condition is met by every request for the socket; true where it ends the walk. */
function walkIf(node: Node, block: Node, context: Context, report: Report): boolean {
  if (!isAlwaysMet(node.args, context)) return false
  const end = (node.children ?? []).find(({ name }) => name === "return" || name === "rewrite")
  if (end === undefined) return false
  if (end.name === "rewrite") return walkRewrite(end, block, context, report)
  if (!leadsBack(block, end)) reportEnd(end, block, context, report)
  return true
}

function isAlwaysMet(args: readonly string[], context: Context): boolean {
  const text = args
    .join(" ")
    .replace(/^\(\s*/, "")
    .replace(/\s*\)$/, "")
  const [, name = "", sign = "", quoted = ""] = /^\$(\w+)\s*(!?~\*?|!?=)?\s*(.*)$/.exec(text) ?? []
  const value = quoted.replace(/^(["'])(.*)\1$/, "$2")
  if (name === "scheme" && context.isPlain)
    return (sign === "=" && value === "http") || (sign === "!=" && value === "https")
  if (name === "https" && context.isPlain)
    return (sign === "=" && value === "") || (sign === "!=" && value === "on")
  if (!["uri", "document_uri", "request_uri"].includes(name)) return false
  if (sign === "=" || sign === "!=") return everyPath(context, (path) => (path === value) === (sign === "="))
  const regex = sign.includes("~") ? readRegex(value, sign.endsWith("*")) : null
  return regex !== null && everyPath(context, (path) => regex.test(path) !== sign.startsWith("!"))
}

function everyPath({ paths }: Context, test: (path: string) => boolean): boolean {
  return paths.length > 0 && paths.every(test)
}

/** `return 418;` with `error_page 418 = @socket;` is a way to choose a location. */
function leadsBack(block: Node, node: Node): boolean {
  const code = node.args[0] ?? ""
  return block.own("error_page").some(({ args }) => args.slice(0, -1).includes(code))
}

function reportEnd(node: Node, block: Node, { location, reported }: Context, report: Report): void {
  if (reported.has(node)) return
  reported.add(node)
  const socket = `${locationText(location)}, ${placeOf(location.node, node)},`
  const action = actionOf(node)
  if (block === location.node) {
    report(node, `WebSockets (${location.webSocket}) do not reach proxy_pass here: ${action} comes first.`, {
      advice: "Take it away, or put it into a location of its own.",
    })
    return
  }
  report(
    node,
    `${capital(action)} in the server comes before its locations: the WebSocket ${socket} is never reached.`,
    {
      advice: `location / { ${node.name} ${node.args.join(" ")}; } in place of it: the WebSocket location is found before that.`,
    },
  )
}

function actionOf(node: Node): string {
  const [first = "", , flag] = node.args
  if (node.name === "rewrite") return `the redirect by \`rewrite\`${flag === "permanent" ? " (301)" : ""}`
  return /^\d+$/.test(first) ? `\`return ${first}\`` : "`return` (302)"
}

function capital(text: string): string {
  return text.replace(/^[a-z]/, (letter) => letter.toUpperCase())
}

function isPlainOnly({ listens }: Server, { http }: Model, secure: ReadonlySet<string>): boolean {
  // "ssl on" of nginx before 1.25 may stand in http, too.
  if (http?.own("ssl").at(-1)?.args[0] === "on") return false
  return listens.every((listen) => !secure.has(addressOf(listen)))
}

/** `if ($host = www.example.com) { return 301 https://example.com$request_uri; }` */
function inspectHostRedirect(node: Node, report: Report): void {
  const [name = "", sign = "", value = ""] = node.args
  if (!/^\(\$(?:http_)?host$/.test(name) || (sign !== "=" && sign !== "!=")) return
  const end = (node.children ?? []).find(
    ({ name, args }) =>
      (name === "return" && /^30[12378]$/.test(args[0] ?? "")) ||
      (name === "rewrite" && (args[2] === "permanent" || args[2] === "redirect")),
  )
  if (end === undefined) return
  const host = value.replace(/\)$/, "").replaceAll(/["']/g, "")
  report(
    end,
    `A WebSocket to ${sign === "=" ? host : `any name but ${host}`} is answered with a redirect, which clients do not follow.`,
    {
      severity: "info",
      advice: "Let applications and pages open their sockets at the name that is redirected to.",
    },
  )
}

/** `location = /ws { return 301 /ws/; }`: made for pages; a WebSocket client stops there. */
function inspectSlashRedirects(server: Server, sockets: readonly Location[], report: Report): void {
  for (const { node, path, kind, proxy } of server.locations) {
    const end = node.own("return").at(0)
    if (proxy !== null || end === undefined || kind === "regex" || kind === "regex-insensitive") continue
    const [code = "", url = code] = end.args
    if (!/^(?:30[12378]$|\/|https?:|\$)/.test(code)) continue
    const target = targetPath(url, path)
    const socket = sockets.find(
      (one) => one.path === target && one.kind !== "named" && isSameName(one.path, path),
    )
    // The front page of an application at a sub-path is another matter: it is opened by browsers.
    if (socket === undefined || !isSocketOnly(socket)) continue
    report(
      end,
      `A WebSocket client that opens ${path} gets a redirect to ${target}, which it does not follow.`,
      {
        severity: "warning",
        advice: `Proxy ${path} as ${locationText(socket)} does, or tell the clients the other path.`,
      },
    )
  }
}

function isSameName(a: string, b: string): boolean {
  return a === `${b}/` || b === `${a}/`
}

function isSocketOnly({ path }: Location): boolean {
  return /(?:^|[/_-])(?:ws|wss|websockets?|socket|socket\.io|sockjs|cable|websockify)\/?$/i.test(path)
}

/** The path of a redirect's URL; undefined where it is not told. */
function targetPath(url: string, path: string): string | undefined {
  const rest = url.replace(/^(?:https?|\$scheme):\/\/[^/$]*(?:\$\w+)?(?::\d+)?(?=[/$])/, "")
  const written = rest.replace(/^\$(?:uri|document_uri|request_uri)/, path).replace(/(?:\?|\$is_args).*$/, "")
  return written.includes("$") ? undefined : written
}
