/** Edges that lead back into the servers: redirects, error pages, `auth_request`, `try_files`. */
import { LocationMatcher } from "../location-match.ts"
import type { Location, Server } from "../model.ts"
import type { Node } from "../tree.ts"
import type { EdgeKind } from "./graph.ts"
import { isNamed, type Socket, serverFor } from "./listeners.ts"

export interface Link {
  readonly kind: EdgeKind
  readonly label: string
  readonly to: Server | Location
}

/** Finds them for one server. */
export class LinkFinder {
  readonly #server: Server
  readonly #sockets: readonly Socket[]
  readonly #matcher: LocationMatcher

  constructor(server: Server, sockets: readonly Socket[]) {
    this.#server = server
    this.#sockets = sockets
    this.#matcher = new LocationMatcher(server)
  }

  /** What a directive leads to; of an `if`, what those in it do. */
  linksOf(node: Node): Link[] {
    if (node.name === "if") return (node.children ?? []).flatMap((child) => this.linksOf(child))
    if (node.name === "return" || node.name === "rewrite") return this.#redirect(node)
    if (node.name === "error_page") return this.#errorPage(node)
    if (node.name === "auth_request") return this.#toUri("auth", "auth_request", node.args[0] ?? "")
    if (node.name === "mirror") return this.#toUri("internal", "mirror", node.args[0] ?? "")
    if (node.name !== "try_files" || node.args.length < 2) return []
    return this.#toUri("internal", "try_files", node.args.at(-1) as string)
  }

  #errorPage({ args }: Node): Link[] {
    const codes = args.filter((word) => /^\d{3}$/.test(word)).join(" ")
    const uri = args.at(-1) ?? ""
    return /^https?:\/\//.test(uri) ? this.#toUrl(uri, codes) : this.#toUri("error", codes, uri)
  }

  #redirect({ name, args }: Node): Link[] {
    if (name === "rewrite") {
      const url = args[1] ?? ""
      const isRedirect = /^(?:redirect|permanent)$/.test(args[2] ?? "") || /^https?:\/\//.test(url)
      return isRedirect ? this.#toPlace(url, "") : []
    }
    const [code = "", url = ""] = args
    if (/^30[12378]$/.test(code)) return this.#toPlace(url, code)
    return args.length === 1 && /^https?:\/\//.test(code) ? this.#toUrl(code, "302") : []
  }

  #toPlace(url: string, code: string): Link[] {
    return url.startsWith("/") ? this.#toUri("redirect", code, url) : this.#toUrl(url, code)
  }

  /** A path of this server, or a named location. */
  #toUri(kind: EdgeKind, label: string, uri: string): Link[] {
    if (uri.startsWith("@")) {
      const named = this.#server.locations.find((one) => one.kind === "named" && one.path === uri)
      return named === undefined ? [] : [{ kind, label, to: named }]
    }
    const path = uri.split("?", 1)[0] as string
    if (!path.startsWith("/") || path.includes("$")) return []
    const { location } = this.#matcher.match(path)
    return location === null ? [] : [{ kind, label, to: location }]
  }

  /** A URL: of another server of this file, if any of them answers there. */
  #toUrl(url: string, label: string): Link[] {
    const found = /^(\$scheme|https?):\/\/([^/?]+?)(?::(\d+))?(?=[/?]|\$request_uri|\$uri|$)/.exec(url)
    if (found === null) return []
    const [, scheme = "", host = "", port] = found
    const wanted = port ?? (scheme === "http" ? "80" : scheme === "https" ? "443" : null)
    // "$scheme" stays where the request came in.
    const own = new Set(this.#sockets.filter(({ servers }) => servers.includes(this.#server)))
    const sockets = this.#sockets.filter((one) => (wanted === null ? own.has(one) : one.port === wanted))
    const to = new Set(sockets.flatMap((socket) => this.#serversAt(host, socket)))
    to.delete(this.#server)
    return [...to].map((server) => ({ kind: "redirect", label, to: server }))
  }

  #serversAt(host: string, socket: Socket): Server[] {
    if (!host.includes("$")) {
      // A name that is nobody's here may be another machine's.
      const found = serverFor(host, socket)
      return isNamed(found.names, host) ? [found] : []
    }
    if (!/^\$(?:host|http_host|server_name)$/.test(host)) return []
    const names = this.#server.names.filter((name) => /^[a-z0-9.-]+$/i.test(name) && name !== "")
    return names.length === 0 ? [socket.defaultServer] : names.map((name) => serverFor(name, socket))
  }
}
