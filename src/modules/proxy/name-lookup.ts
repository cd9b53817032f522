/** The group behind a name that a proxy_pass with variables gives. ngx_http_upstream_resolve_handler. */
import { ERROR } from "../../base/logger.ts"
import type { Request } from "../../runtime/request.ts"
import { type NameAnswer, type NameWaiter, resolverError } from "../../upstream/name-resolver.ts"
import { tcpAddress } from "../../upstream/peer.ts"
import type { PeerWait } from "../../upstream/peer-wait.ts"
import type { Upstream } from "../../upstream/upstream.ts"
import type { LocationResolver } from "../resolver.ts"
import { impliedGroup, type WrittenAddress } from "../upstream.ts"
import type { GroupLookup, GroupWaiter } from "./peer-lease.ts"

const UNRESOLVED = Symbol("unresolved name")

/** The name that no addresses were found of for this request; undefined where there is none such. */
export function unresolvedName(request: Request): string | undefined {
  return request.note(UNRESOLVED)
}

/** One request's. The group is the request's own, as in nginx: which of its addresses comes first is left to chance. */
export class NameLookup implements GroupLookup, NameWaiter, PeerWait {
  readonly #request: Request
  readonly #address: WrittenAddress
  readonly #from: LocationResolver | undefined
  #waiter: GroupWaiter | null = null

  /** `from` is undefined where there is no `resolver`. */
  constructor(request: Request, address: WrittenAddress, from: LocationResolver | undefined) {
    this.#request = request
    this.#address = address
    this.#from = from
  }

  find(): Upstream | null {
    const answer = this.#from?.resolver.known(this.#address.host)
    return answer ? this.#groupOf(answer) : null
  }

  begin(waiter: GroupWaiter): PeerWait {
    this.#waiter = waiter
    if (this.#from !== undefined)
      return this.#from.resolver.resolve(this.#address.host, this.#from.timeoutMs, this)
    queueMicrotask(() => this.#fail(`no resolver defined to resolve ${this.#address.host}`))
    return this
  }

  /** A wait for the resolver that there is not. */
  cancel(): void {
    this.#waiter = null
  }

  onAddresses(answer: NameAnswer): void {
    this.#waiter?.onGroup(this.#groupOf(answer))
  }

  onUnresolved(code: number): void {
    const { host } = this.#address
    const name = host.endsWith(".") ? host.slice(0, -1) : host
    this.#fail(`${name.toLowerCase()} could not be resolved (${code}: ${resolverError(code)})`)
  }

  #fail(why: string): void {
    if (this.#waiter === null) return
    // What an error page asks next counts as the second upstream, though the first was never found.
    this.#request.upstreamStates ??= []
    this.#request.setNote(UNRESOLVED, this.#address.host)
    this.#request.log(ERROR, why)
    this.#waiter.onGroup(null)
  }

  /** ngx_resolver_export: both kinds of addresses begin anywhere, and so do both together. */
  #groupOf({ ipv4, ipv6 }: NameAnswer): Upstream {
    const { text, port } = this.#address
    const hosts = rotated([...rotated(ipv4), ...rotated(ipv6)])
    return impliedGroup(
      text,
      hosts.map((host) => tcpAddress(host, port)),
    )
  }
}

function rotated(list: readonly string[]): readonly string[] {
  if (list.length < 2) return list
  const start = Math.floor(Math.random() * list.length)
  return [...list.slice(start), ...list.slice(0, start)]
}
