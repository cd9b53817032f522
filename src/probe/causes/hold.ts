/**
 * What is wrong with what the step "hold" saw. Who asks for a time and gets less has an error: the WebSocket does not
 * hold. A Close 1000 or 1001 with a reason is what a server means to do: a warning.
 */
import { printable } from "../../base/visible-text.ts"
import { type Case, rank } from "../cause.ts"
import type { HeldSocket } from "../held-socket.ts"
import { edgeHop } from "../hops.ts"
import { isNear, KNOWN_GOODBYES, KNOWN_TIMEOUTS, type KnownGoodbye } from "../known-timeouts.ts"
import { endText } from "../outcome-text.ts"
import type { Diagnosis } from "../report.ts"
import type { SessionEnd } from "../session.ts"
import { describeSocket, type HoldSeen, seconds } from "../steps/hold.ts"
import { cutCauses, cutOf, roundedSeconds } from "./hold-cut.ts"

/** The packet by which Engine.IO begins; what follows is a session's id. */
const ENGINE_IO_OPEN = '0{"sid"'

export function diagnoseHold(one: Case): Diagnosis[] {
  const held = one.seen.hold
  if (held === undefined) return []
  const { silent } = held
  if (silent.state === "closed" && silent.firstMessage.startsWith(ENGINE_IO_OPEN)) return [socketIo(silent)]
  if (silent.state === "closed" && silent.end?.how === "close") return [closedByPeer(silent.end, held)]
  if (silent.state === "closed") return [cut(one)]
  if (isLost(held)) return [lost(one, held)]
  return [...pingsRefused(held), ...shortHeartbeat(held)]
}

function cut(one: Case): Diagnosis {
  const found = cutOf(one)
  const time = roundedSeconds(found?.ms ?? 0)
  const what =
    found?.counts === "lifetime"
      ? `Every WebSocket is cut after ${time}, idle or not.`
      : `An idle WebSocket is cut after ${time}, without a Close frame.`
  return { severity: "error", what, suspects: rank(one, cutCauses()) }
}

const CLEAN: ReadonlySet<number | undefined> = new Set([1000, 1001])

function closedByPeer(end: SessionEnd, { silent, pinging }: HoldSeen): Diagnosis {
  const time = roundedSeconds(silent.livedMs)
  const known = KNOWN_GOODBYES.find((one) => isSaid(one, end, silent.livedMs))
  const reason = end.reason === "" ? "" : ` "${printable(end.reason)}"`
  const mend = {
    where: "the application, where it closes sockets",
    text: `look for ${end.code}${reason}: a timeout of ${time}`,
  }
  return {
    severity: CLEAN.has(end.code) && end.reason !== "" ? "warning" : "error",
    what: `The server closes an idle WebSocket after ${time}: ${endText(end)}.`,
    suspects: [
      {
        id: "closed-by-server",
        title:
          known?.title ??
          "Whoever speaks WebSocket behind the edge says goodbye: the application or its server",
        hop: "backend",
        certainty: "likely",
        evidence: [
          describeSocket(silent),
          describeSocket(pinging),
          ...(known === undefined ? [] : [`documented: ${known.source}`]),
        ],
        mend: [known?.mend ?? mend],
      },
    ],
  }
}

function isSaid({ codes, reason, afterMs }: KnownGoodbye, end: SessionEnd, livedMs: number): boolean {
  if (end.code === undefined || !codes.includes(end.code) || !reason.test(end.reason)) return false
  return afterMs === undefined || isNear(livedMs, afterMs)
}

/** Socket.IO sends "2" and wants "3"; its own clients do that. */
function socketIo(silent: HeldSocket): Diagnosis {
  return {
    severity: "info",
    what: "The server speaks Socket.IO and closes clients that do not: how long an idle one lives is not known.",
    suspects: [
      {
        id: "socketio-heartbeat",
        title:
          "Socket.IO's heartbeat (pingInterval and pingTimeout) was not answered: probe does not speak it",
        hop: "backend",
        certainty: "certain",
        evidence: [`its first message begins with ${ENGINE_IO_OPEN}`, describeSocket(silent)],
        mend: [{ where: "nothing is wrong", text: "a client of Socket.IO answers by itself" }],
      },
    ],
  }
}

/** Gone at the end, and nobody said so. */
function isLost({ silent, pinging }: HoldSeen): boolean {
  if (silent.state === "lost") return true
  return silent.state === "unanswered" && pinging.state !== "unopened" && pinging.pongs > 0
}

function lost(one: Case, { silent, pinging }: HoldSeen): Diagnosis {
  const known = KNOWN_TIMEOUTS.filter(
    ({ isQuiet, defaultMs }) => isQuiet === true && defaultMs <= silent.livedMs,
  )
  return {
    severity: "error",
    what: `An idle WebSocket is gone within ${roundedSeconds(silent.livedMs)}, and neither side is told.`,
    suspects: [
      {
        id: "forgotten-on-the-way",
        title: "A firewall, a NAT or a load balancer on the way forgets connections that carry nothing",
        hop: "between this machine and the edge",
        certainty: "likely",
        evidence: [
          describeSocket(silent),
          describeSocket(pinging),
          ...(known.length === 0 ? [] : [edgeHop(one)]),
        ],
        mend: [
          {
            where: "nginx or Holdfast, where it listens: TCP's own keepalive",
            text: "listen 443 ssl so_keepalive=30s:10s:3;",
          },
          ...known.map(({ mend, name }) => ({ ...mend, where: `${mend.where}, if it is ${name}` })),
        ],
      },
    ],
  }
}

/** The one that pings ends, the one that does not lives on. */
function pingsRefused({ silent, pinging }: HoldSeen): Diagnosis[] {
  if (silent.state !== "alive" || pinging.state !== "closed") return []
  return [
    {
      severity: "warning",
      what: `A WebSocket that sends pings is cut after ${roundedSeconds(pinging.livedMs)}.`,
      suspects: [
        {
          id: "pings-refused",
          title: "The server does not take pings of a client, as RFC 6455 §5.5.2 wants it to",
          hop: "backend",
          certainty: "likely",
          evidence: [describeSocket(pinging), describeSocket(silent)],
          mend: [{ where: "the application's WebSocket library", text: "answer a ping with a pong" }],
        },
      ],
    },
  ]
}

/** Below that a mobile network that wakes up late loses its sockets. */
const SHORT_HEARTBEAT_MS = 15_000

function shortHeartbeat({ silent, mute }: HoldSeen): Diagnosis[] {
  if (silent.state !== "alive" || silent.peerPings === 0) return []
  if (mute.state !== "closed" || mute.livedMs >= SHORT_HEARTBEAT_MS) return []
  const time = roundedSeconds(mute.livedMs)
  return [
    {
      severity: "info",
      what: `A client that does not answer a ping is closed after ${time}.`,
      suspects: [
        {
          id: "short-heartbeat",
          title: `The server gives up clients after ${time}; a phone on a slow network may need longer`,
          hop: "backend",
          certainty: "certain",
          evidence: [
            describeSocket(mute),
            describeSocket(silent),
            silent.peerPingEveryMs === undefined ? "" : `it pings every ${seconds(silent.peerPingEveryMs)}`,
          ].filter((text) => text !== ""),
          mend: [
            {
              where: "the server's heartbeat, as python3-websockets has it by default",
              text: "ping_interval=20, ping_timeout=20",
            },
            { where: "Holdfast, in the location, in its place", text: "websocket_ping 30s timeout=20s;" },
          ],
        },
      ],
    },
  ]
}
