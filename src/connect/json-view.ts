/** Events for programs that want to know all of them: an object a line. docs/connect.md has the fields. */
import { closeName } from "./close-codes.ts"
import type { ConnectEvent, View, Writer } from "./events.ts"

export function jsonView(output: Writer, now: () => Date = () => new Date()): View {
  return (event) => {
    const fields = fieldsOf(event)
    if (fields !== undefined) output.write(`${JSON.stringify({ time: now().toISOString(), ...fields })}\n`)
  }
}

/** Undefined for what is no event of the connection. */
function fieldsOf(one: ConnectEvent): Record<string, unknown> | undefined {
  const { event } = one
  switch (event) {
    case "open": {
      const { address, tls = null, subprotocol, extensions, server = null, tookMs } = one.info
      return { event, url: one.url, address, tls, subprotocol, extensions, server, tookMs: rounded(tookMs) }
    }
    case "message":
      return one.isBinary
        ? { event, type: "binary", hex: one.data.toString("hex") }
        : { event, type: "text", text: one.data.toString("utf8") }
    case "ping":
      return { event, payload: one.payload.toString("utf8") }
    case "pong":
      return { event, payload: one.payload.toString("utf8"), roundTripMs: rounded(one.roundTripMs ?? null) }
    case "close": {
      const { code, reason, by, fault = null, livedMs, idleMs } = one.end
      const times = { livedMs: rounded(livedMs), idleMs: rounded(idleMs) }
      return {
        event,
        code,
        name: closeName(code),
        reason,
        by,
        fault,
        ...times,
        explanation: one.explanation ?? null,
      }
    }
    case "error":
      return {
        event,
        stage: one.stage,
        status: one.status ?? null,
        message: one.message,
        details: one.details,
      }
    case "retry":
      return { event, attempt: one.attempt, inMs: rounded(one.inMs) }
    default:
      return undefined
  }
}

function rounded(ms: number | null): number | null {
  return ms === null ? null : Math.round(ms * 10) / 10
}
