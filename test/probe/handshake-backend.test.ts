/** Answers that no right server gives, asked for without anything in between. */
import assert from "node:assert/strict"
import { test } from "node:test"
import { acceptKey } from "../../src/websocket/handshake.ts"
import { issueCertificate } from "../support/certificates.ts"
import {
  type BackendAnswer,
  type BackendOptions,
  type BackendRequest,
  type BackendScript,
  httpAnswer,
  startRawBackend,
} from "../support/raw-backend.ts"
import { type ProbeCase, probe, testCases } from "./case.ts"
import { startChoosyBackend } from "./choosy-backend.ts"

interface BrokenCase extends Omit<ProbeCase, "at" | "stage"> {
  readonly script: BackendScript
  readonly words?: readonly string[]
  readonly options?: () => Promise<BackendOptions>
}

/** What a right server answers, but for `changes`: null takes a field away. */
function accepted(
  request: BackendRequest,
  changes: Readonly<Record<string, string | null>> = {},
  line = LINE,
): string {
  const fields: Record<string, string | null> = {
    Upgrade: "websocket",
    Connection: "Upgrade",
    "Sec-WebSocket-Accept": acceptKey(fieldOf(request, "sec-websocket-key") ?? ""),
    ...changes,
  }
  const lines = Object.entries(fields).flatMap(([name, value]) =>
    value === null ? [] : [`${name}: ${value}\r\n`],
  )
  return `${line}\r\n${lines.join("")}\r\n`
}

const LINE = "HTTP/1.1 101 Switching Protocols"

function fieldOf({ headers }: BackendRequest, key: string): string | undefined {
  return headers.find(([name]) => name.toLowerCase() === key)?.[1]
}

/** A page for plain requests, `answer` for handshakes. */
function onUpgrade(answer: (request: BackendRequest) => string | BackendAnswer): BackendScript {
  return (request) => (fieldOf(request, "upgrade") === undefined ? httpAnswer("a page\n") : answer(request))
}

const CASES: readonly BrokenCase[] = [
  {
    mistake: "Sec-WebSocket-Accept computed of something else",
    script: onUpgrade((request) =>
      accepted(request, { "Sec-WebSocket-Accept": acceptKey(`${fieldOf(request, "sec-websocket-key")}\n`) }),
    ),
    cause: "accept-wrong",
    mend: "258EAFA5-E914-47DA-95CA-C5AB0DC85B11",
  },
  {
    mistake: "the same Sec-WebSocket-Accept to every key",
    script: onUpgrade((request) =>
      accepted(request, { "Sec-WebSocket-Accept": "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" }),
    ),
    cause: "canned-answer",
    mend: "proxy_cache off;",
  },
  {
    mistake: "no Upgrade in the 101",
    script: onUpgrade((request) => accepted(request, { Upgrade: null })),
    cause: "upgrade-missing-in-answer",
    mend: "Upgrade: websocket",
  },
  {
    mistake: "no Connection: Upgrade in the 101",
    script: onUpgrade((request) => accepted(request, { Connection: "keep-alive" })),
    cause: "connection-missing-in-answer",
    mend: "Connection: Upgrade",
  },
  {
    mistake: "Upgrade to another protocol",
    script: onUpgrade((request) => accepted(request, { Upgrade: "h2c" })),
    cause: "other-protocol",
    mend: "Upgrade: websocket",
  },
  {
    mistake: "the 101 as HTTP/1.0",
    script: onUpgrade((request) => accepted(request, {}, "HTTP/1.0 101 Switching Protocols")),
    cause: "http-1.0-answer",
    mend: "HTTP/1.1 101 Switching Protocols",
  },
  {
    mistake: "an extension that was not offered",
    script: onUpgrade((request) =>
      accepted(request, { "Sec-WebSocket-Extensions": "x-webkit-deflate-frame" }),
    ),
    cause: "extension-not-offered",
    mend: "Sec-WebSocket-Extensions",
  },
  {
    mistake: "the first of two subprotocols, neither offered",
    script: onUpgrade((request) => accepted(request, { "Sec-WebSocket-Protocol": "mqtt" })),
    words: ["--subprotocol", "chat,chat.v2"],
    cause: "subprotocol-not-offered",
    mend: "Sec-WebSocket-Protocol",
  },
  {
    mistake: "no subprotocol chosen, though offered",
    script: onUpgrade((request) => ({ send: accepted(request), after: "end" })),
    words: ["--subprotocol", "chat"],
    cause: "subprotocol-unknown",
    mend: "new WebSocket(url)",
  },
  {
    mistake: "400 as soon as an extension is offered",
    script: onUpgrade((request) =>
      fieldOf(request, "sec-websocket-extensions") === undefined
        ? accepted(request)
        : httpAnswer("no\n", "", "400 Bad Request"),
    ),
    cause: "extensions-refused",
    mend: 'proxy_set_header Sec-WebSocket-Extensions "";',
  },
  {
    mistake: "silence",
    script: onUpgrade(() => ({ after: "keep" })),
    words: ["--timeout", "500ms"],
    cause: "silent-to-handshakes",
    mend: "GET /ws/",
  },
  {
    mistake: "a FIN in place of an answer",
    script: onUpgrade(() => ({ after: "end" })),
    cause: "closes-handshakes",
    mend: "Upgrade: websocket",
  },
  {
    mistake: "a RST in place of an answer",
    script: onUpgrade(() => ({ after: "reset" })),
    cause: "resets-handshakes",
    mend: "Upgrade: websocket",
  },
  {
    mistake: "another protocol on that port (SSH)",
    script: { on: "connect", send: "SSH-2.0-OpenSSH_9.2p1\r\n" },
    cause: "not-http",
    mend: "ws://",
  },
  {
    mistake: "HTTP/2 only",
    script: { on: "connect", send: "\0\0\x06\x04\0\0\0\0\0\0\x03\0\0\0\x64" },
    cause: "http2-only",
    mend: "listen 443 ssl;",
  },
  {
    mistake: "100 Continue without an end",
    script: onUpgrade(() => "HTTP/1.1 100 Continue\r\n\r\n".repeat(500)),
    cause: "endless-answer",
    mend: "HTTP/1.1 101 Switching Protocols",
  },
  {
    mistake: "ws: to a port that speaks TLS",
    script: onUpgrade((request) => accepted(request)),
    options: async () => {
      const { certificate, key } = await issueCertificate(["127.0.0.1"])
      return { tls: { cert: certificate, key } }
    },
    cause: "tls-port",
    mend: "wss://",
  },
  {
    mistake: "429 with Retry-After",
    script: httpAnswer("slow down\n", "Retry-After: 1\r\n", "429 Too Many Requests"),
    cause: "rate-limit",
    mend: "limit_req",
  },
  {
    mistake: "405 to a GET",
    script: httpAnswer("", "Allow: POST\r\n", "405 Method Not Allowed"),
    cause: "method-not-allowed",
    mend: "GET",
  },
]

