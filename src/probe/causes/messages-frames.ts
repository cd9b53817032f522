/** What is no WebSocket frame, by its first bytes. */

import { printable } from "../../base/visible-text.ts"
import { formatDuration } from "../../client/duration.ts"
import type { Case } from "../cause.ts"
import { edgeHop } from "../hops.ts"
import { mendHiddenField } from "../mends.ts"
import { MAX_MESSAGE_BYTES } from "../messages-talk.ts"
import { sizeText } from "../messages-text.ts"
import type { Diagnosis, Mend, Suspect } from "../report.ts"
import { isTooLong, type SessionEnd } from "../session.ts"
import type { MessagesSeen } from "../steps/messages.ts"
import { placeOf } from "./messages-place.ts"

export function diagnoseBrokenFrames(one: Case, found: MessagesSeen): Diagnosis | undefined {
  const ends = [found.answer?.end, ...(found.sizes?.trips ?? []).map(({ end }) => end), found.close?.end]
  const end = ends.find((candidate) => candidate?.how === "violation")
  if (end === undefined) return undefined
  if (isTooLong(end)) return tooLong(end)
  const suspect = suspectOf(one, found, end)
  return {
    severity: "error",
    what: "What comes through the WebSocket cannot be read: clients end it with 1002 or 1007.",
    suspects: [{ ...suspect, evidence: [...evidenceOf(end), ...suspect.evidence] }],
  }
}

function evidenceOf({ reason, bytes, afterMs }: SessionEnd): string[] {
  const lines = [`${printable(reason)}, ${formatDuration(afterMs)} after the 101`]
  if (bytes === undefined || bytes.length === 0) return lines
  const text = bytes.toString("latin1")
  const isText = /^[\t\r\n\u0020-\u007e]{4,}/.test(text)
  return [...lines, `the frame begins with ${spaced(bytes)}${isText ? `: "${printable(text)}"` : ""}`]
}

const SHOWN_BYTES = 12

function spaced(bytes: Buffer): string {
  return bytes
    .subarray(0, SHOWN_BYTES)
    .toString("hex")
    .replace(/..(?=.)/g, "$& ")
}

function tooLong({ fault, reason, afterMs }: SessionEnd): Diagnosis {
  const isPieces = fault === "WS_ERR_TOO_MANY_BUFFERED_PARTS"
  const what = isPieces ? "in more than 10,000 fragments" : `of more than ${sizeText(MAX_MESSAGE_BYTES)}`
  return {
    severity: isPieces ? "warning" : "info",
    what: `The server sends a message ${what}, unpacked: it was not read to its end.`,
    suspects: [
      {
        id: "message-too-long",
        title: isPieces
          ? "The backend sends messages that few clients take"
          : "Browsers take them, other clients have limits: websockets (Python) 1 MB, ws 100 MB",
        hop: "backend",
        certainty: "likely",
        evidence: [`${printable(reason)}, ${formatDuration(afterMs)} after the 101`],
        mend: [{ where: "backend", text: "send it in parts, or as an HTTP response" }],
      },
    ],
  }
}

/** Certainty and mend of what is known by its first bytes; the hop is the backend's where nothing else is said. */
interface Known {
  readonly id: string
  readonly title: string
  readonly isEdges?: boolean
  readonly mend: readonly Mend[]
}

const BACKEND_FRAMES: readonly Mend[] = [
  { where: "backend", text: "leave the frames to a WebSocket library: ws, websockets, gorilla/websocket …" },
]

