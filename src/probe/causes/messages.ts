/** What is wrong with what the step "messages" saw. */

import { printable } from "../../base/visible-text.ts"
import { formatDuration } from "../../client/duration.ts"
import type { Case } from "../cause.ts"
import { edgeHop } from "../hops.ts"
import { endText, sizeText } from "../messages-text.ts"
import type { Diagnosis, Severity, Suspect } from "../report.ts"
import type { MessagesSeen } from "../steps/messages.ts"
import { oneOfSeveral } from "./handshake-flapping.ts"
import { diagnoseEarlyEnd } from "./messages-ends.ts"
import { diagnoseBrokenFrames } from "./messages-frames.ts"
import { diagnoseSizes } from "./messages-sizes.ts"

/** What a limit answers. */
const LIMITS: ReadonlySet<number> = new Set([429, 503])

export function diagnoseMessages(one: Case): Diagnosis[] {
  const found = one.seen.messages
  if (found === undefined) return []
  // Told there.
  if (found.refusal !== undefined && one.seen.experiments?.flapping !== undefined) return []
  // What breaks the session explains all that follows from it.
  const broken =
    diagnoseOpening(one, found) ?? diagnoseBrokenFrames(one, found) ?? diagnoseEarlyEnd(one, found)
  if (broken !== undefined) return [broken]
  const dead = diagnoseSilence(one, found)
  if (dead !== undefined) return [dead]
  const others = [diagnoseAnswer, diagnoseDelay, diagnoseFloods, diagnosePings, diagnoseClose].map((look) =>
    look(one, found),
  )
  return [...others.filter((diagnosis) => diagnosis !== undefined), ...diagnoseSizes(one, found)]
}

function diagnosis(severity: Severity, what: string, ...suspects: Suspect[]): Diagnosis {
  return { severity, what, suspects }
}

function diagnoseOpening(
  one: Case,
  { refusal, extensionsFault, extensions }: MessagesSeen,
): Diagnosis | undefined {
  if (refusal !== undefined) {
    const how = refusal.kind === "answer" ? refusal.head.statusLine : refusal.kind
    const line = printable(`the second handshake: ${how}`)
    if (refusal.kind === "answer" && !LIMITS.has(refusal.head.status))
      return diagnosis(
        "error",
        "The handshake was accepted once, and not the next time.",
        oneOfSeveral(one, [line]),
      )
    return diagnosis("warning", "The handshake was accepted once, and not the next time.", {
      id: "accepted-at-times",
      title: "One of several backends refuses, or a limit of connections or requests is reached",
      hop: "edge",
      certainty: "possible",
      evidence: [line],
      mend: [{ where: "to tell", text: "holdfast probe --sticky 10 URL" }],
    })
  }
  if (extensionsFault === undefined) return undefined
  return diagnosis("error", `Browsers refuse the 101: ${extensionsFault}.`, {
    id: "extension-parameters-invalid",
    title: "The answer negotiates compression with parameters that cannot be",
    hop: "backend",
    certainty: "likely",
    evidence: [`Sec-WebSocket-Extensions: ${extensions}`],
    mend: [
      {
        where: "nginx or Holdfast, in the location of the socket, so that none is negotiated",
        text: 'proxy_set_header Sec-WebSocket-Extensions "";',
      },
    ],
  })
}

function diagnoseAnswer({ context }: Case, found: MessagesSeen): Diagnosis | undefined {
  const { answer } = found
  if (answer === undefined) return undefined
  const { kind, end, after, heldBytes, ms } = answer
  if (kind === "unmet") {
    const came = after.length === 0 ? ["nothing came"] : after.map((text) => `came: ${text}`)
    const ended = end === undefined ? `nothing else came within ${formatDuration(ms)}` : endText(end)
    return diagnosis("error", "The message of --send does not get the answer that is expected.", {
      id: "expectation-not-met",
      title:
        context.plan.expect === undefined
          ? "No message came back"
          : "No message came back that has the text of --expect in it",
      hop: "backend",
      certainty: "likely",
      evidence: [...came, ended],
      mend: [{ where: "to see for yourself", text: `holdfast connect ${context.endpoint.url}` }],
    })
  }
  if (kind === "held") return heldBack(found, heldBytes)
  if (kind !== "ended" || end === undefined) return undefined
  return diagnosis("info", `The server ends the session on a text that it does not know: ${endText(end)}.`, {
    id: "unknown-text",
    title: "It is no echo: sizes were not tried. A message that the application knows tells more",
    hop: "backend",
    certainty: found.again === "stays open" ? "likely" : "possible",
    evidence: [
      `${endText(end)} ${formatDuration(ms)} after a text was sent`,
      ...(found.again === "stays open" ? ["a session in which nothing is said stays open"] : []),
    ],
    mend: [{ where: "to try it", text: "holdfast probe --send TEXT --expect TEXT URL" }],
  })
}

