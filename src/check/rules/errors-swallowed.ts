import { effective, effectiveList } from "../effective.ts"
import { LocationMatcher } from "../location-match.ts"
import { locationText, placeOf } from "../location-text.ts"
import { isMeantForSockets } from "../meant-for-sockets.ts"
import { isSocketPath, type Location, type Model } from "../model.ts"
import { rule } from "../rule.ts"
import type { Node } from "../tree.ts"
import { hasUnreadIn } from "../unread.ts"

export const errorsSwallowed = rule({
  id: "errors-swallowed",
  severity: "warning",
  title: "error_page turns the refusal of a handshake into a page or a redirect",
  page: {
    happens:
      "A client whose handshake is refused is not told why: in place of 401 (log in again) or 502 (try again later) it gets a page or a redirect. It cannot act on that, and reconnects again and again with the same credentials. The polling fallback of Socket.IO and SignalR follows the redirect and fails on the HTML.",
    shows:
      "`Unexpected response code: 200` or `302` from the client; 200 or 302 in the access log for the path of the socket, where 101, 401, 403 or 502 was expected.",
    why: "`error_page CODE =NEW …` and `error_page CODE = …` give the answer another status; so does an address of another site (302), and a location that answers with `return` or a redirect (ngx_http_core_module, error_page). It is inherited by every location that has no error_page of its own, the WebSocket ones among them. With proxy_intercept_errors the backend's own refusals go the same way.",
    fix: "Give the WebSocket location an error_page of its own, such as `error_page 502 504 /50x.html;`: it replaces the inherited ones. Where pages and sockets share a location, give the sockets one for themselves.",
  },
  inspectWebSocket(location, model, report) {
    const { node } = location
    if (location.proxy === null || !isMeantForSockets(location) || hasUnreadIn(model.tree, node)) return
    const { nodes } = effectiveList(node, "error_page")
    if (nodes.length === 0) return
    const isShared = !isSocketPath(location.path)
    // The sockets are there, then, and what is here is for pages.
    if (isShared && hasOwnSocket(location)) return
    const matcher = new LocationMatcher(location.server)
    for (const page of nodes) {
      const fate = fateOf(page, location, matcher)
      const raised = fate === null ? [] : codesOf(page).filter((code) => reason(code, node, model) !== null)
      const [code] = raised
      if (fate === null || code === undefined) continue
      if (fate.isProxied && !["401", "403"].includes(code)) continue
      const isHere = page.parent === node && page.position.file === node.position.file
      report(
        isHere ? page : node,
        `A handshake that is refused with ${raised.join(" or ")} (${reason(code, node, model)}) is answered with ${fate.text} (\`error_page ${page.args.join(" ")}\`${isHere ? "" : originOf(page, node)}): a WebSocket client is not told why.`,
        // Pages in the same location need it.
        {
          ...(isShared ? { severity: "info" as const } : {}),
          ...(isHere && !isShared
            ? { advice: 'Leave it out here, or keep the status: no "=", no address of another site.' }
            : {}),
        },
      )
    }
  },
})

function hasOwnSocket({ server }: Location): boolean {
  return server.locations.some(({ webSocket, path }) => webSocket !== null && isSocketPath(path))
}

function originOf(page: Node, node: Node): string {
  const place = placeOf(page, node)
  return page.parent === node ? `, ${place}` : `; inherited from ${page.parent?.name}, ${place}`
}

interface Fate {
  /** "302", "the status of `location /login`" */
  readonly text: string
  /** Another backend answers, which may be right about that. */
  readonly isProxied: boolean
}

function codesOf({ args }: Node): string[] {
  return args.slice(0, -1).filter((text) => /^\d+$/.test(text))
}

/** What a client gets in place of the refusal; null where it still is one, or where that is not known. */
function fateOf(page: Node, location: Location, matcher: LocationMatcher): Fate | null {
  const uri = page.args.at(-1) ?? ""
  const change = page.args.slice(0, -1).find((text) => text.startsWith("="))
  const status = change?.slice(1)
  if (!uri.startsWith("/") && !uri.startsWith("@")) {
    // A variable may hold a path; with a 3xx its author says that it does not.
    const isUrl = /^(?:https?:\/\/|\$scheme:)/.test(uri)
    if (/^30[12378]$/.test(status ?? "")) return { text: `${status}`, isProxied: false }
    return isUrl ? { text: "302", isProxied: false } : null
  }
  const target = targetOf(uri, location, matcher)
  if (target?.forwardsUpgrade) return null
  const redirect = target === null ? null : redirectOf(target.node)
  if (redirect !== null) return { text: redirect, isProxied: false }
  if (status === undefined) return null
  if (status !== "") return /^[23]/.test(status) ? { text: status, isProxied: false } : null
  if (target === null) return null
  const returned = target.node.own("return").at(0)?.args[0]
  if (returned !== undefined) return /^2\d\d$/.test(returned) ? { text: returned, isProxied: false } : null
  // A small file, or a program's answer.
  const isProgram = target.node.children?.some(({ name }) => /_pass$|^content_by_/.test(name)) ?? false
  if (isProgram) return { text: `whatever ${locationText(target)} answers`, isProxied: true }
  return { text: "200", isProxied: false }
}

function targetOf(uri: string, { server }: Location, matcher: LocationMatcher): Location | null {
  if (uri.startsWith("@"))
    return server.locations.find(({ kind, path }) => kind === "named" && path === uri) ?? null
  return uri.includes("$") ? null : matcher.match(uri.replace(/\?.*$/, "")).location
}

/** A 3xx that a location answers with, whatever status error_page asks for. */
function redirectOf(block: Node): string | null {
  const end = block.own("return").at(0)
  const code = end?.args[0] ?? ""
  if (/^30[12378]$/.test(code)) return code
  if (/^(?:https?:|\$scheme:)/.test(code)) return "302"
  const rewrite = block.own("rewrite").find(({ args }) => args[2] === "redirect" || args[2] === "permanent")
  if (rewrite === undefined) return null
  return rewrite.args[2] === "permanent" ? "301" : "302"
}

/** What may refuse a handshake with that status at `block`; null where nothing is seen that does. */
function reason(code: string, block: Node, { target }: Model): string | null {
  const isOn = (name: string): boolean => {
    const value = effective(block, name, target)?.value
    return value !== undefined && value !== "off"
  }
  const has = (name: string): boolean => effectiveList(block, name).nodes.length > 0
  if (code === "401" || code === "403")
    for (const name of ["auth_request", "auth_jwt", "auth_basic"])
      if (isOn(name) && (code === "401" || name === "auth_request")) return name
  if (code === "403" && has("deny")) return "deny"
  if (code === limitStatus("limit_req") && has("limit_req")) return "limit_req"
  if (code === limitStatus("limit_conn") && has("limit_conn")) return "limit_conn"
  if (returnsIn(block, code)) return `return ${code}`
  if (isOn("proxy_intercept_errors")) return "by the backend: proxy_intercept_errors is on"
  return code === "502" || code === "504" ? "the backend is down or slow" : null

  function limitStatus(name: string): string {
    return effective(block, `${name}_status`, target)?.value ?? "503"
  }
}

/** Whether an `if` of the location or its server answers with that status. */
function returnsIn(block: Node, code: string): boolean {
  for (let scope: Node | null = block; scope !== null; scope = scope.parent) {
    if (scope !== block && scope.name !== "server") continue
    if (scope.own("if").some((one) => one.own("return").some(({ args }) => args[0] === code))) return true
  }
  return false
}
