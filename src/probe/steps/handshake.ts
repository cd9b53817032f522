/** The handshake over HTTP/1.1, once. */

import { printable } from "../../base/visible-text.ts"
import { formatDuration } from "../../client/duration.ts"
import { shownHead } from "../../client/redact.ts"
import { dialText } from "../dial-text.ts"
import { identify } from "../fingerprint.ts"
import { type Answer, type HandshakeResult, isAccepted, tryHandshake } from "../handshake.ts"
import type { StepResult } from "../report.ts"
import { noAnswerText, outcomeText } from "../result-text.ts"
import { type Step, step } from "../step.ts"

export const handshake: Step = {
  id: "handshake",
  title: "handshake",
  run: async (context, seen) => {
    const result = await tryHandshake(context)
    seen.handshake = result
    return describe(result)
  },
}

function describe(result: HandshakeResult): StepResult {
  if (result.kind === "unreachable") return step("failed", dialText(result.error))
  const sent = headLines("> ", result.request)
  if (result.kind !== "answer") {
    const received = result.received === "" ? [] : headLines("< ", result.received)
    return step("failed", noAnswerText(result), [...sent, ...received, `= ${printable(result.reason)}`])
  }
  const details = [...sent, ...headLines("< ", result.headText), ...whoLines(result)]
  if (isAccepted(result)) return step("ok", accepted(result), details)
  const body = result.body === "" ? [] : ["", ...firstLines(result.body)]
  return step("failed", outcomeText(result), [...details, ...body])
}

/** Who had a hand in it, as far as the answer shows. */
function whoLines(answer: Answer): string[] {
  const { edge, answeredBy, page, backend, via } = identify(answer)
  const lines = [
    edge === undefined ? "" : `= the edge: ${edge.product} (${edge.because})`,
    page === undefined || page.product === edge?.product
      ? ""
      : `= the page: ${page.product} (${page.because})`,
    backend === undefined ? "" : `= the backend: ${backend.product} (${backend.because})`,
    ...via.map((entry) => `= via ${entry}`),
    answeredBy === "unknown" || answer.head.status === 101 ? "" : `= the answer is made by the ${answeredBy}`,
    answer.interim.length === 0 ? "" : `= before it: ${answer.interim.join(", ")}`,
  ]
  return lines.filter((line) => line !== "")
}

function accepted({ head, firstByteMs }: Answer): string {
  const negotiated = ["sec-websocket-protocol", "sec-websocket-extensions"]
    .map((key) => head.headers.get(key))
    .filter((value) => value !== undefined)
  const took = formatDuration(firstByteMs ?? 0)
  return ["101, Sec-WebSocket-Accept is right", ...negotiated.map(printable), took].join(", ")
}

function headLines(mark: string, head: string): string[] {
  return shownHead(head.trimEnd())
    .split("\n")
    .map((line) => mark + printable(line))
}

const SHOWN_LINES = 5

function firstLines(body: string): string[] {
  return body.split(/\r?\n/).slice(0, SHOWN_LINES).map(printable)
}
