/** Locations whose answers are streams: what a WebSocket library falls back to, and server-sent events. */
import { effective, timeSeconds } from "./effective.ts"
import type { Location, Model } from "./model.ts"

export interface StreamReason {
  /** "SockJS falls back to streams over plain HTTP" */
  readonly text: string
  readonly isSure: boolean
}

/** By path; each of them streams. Socket.IO does not: its polls are answered as a whole, which buffers do not hold. */
const BY_PATH: readonly (readonly [path: RegExp, text: string, needsUpgrade: boolean])[] = [
  [/(?:^|[/^])sockjs(?:-node)?(?:[/$)]|$)/i, "SockJS falls back to streams over plain HTTP", false],
  [/(?:^|[/^])signalr(?:[/$)]|$)/i, "SignalR falls back to server-sent events", false],
  [/hubs?(?:[/$)]|$)/i, "SignalR falls back to server-sent events", true],
  [/(?:^|[/^.])(?:sse|eventsource|event-?stream)s?(?:[/$)]|$)/i, "its path says server-sent events", false],
  [/\.well-known\/mercure/i, "Mercure sends server-sent events", false],
]

const MAYBE = /(?:^|[/^])(?:events?|stream|streaming|notifications|subscribe|updates)(?:[/$)]|$)/i
/** Nobody sets a longer time for answers that come as a whole. */
const LONG_SECONDS = 300

/** Why a location is taken to have streams; null where it is not. */
export function streamReason(
  { node, path, proxy, forwardsUpgrade }: Location,
  { target }: Model,
): StreamReason | null {
  if (proxy === null) return null
  const found = BY_PATH.find(
    ([regex, , needsUpgrade]) => regex.test(path) && (forwardsUpgrade || !needsUpgrade),
  )
  if (found !== undefined) return { text: found[1], isSure: true }
  if (!MAYBE.test(path) || forwardsUpgrade) return null
  const timeout = effective(node, "proxy_read_timeout", target)
  const seconds = timeSeconds(timeout?.value ?? "") ?? 0
  if (timeout?.origin?.parent !== node || seconds < LONG_SECONDS) return null
  return {
    text: `its path and its proxy_read_timeout of ${timeout.value} say that answers are streams`,
    isSure: false,
  }
}
