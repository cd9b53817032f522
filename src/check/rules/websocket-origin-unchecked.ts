import { describe, effective } from "../effective.ts"
import type { Severity } from "../finding.ts"
import { isSocketPath, type Location, type Model, proxyHeader, type Server } from "../model.ts"
import { blocksAround, dependsOn } from "../request-data.ts"
import { rule } from "../rule.ts"
import type { Node } from "../tree.ts"
import { hasUnreadAround } from "../unread.ts"

export const websocketOriginUnchecked = rule({
  id: "websocket-origin-unchecked",
  severity: "warning",
  title: "Cookies let a WebSocket in, and nothing looks at its Origin",
  page: {
    happens:
      "A page of any other site opens the WebSocket from its visitor's browser, which sends the visitor's cookies or saved password along: the page reads and writes in the visitor's name (cross-site WebSocket hijacking, CWE-1385).",
    shows:
      'Nothing in the error log; the handshake is a 101 like all others. With `$http_origin` in log_format the access log has other sites\' names in lines with 101. To try: `curl -i -H "Origin: https://evil.example" -H "Cookie: ..."` with the fields of a handshake answers 101.',
    why: "Neither the same-origin policy nor CORS holds for WebSockets: a browser opens one to any host, and leaves it to the server to look at Origin (RFC 6455 §10.2). Cookies with SameSite=Lax or Strict stay at home when another site asks, but not when a neighbour on the same domain does. An application that checks Origin by itself (Rails, Phoenix and Django Channels can) is safe; that cannot be seen here.",
    fix: 'map $http_origin $origin_allowed { default 0; "" 1; "https://app.example.com" 1; } beside the servers, and `if ($origin_allowed = 0) { return 403; }` in the location. The empty one lets in programs that are no browsers.',
  },
  inspectWebSocket(location, model, report) {
    const { node, proxy, forwardsUpgrade, server } = location
    if (proxy === null || !forwardsUpgrade || looksAtOrigin(location, model)) return
    if (hasUnreadAround(model.tree, node)) return
    const sign = signOfCookies(location, model)
    if (sign === null) return
    report(
      proxy.node,
      `Any web site may open this WebSocket in the name of its visitors: ${sign.text}, and no condition on $http_origin is in force at location ${node.args.join(" ")}. (If the application checks Origin itself, suppress this.)`,
      { severity: sign.severity, advice: adviceFor(server) },
    )
  },
})

interface Sign {
  readonly text: string
  readonly severity: Severity
}

/** What shows that browsers bring what lets them in. */
function signOfCookies(location: Location, model: Model): Sign | null {
  const { node, server } = location
  const subrequest = effective(node, "auth_request", model.target)
  if (subrequest !== undefined && subrequest.value !== "off" && asksWithCookies(subrequest.value, server))
    return {
      text: `${describe("auth_request", subrequest, node)} and sees their cookies`,
      severity: "warning",
    }
  const condition = cookieCondition(node, model)
  if (condition !== null)
    return { text: `line ${condition.position.line} lets requests in by a cookie`, severity: "warning" }
  const jwt = effective(node, "auth_jwt", model.target)
  if (jwt?.args.some((arg) => dependsOn(arg, isCookie, node, model)))
    return { text: `${describe("auth_jwt", jwt, node)}, a token in a cookie`, severity: "warning" }
  if (!isMeantForSockets(location)) return null
  const basic = effective(node, "auth_basic", model.target)
  if (basic !== undefined && basic.value !== "off")
    return {
      text: `${describe("auth_basic", basic, node)}, and browsers send a saved password along`,
      severity: "info",
    }
  return signOfBackend(node, model)
}

/** Fields of the server's reach all its locations, of which few are sockets. */
function isMeantForSockets({ node, path, webSocket }: Location): boolean {
  if (node.own("proxy_set_header").length > 0 || node.own("websocket").length > 0) return true
  return isSocketPath(path) || webSocket === "a comment says so" || webSocket === "--location says so"
}

