/** Messages that are too long for somebody, and others that do not come back. */
import { formatDuration } from "../../client/duration.ts"
import { MESSAGE_TOO_BIG } from "../../websocket/frames.ts"
import type { Case } from "../cause.ts"
import type { BackendProduct } from "../fingerprint.ts"
import { edgeHop } from "../hops.ts"
import type { SizeLimit } from "../messages-sizes.ts"
import type { Trip } from "../messages-talk.ts"
import { aboutText, endText, sizeText } from "../messages-text.ts"
import type { Diagnosis, Mend, Suspect } from "../report.ts"
import type { MessagesSeen } from "../steps/messages.ts"
import { identityOf } from "./messages-place.ts"

export function diagnoseSizes(one: Case, { sizes }: MessagesSeen): Diagnosis[] {
  if (sizes === undefined) return []
  const manners = sizes.trips.filter(({ manner }) => manner === "fragmented" || manner === "compressed")
  const failed = manners.filter(({ outcome }) => outcome === "ended" || outcome === "silent").map(mannerFails)
  const { limit } = sizes
  if (limit === undefined) return failed
  return [limit.refusal.outcome === "silent" ? silence(one, limit) : refused(one, limit), ...failed]
}

/** Every application sends messages of that size. */
const SMALL_BYTES = 1024

function refused(one: Case, limit: SizeLimit): Diagnosis {
  const { passedBytes, refusedBytes, refusal } = limit
  const isTold = refusal.end?.code === MESSAGE_TOO_BIG
  const isSmall = passedBytes < SMALL_BYTES
  const most = refusedBytes === passedBytes + 1 ? "of more than" : "longer than"
  return {
    severity: isTold && !isSmall ? "info" : "warning",
    what: `Messages ${most} ${aboutText(passedBytes)} end the WebSocket: ${endText(refusal.end)}.`,
    suspects: [
      {
        id: isTold ? "message-limit" : "message-limit-untold",
        title: isTold
          ? "The backend refuses longer messages"
          : "The backend, or something on the way, refuses longer messages, and does not say so by a Close with 1009",
        ...whoRefuses(one, limit),
        evidence: [
          `${aboutText(passedBytes)} came back; ${sizeText(refusedBytes)}: ${endText(refusal.end)}`,
          ...defaultsText(limit),
        ],
        mend: mendOf(one, limit),
      },
    ],
  }
}

function whoRefuses(one: Case, { refusedBytes }: SizeLimit): Pick<Suspect, "hop" | "certainty"> {
  const backend = one.seen.backend?.messages?.sizes
  if (backend === undefined) return { hop: "backend", certainty: "likely" }
  const isBackends = backend.limit !== undefined && backend.limit.refusedBytes <= refusedBytes
  return { hop: isBackends ? "backend" : edgeHop(one), certainty: "certain" }
}

/** How the largest message is set, and what it is where nobody has said anything; undefined: no limit. */
interface Setting {
  readonly product?: BackendProduct
  readonly where: string
  readonly text: string
  readonly defaultBytes?: number
}

const SETTINGS: readonly Setting[] = [
  {
    product: "ws",
    where: "ws",
    text: "new WebSocketServer({ maxPayload: 1048576 })",
    defaultBytes: 104_857_600,
  },
  {
    product: "websockets",
    where: "websockets (Python)",
    text: "serve(handler, host, port, max_size=2**20)",
    defaultBytes: 1_048_576,
  },
  {
    product: "engine.io",
    where: "Socket.IO",
    text: "new Server({ maxHttpBufferSize: 1e6 })",
    defaultBytes: 1_000_000,
  },
  { product: "gorilla", where: "gorilla/websocket", text: "conn.SetReadLimit(1 << 20)" },
  {
    product: "coder-websocket",
    where: "coder/websocket",
    text: "conn.SetReadLimit(1 << 20)",
    defaultBytes: 32_768,
  },
  { where: "uWebSockets", text: "maxPayloadLength: 1024 * 1024", defaultBytes: 16_384 },
  {
    product: "tomcat",
    where: "Tomcat",
    text: "session.setMaxTextMessageBufferSize(1048576)",
    defaultBytes: 8192,
  },
  {
    product: "jetty",
    where: "Jetty",
    text: "container.setMaxTextMessageSize(1048576)",
    defaultBytes: 65_536,
  },
  { product: "uvicorn", where: "uvicorn", text: "--ws-max-size 16777216", defaultBytes: 16_777_216 },
]
const MAX_SETTINGS = 4