const BY_BYTES: readonly (readonly [RegExp, Known])[] = [
  [
    /^HTTP\/1|^<(?:!doctype|html|\?xml)/i,
    {
      id: "http-in-tunnel",
      title: "An HTTP response is written into the open WebSocket",
      mend: [
        { where: "backend", text: "no middleware may answer a request once its handler has upgraded it" },
      ],
    },
  ],
  [
    /^[0-9a-f]{1,8}\r\n/i,
    {
      id: "chunked-in-tunnel",
      title:
        "The bytes behind the 101 are sent as chunks: something takes the WebSocket for a response's body",
      isEdges: true,
      mend: [
        {
          where: "nginx or Holdfast, in the location of the socket",
          text: "chunked_transfer_encoding off;\nproxy_http_version 1.1;",
        },
      ],
    },
  ],
  [
    /^\x1f\x8b/,
    {
      id: "gzip-in-tunnel",
      title:
        "The bytes behind the 101 are packed by gzip: something takes the WebSocket for a response's body",
      isEdges: true,
      mend: [{ where: "nginx or Holdfast, in the location of the socket", text: "gzip off;" }],
    },
  ],
  [
    /^[\x14-\x17]\x03[\x00-\x04]/,
    {
      id: "tls-in-tunnel",
      title: "TLS is spoken inside the open WebSocket",
      isEdges: true,
      mend: [{ where: "edge", text: "speak TLS to the backend from the first byte on, or not at all" }],
    },
  ],
]

const BY_FAULT: ReadonlyMap<string, Known> = new Map<string, Known>([
  [
    "WS_ERR_UNEXPECTED_MASK",
    {
      id: "masked-frames",
      title: "The server masks its frames, which only clients do",
      mend: BACKEND_FRAMES,
    },
  ],
  [
    "WS_ERR_INVALID_UTF8",
    {
      id: "invalid-utf8",
      title: "The backend sends a text message that is no UTF-8",
      mend: [{ where: "backend", text: "send it as a binary message" }],
    },
  ],
])

const NOT_COMPRESSION: Mend = {
  where: "nginx or Holdfast, in the location of the socket, to have no compression",
  text: 'proxy_set_header Sec-WebSocket-Extensions "";',
}

function suspectOf(one: Case, found: MessagesSeen, end: SessionEnd): Suspect {
  if (end.fault === "WS_ERR_UNEXPECTED_RSV_1" && found.extensions === "" && looksCompressed(end))
    return unagreedCompression(one, found)
  const text = end.bytes?.toString("latin1") ?? ""
  const known = BY_BYTES.find(([pattern]) => pattern.test(text))?.[1] ?? BY_FAULT.get(end.fault ?? "")
  if (known !== undefined) {
    const hop = known.isEdges === true ? edgeHop(one) : "backend"
    return { id: known.id, title: known.title, hop, certainty: "likely", evidence: [], mend: known.mend }
  }
  if (/^Z_|ERR_ZLIB|ERR__ERROR/.test(end.fault ?? ""))
    return {
      id: "broken-compression",
      title: "Compressed messages cannot be unpacked: the two sides do not agree on how they are compressed",
      hop: "backend",
      certainty: "likely",
      evidence: [`negotiated: ${found.extensions}`],
      mend: [NOT_COMPRESSION],
    }
  return {
    id: "garbage-frames",
    title: "The backend sends something that is no WebSocket",
    hop: "backend",
    certainty: "likely",
    evidence: [],
    mend: BACKEND_FRAMES,
  }
}

const RESERVED_BITS = 0x70
const MARK = 0x40
const OPCODE_BITS = 0x0f

/** A text or binary frame with the mark of a compressed message, RFC 7692 §6, and nothing else out of order. */
function looksCompressed({ bytes }: SessionEnd): boolean {
  const first = bytes?.[0] ?? 0
  const opcode = first & OPCODE_BITS
  return (first & RESERVED_BITS) === MARK && (opcode === 1 || opcode === 2)
}

function unagreedCompression(one: Case, { worksUncompressed }: MessagesSeen): Suspect {
  const isProved = worksUncompressed === true
  return {
    id: "compressed-without-agreement",
    title: "The offer of compression reaches the backend, and its answer to it is lost on the way back",
    hop: edgeHop(one),
    certainty: isProved ? "likely" : "possible",
    evidence: [
      "the 101 has no Sec-WebSocket-Extensions, and the frame has the mark of a compressed message (0x40)",
      ...(isProved ? ["without Sec-WebSocket-Extensions in the request the same goes well"] : []),
    ],
    mend: [...mendHiddenField(placeOf(one), "Sec-WebSocket-Extensions"), NOT_COMPRESSION],
  }
}
