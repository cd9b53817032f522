import assert from "node:assert/strict"
import { test } from "node:test"
import type { ClientOptions } from "../../client/client-options.ts"
import { parseEndpoint } from "../../client/endpoint.ts"
import { probeContext } from "../context.ts"
import type { AnswerSeen } from "../messages-answer.ts"
import type { Diagnosis } from "../report.ts"
import type { SessionEnd } from "../session.ts"
import { diagnoseMessages } from "./messages.ts"
import { PLAN } from "./testing.ts"

const CLIENT: ClientOptions = {
  headers: [],
  cookies: [],
  origin: undefined,
  subprotocols: [],
  tls: { cert: undefined, key: undefined, ca: undefined, insecure: false },
  resolve: new Map(),
  proxy: undefined,
  timeoutMs: 1000,
}
const CONTEXT = probeContext(parseEndpoint("ws://example.com/"), CLIENT, PLAN)

/** Of a session that ended in that way before anything was said. */
function diagnosisOf(end: Partial<SessionEnd>): Diagnosis | undefined {
  const whole: SessionEnd = { how: "close", code: undefined, reason: "", afterMs: 1, ...end }
  const answer: AnswerSeen = { kind: "early", ms: 1, end: whole, before: [], after: [], heldBytes: 0 }
  const [first, ...more] = diagnoseMessages({
    context: CONTEXT,
    seen: { messages: { extensions: "", answer } },
  })
  assert.deepEqual(more, [])
  return first
}

test("what a Close at once says, by its code", () => {
  const meant: Readonly<Record<number, string>> = {
    1000: "closed-in-peace",
    1001: "closed-going-away",
    1002: "closed-protocol-error",
    1005: "closed-in-peace",
    1008: "closed-by-policy",
    1011: "closed-internal-error",
    1012: "closed-going-away",
    1013: "closed-overloaded",
    3000: "closed-by-policy",
    4000: "closed-by-application",
    4403: "closed-by-application",
  }
  for (const [code, id] of Object.entries(meant)) {
    const found = diagnosisOf({ code: Number(code) })
    assert.equal(found?.suspects[0]?.id, id, code)
    assert.equal(found?.severity, id === "closed-in-peace" ? "info" : "error", code)
  }
})

test("what is in place of frames, by its first bytes", () => {
  const meant: readonly (readonly [string, string, string])[] = [
    ["HTTP/1.1 502 Bad Gateway\r\n", "WS_ERR_EXPECTED_FIN", "http-in-tunnel"],
    ["<!DOCTYPE html>", "WS_ERR_UNEXPECTED_RSV_2_3", "http-in-tunnel"],
    ["1f\r\nabc", "WS_ERR_UNEXPECTED_RSV_2_3", "chunked-in-tunnel"],
    ["\x1f\x8b\x08\x00", "WS_ERR_UNEXPECTED_RSV_2_3", "gzip-in-tunnel"],
    ["\x16\x03\x03\x00\x7a", "WS_ERR_UNEXPECTED_RSV_2_3", "tls-in-tunnel"],
    ["\x81\x85abcd", "WS_ERR_UNEXPECTED_MASK", "masked-frames"],
    ["\xc1\x03abc", "WS_ERR_UNEXPECTED_RSV_1", "compressed-without-agreement"],
    ["\xcf\x03abc", "WS_ERR_UNEXPECTED_RSV_1", "garbage-frames"],
    ["\x83\x00", "WS_ERR_INVALID_OPCODE", "garbage-frames"],
  ]
  for (const [text, fault, id] of meant) {
    const found = diagnosisOf({ how: "violation", fault, bytes: Buffer.from(text, "latin1") })
    assert.equal(found?.suspects[0]?.id, id, text)
    assert.equal(found?.severity, "error")
  }
  assert.equal(
    diagnosisOf({ how: "violation", fault: "Z_DATA_ERROR" })?.suspects[0]?.id,
    "broken-compression",
  )
})
