/** Answers as they come from services that cannot be run here, and the cause that comes first for each. */
import assert from "node:assert/strict"
import { describe, test } from "node:test"
import { type ClientOptions, clientOptionsOf } from "../../client/client-options.ts"
import { DialError } from "../../client/dial-error.ts"
import { parseEndpoint } from "../../client/endpoint.ts"
import { ResponseHeadParser } from "../../http/response-head.ts"
import { acceptKey } from "../../websocket/handshake.ts"
import { answerFault } from "../answer-fault.ts"
import { type ProbeContext, probeContext } from "../context.ts"
import type { Answer, HandshakeResult, NoAnswer } from "../handshake.ts"
import type { Observations } from "../observations.ts"
import type { Suspect } from "../report.ts"
import { handshakeRequest } from "../request.ts"
import { diagnoseHandshake } from "./handshake.ts"
import { PLAN } from "./testing.ts"

const NONE = { header: [], cookie: [], subprotocol: [], resolve: [], insecure: false, timeout: "1s" }

function contextOf(url: string, client: Partial<ClientOptions> = {}): ProbeContext {
  return probeContext(parseEndpoint(url), { ...clientOptionsOf(NONE), ...client }, PLAN)
}

/** `lines`: status line and fields; `body` behind them. */
function answer(context: ProbeContext, lines: string, body = "", firstByteMs = 5): Answer {
  const request = handshakeRequest(context.endpoint, context.client)
  const parser = new ResponseHeadParser(65_536)
  const headText = `${lines.replaceAll("KEY", acceptKey(request.key)).replaceAll("\n", "\r\n")}\r\n\r\n`
  parser.execute(Buffer.from(headText, "latin1"), 0)
  const { head } = parser
  const fault = answerFault(head, request)
  const attempt = { request: request.text, key: request.key, address: "192.0.2.1", connectMs: 1, tlsMs: 0 }
  return {
    kind: "answer",
    ...attempt,
    firstByteMs,
    totalMs: firstByteMs,
    head,
    headText,
    interim: [],
    fault,
    body,
  }
}

function none(kind: NoAnswer["kind"], received = ""): NoAnswer {
  const attempt = {
    request: "",
    key: "",
    address: "",
    connectMs: 1,
    tlsMs: 0,
    firstByteMs: undefined,
    totalMs: 1000,
  }
  return { kind, ...attempt, received, reason: "so" }
}

function suspectsOf(context: ProbeContext, seen: Observations): readonly Suspect[] {
  const diagnoses = diagnoseHandshake({ context, seen })
  for (const { suspects } of diagnoses) {
    for (const { evidence, mend, hop, title } of suspects) {
      assert.ok(evidence.length > 0 && mend.length > 0 && hop !== "" && title !== "")
      for (const line of evidence) assert.notEqual(line, "")
    }
  }
  return diagnoses[0]?.suspects ?? []
}

const URL = "wss://example.com/ws/"
const NGINX = "Server: nginx"
const nginxPage = (title: string): string =>
  `<html>\r\n<head><title>${title}</title></head>\r\n<body>\r\n<center><h1>${title}</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n`
const HTML = "<!doctype html><html><body></body></html>"