function heldBack({ answer }: MessagesSeen, heldBytes: number): Diagnosis {
  return diagnosis("error", "Messages are held back until more of them come.", {
    id: "frames-held-back",
    title: "Something on the way collects what it gets before it sends it on",
    hop: "edge",
    certainty: "likely",
    evidence: [
      "a short text got no answer by itself",
      `it came ${formatDuration(answer?.ms ?? 0)} after ${sizeText(heldBytes)} of pings were sent behind the text`,
    ],
    mend: [
      { where: "nginx or Holdfast, in the location of the socket", text: "proxy_buffering off;" },
      { where: "HAProxy, in defaults", text: "option http-no-delay" },
    ],
  })
}

/** Less is noise. Milliseconds. */
const MIN_DELAY_MS = 30
const CLEAR_FACTOR = 3
/** TCP's delayed acknowledgement on Linux, with what comes on top of it. Milliseconds. */
const DELAYED_ACK_MS = 40
const DELAYED_ACK_MOST_MS = 48

/** Frames of either kind take much longer than the handshake took, which went the same way. */
function diagnoseDelay(_one: Case, { trips, pings, handshakeMs }: MessagesSeen): Diagnosis | undefined {
  if (trips === undefined || pings?.times === undefined || handshakeMs === undefined) return undefined
  const echoMs = trips.p50Ms
  const pongMs = pings.times.p50Ms
  // An application may take its time for an echo; for a pong no library does.
  if (Math.min(echoMs, pongMs) < CLEAR_FACTOR * handshakeMs + MIN_DELAY_MS) return undefined
  const isDelayedAck = echoMs >= DELAYED_ACK_MS && echoMs <= DELAYED_ACK_MOST_MS
  return diagnosis("warning", `An echo takes ${formatDuration(echoMs)}, far longer than the handshake did.`, {
    id: isDelayedAck ? "nagle" : "frames-delayed",
    title: isDelayedAck
      ? "Somebody sends a frame in two pieces and waits for the acknowledgement of the first (Nagle)"
      : "Something on the way waits for more before it sends on what it has",
    hop: "edge or backend",
    certainty: "possible",
    evidence: [
      `half of ${trips.count} echoes took ${formatDuration(echoMs)} or more, and pongs ${formatDuration(pongMs)}`,
      `the handshake was answered in ${formatDuration(handshakeMs)}`,
    ],
    mend: [
      { where: "nginx or Holdfast", text: "tcp_nodelay on;\nproxy_buffering off;" },
      { where: "HAProxy, in defaults", text: "option http-no-delay" },
      { where: "backend", text: "socket.setNoDelay(true)" },
    ],
  })
}

/** Not even a pong or the answer to a Close: whoever speaks the protocol at all sends those. */
function diagnoseSilence(one: Case, { answer, traffic, pings, close }: MessagesSeen): Diagnosis | undefined {
  const isSilent = answer?.kind === "silent" || (answer?.kind === "unmet" && answer.after.length === 0)
  // A session that was over before the Close could be said is another matter.
  const isSilentToAll = traffic?.bytes === 0 && pings?.times === undefined && close !== undefined
  if (!isSilent || !isSilentToAll || close.end !== undefined) return undefined
  const backend = one.seen.backend?.messages?.traffic
  const isEdges = backend !== undefined && backend.bytes > 0
  const waited = formatDuration(close.answerMs)
  const evidence = [`to a text, a ping and a Close not one byte came back; the Close had ${waited}`]
  const stuck: Suspect = {
    id: "handler-stuck",
    title: "The backend answers the handshake, and then is busy or does not read its socket",
    hop: "backend",
    certainty: backend === undefined ? "likely" : "certain",
    evidence:
      backend === undefined
        ? evidence
        : [...evidence, `${one.context.plan.backend?.url} itself does the same`],
    mend: [{ where: "backend", text: "nothing may block the event loop; read the socket all the time" }],
  }
  const edge: Suspect = {
    id: "tunnel-carries-nothing",
    title: "Something on the way passes the 101 on, and nothing behind it",
    hop: edgeHop(one),
    certainty: isEdges ? "certain" : "possible",
    evidence: isEdges
      ? [...evidence, `${one.context.plan.backend?.url} itself answers`]
      : ["to tell them apart: --backend URL asks the backend itself"],
    mend: [{ where: "to tell", text: "holdfast probe --backend ws://BACKEND URL" }],
  }
  const suspects = backend === undefined ? [stuck, edge] : [isEdges ? edge : stuck]
  return diagnosis("error", "The WebSocket opens, and nothing comes through it.", ...suspects)
}

