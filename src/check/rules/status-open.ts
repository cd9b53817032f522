import { parseIpAddress, parseNetwork } from "../../base/cidr.ts"
import { hostOf, isLocal } from "../backends.ts"
import { addLine } from "../edits.ts"
import { effective } from "../effective.ts"
import type { Edit } from "../finding.ts"
import { placeOf } from "../location-text.ts"
import type { Listen, Model, Server } from "../model.ts"
import { type Report, rule } from "../rule.ts"
import type { Node } from "../tree.ts"
import { hasUnreadAround } from "../unread.ts"

/** Directives that answer with numbers of the server: of nginx, of NGINX Plus, of modules that people add. */
const PAGES = [
  "stub_status",
  "api",
  "status",
  "check_status",
  "vhost_traffic_status_display",
  "req_status_show",
]

/** Ways to ask who somebody is; "off" where none is asked. */
const QUESTIONS = ["auth_basic", "auth_request", "auth_jwt", "auth_digest", "auth_pam", "ssl_verify_client"]

const PRIVATE = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "fc00::/7", "fe80::/10"]

export const statusOpen = rule({
  id: "status-open",
  severity: "warning",
  title: "A status page is open to everybody",
  page: {
    happens:
      "Anybody can read how many connections are open and how many requests come, and see the effect of an attack while it goes on. With NGINX Plus's api the names and addresses of all backends are there, and with write=on they can be changed.",
    shows:
      "Status 200 and `Active connections: 3` to a stranger, who is in the access log. With a deny in force it is 403, and `access forbidden by rule` in the error log.",
    why: "stub_status and its like answer whoever asks. allow without deny refuses nobody: where no rule fits, nginx lets in (ngx_http_access_module).",
    fix: "allow 127.0.0.1; allow ::1; deny all; in the location; or a server of its own with listen 127.0.0.1:8080;",
  },
  inspect(model, report) {
    for (const server of model.servers) {
      if (server.listens.length > 0 && server.listens.every(isInside)) continue
      for (const block of [server.node, ...server.locations.map(({ node }) => node)])
        inspectBlock(block, server, model, report)
    }
  },
})

function isInside({ host }: Listen): boolean {
  const bare = hostOf(host.startsWith("unix:") ? host : `${host}:0`)
  if (isLocal(bare)) return true
  const address = parseIpAddress(bare)
  return address !== undefined && PRIVATE.some((text) => parseNetwork(text)?.network.contains(address))
}

function inspectBlock(block: Node, server: Server, model: Model, report: Report): void {
  const page = PAGES.flatMap((name) => block.own(name))[0]
  // NGINX Plus's own `status` has no argument; with one it is some other module's.
  if (page === undefined || (page.name === "status" && page.args.length > 0)) return
  if (isGuarded(block, server, model) || hasUnreadAround(model.tree, block)) return
  const rules = accessRules(block)
  const allow = rules.findLast(({ name }) => name === "allow")
  const doesWrite = page.name === "api" && page.args.includes("write=on")
  const why =
    allow === undefined
      ? "nothing keeps anybody out"
      : `the allow of ${placeOf(allow, block)} has no deny all behind it, and who fits no rule is let in`
  report(
    page,
    `Everybody can ${doesWrite ? "read and change what" : "read what"} ${page.name} tells: ${why}.`,
    {
      ...(doesWrite ? { severity: "error" as const } : {}),
      advice: allow === undefined ? "allow 127.0.0.1; allow ::1; deny all;" : "deny all; behind the allow.",
      fix: denyRest(block, rules, model),
    },
  )
}

function isGuarded(block: Node, server: Server, { target }: Model): boolean {
  if (refusesAll(accessRules(block))) return true
  for (let scope: Node | null = block; scope !== null; scope = scope.parent)
    if (scope.own("internal").length > 0 || refusesSome(scope) || hasScript(scope)) return true
  if ((effective(server.node, "ssl_verify_client", target)?.value ?? "off") === "on") return true
  return QUESTIONS.some((name) => {
    const value = effective(block, name, target)?.value ?? "off"
    return value !== "off" && !value.startsWith("optional")
  })
}

/** `if (…) { return 403; }` */
function refusesSome(scope: Node): boolean {
  return scope
    .own("if")
    .some((block) => block.own("return").some(({ args }) => /^4\d\d$/.test(args[0] ?? "")))
}

/** What Lua or JavaScript decides is not to be seen here. */
function hasScript(scope: Node): boolean {
  return scope.children?.some(({ name }) => /^(?:access_by_lua|js_access|rewrite_by_lua)/.test(name)) ?? false
}

/** The `allow` and `deny` in force: those of the nearest block that has any. */
function accessRules(block: Node): readonly Node[] {
  for (let scope: Node | null = block; scope !== null; scope = scope.parent) {
    const rules = scope.children?.filter(({ name }) => name === "allow" || name === "deny") ?? []
    if (rules.length > 0) return rules
  }
  return []
}

function refusesAll(rules: readonly Node[]): boolean {
  const first = rules.find(({ args }) => args[0] === "all" || args[0] === "0.0.0.0/0")
  return first?.name === "deny"
}

/** Where somebody was let in by name, all others were meant to be kept out. */
function denyRest(block: Node, rules: readonly Node[], { tree }: Model): readonly Edit[] {
  const isOwn = rules.length > 0 && rules.every(({ name, parent }) => name === "allow" && parent === block)
  const isForAll = rules.some(({ args }) => args[0] === "all")
  return isOwn && !isForAll ? [addLine(tree, block, "deny all;")] : []
}
