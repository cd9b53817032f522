import type { Location, ProxyTarget } from "../model.ts"
import { type Report, rule } from "../rule.ts"

export const proxyPassUriReplaced = rule({
  id: "proxy-pass-uri-replaced",
  severity: "warning",
  title: "proxy_pass changes the path or drops the query of the handshake",
  page: {
    happens:
      "The handshake reaches the backend with another path than the client asked for, or without its query. The backend has nothing there and refuses, although the same path works without the proxy.",
    shows:
      'The backend\'s status in place of 101: mostly 404, or 400 where the query is missing (Socket.IO: `{"code":0,"message":"Transport unknown"}`). The backend\'s log has `GET / `, `GET //chat` or `GET /appchat`. Nothing in nginx\'s error log.',
    why: 'A proxy_pass with anything behind the host, a single / is enough, puts that in place of the part of the path that the location matched. With `location /ws` and `proxy_pass http://backend/`, /ws/chat becomes //chat. A proxy_pass with variables and a path sends that path as it is: nothing of the request\'s path and query is added (ngx_http_proxy_module, proxy_pass). In a location by a regular expression, in a named one and in `if`, a path is not allowed at all: `"proxy_pass" cannot have URI part in location given by regular expression, or inside named location, or inside "if" statement, or inside "limit_except" block`.',
    fix: "proxy_pass http://backend;",
  },
  inspectWebSocket(location, _model, report) {
    const { proxy } = location
    if (proxy === null) return
    if (proxy.hasVariables) inspectVariables(location, proxy, report)
    else if (proxy.uri !== undefined) inspectFixed(location, proxy, proxy.uri, report)
  },
})

function inspectFixed(location: Location, proxy: ProxyTarget, uri: string, report: Report): void {
  const { kind, path, node } = location
  const isIf = proxy.node.parent !== node
  if (isIf || kind === "regex" || kind === "regex-insensitive" || kind === "named") {
    const where = isIf ? '"if"' : kind === "named" ? "a named location" : "a location by a regular expression"
    report(
      proxy.node,
      `nginx does not start with this: proxy_pass in ${where} may not have a path, and here it has "${uri}".`,
      { severity: "error", argument: 0, advice: `proxy_pass ${withoutUri(proxy, uri)};` },
    )
    return
  }
  // `= /ws` has one path, and `rewrite … break` makes nginx overlook the one of proxy_pass.
  if (kind === "exact" || uri === path || node.own("rewrite").length > 0) return
  const advice = `proxy_pass ${withoutUri(proxy, uri)}; to pass the path as it is`
  const part = clientPathOf(path)
  if (part !== undefined && clientPathOf(uri) !== part) {
    report(
      proxy.node,
      `${path} reaches the backend as ${uri}: clients and servers both take "${part}" for granted, so the backend has nothing there.`,
      { argument: 0, advice },
    )
  } else if (path.endsWith("/") !== uri.endsWith("/") && !uri.includes("?") && !NOTHING_BELOW.test(path))
    reportSeam(location, proxy, uri, report)
}

/** Clients open these as they are. */
const NOTHING_BELOW = /\/(?:websockify|xmpp-websocket|connection\/websocket)$/

/** A slash too many or too few where the two paths meet. */
function reportSeam({ path }: Location, proxy: ProxyTarget, uri: string, report: Report): void {
  const below = path.endsWith("/") ? `${path}chat` : `${path}/chat`
  const becomes = uri + below.slice(path.length)
  const hasTooMany = uri.endsWith("/")
  const advice = hasTooMany
    ? `proxy_pass ${withoutUri(proxy, uri)}${uri.slice(0, -1)}; without the slash at the end${uri === "/" ? ", which passes the path as it is" : ""}`
    : `proxy_pass ${withoutUri(proxy, uri)}${uri}/; with a slash at the end, as the location has it`
  report(
    proxy.node,
    `${path} reaches the backend as ${uri}, but ${below} as ${becomes}: ${hasTooMany ? "a slash too many" : "the slash between is lost"}.`,
    // Where clients open just the location's own path, nothing is wrong.
    { severity: "info", argument: 0, advice },
  )
}

/** Paths that the libraries of client and server have as their default. */
const CLIENT_PATHS = ["/socket.io", "/sockjs-node", "/_next/webpack-hmr", "/_stcore/stream"]

/** The one of them that a path ends with. */
function clientPathOf(path: string): string | undefined {
  return CLIENT_PATHS.find((part) => path.endsWith(part) || path.endsWith(`${part}/`))
}

function withoutUri({ url }: ProxyTarget, uri: string): string {
  return url.endsWith(uri) ? url.slice(0, url.length - uri.length) : url
}

/** What has the client's query in it; a variable that the file itself sets may have it, too. */
const KNOWN_WITHOUT_QUERY = /\$\{?(?:uri|document_uri|host|http_host|server_name|scheme|server_port|\d)\b\}?/g

function inspectVariables({ node, kind }: Location, proxy: ProxyTarget, report: Report): void {
  const tail = tailOf(proxy.url)
  if (tail === undefined) return
  const rest = tail.replaceAll(KNOWN_WITHOUT_QUERY, "")
  if (rest.includes("$") || rest.includes("?")) return
  const isFixed = !tail.includes("$")
  if (isFixed && kind === "exact") {
    reportQuery(proxy, `"${tail}"`, report)
    return
  }
  if (!isFixed) reportQuery(proxy, `"${tail}"`, report)
  else
    report(
      proxy.node,
      `Every request for ${node.args.join(" ")} reaches the backend as ${tail}, without its own path and query: proxy_pass has variables, so what stands behind the host is sent as it is.`,
      { argument: 0, advice: `proxy_pass ${withoutUri(proxy, tail)}$request_uri;` },
    )
}

function reportQuery(proxy: ProxyTarget, tail: string, report: Report): void {
  report(
    proxy.node,
    `The query of the handshake (a token, a room, Socket.IO's "?EIO=4&transport=websocket") does not reach the backend: proxy_pass has variables and the path ${tail}, to which nothing is added.`,
    { argument: 0, advice: `proxy_pass ${proxy.url}$is_args$args;` },
  )
}

/** What stands behind the host of a URL with variables; undefined where nothing does. */
function tailOf(url: string): string | undefined {
  const rest = url.replace(/^(?:https?|\$\w+):\/\//i, "")
  // The whole URL comes from a variable.
  if (rest === url && !/^\$\w+[/$]/.test(rest)) return undefined
  const found = /\/.*$|\$\{?(?:uri|document_uri|request_uri)\b.*$/.exec(rest)
  return found?.[0]
}
