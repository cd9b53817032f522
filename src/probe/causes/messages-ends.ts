/** Sessions that end before anything was said. */
import { formatDuration } from "../../client/duration.ts"
import { PROTOCOL_ERROR } from "../../websocket/frames.ts"
import type { Case } from "../cause.ts"
import { edgeHop } from "../hops.ts"
import { mendHost, mendLostField, mendTimeouts } from "../mends.ts"
import { endText, isPeaceful } from "../messages-text.ts"
import type { Diagnosis, Mend, Suspect } from "../report.ts"
import type { SessionEnd } from "../session.ts"
import type { MessagesSeen } from "../steps/messages.ts"
import { placeOf } from "./messages-place.ts"

export function diagnoseEarlyEnd(one: Case, found: MessagesSeen): Diagnosis | undefined {
  const { answer } = found
  if (answer?.end === undefined || !endsByItself(found)) return undefined
  const { end } = answer
  const evidence = [
    `${endText(end)} ${formatDuration(end.afterMs)} after the 101`,
    ...answer.before.map((text) => `before it came: ${text}`),
    ...againEvidence(found),
  ]
  const suspects = end.how === "close" ? [closeSuspect(one, end, evidence)] : cutSuspects(one, evidence)
  const what = end.how === "close" ? `: ${endText(end)}` : ", without a Close"
  const soon = answer.kind === "early" ? "at once" : "soon, whatever is said"
  const severity = isPeaceful(end) ? "info" : "error"
  return { severity, what: `The WebSocket opens, and ends ${soon}${what}.`, suspects }
}

/** Our text was not the reason: another session without one ended, too. */
function endsByItself({ answer, again }: MessagesSeen): boolean {
  return answer?.kind === "early" || (answer?.kind === "ended" && typeof again === "object")
}

function againEvidence({ again }: MessagesSeen): string[] {
  if (again === undefined) return []
  if (again === "stays open") return ["a second session stayed open"]
  return [`a second session: ${again === "does not open" ? again : endText(again)}`]
}

/** What a code of a Close says. */
interface CloseMeaning {
  readonly id: string
  readonly title: string
  readonly mend: readonly Mend[]
}

const LOG: Mend = { where: "backend", text: "its log at this time has the reason" }
const AUTHENTICATE: readonly Mend[] = [
  {
    where: "probe, with what a client of the application has",
    text: 'holdfast probe --cookie NAME=VALUE --header "Authorization: Bearer …" URL',
  },
  { where: "backend", text: "its list of allowed origins and hosts has those of this URL" },
]
const LATER: readonly Mend[] = [{ where: "backend", text: "wait until it has started, and try again" }]

/** RFC 6455 §7.4.1 and the IANA registry of WebSocket close codes. */
const MEANINGS: ReadonlyMap<number, CloseMeaning> = new Map<number, CloseMeaning>([
  [
    1000,
    {
      id: "closed-in-peace",
      title: "The application closes by itself: nothing is wrong for it",
      mend: [LOG],
    },
  ],
  [1001, { id: "closed-going-away", title: "The server is being stopped, or drained", mend: LATER }],
  [
    1002,
    { id: "closed-protocol-error", title: "The server takes what it gets for broken frames", mend: [LOG] },
  ],
  [
    1005,
    {
      id: "closed-in-peace",
      title: "The application closes by itself, and gives no code",
      mend: [LOG],
    },
  ],
  [
    1008,
    {
      id: "closed-by-policy",
      title: "The application refuses this client: no credentials, or a wrong Origin or Host",
      mend: AUTHENTICATE,
    },
  ],
  [
    1011,
    { id: "closed-internal-error", title: "The application's handler of new connections fails", mend: [LOG] },
  ],
  [1012, { id: "closed-going-away", title: "The server restarts", mend: LATER }],
  [
    1013,
    { id: "closed-overloaded", title: "The server is overloaded and asks to come back later", mend: LATER },
  ],
  [1014, { id: "closed-bad-gateway", title: "A gateway could not reach what is behind it", mend: [LOG] }],
  [3000, { id: "closed-by-policy", title: "The application wants credentials", mend: AUTHENTICATE }],
  [3003, { id: "closed-by-policy", title: "The application forbids this client", mend: AUTHENTICATE }],
])