/** The backend sets cookies; what for, is not known. */
function signOfBackend(node: Node, { target }: Model): Sign | null {
  const names = ["proxy_cookie_flags", "proxy_cookie_path", "proxy_cookie_domain"]
  const found = names.map((name) => ({ name, value: effective(node, name, target) }))
  if (found.some(({ value }) => /samesite=(?:lax|strict)/i.test(value?.value ?? ""))) return null
  for (const { name, value } of found)
    if (value !== undefined && value.value !== "off")
      return { text: `its backend has cookies (${describe(name, value, node)})`, severity: "info" }
  return null
}

function isCookie(name: string): boolean {
  return name.startsWith("cookie_") || name === "http_cookie"
}

function isOrigin(name: string): boolean {
  return name === "http_origin"
}

function cookieCondition(node: Node, model: Model): Node | null {
  const conditions = blocksAround(node).flatMap((scope) => scope.own("if"))
  return (
    conditions.find(
      (one) => refuses(one) && one.args.some((arg) => dependsOn(arg, isCookie, one.parent ?? node, model)),
    ) ?? null
  )
}

function refuses(condition: Node): boolean {
  return condition.own("return").some(({ args }) => /^(?:401|403|30[1237])$/.test(args[0] ?? ""))
}

/** The subrequest has the client's fields unless its location says otherwise; one that gets Origin may check it. */
function asksWithCookies(uri: string, { locations }: Server): boolean {
  const asked = locations.find(({ kind, path }) => path === uri && kind !== "regex" && kind !== "named")
  if (asked === undefined) return true
  if (proxyHeader(asked.node, "cookie")?.args[1] === "") return false
  const fields = asked.node.own("proxy_set_header")
  return !fields.some(({ args }) => /\$\{?http_origin\b/.test(args[1] ?? ""))
}

/** Programs inside nginx, which may do what no line shows. */
const PROGRAMS = /^(?:access_by_lua|rewrite_by_lua|js_access|perl$|modsecurity$|naxsi|SecRulesEnabled)/

function looksAtOrigin({ node, proxy }: Location, model: Model): boolean {
  const depends = (block: Node, texts: readonly string[]): boolean =>
    texts.some((text) => dependsOn(text, isOrigin, block, model))
  const fields = [proxyHeader(node, "upgrade"), proxyHeader(node, "connection")]
  if (fields.some((field) => depends(node, field?.args.slice(1) ?? []))) return true
  if (depends(node, [proxy?.url ?? ""])) return true
  return blocksAround(node).some(
    (scope) =>
      (scope.children ?? []).some(({ name }) => PROGRAMS.test(name)) ||
      scope.own("if").some(({ args }) => depends(scope, args)) ||
      scope.own("return").some(({ args }) => depends(scope, args)),
  )
}

/** The map, with the server's own names. */
function adviceFor({ names, listens }: Server): string {
  const port = listens.find(({ isSsl }) => isSsl) ?? listens[0]
  const scheme = port?.isSsl || port?.port === "443" ? "https" : "https?"
  const suffix =
    port === undefined || port.port === "443" || port.port === "80" || port.port === "" ? "" : `:${port.port}`
  const known = names.filter(
    (name) => name !== "_" && name !== "" && !name.startsWith("~") && !name.startsWith("$"),
  )
  const lines = (known.length === 0 ? ["your.host.name"] : known).map(
    (name) => `    ${keyOf(scheme, name, suffix)} 1;`,
  )
  return [
    "In http:",
    "  map $http_origin $origin_allowed {",
    "    default 0;",
    '    "" 1;',
    ...lines,
    "  }",
    "In the location:",
    "  if ($origin_allowed = 0) { return 403; }",
  ].join("\n")
}

/** What a map compares an Origin with; a name with "*" or a leading dot needs an expression. */
function keyOf(scheme: string, name: string, suffix: string): string {
  if (scheme === "https" && !/[*]|^\./.test(name)) return `"https://${name}${suffix}"`
  const host = name.replaceAll(".", "\\.").replace(/^\\\./, "(?:[^/]+\\.)?").replaceAll("*", "[^/]+")
  return `"~^${scheme}://${host}${suffix}$"`
}
