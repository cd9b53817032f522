/** An answer that is no good: a 101 with faults, something that is no HTTP, or nothing. */
import { printable } from "../../base/visible-text.ts"
import type { Weighed } from "../cause.ts"
import type { NoAnswer } from "../handshake.ts"
import { mendAddedField, mendHiddenField, mendInLog, mendLostField, mendPlainPort } from "../mends.ts"
import {
  accepts,
  type Facts,
  type FailureCause,
  found,
  header,
  headerLine,
  trialLine,
  trialOf,
} from "./handshake-facts.ts"

const PROVED = 95
const LIBRARY = "the backend's WebSocket library"

export const ANSWER_CAUSES: readonly FailureCause[] = [
  {
    id: "canned-answer",
    title: "Somebody answers 101 without looking at the request: a cache, or a rule that was made for a test",
    by: "edge",
    weigh: (facts) => {
      const accept = faultOf(facts, "Sec-WebSocket-Accept")
      const again = trialOf(facts, "again")
      if (accept === undefined || again?.kind !== "answer") return undefined
      const value = header(facts, "sec-websocket-accept")
      if (value === undefined || again.head.headers.get("sec-websocket-accept") !== value) return undefined
      const mend = [{ where: `nginx, in the location of ${facts.place.path}`, text: "proxy_cache off;" }]
      return found(facts, PROVED, mend, [
        accept,
        `to another key the same: Sec-WebSocket-Accept: ${printable(value)}`,
      ])
    },
  },
  {
    id: "accept-wrong",
    title:
      "Sec-WebSocket-Accept does not fit the key: it is computed wrongly, or the key is changed on the way",
    by: "backend",
    weigh: (facts) => {
      const fault = faultOf(facts, "Sec-WebSocket-Accept")
      if (fault === undefined || header(facts, "sec-websocket-accept") === undefined) return undefined
      const mend = [
        { where: LIBRARY, text: 'base64(sha1(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))' },
        // HAProxy puts a key of its own in the place of one that is taken away.
        ...mendLostField(facts.place, "Sec-WebSocket-Key"),
      ]
      return found(facts, 80, mend, [fault, ...trialLine(facts, "again")])
    },
  },
  {
    id: "accept-missing",
    title: "The answer's Sec-WebSocket-Accept is taken away on the way, or was never there",
    by: "edge",
    weigh: (facts) => hiddenField(facts, "Sec-WebSocket-Accept"),
  },
  {
    id: "upgrade-missing-in-answer",
    title: "The answer's Upgrade is taken away on the way, or was never there",
    by: "edge",
    weigh: (facts) => hiddenField(facts, "Upgrade"),
  },
  {
    id: "connection-missing-in-answer",
    title: 'The answer has no "Connection: Upgrade": it is taken away on the way, or was never there',
    by: "edge",
    weigh: (facts) => hiddenField(facts, "Connection"),
  },
  {
    id: "other-protocol",
    title: "The answer switches to another protocol than WebSocket",
    by: "backend",
    weigh: (facts) => {
      const fault = faultOf(facts, "Upgrade")
      if (fault === undefined || header(facts, "upgrade") === undefined) return undefined
      return found(facts, 80, [{ where: LIBRARY, text: "Upgrade: websocket" }], [fault])
    },
  },
  {
    id: "http-1.0-answer",
    title: "The 101 comes as HTTP/1.0, which browsers do not take",
    by: "backend",
    weigh: (facts) => {
      const fault = faultOf(facts, "it is an answer of HTTP/1.0")
      if (fault === undefined) return undefined
      return found(facts, PROVED, [{ where: LIBRARY, text: "HTTP/1.1 101 Switching Protocols" }], [fault])
    },
  },
  {
    id: "subprotocol-not-offered",
    title: "The answer chooses a subprotocol that was not offered: clients must close then",
    by: "backend",
    weigh: (facts) => notOffered(facts, "Sec-WebSocket-Protocol"),
  },
  {
    id: "extension-not-offered",
    title: "The answer chooses an extension that was not offered: clients must close then",
    by: "backend",
    weigh: (facts) => notOffered(facts, "Sec-WebSocket-Extensions"),
  },
  {
    id: "tls-port",
    title: "The port speaks TLS: the URL must begin with wss:",
    by: "client",
    weigh: (facts) => {
      const { endpoint } = facts.one.context
      const other = trialOf(facts, "other-scheme")
      if (endpoint.secure || (!isTls(facts) && other?.kind !== "answer")) return undefined
      const mend = [
        { where: "the client", text: endpoint.url.replace(/^ws:/, "wss:") },
        ...mendPlainPort(facts.place),
      ]
      const spoke = other !== undefined && other.kind !== "unreachable"
      return found(facts, spoke ? PROVED : 60, mend, [
        ...receivedLine(facts),
        ...trialLine(facts, "other-scheme"),
      ])
    },
  },
  {
    id: "plain-to-tls-backend",
    title:
      "What comes is TLS: the edge speaks plain HTTP to a backend that wants TLS, and passes its alert on",
    by: "edge",
    weigh: (facts) => {
      const { endpoint } = facts.one.context
      if (!isTls(facts) || (!endpoint.secure && trialOf(facts, "other-scheme")?.kind === "answer"))
        return undefined
      const mend = [
        {
          where: `nginx, in the location of ${facts.place.path}`,
          text: "proxy_pass https://127.0.0.1:3000;",
        },
      ]
      return found(facts, endpoint.secure ? PROVED : 50, mend, receivedLine(facts))
    },
  },
  {
    id: "http2-only",
    title: "What answers speaks HTTP/2 only, and a handshake is HTTP/1.1",
    by: "edge",
    weigh: (facts) => {
      const isHttp2 = HTTP2_SETTINGS.test(receivedOf(facts))
      const own = trialOf(facts, "proxy-protocol")
      if (!isHttp2 || own?.kind === "answer") return undefined
      const mend = [
        { where: "nginx, where it listens: a port that has HTTP/1.1, too", text: "listen 443 ssl;" },
      ]
      const weight = own?.kind === "malformed" ? PROVED : 55
      return found(facts, weight, mend, [...receivedLine(facts), ...trialLine(facts, "proxy-protocol")])
    },
  },
  {
    // nginx takes what has no status line for HTTP/0.9, and passes it on.
    id: "http2-only-backend",
    title: "The edge speaks HTTP/1.1 to a backend that speaks HTTP/2 only, and passes its bytes on",
    by: "edge",
    weigh: (facts) => {
      const own = trialOf(facts, "proxy-protocol")
      if (!HTTP2_SETTINGS.test(receivedOf(facts)) || own?.kind === "malformed") return undefined
      const mend = [
        {
          where: `nginx, in the location of ${facts.place.path}: a port of the application that has HTTP/1.1`,
          text: "proxy_pass http://127.0.0.1:3000;",
        },
        {
          where: "the application: gRPC and HTTP/2 without TLS are no WebSocket server",
          text: "HTTP/1.1 at the port of the socket",
        },
      ]
      // It answers a request that nobody would pass on: the port itself knows HTTP/1.1.
      const weight = own?.kind === "answer" ? PROVED : 45
      return found(facts, weight, mend, [...receivedLine(facts), ...trialLine(facts, "proxy-protocol")])
    },
  },
  {
    id: "not-http",
    title: "What listens there speaks another protocol, or answers without a head",
    by: "backend",
    weigh: (facts) => {
      if (facts.result.kind !== "malformed") return undefined
      const mend = [
        { where: "the port: that of the edge or the application", text: facts.one.context.endpoint.url },
      ]
      return found(facts, 65, mend, [...receivedLine(facts), facts.result.reason])
    },
  },
  {
    id: "endless-answer",
    title: "The answer's head does not end",
    by: "backend",
    weigh: (facts) => {
      if (facts.result.kind !== "endless") return undefined
      const mend = [
        {
          where: "the backend: an empty line after the header fields",
          text: "HTTP/1.1 101 Switching Protocols",
        },
      ]
      return found(facts, 75, mend, [
        facts.result.reason,
        ...receivedLine(facts),
        ...trialLine(facts, "plain-get"),
      ])
    },
  },
  {
    id: "silent-to-handshakes",
    title: "The request is taken and not answered",
    by: "backend",
    weigh: silent,
  },
  {
    id: "closes-handshakes",
    title: "The connection is ended when the handshake has come, without an answer",
    by: "backend",
    weigh: (facts) => brokenOff(facts, "closed"),
  },
  {
    id: "resets-handshakes",
    title: "The connection is reset when the handshake has come: a crash, or a device that filters",
    by: "backend",
    weigh: (facts) => brokenOff(facts, "reset"),
  },
  {
    id: "proxy-protocol-wanted",
    title: "The port wants the PROXY protocol before the request: it is for a load balancer, not for clients",
    by: "edge",
    weigh: (facts) => {
      if (facts.result.kind !== "closed" && facts.result.kind !== "reset") return undefined
      const weight = accepts(facts, "proxy-protocol") ? PROVED : 0
      const mend = [
        { where: "nginx, where it listens: without proxy_protocol", text: "listen 80;" },
        { where: "HAProxy, where it listens: without accept-proxy", text: "bind :80" },
      ]
      return found(facts, weight, mend, [
        ...trialLine(facts, "plain-get"),
        ...trialLine(facts, "proxy-protocol"),
      ])
    },
  },
  {
    id: "closes-everything",
    title:
      "Every request ends the connection, also a plain GET: a rule (return 444, reject), no connection left, or a TCP balancer without a backend",
    by: "edge",
    rules: ["worker-connections"],
    weigh: (facts) => {
      const { kind } = facts.result
      const plain = trialOf(facts, "plain-get")?.kind
      if ((kind !== "closed" && kind !== "reset") || (plain !== "closed" && plain !== "reset"))
        return undefined
      const mend = [
        {
          where: "nginx, where return 444 is for names that it does not know: a server with this one",
          text: `server_name ${facts.one.context.endpoint.host};`,
        },
        { where: "nginx, in events", text: "worker_connections 4096;" },
        {
          where: "nginx's stream, HAProxy's mode tcp and their like: the address of a backend that is up",
          text: "server 127.0.0.1:3000;",
        },
      ]
      return found(facts, 60, mend, [...trialLine(facts, "plain-get"), ...trialLine(facts, "proxy-protocol")])
    },
  },
]

