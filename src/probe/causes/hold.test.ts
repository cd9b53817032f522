import assert from "node:assert/strict"
import { describe, test } from "node:test"
import type { HeldSocket } from "../held-socket.ts"
import { KNOWN_TIMEOUTS } from "../known-timeouts.ts"
import type { SessionEnd } from "../session.ts"
import type { HoldSeen } from "../steps/hold.ts"
import { diagnoseHold } from "./hold.ts"
import { answerOf, caseOf } from "./testing.ts"

const OPEN: HeldSocket = {
  kind: "silent",
  state: "alive",
  refusal: undefined,
  end: undefined,
  livedMs: 600_000,
  idleMs: 600_000,
  pingEveryMs: 0,
  pingsSent: 0,
  pongs: 0,
  peerPings: 0,
  peerPingEveryMs: undefined,
  messages: 0,
  firstMessage: "",
}
const PINGING: HeldSocket = { ...OPEN, kind: "pinging", pingEveryMs: 20_000, pingsSent: 29, pongs: 29 }
const FIN: SessionEnd = { how: "fin", code: undefined, reason: "", afterMs: 0 }

function cutAfter(ms: number, end: SessionEnd = FIN): HeldSocket {
  return { ...OPEN, state: "closed", end, livedMs: ms, idleMs: ms }
}

function held(silent: HeldSocket, pinging: HeldSocket = PINGING, mute: HeldSocket = silent): HoldSeen {
  return { holdMs: 600_000, silent, pinging, mute: { ...mute, kind: "mute" } }
}

const NGINX = ["Server: nginx/1.22.1"]
const CLOUDFLARE = ["Server: cloudflare", "CF-RAY: 8a1b2c3d4e5f-FRA"]
const NOBODY = ["Upgrade: websocket"]

/** "id certainty" of each suspect. */
function suspects(hold: HoldSeen, fields: readonly string[]): string[] {
  const [first] = diagnoseHold(caseOf({ handshake: answerOf(fields), hold }))
  return (first?.suspects ?? []).map(({ id, certainty }) => `${id} ${certainty}`)
}

describe("a cut is named by its time and by who answered", () => {
  const table: readonly (readonly [string, number, readonly string[], string])[] = [
    ["nginx, its default", 60_050, NGINX, "nginx-proxy-read-timeout likely"],
    ["nginx, set to something", 7010, NGINX, "nginx-proxy-read-timeout likely"],
    ["Cloudflare", 100_300, CLOUDFLARE, "cloudflare-idle-timeout likely"],
    ["nginx behind Cloudflare", 60_100, CLOUDFLARE, "nginx-proxy-read-timeout possible"],
    ["an ALB, which does not say so", 60_020, NOBODY, "apache-proxy-timeout possible"],
    ["nobody known", 12_000, NOBODY, "idle-timeout-on-the-way possible"],
  ]
  for (const [name, ms, fields, expected] of table)
    test(name, () => assert.equal(suspects(held(cutAfter(ms)), fields)[0], expected))

  test("a load balancer that does not say its name is among those after 60 s", () => {
    assert.ok(suspects(held(cutAfter(60_020)), NOBODY).includes("aws-alb-idle-timeout possible"))
    assert.ok(!suspects(held(cutAfter(12_000)), NOBODY).some((text) => text.startsWith("aws")))
  })

  test("the sentence says the default, or what it is set to", () => {
    const title = (ms: number) =>
      diagnoseHold(caseOf({ handshake: answerOf(NGINX), hold: held(cutAfter(ms)) }))[0]?.suspects[0]?.title
    assert.equal(title(60_050), "It is nginx's proxy_read_timeout: 60 s is its default, where nobody sets it")
    assert.equal(title(7010), "It is nginx's proxy_read_timeout, which is set to 7 s")
  })
})

test("a cut in spite of pings is no idle timeout", () => {
  const found = diagnoseHold(
    caseOf({
      handshake: answerOf(NGINX),
      hold: held(cutAfter(30_000), { ...PINGING, state: "closed", end: FIN, livedMs: 30_010 }),
    }),
  )
  assert.match(found[0]?.what ?? "", /^Every WebSocket is cut after 30 s, idle or not/)
  assert.ok(found[0]?.suspects.every(({ id }) => id !== "nginx-proxy-read-timeout"))
})