/** The backend's own where it shows, else those whose default it is, and the best known. */
function mendOf(one: Case, limit: SizeLimit): Mend[] {
  const product = identityOf(one).backend?.product
  const own = SETTINGS.filter((setting) => product !== undefined && setting.product === product)
  const list = own.length > 0 ? own : [...new Set([...defaultsOf(limit), ...SETTINGS])].slice(0, MAX_SETTINGS)
  return list.map(({ where, text }) => ({ where: `backend, where it is ${where}`, text }))
}

/** Those whose default the limit is, to the byte. */
function defaultsOf({ passedBytes, refusedBytes }: SizeLimit): readonly Setting[] {
  if (refusedBytes !== passedBytes + 1) return []
  return SETTINGS.filter(({ defaultBytes }) => defaultBytes === passedBytes)
}

function defaultsText(limit: SizeLimit): string[] {
  const names = defaultsOf(limit).map(({ where }) => where)
  return names.length === 0 ? [] : [`that is the default of ${names.join(", ")}`]
}

/** What a path without fragmentation is known to carry, and what one with an Ethernet link does not. */
const LEAST_MTU = 1024
const MOST_MTU = 2048

function silence(one: Case, { passedBytes, refusedBytes, refusal }: SizeLimit): Diagnosis {
  const evidence = [
    `${aboutText(passedBytes)} came back; ${sizeText(refusedBytes)}: nothing within ${formatDuration(refusal.ms)}`,
  ]
  const lost: Suspect = {
    id: "packets-lost",
    title: "Full-sized packets are lost: the path takes shorter ones (MTU), and nobody tells the sender",
    hop: "network",
    certainty: "likely",
    evidence,
    mend: [
      {
        where: "the router, firewall or VPN on the way",
        text: "iptables -t mangle -A FORWARD -p tcp --tcp-flags SYN,RST SYN -j TCPMSS --clamp-mss-to-pmtu",
      },
    ],
  }
  const stuck: Suspect = {
    id: "long-messages-stuck",
    title: "The backend does not answer longer messages, or something on the way does not pass them on",
    hop: one.seen.backend === undefined ? "backend" : edgeHop(one),
    certainty: "possible",
    evidence,
    mend: [{ where: "to tell", text: "holdfast probe --backend ws://BACKEND URL" }],
  }
  const isMtu = passedBytes >= LEAST_MTU && refusedBytes <= MOST_MTU
  return {
    severity: "error",
    what: `Messages longer than ${aboutText(passedBytes)} get no answer.`,
    suspects: isMtu ? [lost, stuck] : [stuck],
  }
}

function mannerFails({ manner, bytes, outcome, ms, end }: Trip): Diagnosis {
  const how = outcome === "ended" ? endText(end) : `nothing within ${formatDuration(ms)}`
  const isCompressed = manner === "compressed"
  return {
    severity: "warning",
    what: isCompressed
      ? "Compression is negotiated, and compressed messages get no answer."
      : "Messages in fragments get no answer.",
    suspects: [
      {
        id: isCompressed ? "compressed-messages-fail" : "fragments-fail",
        title: isCompressed
          ? "The backend agrees to compression, and cannot read it"
          : "The backend does not put fragments together",
        hop: "backend",
        certainty: "likely",
        evidence: [`${sizeText(bytes)}, ${manner}: ${how}`],
        mend: [
          isCompressed
            ? {
                where: "nginx or Holdfast, in the location of the socket, to have no compression",
                text: 'proxy_set_header Sec-WebSocket-Extensions "";',
              }
            : { where: "backend", text: "take continuation frames (RFC 6455 §5.4)" },
        ],
      },
    ],
  }
}
