/** What stands behind locations: groups of servers, and what kind of host an address names. */
import { isIPv4, isIPv6 } from "node:net"
import type { Location, Model, ProxyTarget, Upstream } from "./model.ts"
import type { Node } from "./tree.ts"

/** The host of "host:port", "[v6]:port" or "unix:/path", in lower case and without brackets; "unix:" for a socket. */
export function hostOf(address: string): string {
  if (address.startsWith("unix:")) return "unix:"
  if (address.startsWith("[")) return address.slice(1, address.indexOf("]")).toLowerCase()
  const colon = address.indexOf(":")
  return (colon === -1 ? address : address.slice(0, colon)).toLowerCase()
}

export function isAddress(host: string): boolean {
  return isIPv4(host) || isIPv6(host)
}

/** Whether what is sent there never leaves the machine. */
export function isLocal(host: string): boolean {
  return host === "unix:" || host === "localhost" || host === "::1" || /^127\.\d+\.\d+\.\d+$/.test(host)
}

/** Whether somebody must be asked for its address. */
export function isHostName(host: string): boolean {
  return /^[a-z0-9_](?:[a-z0-9._-]*[a-z0-9_.])?$/.test(host) && !isAddress(host)
}

/** The hosts that a location may talk to; empty where variables make them. */
export function hostsBehind(proxy: ProxyTarget): readonly string[] {
  if (proxy.upstream !== null) return proxy.upstream.servers.map(({ args }) => hostOf(args[0] ?? ""))
  return proxy.host === "" ? [] : [hostOf(proxy.host)]
}

/** A group that serves WebSockets, with the locations that lead to it. */
export interface SocketGroup {
  readonly upstream: Upstream
  readonly locations: readonly [Location, ...Location[]]
}

export function socketGroups({ webSockets }: Model): readonly SocketGroup[] {
  const groups = new Map<Upstream, [Location, ...Location[]]>()
  for (const location of webSockets) {
    const upstream = location.proxy?.upstream ?? null
    if (upstream === null) continue
    const known = groups.get(upstream)
    if (known === undefined) groups.set(upstream, [location])
    else known.push(location)
  }
  return [...groups].map(([upstream, locations]) => ({ upstream, locations }))
}

/** The servers of a group among which requests are shared out: without `backup` and `down`. */
export function sharedServers({ servers }: Upstream): readonly Node[] {
  return servers.filter(({ args }) => !args.includes("backup") && !args.includes("down"))
}