describe("the backend itself", () => {
  const backend = (silent: HeldSocket) => {
    const seen = {
      handshake: answerOf(NGINX),
      hold: held(cutAfter(60_000)),
      backend: { hold: held(silent) },
    }
    return diagnoseHold(caseOf(seen, "wss://example.com/ws/", "ws://10.0.0.5:3000/ws/"))[0]?.suspects[0]
  }

  test("that holds it clears itself", () => {
    assert.deepEqual([backend(OPEN)?.id, backend(OPEN)?.certainty], ["nginx-proxy-read-timeout", "certain"])
  })

  test("that cuts it after the same time is it", () => {
    const found = backend(cutAfter(60_010))
    assert.deepEqual([found?.id, found?.certainty], ["backend-cuts", "certain"])
  })
})

describe("what is said beside a cut", () => {
  const severity = (hold: HoldSeen) => diagnoseHold(caseOf({ handshake: answerOf(NGINX), hold }))[0]?.severity
  const close = (code: number, reason: string): SessionEnd => ({ how: "close", code, reason, afterMs: 5000 })

  test("a goodbye with a reason is a warning, one without an error", () => {
    assert.equal(severity(held(cutAfter(5000, close(1001, "idle")))), "warning")
    assert.equal(severity(held(cutAfter(5000, close(1000, "")))), "error")
    assert.equal(severity(held(cutAfter(5000, close(1011, "keepalive ping timeout")))), "error")
  })

  test("some say who they are by how they say it", () => {
    const title = (ms: number, end: SessionEnd) =>
      diagnoseHold(caseOf({ hold: held(cutAfter(ms, end)) }))[0]?.suspects[0]?.title ?? ""
    assert.match(title(60_020, close(1000, "")), /^Phoenix/)
    assert.match(title(30_000, close(1000, "")), /^Whoever/)
    assert.match(title(300_010, close(1001, "Idle Timeout")), /^Jetty/)
    assert.match(title(40_000, close(1011, "keepalive ping timeout")), /^python3-websockets/)
  })

  test("an NLB or a NAT is gone without a word", () => {
    const lost: HeldSocket = { ...OPEN, state: "lost", end: { ...FIN, how: "reset" }, livedMs: 360_000 }
    const [found] = diagnoseHold(caseOf({ handshake: answerOf(NOBODY), hold: held(lost) }))
    assert.equal(found?.suspects[0]?.id, "forgotten-on-the-way")
    const where = found?.suspects[0]?.mend.map((mend) => mend.where).join("\n") ?? ""
    assert.match(where, /Network Load Balancer/)
    assert.match(where, /Azure/)
  })

  test("no answer to the last ping counts only where others were answered", () => {
    const unanswered: HeldSocket = { ...OPEN, state: "unanswered" }
    assert.equal(severity(held(unanswered)), "error")
    assert.equal(severity(held(unanswered, { ...PINGING, state: "unanswered", pongs: 0 })), undefined)
  })

  test("a server that closes who pings", () => {
    const pinging: HeldSocket = { ...PINGING, state: "closed", end: FIN, livedMs: 20_100 }
    assert.equal(severity(held(OPEN, pinging)), "warning")
  })

  test("a heartbeat is worth a word only where it is short", () => {
    const pinged: HeldSocket = { ...OPEN, peerPings: 20, peerPingEveryMs: 20_000 }
    assert.equal(severity(held(pinged, PINGING, cutAfter(40_000))), undefined)
    assert.equal(severity(held(pinged, PINGING, cutAfter(3000))), "info")
  })

  test("all open: nothing", () => {
    assert.equal(severity(held(OPEN)), undefined)
    assert.deepEqual(diagnoseHold(caseOf({})), [])
  })
})

test("each known timeout has a source and a mend of its own", () => {
  assert.equal(new Set(KNOWN_TIMEOUTS.map(({ id }) => id)).size, KNOWN_TIMEOUTS.length)
  for (const { source, mend, defaultMs } of KNOWN_TIMEOUTS) {
    assert.match(source, /^https:\/\/|^docs\//)
    assert.ok(mend.text !== "" && defaultMs > 0)
  }
})