/** The answer's fault, where it is a 101 and the fault begins with or is about `what`. */
function faultOf({ answer }: Facts, what: string): string | undefined {
  if (answer?.head.status !== 101 || answer.fault === undefined) return undefined
  const isAbout = answer.fault.startsWith(what) || answer.fault.startsWith(`there is no ${what} header`)
  return isAbout ? printable(answer.fault) : undefined
}

function hiddenField(facts: Facts, field: string): Weighed | undefined {
  const fault = faultOf(facts, field)
  const isThere = field !== "Connection" && header(facts, field.toLowerCase()) !== undefined
  if (fault === undefined || isThere) return undefined
  const mend = [
    ...mendHiddenField(facts.place, field),
    {
      where: LIBRARY,
      text: `${field}: ${field === "Upgrade" ? "websocket" : field === "Connection" ? "Upgrade" : "…"}`,
    },
  ]
  return found(facts, 85, mend, [fault, ...trialLine(facts, "again")])
}

function notOffered(facts: Facts, field: string): Weighed | undefined {
  const fault = faultOf(facts, field)
  if (fault === undefined) return undefined
  const mend = [
    { where: `${LIBRARY}: only what the request has of it`, text: field },
    ...mendAddedField(facts.place, field),
  ]
  return found(facts, 75, mend, headerLine(facts, field))
}