/** What comes, its body, and the first suspect. */
const CASES: readonly (readonly [lines: string, body: string, id: string])[] = [
  [`HTTP/1.1 200 OK\n${NGINX}\nContent-Type: text/html`, HTML, "page-in-place-of-socket"],
  [
    `HTTP/1.1 200 OK\n${NGINX}\nLast-Modified: Sun, 13 Sep 2020 12:26:40 GMT\nETag: "5f5e1000-22"`,
    HTML,
    "file-in-place-of-socket",
  ],
  ["HTTP/1.1 301 Moved Permanently\nLocation: /ws", "", "slash-redirect"],
  ["HTTP/1.1 302 Found\nLocation: https://example.com/users/sign_in?to=1", "", "redirect-to-login"],
  ["HTTP/1.1 307 Temporary Redirect\nLocation: https://www.example.com/ws/", "", "redirected"],
  ["HTTP/1.1 308 Permanent Redirect\nLocation: mailto:a@b", "", "redirected"],
  [
    `HTTP/1.1 400 Bad Request\n${NGINX}`,
    "Missing or invalid Sec-WebSocket-Version header",
    "version-not-forwarded",
  ],
  [`HTTP/1.1 400 Bad Request\n${NGINX}`, "Transport unknown", "engine-io-url"],
  [
    `HTTP/1.1 400 Bad Request\n${NGINX}`,
    nginxPage("400 No required SSL certificate was sent"),
    "client-certificate-wanted",
  ],
  [
    "HTTP/1.1 400 Bad Request\nServer: nginx",
    nginxPage("400 The plain HTTP request was sent to HTTPS port"),
    "plain-to-tls-backend",
  ],
  ["HTTP/1.1 401 Unauthorized\nWWW-Authenticate: Bearer", "", "credentials-wanted"],
  [`HTTP/1.1 403 Forbidden\n${NGINX}`, nginxPage("403 Forbidden"), "denied-by-edge"],
  [`HTTP/1.1 403 Forbidden\n${NGINX}`, '{"error":"no"}', "refused-by-application"],
  ["HTTP/1.1 403 Forbidden\nServer: cloudflare\ncf-mitigated: challenge", HTML, "challenged"],
  [`HTTP/1.1 404 Not Found\n${NGINX}`, nginxPage("404 Not Found"), "no-location"],
  [`HTTP/1.1 404 Not Found\n${NGINX}`, "<pre>Cannot GET /ws/</pre>", "upgrade-not-forwarded"],
  [`HTTP/1.1 405 Not Allowed\n${NGINX}`, nginxPage("405 Not Allowed"), "method-not-allowed"],
  ["HTTP/1.1 407 Proxy Authentication Required", "", "proxy-authentication"],
  [
    `HTTP/1.1 413 Request Entity Too Large\n${NGINX}`,
    nginxPage("413 Request Entity Too Large"),
    "body-limit",
  ],
  [`HTTP/1.1 414 Request-URI Too Large\n${NGINX}`, nginxPage("414 Request-URI Too Large"), "url-too-long"],
  [`HTTP/1.1 418 I'm a teapot\n${NGINX}`, "", "unexplained"],
  ["HTTP/1.1 421 Misdirected Request", "", "misdirected"],
  ["HTTP/1.1 426 Upgrade Required", "", "upgrade-not-forwarded"],
  ["HTTP/1.1 429 Too Many Requests", "", "rate-limit"],
  ["HTTP/1.1 431 Request Header Fields Too Large", "", "header-too-large"],
  ["HTTP/1.1 499", "", "unexplained"],
  [`HTTP/1.1 500 Internal Server Error\n${NGINX}`, nginxPage("500 Internal Server Error"), "edge-error"],
  [`HTTP/1.1 500 Internal Server Error\n${NGINX}\nX-Powered-By: Express`, "oops", "application-error"],
  ["HTTP/1.1 501 Not Implemented", "", "not-implemented"],
  [`HTTP/1.1 502 Bad Gateway\n${NGINX}`, nginxPage("502 Bad Gateway"), "backend-down"],
  [
    "HTTP/1.1 503 Service Unavailable\nCache-Control: no-cache",
    "<html><body><h1>503 Service Unavailable</h1>\nNo server is available to handle this request.\n</body></html>\n",
    "no-backend-in-service",
  ],
  ["HTTP/1.1 503 Service Unavailable\nServer: envoy", "no healthy upstream", "no-backend-in-service"],
  [`HTTP/1.1 504 Gateway Time-out\n${NGINX}`, nginxPage("504 Gateway Time-out"), "backend-silent"],
  ["HTTP/1.1 521 \nServer: cloudflare", "error code: 521", "cloudflare-to-origin"],
  ["HTTP/1.1 526 \nServer: cloudflare", "error code: 526", "cloudflare-to-origin"],
]

