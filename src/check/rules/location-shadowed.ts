import type { Edit } from "../finding.ts"
import { LocationMatcher } from "../location-match.ts"
import { locationText, placeOf } from "../location-text.ts"
import { isMeantForSockets } from "../meant-for-sockets.ts"
import { isSocketPath, type Location, type Model } from "../model.ts"
import { type Report, rule } from "../rule.ts"
import { samplePaths } from "../sample-path.ts"
import { hasUnreadIn } from "../unread.ts"

export const locationShadowed = rule({
  id: "location-shadowed",
  severity: "error",
  title: "Another location takes the requests of a WebSocket location",
  page: {
    happens:
      "The WebSocket location is right, but requests for its path are served by another one, which sends no Upgrade to a backend or serves files. No WebSocket opens, and no change in the WebSocket location makes a difference.",
    shows:
      'The other location\'s answer in place of 101: 404 with `open() "/usr/share/nginx/html/ws/" failed (2: No such file or directory)` or `"/usr/share/nginx/html/ws/index.html" is not found (2: No such file or directory)` in the error log where it serves files, the backend\'s 200, 400, 404 or 426 to a plain GET where it proxies. Clients say `Unexpected response code: 404`.',
    why: "nginx looks for an exact location (=) first, then remembers the longest prefix, then tries the regular expressions in the order of the file, and the first that matches wins over the prefix, however long that is. Only ^~ on the prefix keeps the regular expressions out (ngx_http_core_module, location). A location /ws/ does not take /ws, and one for /ws is not asked for /ws/ where there is a location of that name.",
    fix: "location ^~ /ws/ { … }",
  },
  inspect(model, report) {
    for (const server of model.servers) {
      const sockets = server.locations.filter((one) => one.webSocket !== null && isMeantForSockets(one))
      if (sockets.length === 0) continue
      const matcher = new LocationMatcher(server)
      for (const location of sockets) inspectLocation(location, matcher, model, report)
    }
  },
})

function inspectLocation(location: Location, matcher: LocationMatcher, model: Model, report: Report): void {
  const paths = samplePaths(location)
  const [path] = paths
  if (path === undefined || location.node.own("internal").length > 0) return
  const own = takerOf(path, location, matcher, model)
  if (own !== null && paths.every((one) => takerOf(one, location, matcher, model) === own)) {
    reportAll(location, own, path, report)
    return
  }
  // The front page of an application whose sockets are elsewhere.
  if (path === "/" || !isSocketPath(location.path)) return
  if (own !== null) reportPart(location, own, path, "every client that opens just that is refused", report)
  else if (paths.length > 1) inspectSlash(location, path, matcher, model, report)
}

/** The location that takes `path` away from `location`, and serves no WebSockets; null where there is none. */
function takerOf(
  path: string,
  location: Location,
  matcher: LocationMatcher,
  { tree }: Model,
): Location | null {
  const { location: taker, addsSlash, isSure } = matcher.match(path)
  if (taker === null || taker === location || addsSlash || !isSure) return null
  if (taker.forwardsUpgrade || taker.webSocket !== null) return null
  // It may hand the request on, to the right place.
  const leadsOn =
    ["try_files", "error_page"].some((name) => taker.node.own(name).length > 0) ||
    taker.node.own("rewrite").some(({ args }) => args.at(-1) === "last")
  return leadsOn || hasUnreadIn(tree, taker.node) ? null : taker
}

function reportAll(location: Location, taker: Location, path: string, report: Report): void {
  const isRegex = taker.kind === "regex" || taker.kind === "regex-insensitive"
  const reason = !isRegex
    ? "it ends the search before"
    : location.kind === "prefix"
      ? "a regular expression goes before a prefix without ^~"
      : "it stands before"
  report(
    location.node,
    `No request for ${path} comes here: ${locationText(taker)}, ${placeOf(taker.node, location.node)}, takes it (${reason}) and forwards no Upgrade.`,
    {
      severity: location.forwardsUpgrade ? "error" : "warning",
      argument: location.node.words.length - 1,
      advice: adviceFor(location, taker, isRegex),
      fix: isRegex ? caretFix(location) : [],
    },
  )
}

function adviceFor(location: Location, taker: Location, isRegex: boolean): string {
  if (isRegex && location.kind === "prefix") return `location ^~ ${location.path} { … }`
  if (isRegex) return `Put ${locationText(location)} before ${locationText(taker)}, or narrow that one.`
  return `Write the socket's location as a prefix or with "=": the order does not matter to ${locationText(taker)}.`
}

/** "^~" where the location stands in the server and is not for everything: nested in others, it would not be enough. */
function caretFix({ node, kind, path }: Location): Edit[] {
  const word = node.words[0]
  if (kind !== "prefix" || path === "/" || node.parent?.name !== "server" || word === undefined) return []
  const place = { line: word.position.line, column: word.position.column }
  return [{ file: node.position.file, start: place, end: place, text: "^~ " }]
}

function reportPart(location: Location, taker: Location, path: string, effect: string, report: Report): void {
  report(
    location.node,
    `A request for exactly ${path} goes to ${locationText(taker)}, ${placeOf(taker.node, location.node)}, which forwards no Upgrade: ${effect}.`,
    {
      severity: "warning",
      argument: location.node.words.length - 1,
      advice: `Give ${locationText(taker)} the same settings, or take it away.`,
    },
  )
}

/** `location /ws` beside a `location /ws/`, the one for sockets and the other not. */
function inspectSlash(
  location: Location,
  path: string,
  matcher: LocationMatcher,
  model: Model,
  report: Report,
): void {
  const other = path.endsWith("/") ? path.slice(0, -1) : `${path}/`
  const taker = takerOf(other, location, matcher, model)
  if (taker === null || taker.path !== other) return
  // Its author sends it elsewhere, on purpose.
  if (taker.node.own("return").length > 0) return
  reportPart(location, taker, other, `a client that opens ${other} in place of ${path} is refused`, report)
}
