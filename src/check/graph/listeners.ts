/** What is listened on, and which server answers there for which name. */
import { readRegex } from "../location-match.ts"
import type { Listen, Server } from "../model.ts"

/** One address and port. */
export interface Socket {
  /** "*:443", "unix:/run/x" */
  readonly address: string
  readonly host: string
  readonly port: string
  readonly isSsl: boolean
  /** "ssl", "http2", "proxy_protocol", of any server's `listen`. */
  readonly tags: readonly string[]
  readonly servers: readonly Server[]
  readonly defaultServer: Server
  /** The first `listen` that names it; null where that is nginx's own default. */
  readonly place: Listen | null
}

const TAGS = ["ssl", "http2", "quic", "proxy_protocol"]

/** Sockets in the order in which the file names them. A server without `listen` is at *:80. */
export function socketsOf(servers: readonly Server[]): Socket[] {
  const found = new Map<string, { listen: Listen | null; server: Server }[]>()
  const add = (address: string, listen: Listen | null, server: Server): void => {
    const uses = found.get(address)
    if (uses === undefined) found.set(address, [{ listen, server }])
    else uses.push({ listen, server })
  }
  for (const server of servers) {
    if (server.listens.length === 0) add("*:80", null, server)
    for (const listen of server.listens) add(addressOf(listen), listen, server)
  }
  return [...found].map(([address, uses]) => socketOf(address, uses))
}

function addressOf({ host, port }: Listen): string {
  const all = host === "0.0.0.0" ? "*" : host
  return port === "" ? all : `${all}:${port}`
}

function socketOf(address: string, uses: readonly { listen: Listen | null; server: Server }[]): Socket {
  const marked = uses.find(({ listen }) =>
    listen?.parameters.some((word) => word === "default_server" || word === "default"),
  )
  const first = uses[0] as { listen: Listen | null; server: Server }
  const isSsl = uses.some(({ listen }) => listen?.isSsl === true)
  const said = new Set(uses.flatMap(({ listen }) => listen?.parameters ?? []))
  if (isSsl) said.add("ssl")
  if (uses.some(({ server }) => server.node.own("http2").at(-1)?.args[0] === "on")) said.add("http2")
  return {
    address,
    host: first.listen?.host ?? "*",
    port: first.listen?.port ?? "80",
    isSsl,
    tags: TAGS.filter((tag) => said.has(tag)),
    servers: [...new Set(uses.map(({ server }) => server))],
    defaultServer: (marked ?? first).server,
    place: first.listen,
  }
}

/** The server that answers for `host` at `socket`: ngx_http_find_virtual_server. */
export function serverFor(host: string, socket: Socket): Server {
  const wanted = host.toLowerCase()
  let best: Server | null = null
  let bestRank = 0
  for (const server of socket.servers)
    for (const name of server.names) {
      const rank = rankOf(name.toLowerCase(), wanted)
      if (rank > bestRank) {
        best = server
        bestRank = rank
      }
    }
  return best ?? socket.defaultServer
}

/** Whether one of the names takes the host. */
export function isNamed(names: readonly string[], host: string): boolean {
  return names.some((name) => rankOf(name.toLowerCase(), host.toLowerCase()) > 0)
}

/** 0 where `name` does not take the host; exact names go before `*.x`, the longest first, those before `x.*`, then regexes. */
function rankOf(name: string, host: string): number {
  if (name === host) return 4000
  if (name.startsWith("~")) return readRegex(name.slice(1), true)?.test(host) ? 1 : 0
  if (name.startsWith(".") && host === name.slice(1)) return 4000
  const leading = name.startsWith("*.") ? name.slice(1) : name.startsWith(".") ? name : ""
  if (leading !== "" && host.endsWith(leading)) return 2000 + leading.length
  if (name.endsWith(".*") && host.startsWith(name.slice(0, -1))) return 1000 + name.length
  return 0
}