describe("the first suspect for", () => {
  for (const [lines, body, id] of CASES) {
    const [status = ""] = lines.split("\n")
    test(`${status}: ${id}`, () => {
      const context = contextOf(URL)
      const plain = { id: "plain-get", text: "as a plain GET", result: answer(context, lines, body) } as const
      const seen = { handshake: answer(context, lines, body), experiments: { trials: [plain], turns: [] } }
      const suspects = suspectsOf(context, seen)
      assert.equal(suspects[0]?.id, id, JSON.stringify(suspects, null, 2))
      // Without the experiments there is still something to say.
      assert.ok(suspectsOf(context, { handshake: seen.handshake }).length > 0)
    })
  }

  const TLS_ALERT = "\x15\x03\x03\x00\x02\x02\x46"
  const NO_ANSWERS: readonly (readonly [string, NoAnswer, string])[] = [
    ["wss: and bytes of TLS", none("malformed", TLS_ALERT), "plain-to-tls-backend"],
    ["garbage", none("malformed", "hello\n"), "not-http"],
    ["silence", none("silent"), "silent-to-handshakes"],
    ["RST", none("reset"), "resets-handshakes"],
    ["FIN", none("closed"), "closes-handshakes"],
    ["no end", none("endless"), "endless-answer"],
  ]
  for (const [name, result, id] of NO_ANSWERS)
    test(name, () => assert.equal(suspectsOf(contextOf(URL), { handshake: result })[0]?.id, id))
})

const GOOD =
  "HTTP/1.1 101 Switching Protocols\nUpgrade: websocket\nConnection: Upgrade\nSec-WebSocket-Accept: KEY"

test("every status has a suspect, with evidence and a remedy", () => {
  const context = contextOf(URL)
  for (let status = 200; status < 600; status++) {
    for (const fields of ["", `\n${NGINX}`, "\nServer: cloudflare", "\nVia: 1.1 varnish\nLocation: /"]) {
      const handshake = answer(context, `HTTP/1.1 ${status} Odd${fields}`)
      assert.ok(suspectsOf(context, { handshake }).length > 0, `${status}${fields}`)
    }
  }
})

