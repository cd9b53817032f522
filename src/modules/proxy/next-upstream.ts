/** `proxy_next_upstream`: whether another peer may be tried. ngx_http_upstream_next. */
import type { Request } from "../../runtime/request.ts"
import type { Upstream } from "../../upstream/upstream.ts"
import type { NextUpstreamWord } from "./directives.ts"
import type { RequestBody } from "./request-body.ts"
import type { ProxySettings } from "./settings.ts"

export class TryBudget {
  readonly #settings: ProxySettings
  readonly #startMs: number
  #left: number
  /** Some bytes of the request have gone out. */
  isRequestSent = false

  constructor(settings: ProxySettings, group: Upstream) {
    const limit = settings.nextUpstreamTries
    this.#settings = settings
    this.#startMs = settings.services.timers.nowMs
    this.#left = limit > 0 ? Math.min(limit, group.tries) : group.tries
  }

  /** Whether a failure of the kind `word` may be answered by another try. */
  allows(word: NextUpstreamWord, request: Request, body: RequestBody | null): boolean {
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
