/**
 * The ways to choose a server: ip_hash, hash, least_conn, random, least_time. ngx_http_upstream_ip_hash_module,
 * _hash_module, _least_conn_module, _random_module, _least_time_module.
 */
import { directives, UPSTREAM, type ValueContext } from "../config/row.ts"
import type { Scope } from "../config/scope.ts"
import { parseMilliseconds, parseNumber } from "../config/values.ts"
import { type Template, template } from "../runtime/template.ts"
import type { BalancingMethod } from "../upstream/balancers/create.ts"
import type { LeastTimeOptions } from "../upstream/balancers/least-time.ts"
import type { StickyOptions } from "../upstream/balancers/sticky.ts"
import type { QueueOptions } from "../upstream/queue.ts"

/** How a group chooses, as its directives say. */
export interface WrittenMethod {
  readonly method: BalancingMethod | LeastTimeOptions
  readonly hashKey: Template | undefined
  readonly takesBackups: boolean
  /** Whether its servers may have `slow_start`: not where a hash or chance chooses. */
  readonly takesSlowStart: boolean
  readonly sticky: WrittenSticky | undefined
  readonly queue: QueueOptions | undefined
}

export type WrittenSticky = Omit<StickyOptions, "learning" | "memoryNames"> & {
  readonly learning: WrittenLearning | null
}

/** `sticky learn`, before its zone is there. */
export interface WrittenLearning {
  readonly create: StickyOptions["lookup"]
  readonly zone: string
  readonly sizeBytes: number
  readonly timeoutMs: number
  readonly afterHead: boolean
  readonly context: ValueContext
}

const ROUND_ROBIN: WrittenMethod = {
  method: "round_robin",
  hashKey: undefined,
  takesBackups: true,
  takesSlowStart: true,
  sticky: undefined,
  queue: undefined,
}

/** Where the method stands in a group's scope: it is what several directives say together. */
const METHOD = "load balancing method"

/** What the lines of the group that were read so far say. */
export function methodOf(scope: Scope): WrittenMethod {
  return (scope.own.get(METHOD)?.value as WrittenMethod | undefined) ?? ROUND_ROBIN
}

/** `sticky` goes on top of the method that stands before it. */
export function addSticky(sticky: WrittenSticky, context: ValueContext): void {
  setMethod({ ...methodOf(context.scope), sticky }, context)
}

/** `queue number [timeout=time]` goes on top of the method that stands before it, as `sticky` does. */
function parseQueue(args: readonly string[], context: ValueContext): true {
  const [count, parameter] = args as [string, string?]
  const limit = parseNumber(count)
  if (!limit) return context.fail(`invalid value "${count}" in "queue" directive`)
  let timeoutMs: number | undefined = DEFAULT_QUEUE_TIMEOUT_MS
  if (parameter !== undefined)
    timeoutMs = parameter.startsWith("timeout=") ? parseMilliseconds(parameter.slice(8)) : undefined
  if (timeoutMs === undefined) return context.fail(`invalid parameter "${parameter}"`)
  setMethod({ ...methodOf(context.scope), queue: { limit, timeoutMs } }, context)
  return true
}

const DEFAULT_QUEUE_TIMEOUT_MS = 60_000

function setMethod(method: WrittenMethod, context: ValueContext): void {
  context.scope.own.set(METHOD, { value: method, directive: context.directive })
}

/**
 * nginx warns where another method, `keepalive` or `sticky` among them, stands before. As there, a `sticky` before
 * the method has no effect then.
 */
function useMethod(
  method: BalancingMethod | LeastTimeOptions,
  takesBackups: boolean,
  context: ValueContext,
  hashKey?: Template,
): true {
  const { own } = context.scope
  if (own.has(METHOD) || own.has("keepalive")) context.warn("load balancing method redefined")
  setMethod(
    { method, hashKey, takesBackups, takesSlowStart: takesBackups, sticky: undefined, queue: undefined },
    context,
  )
  return true
}

function parseHash(args: readonly string[], context: ValueContext): true {
  const [key, way] = args as [string, string?]
  const hashKey = template(key, context)
  if (way === undefined) return useMethod("hash", false, context, hashKey)
  useMethod("consistent_hash", false, context, hashKey)
  return way === "consistent" ? true : context.fail(`invalid parameter "${way}"`)
}

function parseRandom(args: readonly string[], context: ValueContext): true {
  const [two, way] = args
  useMethod(two === undefined ? "random" : "random_two", false, context)
  if (two !== undefined && two !== "two") context.fail(`invalid parameter "${two}"`)
  if (way !== undefined && way !== "least_conn") context.fail(`invalid parameter "${way}"`)
  return true
}

function parseLeastTime(args: readonly string[], context: ValueContext): true {
  const [written, inflight] = args as [string, string?]
  const mode = written.toLowerCase()
  const isHeader = mode === "header"
  useMethod({ mode: isHeader ? "header" : "last_byte", inflight: inflight !== undefined }, true, context)
  if (inflight !== undefined && inflight !== "inflight") context.fail(`invalid parameter "${inflight}"`)
  return isHeader || mode === "last_byte" ? true : context.fail(`invalid value "${written}"`)
}

const last = (): true => true

export const methodRows = directives({
  queue: {
    in: UPSTREAM,
    args: [1, 2],
    parse: parseQueue,
    inherit: false,
    syntax: "number [timeout=time]",
    doc: "How many requests of a worker wait where no server can be chosen at once, since all have `max_conns` or are not available; each for `timeout=60s`, then the answer is 502, as it is at once where the queue is full. Stands below the balancing method.",
  },
  ip_hash: {
    in: UPSTREAM,
    args: 0,
    parse: (_args, context): true => useMethod("ip_hash", false, context),
    join: last,
    inherit: false,
    doc: "Chooses the server by the client's address.",
  },
  hash: {
    in: UPSTREAM,
    args: [1, 2],
    parse: parseHash,
    join: last,
    inherit: false,
    syntax: "key [consistent]",
    doc: "Chooses the server by a key, made of text and variables; `consistent` moves few keys when a server comes or goes (ketama).",
  },
  least_conn: {
    in: UPSTREAM,
    args: 0,
    parse: (_args, context): true => useMethod("least_conn", true, context),
    join: last,
    inherit: false,
    doc: "Chooses the server with the fewest connections for its weight; tunnels count as long as they last.",
  },
  random: {
    in: UPSTREAM,
    args: [0, 2],
    parse: parseRandom,
    join: last,
    inherit: false,
    syntax: "[two [method]]",
    doc: "Chooses a server at random, by weight; with `two`, of two the one with fewer connections.",
  },
  least_time: {
    in: UPSTREAM,
    args: [1, 2],
    parse: parseLeastTime,
    inherit: false,
    syntax: "header | last_byte [inflight]",
    doc: "Chooses the server with the least average time until the `header` or the `last_byte` of an answer and the fewest connections; with `inflight`, requests that are not answered yet count as well. Of a tunnel the time until its 101 counts.",
  },
})
