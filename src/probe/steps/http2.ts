/** The same over HTTP/2 (RFC 8441), where ALPN and SETTINGS allow. */

import { printable } from "../../base/visible-text.ts"
import { Deadline } from "../../client/deadline.ts"
import { type Connection, dial } from "../../client/dial.ts"
import { DialError } from "../../client/dial-error.ts"
import { formatDuration } from "../../client/duration.ts"
import { dialText } from "../dial-text.ts"
import { type HandshakeResult, isAccepted } from "../handshake.ts"
import { type Http2Talk, talkHttp2 } from "../http2-talk.ts"
import { endText } from "../messages-text.ts"
import type { StepResult } from "../report.ts"
import { type Step, step } from "../step.ts"

export interface Http2Seen {
  /** Of "h2" and "http/1.1", both of which were offered; "" where the server chose none. */
  readonly alpn: string
  /** Undefined without h2. */
  readonly talk: Http2Talk | undefined
}

export const http2: Step = {
  id: "http2",
  title: "HTTP/2",
  skip: ({ endpoint }, { handshake }) =>
    !endpoint.secure || (handshake?.kind === "unreachable" && !refusesHttp1(handshake)) ? "" : undefined,
  run: async (context, seen) => {
    const deadline = new Deadline(context.client.timeoutMs)
    let connection: Connection
    try {
      connection = await dial(context.endpoint, {
        ...context.dialOptions,
        deadline,
        alpn: ["h2", "http/1.1"],
      })
    } catch (error) {
      if (!(error instanceof DialError)) throw error
      return step("info", `not tried: ${printable(dialText(error))}`)
    }
    const alpn = connection.tls?.alpnProtocol || ""
    if (alpn !== "h2") {
      connection.socket.on("error", () => {}).destroy()
      seen.http2 = { alpn, talk: undefined }
      return step("info", "not offered: browsers then use HTTP/1.1")
    }
    const talk = await talkHttp2(connection, context)
    seen.http2 = { alpn, talk }
    return describe(talk, seen.handshake)
  },
}

/** Whether there was no HTTP/1.1 to be had (ALPN). */
function refusesHttp1(result: HandshakeResult | undefined): boolean {
  return result?.kind === "unreachable" && /NO_APPLICATION_PROTOCOL/.test(result.error.code)
}

function describe(talk: Http2Talk, handshake: HandshakeResult | undefined): StepResult {
  const { kind, status, reply, replyMs, ms, reason, end, body } = talk
  if (kind === "not-offered")
    return refusesHttp1(handshake)
      ? step("failed", "no WebSockets over HTTP/2, and nothing but HTTP/2 is spoken")
      : step("info", "without WebSockets (RFC 8441): browsers use HTTP/1.1")
  if (kind === "untried") return step("info", `not tried: ${printable(reason)}`)
  // Where HTTP/1.1 does not work either, that explains it.
  const outcome = isAccepted(handshake) ? "failed" : "info"
  if (kind === "silent") return step(outcome, status === undefined ? "no answer" : "no answer behind the 200")
  if (kind === "refused") {
    const lines = body.split(/\r?\n/).slice(0, SHOWN_LINES).map(printable)
    return step(outcome, `WebSockets are offered, and refused: ${status}`, lines)
  }
  if (kind === "broken") return step(outcome, `WebSockets are offered, and break: ${printable(reason)}`)
  if (end !== undefined) return step("info", `the WebSocket opens over HTTP/2, then ${endText(end)}`)
  const heard = reply === undefined ? "no pong" : `${reply} in ${formatDuration(replyMs)}`
  return step("ok", `the WebSocket opens by extended CONNECT in ${formatDuration(ms)}, ${heard}`)
}

const SHOWN_LINES = 5
