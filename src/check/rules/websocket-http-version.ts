import { setDirective } from "../edits.ts"
import { describe, effective } from "../effective.ts"
import { isSurelyWebSocket } from "../handshake-fields.ts"
import { rule } from "../rule.ts"

export const websocketHttpVersion = rule({
  id: "websocket-http-version",
  severity: "error",
  title: "A WebSocket location speaks HTTP/1.0 to its backend",
  page: {
    happens:
      "No WebSocket opens: the browser says that the connection failed, and the application sees plain GET requests.",
    shows:
      "The status of the backend's answer to a plain GET (200, 400, 404 or 426) in place of 101; with some backends 502 and `upstream sent invalid header while reading response header from upstream` or `upstream prematurely closed connection`.",
    why: "An Upgrade exists in HTTP/1.1 only (RFC 9110 §7.8): a server must ignore it in a request of HTTP/1.0, which is what nginx before 1.29.7 sends where nothing is said. Some servers, Node.js among them, overlook the version; most do not.",
    fix: "proxy_http_version 1.1;",
  },
  inspectWebSocket(location, { target, tree }, report) {
    const { node, proxy, webSocket } = location
    if (proxy === null || effective(node, "websocket", target)?.value === "on") return
    const version = effective(node, "proxy_http_version", target)
    if (version === undefined || version.value !== "1.0") return
    const isSure = isSurelyWebSocket(location)
    const what = describe("proxy_http_version", version, node)
    report(
      version.origin?.isWithin(node) ? version.origin : proxy.node,
      isSure
        ? `WebSockets (${webSocket}) cannot pass: ${what}.`
        : `If this is for WebSockets (${webSocket}), they cannot pass: ${what}.`,
      {
        severity: isSure ? "error" : "info",
        fix: isSure ? setDirective(tree, node, "proxy_http_version", "1.1") : [],
      },
    )
  },
})