function silent(facts: Facts): Weighed | undefined {
  if (facts.result.kind !== "silent") return undefined
  const plain = trialOf(facts, "plain-get")
  const mend = [
    mendInLog(facts.place),
    { where: "whether an answer comes later, and whose it is", text: "holdfast probe --timeout 75s" },
  ]
  const answers = plain?.kind === "answer"
  const title = answers
    ? "A plain GET is answered, the handshake is not: whoever has it does not know what to do with Upgrade"
    : "The connection is taken and nothing is answered, not even a plain GET"
  return found(facts, answers ? 80 : 60, mend, trialLine(facts, "plain-get"), { title })
}

function brokenOff(facts: Facts, kind: NoAnswer["kind"]): Weighed | undefined {
  if (facts.result.kind !== kind) return undefined
  const answers = trialOf(facts, "plain-get")?.kind === "answer"
  const mend = [mendInLog(facts.place)]
  const title = answers ? "A plain GET is answered; a handshake ends the connection" : undefined
  const lines = [
    ...receivedLine(facts),
    ...trialLine(facts, "plain-get"),
    ...trialLine(facts, "no-extensions"),
  ]
  return found(facts, answers ? 80 : 45, mend, lines, title === undefined ? {} : { title })
}

/** A SETTINGS frame (RFC 9113 §6.5) on stream 0. */
const HTTP2_SETTINGS = /^\0..\x04\0\0\0\0\0/s

/** An alert or a handshake record of TLS (RFC 8446 §5.1). */
function isTls(facts: Facts): boolean {
  return /^[\x15\x16]\x03[\0-\x04]/.test(receivedOf(facts))
}

function receivedOf({ result }: Facts): string {
  return "received" in result ? result.received : ""
}

const LONGEST_QUOTE = 60

function receivedLine(facts: Facts): string[] {
  const received = receivedOf(facts)
  return received === "" ? [] : [`received: "${printable(received.slice(0, LONGEST_QUOTE))}"`]
}