describe("what is said of", () => {
  test("a good answer: nothing", () => {
    const context = contextOf(URL)
    const good = answer(context, GOOD)
    assert.equal(good.fault, undefined)
    assert.deepEqual(diagnoseHandshake({ context, seen: { handshake: good } }), [])
  })

  test("a connection that is gone: that, where no step before has found why", () => {
    const error = new DialError("connect", "connect ECONNREFUSED", { code: "ECONNREFUSED", elapsedMs: 1 })
    const seen: Observations = { handshake: { kind: "unreachable", error } }
    assert.equal(suspectsOf(contextOf(URL), seen)[0]?.id, "no-connection")
  })

  test("a missing Origin: that it is wanted, where it was tried", () => {
    const context = contextOf(URL, { origin: "none" })
    const handshake = answer(context, `HTTP/1.1 403 Forbidden\n${NGINX}`, "no\n")
    const good = answer(context, GOOD)
    const seen: Observations = {
      handshake,
      experiments: { trials: [{ id: "own-origin", text: "with Origin", result: good }], turns: [] },
    }
    assert.equal(suspectsOf(context, seen)[0]?.id, "origin-wanted")
  })

  test("a 400 that says nothing, and is another for a plain GET: that the application refuses", () => {
    const context = contextOf(URL)
    const plain = {
      id: "plain-get",
      text: "GET",
      result: answer(context, "HTTP/1.1 200 OK", "a page"),
    } as const
    const handshake = answer(context, `HTTP/1.1 400 Bad Request\n${NGINX}`, "no")
    const suspects = suspectsOf(context, { handshake, experiments: { trials: [plain], turns: [] } })
    assert.equal(suspects[0]?.id, "refused-by-application")
  })

  test("the same request, accepted once and refused once: whose turn it is, and no change is blamed", () => {
    const context = contextOf(URL)
    const good = answer(context, GOOD)
    const bad = answer(context, `HTTP/1.1 502 Bad Gateway\n${NGINX}`, nginxPage("502 Bad Gateway"))
    const trial = { id: "lower-case", text: "with header names in lower case", result: good } as const
    const again = { id: "again", text: "the same again", result: good } as const
    const flapping = [{ ...again, result: bad }, trial, again]
    for (const handshake of [good, bad]) {
      const seen: Observations = { handshake, experiments: { trials: [trial], turns: [], flapping } }
      const [first] = diagnoseHandshake({ context, seen })
      assert.equal(first?.severity, "error")
      assert.equal(first.suspects[0]?.id, "one-of-several-refuses")
      assert.ok(first.suspects.every(({ id, certainty }) => id !== "header-case" && certainty !== "certain"))
    }
  })

  test("Apache's own pages, also without a signature: not the application's", () => {
    const context = contextOf(URL)
    const fields = "Server: Apache/2.4.71 (Debian)\nContent-Type: text/html; charset=iso-8859-1"
    const idOf = (status: string, sentence: string): string | undefined => {
      const title = `<html><head>\n<title>${status}</title>\n</head><body>\n<h1>${status.slice(4)}</h1>`
      const page = `<!DOCTYPE HTML PUBLIC "-//IETF//DTD HTML 2.0//EN">\n${title}\n<p>${sentence}</p>\n</body></html>\n`
      const handshake = answer(context, `HTTP/1.1 ${status}\n${fields}`, page)
      return suspectsOf(context, { handshake })[0]?.id
    }
    assert.equal(
      idOf("403 Forbidden", "You don't have permission to access this resource."),
      "denied-by-edge",
    )
    assert.equal(idOf("404 Not Found", "The requested URL was not found on this server."), "no-location")
    assert.equal(
      idOf("503 Service Unavailable", "The server is temporarily unable to service your\nrequest due to"),
      "backend-down",
    )
  })

  test("two handshakes that take seconds: a warning; one that does, nothing", () => {
    const context = contextOf(URL)
    const slow = answer(context, GOOD, "", 2500)
    const seenWith = (result: Answer): Observations => ({
      handshake: slow,
      experiments: { trials: [{ id: "keep-alive", text: "as Firefox", result }], turns: [] },
    })
    const [found] = diagnoseHandshake({ context, seen: seenWith(answer(context, GOOD, "", 2600)) })
    assert.equal(found?.severity, "warning")
    assert.equal(found.suspects[0]?.id, "slow-handshake")
    assert.deepEqual(diagnoseHandshake({ context, seen: seenWith(answer(context, GOOD)) }), [])
  })

  test("a library that has a list of origins and looks at nothing else: not Host", () => {
    const context = contextOf(URL)
    const text = "Failed to open a WebSocket connection: invalid Origin header: https://ws.example.com.\n"
    const handshake = answer(context, `HTTP/1.1 403 Forbidden\n${NGINX}`, text)
    const suspects = suspectsOf(context, { handshake, experiments: { trials: [], turns: [] } })
    assert.deepEqual(
      suspects.map(({ id }) => id),
      ["origin-not-allowed"],
    )
  })

  test("Firefox's way that fails once, where the usual one fails then, too: nothing", () => {
    const context = contextOf(URL)
    const good = answer(context, GOOD)
    const bad: HandshakeResult = answer(context, "HTTP/1.1 503 Service Unavailable")
    const trials = (["keep-alive", "again"] as const).map((id) => ({ id, text: id, result: bad }))
    assert.deepEqual(
      diagnoseHandshake({ context, seen: { handshake: good, experiments: { trials, turns: [] } } }),
      [],
    )
  })
})

describe("answerFault", () => {
  const cases: readonly (readonly [string, string, RegExp | undefined])[] = [
    ["nothing more", GOOD, undefined],
    [
      "an extension that was offered",
      `${GOOD}\nSec-WebSocket-Extensions: Permessage-Deflate; server_no_context_takeover`,
      undefined,
    ],
    ["one that was not", `${GOOD}\nSec-WebSocket-Extensions: permessage-deflate, x-mux`, /x-mux/],
    ["a subprotocol that was offered", `${GOOD}\nSec-WebSocket-Protocol: v2`, undefined],
    [
      "two of them",
      `${GOOD}\nSec-WebSocket-Protocol: v1\nSec-WebSocket-Protocol: v2`,
      /"v1, v2", which was not offered/,
    ],
    ["another case of it", `${GOOD}\nSec-WebSocket-Protocol: V2`, /not offered/],
    ["HTTP/1.0", GOOD.replace("1.1", "1.0"), /HTTP\/1\.0/],
  ]
  for (const [name, lines, pattern] of cases) {
    test(name, () => {
      const { fault } = answer(contextOf(URL, { subprotocols: ["v1", "v2"] }), lines)
      if (pattern === undefined) assert.equal(fault, undefined)
      else assert.match(fault ?? "", pattern)
    })
  }
})
