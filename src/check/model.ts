/** The routing of a configuration: servers, locations in the order in which they match, groups, what a location proxies to. */
import { splitUrl } from "../modules/proxy/proxy-pass.ts"
import { effective, effectiveList } from "./effective.ts"
import type { Target } from "./target.ts"
import type { Node, Tree } from "./tree.ts"

export type LocationKind = "exact" | "prefix" | "prefix-final" | "regex" | "regex-insensitive" | "named"

/** A `listen` line. */
export interface Listen {
  readonly node: Node
  /** As written, without its port: "*", "127.0.0.1", "[::]", "unix:/run/x". */
  readonly host: string
  readonly port: string
  readonly isSsl: boolean
  readonly parameters: readonly string[]
}

export interface Server {
  readonly node: Node
  readonly names: readonly string[]
  readonly listens: readonly Listen[]
  /** All, the nested ones included, in the order of the file. */
  readonly locations: readonly Location[]
}

/** Where `proxy_pass` leads. */
export interface ProxyTarget {
  readonly node: Node
  readonly url: string
  readonly scheme: "http" | "https" | null
  /** The group's name or the address; "" where variables make it. */
  readonly host: string
  /** What replaces the location's part of the path; undefined: nothing does. */
  readonly uri: string | undefined
  readonly hasVariables: boolean
  readonly upstream: Upstream | null
}

export interface Upstream {
  readonly node: Node
  readonly name: string
  readonly servers: readonly Node[]
}

export interface Location {
  readonly node: Node
  readonly server: Server
  readonly kind: LocationKind
  /** The path or the regular expression. */
  readonly path: string
  readonly proxy: ProxyTarget | null
  /** Why it is taken to serve WebSockets: "it forwards Upgrade"; null where it does not. */
  readonly webSocket: string | null
  /** It has what makes an upgrade reach the backend, whatever its path says. */
  readonly forwardsUpgrade: boolean
}

export interface Model {
  readonly tree: Tree
  readonly target: Target
  readonly main: Node
  readonly http: Node | null
  readonly servers: readonly Server[]
  readonly upstreams: ReadonlyMap<string, Upstream>
  /** Blocks of `map`, by the variable that they define, without its "$". */
  readonly maps: ReadonlyMap<string, Node>
  /** Locations of all servers that serve WebSockets. */
  readonly webSockets: readonly Location[]
}

export interface ModelOptions {
  /** Paths that the user says are WebSockets: `--location`. */
  readonly paths?: readonly string[]
}

export function buildModel(tree: Tree, target: Target, options: ModelOptions = {}): Model {
  const http = tree.root.own("http")[0] ?? null
  const upstreams = new Map<string, Upstream>()
  for (const node of http?.own("upstream") ?? [])
    upstreams.set(node.args[0] ?? "", { node, name: node.args[0] ?? "", servers: node.own("server") })
  const maps = new Map<string, Node>()
  for (const node of http?.own("map") ?? []) maps.set((node.args[1] ?? "").replace(/^\$/, ""), node)
  const builder = new Builder(tree, target, upstreams, options.paths ?? [])
  const servers = (http?.own("server") ?? []).map((node) => builder.server(node))
  const webSockets = servers.flatMap(({ locations }) => locations.filter((one) => one.webSocket !== null))
  return { tree, target, main: tree.root, http, servers, upstreams, maps, webSockets }
}

class Builder {
  readonly #tree: Tree
  readonly #target: Target
  readonly #upstreams: ReadonlyMap<string, Upstream>
  readonly #paths: readonly string[]

  constructor(
    tree: Tree,
    target: Target,
    upstreams: ReadonlyMap<string, Upstream>,
    paths: readonly string[],
  ) {
    this.#tree = tree
    this.#target = target
    this.#upstreams = upstreams
    this.#paths = paths
  }

  server(node: Node): Server {
    const locations: Location[] = []
    const names = node.own("server_name").flatMap(({ args }) => args)
    const listens = node.own("listen").map(parseListen)
    const server: Server = { node, names, listens, locations }
    this.#collect(node, server, locations)
    locations.forEach((one, index) => {
      if (one.webSocket !== null && one.webSocket === reasonOfName(one) && hasBetter(locations, one))
        locations[index] = { ...one, webSocket: null }
    })
    return server
  }

  #collect(block: Node, server: Server, into: Location[]): void {
    for (const node of block.own("location")) {
      into.push(this.#location(node, server))
      this.#collect(node, server, into)
    }
  }

  #location(node: Node, server: Server): Location {
    const { kind, path } = readName(node.args)
    const proxy = this.#proxyOf(node)
    const forwardsUpgrade = proxy !== null && forwardsUpgradeAt(node, this.#target)
    const webSocket = this.#webSocketReason(node, path, proxy, forwardsUpgrade)
    return { node, server, kind, path, proxy, webSocket, forwardsUpgrade }
  }

