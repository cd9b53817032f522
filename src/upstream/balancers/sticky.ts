import { type Logger, WARN } from "../../base/logger.ts"
import type { Request } from "../../runtime/request.ts"
import type { VariableGetter } from "../../runtime/variables.ts"
import type { Peer } from "../peer.ts"
import { type StickyCookieOptions, stickyCookie } from "./sticky-cookie.ts"
import type { StickySessions } from "./sticky-sessions.ts"

/** `sticky learn`: sessions are begun by what the server answers. */
export interface StickyLearning {
  /** What may name a session that begins: the first that is not empty does. */
  readonly create: readonly VariableGetter[]
  readonly sessions: StickySessions
  /** A session begins with the head of an answer, not at its end. */
  readonly afterHead: boolean
  /** The zone's name, and where to say that it is full. */
  readonly zone: string
  readonly log: Logger
}

export interface StickyOptions {
  /** What may name the server, or with `learning` the session: the first that is not empty does. */
  readonly lookup: readonly VariableGetter[]
  readonly cookie: StickyCookieOptions | null
  readonly learning: StickyLearning | null
  /** The names of the shared memory that it uses. */
  readonly memoryNames: readonly string[]
}

/** How the requests of one client stay with one server: ngx_http_upstream_sticky_module. One for each group. */
export class Sticky {
  readonly memoryNames: readonly string[]
  readonly cookie: StickyCookieOptions | null
  readonly learning: StickyLearning | null
  private readonly lookup: readonly VariableGetter[]

  constructor(options: StickyOptions) {
    this.memoryNames = options.memoryNames
    this.cookie = options.cookie
    this.learning = options.learning
    this.lookup = options.lookup
  }

  /** To be called when the request is about to choose its first peer. */
  begin(request: Request): StickySession {
    return new StickySession(this, request, firstValue(this.lookup, request))
  }
}

/** One request's part in it. */
export class StickySession {
  private readonly sticky: Sticky
  private readonly request: Request
  /** What the request names: a server or a session; "" for nothing. */
  private readonly id: string
  /** Where its Set-Cookie stands among the response's fields; -1 before it does. */
  private cookieAt: number

  constructor(sticky: Sticky, request: Request, id: string) {
    this.sticky = sticky
    this.request = request
    this.id = id
    this.cookieAt = -1
  }

  /** The id of the server that the request is to go to; "" for any. */
  boundTo(nowMs: number): string {
    const { learning } = this.sticky
    if (this.id === "" || learning === null) return this.id
    return learning.sessions.find(this.id, nowMs)
  }

  /** `peer` was chosen: its cookie goes out with the answer, whatever that is. */
  chosen(peer: Peer, nowMs: number): void {
    const { cookie } = this.sticky
    if (cookie === null) return
    const { headers } = this.request.response
    const value = stickyCookie(cookie, peer.sid, this.request, nowMs)
    if (this.cookieAt !== -1 && headers.keys[this.cookieAt] === "set-cookie")
      headers.values[this.cookieAt] = value
    else {
      this.cookieAt = headers.length
      headers.push("Set-Cookie", "set-cookie", value)
    }
  }

  /** The head of an answer that is relayed has come from `peer`. */
  answered(peer: Peer, nowMs: number): void {
    if (this.sticky.learning?.afterHead === true) this.learn(peer, nowMs)
  }

  /** The request is done with `peer`, which did not fail. */
  ended(peer: Peer, nowMs: number): void {
    if (this.sticky.learning?.afterHead === false) this.learn(peer, nowMs)
  }

  /** A tunnel begins: all that is to be known of its request is known, and it may last for days. */
  tunnelled(peer: Peer, nowMs: number): void {
    this.learn(peer, nowMs)
  }

  private learn(peer: Peer, nowMs: number): void {
    const { learning } = this.sticky
    if (learning === null) return
    const created = firstValue(learning.create, this.request)
    const id = created === "" ? this.id : created
    if (id === "") return
    if (learning.sessions.note(id, peer.sid, created !== "", nowMs) && learning.log.level >= WARN)
      learning.log.log(
        WARN,
        `could not allocate node in sticky session zone "${learning.zone}", expiring least recently used session`,
      )
  }
}

function firstValue(getters: readonly VariableGetter[], request: Request): string {
  for (let i = 0; i < getters.length; i++) {
    const value = getters[i](request)
    if (value !== undefined && value !== "") return value
  }
  return ""
}