testCases(
  "handshake-backend",
  "Handshakes that fail: broken backends",
  CASES.map((one) => ({
    ...one,
    at: "backend",
    stage: async (t) => {
      const backend = await startRawBackend(one.script, await one.options?.())
      t.after(() => backend.close())
      return [`ws://127.0.0.1:${backend.port}/ws/`, ...(one.words ?? [])]
    },
  })),
)

test("Node's 431 for cookies that are too large", async (t) => {
  const backend = await startChoosyBackend()
  t.after(() => backend.close())
  const report = await probe([`ws://127.0.0.1:${backend.port}/ws/`, "--cookie", `big=${"x".repeat(20_000)}`])
  const [suspect] = report.diagnoses[0]?.suspects ?? []
  assert.equal(suspect?.id, "header-too-large")
  assert.ok(
    suspect.evidence.some((line) => /^without cookies: 101/.test(line)),
    JSON.stringify(suspect),
  )
})

test("a Content-Length in the 101 is worth knowing, and no more", async (t) => {
  const backend = await startChoosyBackend({ field: "Content-Length: 0" })
  t.after(() => backend.close())
  const report = await probe([`ws://127.0.0.1:${backend.port}/ws/`])
  assert.deepEqual(
    report.diagnoses.map(({ severity, suspects }) => [severity, suspects[0]?.id]),
    [["info", "length-in-101"]],
  )
})

test("a 101 after a 103 is a good answer", async (t) => {
  const early = "HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n"
  const backend = await startRawBackend(onUpgrade((request) => early + accepted(request)))
  t.after(() => backend.close())
  const report = await probe([`ws://127.0.0.1:${backend.port}/ws/`, "--timeout", "500ms"])
  const handshake = report.steps.find(({ id }) => id === "handshake")
  assert.equal(handshake?.outcome, "ok")
})

test("what the user gave stays with the host that it was given for", async (t) => {
  const other = await startRawBackend(httpAnswer("no\n", "", "404 Not Found"))
  t.after(() => other.close())
  const there = `http://localhost:${other.port}/ws/`
  const first = await startRawBackend(httpAnswer("", `Location: ${there}\r\n`, "302 Found"))
  t.after(() => first.close())
  const words = [
    "--cookie",
    "session=c00kie",
    "--header",
    "X-Key: h34der",
    "--resolve",
    `localhost:${other.port}:127.0.0.1`,
  ]
  await probe([`ws://ann:pa55@127.0.0.1:${first.port}/ws/`, ...words])
  assert.match(first.received, /c00kie/)
  assert.match(other.received, /^GET \/ws\//)
  assert.doesNotMatch(other.received, /c00kie|h34der|Authorization/)
})