/** So many pings a second are no keepalive. */
const FLOOD_PER_SECOND = 50
const MIN_FLOOD = 100
/** Snapshots and tickers are no flood. */
const FLOOD_BYTES_PER_SECOND = 1_000_000

function diagnoseFloods(_one: Case, { traffic, openMs = 0 }: MessagesSeen): Diagnosis | undefined {
  if (traffic === undefined) return undefined
  const seconds = Math.max(openMs, 1) / 1000
  const common = { hop: "backend", certainty: "likely", mend: [] } as const
  if (traffic.pings >= MIN_FLOOD && traffic.pings / seconds > FLOOD_PER_SECOND)
    return diagnosis("warning", "The server floods the client with pings.", {
      ...common,
      id: "ping-flood",
      title: "A timer for pings runs without a pause, or one for each message",
      evidence: [`${traffic.pings} pings in ${formatDuration(openMs)}`],
      mend: [{ where: "backend", text: "one ping each 30 s" }],
    })
  const isFlood = traffic.dropped > 0 && traffic.bytes / seconds > FLOOD_BYTES_PER_SECOND
  if (!isFlood) return undefined
  return diagnosis("warning", "The server sends messages without a pause.", {
    ...common,
    id: "message-flood",
    title: "It does not wait for its clients: messages to a slow one pile up in its memory",
    certainty: "possible",
    evidence: [
      `${traffic.messages} messages, ${traffic.bytes} bytes in ${formatDuration(openMs)}, of itself`,
    ],
    mend: [{ where: "backend", text: "wait for the socket to drain (bufferedAmount) before sending on" }],
  })
}

function diagnosePings(one: Case, { pings }: MessagesSeen): Diagnosis | undefined {
  if (pings === undefined || pings.times !== undefined) return undefined
  const backend = one.seen.backend?.messages?.pings
  const isEdges = backend?.times !== undefined
  const evidence = [`a ping got no pong within ${formatDuration(one.context.client.timeoutMs)}`]
  if (isEdges) evidence.push(`${one.context.plan.backend?.url} itself answers pings`)
  return diagnosis("warning", "Pings get no pong: keepalives will take the socket for dead.", {
    id: isEdges ? "pings-swallowed" : "no-pong",
    title: isEdges
      ? "The edge does not pass pings on, or takes the pongs away"
      : "The backend does not answer pings, or something on the way takes them",
    hop: isEdges ? edgeHop(one) : "backend",
    certainty: isEdges ? "certain" : "likely",
    evidence,
    mend: [
      { where: "backend", text: "answer each ping with a pong of the same payload (RFC 6455 §5.5.3)" },
      { where: "Holdfast, until then", text: "websocket_ping off;" },
    ],
  })
}

function diagnoseClose(one: Case, { close }: MessagesSeen): Diagnosis | undefined {
  if (close === undefined) return undefined
  const limit = formatDuration(one.context.client.timeoutMs)
  if (close.end === undefined)
    return diagnosis("warning", "A Close gets no answer: clients hang in CLOSING, and report 1006.", {
      id: "close-not-answered",
      title: "The backend does not answer a Close frame",
      hop: "backend",
      certainty: "likely",
      evidence: [`Close 1000 was sent, and nothing came within ${limit}`],
      mend: [{ where: "backend", text: "answer a Close with a Close (RFC 6455 §5.5.1)" }],
    })
  if (close.tcpEndMs !== undefined) return undefined
  return diagnosis("warning", "The connection stays open after the Closes: clients wait for its end.", {
    id: "tcp-not-ended",
    title: "The server does not end the TCP connection, which is its part",
    hop: "backend",
    certainty: "likely",
    evidence: [`${endText(close.end)} came, and no FIN within ${limit}`],
    mend: [{ where: "backend", text: "end the connection once both Closes are through (RFC 6455 §7.1.1)" }],
  })
}