  #proxyOf(node: Node): ProxyTarget | null {
    const pass = node.own("proxy_pass").at(-1) ?? node.own("if").flatMap((one) => one.own("proxy_pass"))[0]
    if (pass === undefined) return null
    const url = pass.args[0] ?? ""
    const hasVariables = url.includes("$")
    const split = splitUrl(url)
    const host = split === undefined || split.host.includes("$") ? "" : split.host
    const upstream = this.#upstreams.get(host) ?? null
    return { node: pass, url, scheme: split?.scheme ?? null, host, uri: split?.uri, hasVariables, upstream }
  }

  #webSocketReason(node: Node, path: string, proxy: ProxyTarget | null, forwards: boolean): string | null {
    const said = this.#saidOf(node)
    if (said === false) return null
    if (said === true) return "a comment says so"
    if (this.#paths.includes(path)) return "--location says so"
    if (effective(node, "websocket", this.#target)?.value === "on") return 'it has "websocket on"'
    if (proxy === null) return null
    if (forwards) return isAssetPath(path) ? null : "it forwards Upgrade"
    if (upgradesConnection(node)) return "it sends Connection: upgrade"
    if (isSocketPath(path)) return `"${path}" is a usual path for WebSockets`
    if (SOCKET_NAME.test(proxy.host)) return reasonOfBackend(proxy.host)
    return null
  }

  /** `# holdfast: websocket` or `# holdfast: no-websocket` in the line before a location, or at the end of its own. */
  #saidOf({ position }: Node): boolean | null {
    const lines = this.#tree.files.get(position.file)?.lines
    for (const line of [lines?.[position.line - 2], lines?.[position.line - 1]]) {
      const word = line === undefined ? undefined : /#\s*holdfast:\s*(no-)?websocket\b/.exec(line)
      if (word) return word[1] === undefined
    }
    return null
  }
}

/** Whether the requests that `block` proxies have the client's Upgrade, or one of their own. */
export function forwardsUpgradeAt(block: Node, target: Target): boolean {
  if (effective(block, "websocket", target)?.value === "on") return true
  const field = proxyHeader(block, "upgrade")
  return field !== null && /\$http_upgrade\b|websocket/i.test(field.args[1] ?? "")
}

function upgradesConnection(block: Node): boolean {
  const field = proxyHeader(block, "connection")
  return field !== null && /upgrade/i.test(field.args[1] ?? "")
}

/** The `proxy_set_header` in force for a field, by its name in lower case; null where there is none. */
export function proxyHeader(block: Node, name: string): Node | null {
  const { nodes } = effectiveList(block, "proxy_set_header")
  return nodes.findLast(({ args }) => args[0]?.toLowerCase() === name) ?? null
}

function reasonOfBackend(host: string): string {
  return `its backend is "${host}"`
}

function reasonOfName({ proxy }: Location): string | null {
  return proxy === null ? null : reasonOfBackend(proxy.host)
}

/** A server of WebSockets has pages, too: where another location forwards Upgrade to it, that is the one. */
function hasBetter(locations: readonly Location[], { proxy }: Location): boolean {
  return locations.some((other) => other.forwardsUpgrade && other.proxy?.host === proxy?.host)
}

const SOCKET_NAME =
  /(?:^|[^a-z])(?:ws|wss|websockets?|socket(?:io)?|cable|signalr|soketi|centrifugo)(?:[^a-z]|$)/i

const SOCKET_PATHS =
  /(?:^|[/(|^])(?:ws|wss|websockets?|socket|socket\.io|socket\\\.io|sockjs(?:-node)?|cable|hubs?|signalr|live|phoenix|_next\/webpack-hmr|_stcore\/stream|graphql|subscriptions|mqtt|wsapp|xmpp-websocket|stomp|engine\.io|websockify)(?:[/)|$?*]|$)/i

/** Whether people usually serve WebSockets at such a path. */
export function isSocketPath(path: string): boolean {
  return SOCKET_PATHS.test(path)
}

const ASSET_PATHS =
  /^(?:\/(?:_next\/(?:static|image)|static|assets|images|img|css|js|fonts)(?:\/|$)|.*\\\.\(?(?:\?:)?(?:js|css|png|jpe\?g|jpg|gif|ico|svg|woff2?)\b)/i

/** Files, which come without WebSockets although the `server` around says how those are forwarded. */
function isAssetPath(path: string): boolean {
  return ASSET_PATHS.test(path)
}

function readName(args: readonly string[]): { kind: LocationKind; path: string } {
  const [first = "", second] = args
  if (second !== undefined) {
    const kinds: Record<string, LocationKind> = {
      "=": "exact",
      "^~": "prefix-final",
      "~": "regex",
      "~*": "regex-insensitive",
    }
    return { kind: kinds[first] ?? "prefix", path: second }
  }
  if (first.startsWith("@")) return { kind: "named", path: first }
  for (const [sign, kind] of [
    ["^~", "prefix-final"],
    ["~*", "regex-insensitive"],
    ["~", "regex"],
    ["=", "exact"],
  ] as const)
    if (first.startsWith(sign)) return { kind, path: first.slice(sign.length) }
  return { kind: "prefix", path: first }
}

function parseListen(node: Node): Listen {
  const [address = "80", ...parameters] = node.args
  const isSsl = parameters.includes("ssl") || effectiveFlag(node)
  if (address.startsWith("unix:")) return { node, host: address, port: "", isSsl, parameters }
  const colon = address.startsWith("[") ? address.indexOf("]:") + 1 : address.lastIndexOf(":")
  if (/^\d+$/.test(address)) return { node, host: "*", port: address, isSsl, parameters }
  if (colon <= 0) return { node, host: address, port: "80", isSsl, parameters }
  return { node, host: address.slice(0, colon), port: address.slice(colon + 1), isSsl, parameters }
}

/** `ssl on`, of nginx before 1.25. */
function effectiveFlag(listen: Node): boolean {
  return listen.parent?.own("ssl").at(-1)?.args[0] === "on"
}
