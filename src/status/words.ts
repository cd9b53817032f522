/** Numbers, times and causes as people say them. */
import { reasonPhrase } from "../http/status.ts"
import type { FailureStatus } from "../observe/snapshot.ts"

const MINUTE = 60
const HOUR = 3600
const DAY = 86_400

/** `4 s`, `3 min`, `3 h 12 min`, `5 d 2 h`. */
export function duration(ms: number): string {
  const seconds = Math.max(Math.round(ms / 1000), 0)
  if (seconds < MINUTE) return `${seconds} s`
  if (seconds < HOUR) return `${Math.floor(seconds / MINUTE)} min`
  if (seconds < DAY) return `${Math.floor(seconds / HOUR)} h ${Math.floor((seconds % HOUR) / MINUTE)} min`
  return `${Math.floor(seconds / DAY)} d ${Math.floor((seconds % DAY) / HOUR)} h`
}

/** The same in its largest unit alone: for tables. */
export function shortDuration(ms: number): string {
  return duration(ms).replace(/(\w) \d.*/, "$1")
}

/** `812 KB`, `84 MB`, `1.2 GB`. */
export function size(bytes: number): string {
  if (bytes < 1e6) return `${Math.round(bytes / 1e3)} KB`
  return bytes < 1e9 ? `${Math.round(bytes / 1e6)} MB` : `${(bytes / 1e9).toFixed(1)} GB`
}

/** Of RFC 6455 §4.2.1. */
const PARTS: ReadonlyMap<string, string> = new Map([
  ["method", "the client's method is not GET"],
  ["version", "the client's version is HTTP/1.0"],
  ["Upgrade", "no Upgrade: websocket in the client's request"],
  ["Connection", "no Connection: upgrade in the client's request"],
  ["Sec-WebSocket-Key", "no valid Sec-WebSocket-Key in the client's request"],
  ["Sec-WebSocket-Version", "no Sec-WebSocket-Version: 13 in the client's request"],
])

/** Why handshakes failed, in plain words. */
export function failureText(failure: FailureStatus): string {
  const { cause, status, peer, part } = failure
  switch (cause) {
    case "backend-status":
      return `${peer} answered ${statusText(status)}`
    case "upgrade-not-forwarded":
      return `Upgrade is not passed on; ${peer} answered ${status}`
    case "connect-refused":
      return `${peer} refused the connection`
    case "connect-timeout":
      return `${peer} did not accept in time`
    case "connect-failed":
      return `${peer} cannot be reached`
    case "tls-failed":
      return `TLS with ${peer} failed`
    case "reset":
      return `${peer} reset the connection before its answer`
    case "closed":
      return `${peer} closed before its answer`
    case "answer-timeout":
      return `${peer} did not answer in time`
    case "invalid-header":
      return `${peer} sent an invalid header`
    case "invalid-101":
      return `${peer} sent a 101 that must not be relayed`
    case "no-live-upstreams":
      return `no live upstreams in ${peer}`
    case "name-not-resolved":
      return `${peer} could not be resolved`
    case "own-status":
      return `Holdfast itself answered ${statusText(status)}`
    case "bad-handshake":
      return PARTS.get(part) ?? "the client's request is no handshake"
    case "client-gone":
      return "the client left before an answer"
  }
}

function statusText(status: number): string {
  const reason = reasonPhrase(status)
  return reason === "" ? String(status) : `${status} ${reason}`
}
