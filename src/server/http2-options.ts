/** What a session of node:http2 is told, and the limits that keep a hostile client from costing much. */
import type { SecureServerSessionOptions } from "node:http2"
import type { RequestHeadLimits } from "../http/request-head.ts"
import type { Http2Settings } from "../modules/http2.ts"

/** RFC 9113 §6.9.1 */
export const MAX_WINDOW = 2 ** 31 - 1

/** Each field counts 32 octets more than its name and value (RFC 9113 §6.5.2). */
const FIELD_OVERHEAD_BYTES = 32
/** Fields of one head, cookie crumbs included. */
const MAX_FIELDS = 1000
/** Answers may have large heads: cookies, policies. */
const MAX_SENT_HEAD_BYTES = 256 * 1024
/** What one session may have queued: answers that the client has not taken, heads. Megabytes. */
const MAX_SESSION_MEGABYTES = 32
/** Streams that were open and reset: so many at once, then so many a second (CVE-2023-44487). */
const RESET_BURST = 1000
const RESET_RATE = 100
const MAX_SETTINGS_OF_A_FRAME = 32
const MAX_INVALID_FRAMES = 100
/** nginx ends a connection at max(100, http2_max_concurrent_streams) refused streams. */
const MIN_REFUSED_STREAMS = 100

export function http2Options(settings: Http2Settings, limits: RequestHeadLimits): SecureServerSessionOptions {
  return {
    settings: {
      enablePush: false,
      maxConcurrentStreams: settings.maxConcurrentStreams,
      initialWindowSize: settings.prereadBytes,
      enableConnectProtocol: settings.extendedConnect,
      // Beyond our own limit, so that what exceeds it is seen and logged; not much, since it may have been sent packed.
      maxHeaderListSize: 2 * limits.maxHeadBytes + MAX_FIELDS * FIELD_OVERHEAD_BYTES,
    },
    maxHeaderListPairs: MAX_FIELDS,
    maxSendHeaderBlockLength: MAX_SENT_HEAD_BYTES,
    maxSessionMemory: MAX_SESSION_MEGABYTES,
    maxSettings: MAX_SETTINGS_OF_A_FRAME,
    maxSessionInvalidFrames: MAX_INVALID_FRAMES,
    maxSessionRejectedStreams: Math.max(MIN_REFUSED_STREAMS, settings.maxConcurrentStreams),
    streamResetBurst: RESET_BURST,
    streamResetRate: RESET_RATE,
    // Fields of an answer go out as they came, twice where they came twice.
    strictSingleValueFields: false,
  }
}
