import { defaultServers, takesAnyHost } from "../default-server.ts"
import { effective, effectiveList } from "../effective.ts"
import type { Severity } from "../finding.ts"
import type { Location, Model, Server } from "../model.ts"
import { blocksAround, namesIn, type Part, type RequestPart, valuesOf } from "../request-data.ts"
import { rule } from "../rule.ts"
import type { Node } from "../tree.ts"

export const proxyPassFromRequest = rule({
  id: "proxy-pass-from-request",
  severity: "error",
  title: "The client chooses the server that proxy_pass connects to",
  page: {
    happens:
      "Whoever writes the request decides where it is sent: to services of the internal network, to the cloud's address for credentials (169.254.169.254), or through this server to anybody else's (an open proxy).",
    shows:
      'Status 200 with the answer of a server that was never meant to be reached; the access log\'s $upstream_addr names it. A name that does not resolve shows as 502 and `could not be resolved (3: Host not found)` or `no resolver defined to resolve` in the error log, an address where nothing listens as `connect() failed (111: Connection refused) while connecting to upstream, ... upstream: "http://..."`.',
    why: 'With variables in proxy_pass, nginx evaluates the whole URL for each request and connects to whatever host comes out; "/", "?" or ":" in a value ends the host there, so that a fixed ending (".internal") does not hold it. $http_host is the client\'s text even where server_name is matched: a request line with a whole URL picks the server, and Host is free.',
    fix: 'map $arg_backend $backend { default ""; "a" "10.0.0.1:8080"; "b" "10.0.0.2:8080"; } with `if ($backend = "") { return 404; }` and `proxy_pass http://$backend;`: the request picks from a list. Where a part of the path names it, take `([a-z0-9-]+)` and a fixed ending after it.',
  },
  inspect(model, report) {
    const sight = { model, defaults: defaultServers(model) }
    for (const { locations } of model.servers)
      for (const location of locations)
        for (const pass of passesOf(location)) {
          const found = judge(pass, location, sight)
          if (found === null) continue
          report(pass, found.message, {
            argument: 0,
            severity: isForFew(location) ? "info" : found.severity,
          })
        }
  },
})

interface Verdict {
  readonly severity: Severity
  readonly message: string
}

function passesOf({ node }: Location): Node[] {
  // What only the configuration itself and the backend (X-Accel-Redirect) lead to is no client's choice.
  if (node.own("internal").length > 0) return []
  const blocks = [node, ...node.own("if"), ...node.own("limit_except")]
  return blocks.flatMap((block) => block.own("proxy_pass")).filter(({ args }) => args[0]?.includes("$"))
}

interface Sight {
  readonly model: Model
  readonly defaults: ReadonlySet<Server>
}

function judge(pass: Node, location: Location, sight: Sight): Verdict | null {
  const block = pass.parent ?? location.node
  const url = pass.args[0] ?? ""
  let worst: Verdict | null = null
  for (const value of valuesOf(url, block, sight.model)) {
    const verdict = judgeValue(value, location, sight)
    if (verdict === null || isGuarded(verdict.part, url, block)) continue
    const { severity } = verdict
    if (worst === null || (worst.severity !== "error" && severity === "error"))
      worst = {
        severity,
        message: `${verdict.what}: proxy_pass is ${url} here, ${comesFrom(verdict.part, url)}.`,
      }
  }
  return worst
}

/** ", and $arg_u is the client's text". */
function comesFrom({ variable }: RequestPart, url: string): string {
  const isDirect = namesIn(url).some((name) => `$${name}` === variable)
  if (isDirect) return `and the request says what ${variable} is`
  return `and its host comes from ${variable}, which the request says`
}

interface Finding extends Pick<Verdict, "severity"> {
  readonly part: RequestPart
  readonly what: string
}

const ANY_HOST = "The client chooses the host that it is connected to"

function judgeValue(
  value: readonly Part[],
  { server, node }: Location,
  { model, defaults }: Sight,
): Finding | null {
  const { before, part, after } = hostOf(value)
  if (part === null) return null
  if (part.variable === "$host" && !takesAnyHost(server, defaults)) return null
  // Nothing but the port, or what follows it, is left to choose.
  if (/[^:]:$/.test(before))
    return { severity: "info", part, what: "The client chooses the port that it is connected to" }
  if (before !== "" && before.includes(":")) return null
  const isCut = ["/", "?", ":"].some((char) => part.admits(char))
  if (part.admits(".")) {
    if (before === "" && /^(?::\d*)?$/.test(after)) return { severity: "error", part, what: ANY_HOST }
    return isCut || after === "" ? { severity: "warning", part, what: ANY_HOST } : null
  }
  // One label without a dot: a name of the local network, where anything is asked for its address at all.
  const canResolve = effective(node, "resolver", model.target) !== undefined
  if (!canResolve || before !== "" || (after !== "" && !isCut) || !part.admits("a")) return null
  return { severity: "warning", part, what: "The client chooses among all hosts of the local network" }
}

/** The first piece of the host that the client chooses, and the fixed text before and after it. */
function hostOf(value: readonly Part[]): { before: string; part: RequestPart | null; after: string } {
  let text = ""
  let found: { before: string; part: RequestPart } | null = null
  for (const part of value) {
    if (typeof part !== "string") {
      if (part.begins === "/" && found === null) return { before: text, part: null, after: "" }
      if (part.begins === "/") break
      found ??= { before: text.replace(/^https?:\/\//i, ""), part }
      if (found.part === part) text = ""
      continue
    }
    text += part
    const rest = found === null ? text.replace(/^https?:\/\//i, "") : text
    const end = rest.search(/[/?]/)
    if (end === -1) continue
    text = rest.slice(0, end)
    if (found === null) return { before: text, part: null, after: "" }
    break
  }
  return found === null ? { before: text, part: null, after: "" } : { ...found, after: text }
}

/** Whether a condition on the way looks at the value: what it lets through cannot be told here. */
function isGuarded({ variable }: RequestPart, url: string, block: Node): boolean {
  const looked = [variable, ...namesIn(url).map((name) => `$${name}`)]
  // A number is of one expression, another one's condition says nothing of it.
  const names = looked.filter((name) => !/^\$\d$/.test(name))
  const scopes = blocksAround(block)
  const conditions = scopes.flatMap((scope) => [...(scope.name === "if" ? [scope] : []), ...scope.own("if")])
  if (scopes.some((scope) => scope.own("secure_link").length > 0)) return true
  return conditions.some(
    ({ args }) => isTest(args) && args.some((arg) => names.some((name) => isOneOf(arg, name))),
  )
}

/** Whether a condition asks for more than that there is a value. */
function isTest(args: readonly string[]): boolean {
  return args.length > 2 && !(/^!?=$/.test(args[1] ?? "") && /^\)?$/.test(args[2] ?? ""))
}

function isOneOf(text: string, variable: string): boolean {
  return namesIn(text).some((name) => `$${name}` === variable)
}

/** Whether addresses are let in by a list that ends with "deny all". */
function isForFew({ node }: Location): boolean {
  return effectiveList(node, "deny").nodes.some(({ args }) => args[0] === "all")
}
