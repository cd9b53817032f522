/** For the tests of causes: a case that was not seen, but could have been. */
import { clientOptionsOf } from "../../client/client-options.ts"
import { parseEndpoint } from "../../client/endpoint.ts"
import { HEAD_COMPLETE } from "../../http/request-head.ts"
import { ResponseHeadParser } from "../../http/response-head.ts"
import type { Case } from "../cause.ts"
import { type ProbePlan, probeContext } from "../context.ts"
import type { Answer } from "../handshake.ts"
import type { Observations } from "../observations.ts"

const CLIENT = { header: [], cookie: [], subprotocol: [], insecure: false, resolve: [], timeout: "10s" }
/** Nothing beyond the handshake is asked for. */
export const PLAN: ProbePlan = {
  send: undefined,
  expect: undefined,
  holdMs: 0,
  sticky: 0,
  burst: 0,
  burstRate: 50,
  isBurstAgreed: false,
  backend: undefined,
  config: undefined,
  configTarget: "holdfast",
  httpPort: undefined,
}

export function caseOf(seen: Observations, url: string = "wss://example.com/ws/", backend?: string): Case {
  const plan = { ...PLAN, backend: backend === undefined ? undefined : parseEndpoint(backend) }
  return { context: probeContext(parseEndpoint(url), clientOptionsOf(CLIENT), plan), seen }
}

/** An answer with these header lines: a 101, or with `status`. */
export function answerOf(
  fields: readonly string[],
  status: string = "101 Switching Protocols",
  body = "",
): Answer {
  const headText = [`HTTP/1.1 ${status}`, ...fields, "", ""].join("\r\n")
  const parser = new ResponseHeadParser(65_536)
  parser.execute(Buffer.from(headText, "latin1"), 0)
  if (parser.state !== HEAD_COMPLETE) throw new Error(`no head: ${headText}`)
  return {
    kind: "answer",
    head: parser.head,
    headText,
    interim: [],
    fault: undefined,
    body,
    request: "",
    key: "",
    address: "192.0.2.1",
    connectMs: 1,
    tlsMs: 1,
    firstByteMs: 1,
    totalMs: 3,
  }
}