const FIRST_PRIVATE = 4000
/** Many applications put the status of HTTP behind a 4, or the last two digits of one in the 400s. */
const REFUSALS: ReadonlySet<number> = new Set([4001, 4003, 4401, 4403])

function meaningOf(code: number): CloseMeaning {
  const known = MEANINGS.get(code)
  if (known !== undefined) return known
  if (REFUSALS.has(code))
    return {
      id: "closed-by-application",
      title: `The application refuses this client: ${code} is its own code, most likely for missing credentials`,
      mend: AUTHENTICATE,
    }
  const whose = code >= FIRST_PRIVATE ? ` with a code of its own, ${code}` : ` with ${code}`
  return { id: "closed-by-application", title: `The application closes${whose}`, mend: [LOG] }
}

function closeSuspect(one: Case, { code = 1005 }: SessionEnd, evidence: readonly string[]): Suspect {
  const edge = edgeHop(one)
  if (code === PROTOCOL_ERROR && /holdfast/i.test(edge))
    return {
      id: "backend-breaks-protocol",
      title: "The backend sends frames against RFC 6455, and Holdfast ends such a WebSocket",
      hop: "backend",
      certainty: "likely",
      evidence,
      mend: [
        { where: "Holdfast: which fault it is", text: 'grep "sent invalid WebSocket frame" error.log' },
        { where: "Holdfast, to pass such frames on", text: "websocket_protocol_errors pass;" },
      ],
    }
  const { id, title, mend } = meaningOf(code)
  const alone = one.seen.backend?.messages?.answer
  const url = one.context.plan.backend?.url
  if (alone === undefined) return { id, title, hop: "backend", certainty: "likely", evidence, mend }
  if (alone.kind === "early") {
    const same = [...evidence, `${url} itself does the same`]
    return { id, title, hop: "backend", certainty: "certain", evidence: same, mend }
  }
  return throughEdge(one, [...evidence, `${url} itself stays open`])
}

/** The application takes the same from us, and not from the edge: it judges by what the edge makes of the request. */
function throughEdge(one: Case, evidence: readonly string[]): Suspect {
  const place = placeOf(one)
  return {
    id: "refused-through-edge",
    title:
      "The application refuses what the edge sends it: another Host, or no Cookie, Origin or Authorization",
    hop: edgeHop(one),
    certainty: "likely",
    evidence,
    mend: [...mendHost(place), ...mendLostField(place, "Origin"), ...mendLostField(place, "Cookie")],
  }
}

function cutSuspects(one: Case, evidence: readonly string[]): Suspect[] {
  const backend = one.seen.backend?.messages?.answer
  const url = one.context.plan.backend?.url
  const handler: Suspect = {
    id: "handler-ends-connection",
    title: "The backend's handler of new connections fails or returns, and the connection with it",
    hop: "backend",
    certainty: "likely",
    evidence,
    mend: [LOG],
  }
  const edge: Suspect = {
    id: "edge-ends-tunnel",
    title: "The edge passes the 101 on, but does not keep the connection open behind it",
    hop: edgeHop(one),
    certainty: "possible",
    evidence,
    mend: mendTimeouts(placeOf(one)),
  }
  if (backend === undefined)
    return [handler, { ...edge, evidence: ["to tell them apart: --backend URL asks the backend itself"] }]
  if (backend.kind === "early")
    return [{ ...handler, certainty: "certain", evidence: [...evidence, `${url} itself does the same`] }]
  return [{ ...edge, certainty: "certain", evidence: [...evidence, `${url} itself stays open`] }]
}
