import { addressOf, tlsAddresses } from "../listen-address.ts"
import { locationText, placeOf } from "../location-text.ts"
import type { Listen, Server } from "../model.ts"
import { type Report, rule } from "../rule.ts"
import type { Node } from "../tree.ts"

export const websocketPlainPort = rule({
  id: "websocket-plain-port",
  severity: "warning",
  title: "WebSockets are taken unencrypted although the site has TLS, or has a certificate that no port uses",
  page: {
    happens:
      "ws:// works: cookies, tokens and messages go over the network in the clear, and nobody notices, since nothing fails. On a page that came by https, a ws:// address fails at once.",
    shows:
      "101 in the access log of the port without TLS. In a page by https, Chrome says `Mixed Content: The page at 'https://…' was loaded over HTTPS, but attempted to connect to the insecure WebSocket endpoint 'ws://…'`. Where `ssl` is missing: `\"\\x16\\x03\\x01…\" 400` in the access log, `wrong version number` from clients by OpenSSL, `ERR_SSL_PROTOCOL_ERROR` in Chrome.",
    why: "A server that listens on port 80 and has the WebSocket location, too, serves it there as well. Proxies of offices and mobile networks, who read what is in the clear, also break more WebSockets on port 80 than on 443, of which they see nothing. A `listen` has TLS only with `ssl` (of any server of that address); the port number and ssl_certificate do not do it.",
    fix: "server { listen 80; server_name example.com; return 301 https://$host$request_uri; }",
  },
  inspect(model, report) {
    const { servers, tree, main } = model
    const sites = new Sites(servers)
    const isEndedInFront = isBehindTls(main)
    for (const server of servers) {
      const socket = server.locations.find(({ forwardsUpgrade }) => forwardsUpgrade)
      const plain = server.listens.find((listen) => isPublicPlain(listen, sites.tls))
      if (socket === undefined || plain === undefined) continue
      if (tree.missing.some((node) => node.isWithin(server.node))) continue
      if (sendsElsewhere(server.node) || sendsElsewhere(socket.node)) continue
      const socketText = `WebSockets (${locationText(socket)}, ${placeOf(socket.node, plain.node)})`
      // Where no server has TLS, it ends at something in front, or nowhere: the file does not tell.
      const isTold =
        sites.tls.size > 0 && !isEndedInFront && inspectPlain(plain, socketText, server, sites, report)
      if (!isTold) inspectUnused(plain, server, sites, report)
    }
  },
})

/** True where there is something to report. */
function inspectPlain(plain: Listen, socket: string, server: Server, sites: Sites, report: Report): boolean {
  const where = `\`${textOf(plain)}\` takes ${socket}`
  const tls = sites.tlsListenOf(server) ?? sites.sharing(server)
  if (tls !== undefined) {
    const place = placeOf(tls.node, plain.node)
    report(plain.node, `${where} unencrypted, although the same name has TLS (${place}).`)
    return true
  }
  const name = server.names.find(isPublicName)
  if (name === undefined || isForTls(plain)) return false
  report(plain.node, `${where} for ${name} unencrypted; other names in this configuration have TLS.`, {
    severity: "info",
  })
  return true
}

/** A certificate, and no port that uses it. */
function inspectUnused(plain: Listen, server: Server, sites: Sites, report: Report): void {
  const certificate = server.node.own("ssl_certificate").at(0)
  if (certificate === undefined || sites.tlsListenOf(server) !== undefined) return
  report(
    plain.node,
    `The certificate of ${placeOf(certificate, plain.node)} is not used: \`${textOf(plain)}\` has no \`ssl\`, so ws:// works here and every wss:// handshake fails.`,
    { severity: isForTls(plain) ? "error" : "warning", advice: `${textOf(plain)} ssl;` },
  )
}

function textOf({ node }: Listen): string {
  return `listen ${node.args.join(" ")}`
}

function isForTls({ port }: Listen): boolean {
  return port === "443" || port === "8443"
}

function isPublicPlain(listen: Listen, tls: ReadonlySet<string>): boolean {
  const isPlain = !tls.has(addressOf(listen)) && !listen.parameters.includes("proxy_protocol")
  return isPlain && !isPrivate(listen.host)
}

const PRIVATE =
  /^(?:unix:|localhost$|127\.|10\.|192\.168\.|172\.(?:1[6-9]|2\d|3[01])\.|169\.254\.|100\.(?:6[4-9]|[7-9]\d|1[01]\d|12[0-7])\.|\[::1\]|\[f[cd]|\[fe[89ab])/i

/** Addresses that only the same machine or network reaches: loopback, RFC 1918, RFC 6598, link-local, unique local. */
function isPrivate(host: string): boolean {
  return PRIVATE.test(host)
}

const SIGNS =
  /\$http_(?:x_forwarded_(?:proto|scheme|ssl|protocol)|cf_visitor|cloudfront_forwarded_proto|x_scheme|front_end_https)\b/i

/** Whether something in front ends TLS and says so. */
function isBehindTls(node: Node): boolean {
  if (node.name === "set_real_ip_from" || node.args.some((text) => SIGNS.test(text))) return true
  return node.children?.some(isBehindTls) ?? false
}

/** A redirect under some condition, or a program's decision. */
function sendsElsewhere(block: Node): boolean {
  return (block.children ?? []).some(({ name, args, children }) => {
    if (/^(?:rewrite|access|server_rewrite)_by_|^js_/.test(name)) return true
    if (name === "return" || (name === "rewrite" && /^https:/.test(args[1] ?? ""))) return true
    return (
      name === "if" && (children ?? []).some((inner) => inner.name === "return" || inner.name === "rewrite")
    )
  })
}

/** Which names and addresses have TLS. */
class Sites {
  readonly tls: ReadonlySet<string>
  readonly #exact = new Map<string, Listen>()
  /** ".example.com" for "*.example.com" and ".example.com" */
  readonly #suffixes = new Map<string, Listen>()

  constructor(servers: readonly Server[]) {
    this.tls = tlsAddresses(servers)
    for (const server of servers) {
      const listen = this.tlsListenOf(server)
      if (listen !== undefined) for (const name of server.names) this.#add(name.toLowerCase(), listen)
    }
  }

  #add(name: string, listen: Listen): void {
    if (name.startsWith(".")) this.#exact.set(name.slice(1), listen)
    if (name.startsWith("*.") || name.startsWith(".")) this.#suffixes.set(name.replace("*", ""), listen)
    this.#exact.set(name, listen)
  }

  tlsListenOf({ listens }: Server): Listen | undefined {
    return listens.find((listen) => this.tls.has(addressOf(listen)))
  }

  /** A port with TLS of another server that answers for one of the names. */
  sharing({ names }: Server): Listen | undefined {
    for (const name of names.filter(isPublicName)) {
      const text = name.toLowerCase()
      const found = this.#exact.get(text) ?? this.#covering(text)
      if (found !== undefined) return found
    }
    return undefined
  }

  #covering(name: string): Listen | undefined {
    for (let dot = name.indexOf("."); dot !== -1; dot = name.indexOf(".", dot + 1)) {
      const found = this.#suffixes.get(name.slice(dot))
      if (found !== undefined) return found
    }
    return undefined
  }
}

/** No catch-all, no name of a private network. */
function isPublicName(name: string): boolean {
  if (!/^[*.]{0,2}[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+$/.test(name) || /^[\d.]+$/.test(name)) return false
  return !/\.(?:local|localhost|localdomain|internal|intranet|lan|home|corp|private|test|home\.arpa)$/i.test(
    name,
  )
}
