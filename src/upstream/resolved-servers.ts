/** The servers of a group whose names are resolved at run time. ngx_http_upstream_zone_module: `resolve`, `service`. */
import { isIPv4 } from "node:net"
import { ERROR, type Logger } from "../base/logger.ts"
import type { Timer, TimerWheel } from "../base/timers.ts"
import { HOST_NOT_FOUND, type NameResolver, resolverError } from "./name-resolver.ts"
import { type PeerOptions, tcpAddress } from "./peer.ts"
import type { PeerWait } from "./peer-wait.ts"
import { type FoundServer, findServers, type ServersAnswer } from "./service-lookup.ts"
import type { Upstream } from "./upstream.ts"

/** A `server` line with `resolve`. */
export interface RuntimeServer {
  readonly name: string
  /** `service`; "" where it has none. */
  readonly service: string
  readonly port: number
  /** What all of its peers have in common. */
  readonly options: Omit<PeerOptions, "address">
}

export interface ResolvedServersOptions {
  /** The group's lines in the order of the file: what a line's own addresses are, or what is to be resolved. */
  readonly fixed: readonly PeerOptions[]
  readonly servers: readonly RuntimeServer[]
  readonly takesBackups: boolean
  readonly resolver: NameResolver
  readonly timeoutMs: number
  readonly timers: TimerWheel
  nowMs(): number
  readonly log: Logger
  /** Says goodbye to the tunnels of a peer that has gone, over `windowMs`. */
  drainPeer(peerKey: string, windowMs: number): void
}

const MIN_RETRY_MS = 1000

/** Keeps the peers of one group what the name servers say. Each worker does so for itself, and so all agree soon. */
export class ResolvedServers {
  readonly options: ResolvedServersOptions
  private readonly entries: readonly Entry[]
  private group: Upstream | null
  /** @internal All that was found is in the group. */
  isComplete: boolean

  /** `previous`: those of the same group before a reload, whose addresses count until new ones have come. */
  constructor(options: ResolvedServersOptions, previous: ResolvedServers | undefined) {
    this.options = options
    this.group = null
    this.isComplete = true
    this.entries = options.servers.map((server) => {
      const before = previous?.entries.find(
        (entry) => entry.server.name === server.name && entry.server.service === server.service,
      )
      return new Entry(this, server, before)
    })
  }

  /** All peers as they are known now. */
  peers(): PeerOptions[] {
    const peers = [...this.options.fixed]
    for (const entry of this.entries)
      for (const found of entry.found) {
        const peer = this.peerOf(entry.server, found)
        if (peer !== undefined) peers.push(peer)
      }
    return peers
  }

  /** Begins to resolve the names for `group`. */
  start(group: Upstream): void {
    this.group = group
    for (const entry of this.entries) entry.start()
  }

  stop(): void {
    this.group = null
    for (const entry of this.entries) entry.stop()
  }

  /** @internal An entry has found other servers. */
  changed(): void {
    const { group } = this
    if (group === null) return
    const before = [...group.peers, ...group.backups].map((peer) => peer.key)
    const isTooMany = group.setPeers(this.peers()).length > 0
    this.isComplete = !isTooMany
    if (isTooMany)
      this.options.log.log(ERROR, `cannot add new server to upstream "${group.name}", memory exhausted`)
    if (group.drainMs === null) return
    const after = new Set([...group.peers, ...group.backups].map((peer) => peer.key))
    for (const key of new Set(before)) if (!after.has(key)) this.options.drainPeer(key, group.drainMs)
  }

  /** Undefined for a server that is not to be used: one of low priority of a line with `backup`. */
  private peerOf({ service, port, options }: RuntimeServer, found: FoundServer): PeerOptions | undefined {
    if (service === "") return { ...options, address: tcpAddress(found.host, port), isResolved: true }
    if (found.isBackup && (options.backup || !this.options.takesBackups)) return undefined
    return {
      ...options,
      address: tcpAddress(found.host, found.port),
      server: found.name,
      weight: options.weight === 1 ? found.weight : options.weight,
      backup: options.backup || found.isBackup,
      isResolved: true,
    }
  }
}

/** One line: asks for its name again and again. ngx_http_upstream_zone_resolve_timer. */
class Entry {
  readonly server: RuntimeServer
  found: readonly FoundServer[]
  private readonly owner: ResolvedServers
  private validSecond: number
  private readonly timer: Timer
  /** The answer that is being waited for. */
  private wait: PeerWait | null

  constructor(owner: ResolvedServers, server: RuntimeServer, before: Entry | undefined) {
    this.owner = owner
    this.server = server
    this.found = before?.found ?? []
    this.validSecond = before?.validSecond ?? 0
    this.wait = null
    this.timer = owner.options.timers.timer(() => this.ask())
  }

  start(): void {
    const waitMs = this.validSecond * 1000 - this.owner.options.nowMs()
    if (waitMs > 0) this.timer.start(waitMs)
    else this.ask()
  }

  stop(): void {
    this.timer.stop()
    this.wait?.cancel()
  }

  private ask(): void {
    const { resolver, timeoutMs } = this.owner.options
    const { name, service } = this.server
    this.wait = findServers(resolver, { name, service, timeoutMs }, (answer) => this.take(answer))
  }

  /** ngx_http_upstream_zone_resolve_handler. Only the answer that there is no such host takes the peers away. */
  private take(answer: ServersAnswer): void {
    const { timeoutMs, nowMs } = this.owner.options
    for (const { name, code } of answer.failures)
      this.log(
        `${name} could not be resolved (${code}: ${resolverError(code)}) while resolving service ${this.server.service} of ${this.server.name}`,
      )
    const { code } = answer
    if (code !== 0) {
      const what = this.server.service === "" ? "" : `service ${this.server.service} of `
      this.log(`${what}${this.server.name} could not be resolved (${code}: ${resolverError(code)})`)
      if (code !== HOST_NOT_FOUND) return this.timer.start(Math.max(timeoutMs, MIN_RETRY_MS))
    }
    const found = [...answer.servers].sort(inOrder)
    const isSame = JSON.stringify(found) === JSON.stringify(this.found)
    this.found = found
    this.validSecond = answer.validSecond
    const seconds = this.validSecond - Math.floor(nowMs() / 1000)
    this.timer.start(seconds > 0 ? (seconds + 1) * 1000 : MIN_RETRY_MS)
    if (!isSame || !this.owner.isComplete) this.owner.changed()
  }

  private log(text: string): void {
    this.owner.options.log.log(ERROR, text)
  }
}

/** The same order in each worker, whatever the order of the answers. ngx_http_upstream_zone_cmp_resolved. */
function inOrder(one: FoundServer, two: FoundServer): number {
  if (one.priority !== two.priority) return one.priority - two.priority
  if (one.weight !== two.weight) return two.weight - one.weight
  if (one.name !== two.name) return one.name < two.name ? -1 : 1
  const isFirst = isIPv4(one.host)
  if (isFirst !== isIPv4(two.host)) return isFirst ? -1 : 1
  return compareAddresses(one.host, two.host) || one.port - two.port
}

function compareAddresses(one: string, two: string): number {
  if (one === two) return 0
  if (!isIPv4(one)) return one < two ? -1 : 1
  const left = one.split(".").map(Number)
  const right = two.split(".").map(Number)
  const at = left.findIndex((octet, i) => octet !== right[i])
  return left[at] - right[at]
}
