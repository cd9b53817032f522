/** `proxy_next_upstream`: whether another peer may be tried. ngx_http_upstream_next. */
import type { Request } from "../../runtime/request.ts"
import type { Upstream } from "../../upstream/upstream.ts"
import type { NextUpstreamWord } from "./directives.ts"
import type { OutgoingBody } from "./request-body.ts"
import type { ProxySettings } from "./settings.ts"

export class TryBudget {
  readonly #settings: ProxySettings
  #startMs = 0
  #left = 0
  hasBegun = false
  /** Some bytes of the request have gone out. */
  isRequestSent = false

  constructor(settings: ProxySettings) {
    this.#settings = settings
  }

  /** Counts from now on: the group is known. */
  begin(group: Upstream): void {
    const limit = this.#settings.nextUpstreamTries
    this.hasBegun = true
    this.#startMs = this.#settings.services.timers.nowMs
    this.#left = limit > 0 ? Math.min(limit, group.tries) : group.tries
  }

  /** Whether a failure of the kind `word` may be answered by another try. */
  allows(word: NextUpstreamWord, request: Request, body: OutgoingBody | null): boolean {
    const { nextUpstream, nextUpstreamTimeoutMs, services } = this.#settings
    if (this.#left <= 1 || !nextUpstream.has(word)) return false
    if (this.isRequestSent) {
      if (!isIdempotent(request.method) && !nextUpstream.has("non_idempotent")) return false
      if (body !== null && !body.isRepeatable) return false
    }
    return nextUpstreamTimeoutMs === 0 || services.timers.nowMs - this.#startMs < nextUpstreamTimeoutMs
  }

  spend(): void {
    this.#left--
  }
}

/** POST, LOCK and PATCH are not. */
export function isIdempotent(method: string): boolean {
  return method !== "POST" && method !== "LOCK" && method !== "PATCH"
}
