import { replaceArguments } from "../edits.ts"
import { addressOf, tlsAddresses } from "../listen-address.ts"
import { locationText, placeOf } from "../location-text.ts"
import type { Listen, Location, Model, Server } from "../model.ts"
import { rule } from "../rule.ts"
import type { Node } from "../tree.ts"

export const http2WithoutTls = rule({
  id: "http2-without-tls",
  severity: "error",
  title: "A port without TLS speaks HTTP/2 only, and WebSockets need HTTP/1.1 there",
  page: {
    happens:
      "No WebSocket opens on that port, and no browser gets a page: clients see bytes that are no HTTP.",
    shows:
      "`invalid connection preface while processing HTTP/2 connection` in the error log, at level info, and nothing in the access log. `Parse Error: Expected HTTP/` from clients in Node.js, `curl: (1) Received HTTP/0.9 when not allowed` from curl.",
    why: "With TLS, client and server agree on HTTP/1.1 or HTTP/2 in the handshake (ALPN): browsers open a second connection by HTTP/1.1 for a WebSocket, since nginx has no Extended CONNECT (RFC 8441). Without TLS nothing is agreed on, and nginx before 1.25.1 takes every connection to a port with `http2` for HTTP/2. Since 1.25.1 it looks at the first bytes and speaks both.",
    fix: "listen 80; (without http2)",
  },
  inspect(model, report) {
    if (model.target.since("1.25.1")) return
    const ports = http2Ports(model)
    const sockets = ports.length === 0 ? new Map<string, Location>() : socketsByAddress(model)
    for (const [listen, server] of ports) {
      const socket = sockets.get(addressOf(listen))
      if (socket === undefined) continue
      report(
        listen.node,
        `\`listen ${listen.node.args.join(" ")}\` has no TLS: ${model.target.name} takes every connection to it for HTTP/2, and no WebSocket (${locationText(socket)}, ${placeOf(socket.node, listen.node)}) opens by HTTP/1.1.`,
        {
          advice: "Leave out `http2`, or add `ssl`.",
          fix: needsHttp2(server.node)
            ? []
            : [replaceArguments(model.tree, listen.node, withoutHttp2(listen))],
        },
      )
    }
  },
})

/** Addresses with `http2`, on which no server has `ssl`: both hold for all servers of an address. */
function http2Ports({ servers }: Model): [Listen, Server][] {
  const all = servers.flatMap((server) => server.listens.map((listen) => [listen, server] as const))
  const secure = tlsAddresses(servers)
  return all
    .filter(([listen]) => listen.parameters.includes("http2") && !secure.has(addressOf(listen)))
    .map(([listen, server]) => [listen, server])
}

/** The first WebSocket location of all servers of an address. */
function socketsByAddress({ webSockets }: Model): Map<string, Location> {
  const found = new Map<string, Location>()
  for (const location of webSockets)
    for (const listen of location.server.listens)
      if (!found.has(addressOf(listen))) found.set(addressOf(listen), location)
  return found
}

/** gRPC without TLS is what the parameter is written for. */
function needsHttp2(node: Node): boolean {
  return node.name === "grpc_pass" || (node.children?.some(needsHttp2) ?? false)
}

function withoutHttp2({ node }: Listen): string {
  return node.args.filter((text) => text !== "http2").join(" ")
}
