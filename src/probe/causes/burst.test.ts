import assert from "node:assert/strict"
import { describe, test } from "node:test"
import { DialError } from "../../client/dial-error.ts"
import type { HandshakeResult } from "../handshake.ts"
import type { BurstSeen } from "../steps/burst.ts"
import { tenthsOf } from "../steps/burst.ts"
import { diagnoseBurst } from "./burst.ts"
import { answerOf, caseOf } from "./testing.ts"

const DONE: BurstSeen = {
  asked: 100,
  rate: 50,
  tried: 100,
  opened: 100,
  mostOpen: 100,
  dropped: 0,
  cut: { count: 0, youngestMs: 0, oldestMs: 0 },
  failed: 0,
  first: undefined,
  kinds: new Map(),
  handshakeMs: [],
  ownLimit: "",
  ownLoad: 0.1,
  tenths: [],
  opensLater: undefined,
  opensWhenClosed: undefined,
}

type Room = Pick<BurstSeen, "opensLater" | "opensWhenClosed">
const BY_RATE: Room = { opensLater: true, opensWhenClosed: true }
const BY_COUNT: Room = { opensLater: false, opensWhenClosed: true }
const NEVER: Room = { opensLater: false, opensWhenClosed: false }

const NGINX = ["Server: nginx/1.22.1"]
const NGINX_PAGE =
  "<html><body><center><h1>503</h1></center>\r\n<hr><center>nginx/1.22.1</center></body></html>\r\n"
const NGINX_503 = answerOf(
  [...NGINX, "Content-Type: text/html"],
  "503 Service Temporarily Unavailable",
  NGINX_PAGE,
)

function suspects(refusal: HandshakeResult, room: Room, fields = NGINX, afterMs = 2): string[] {
  const first = { number: 11, open: 10, afterMs, refusal, end: undefined }
  const burst = { ...DONE, opened: 10, mostOpen: 10, failed: 10, first, ...room }
  const [found] = diagnoseBurst(caseOf({ handshake: answerOf(fields), burst }))
  return (found?.suspects ?? []).map(({ id, certainty }) => `${id} ${certainty}`)
}

describe("who lets no more in", () => {
  test("nginx: by rate or by count, as room comes back", () => {
    assert.equal(suspects(NGINX_503, BY_RATE)[0], "limit-req likely")
    assert.equal(suspects(NGINX_503, BY_COUNT)[0], "limit-conn likely")
    const both = suspects(NGINX_503, NEVER)
    assert.ok(both.includes("limit-req possible") && both.includes("limit-conn possible"), both.join())
  })

  test("a 502 is the backend's", () => {
    const refusal = answerOf(NGINX, "502 Bad Gateway", "")
    assert.equal(suspects(refusal, BY_COUNT)[0], "backend-limit likely")
  })

  test("a 503 that waited is a queue's", () => {
    const refusal = answerOf([], "503 Service Unavailable", "")
    assert.equal(suspects(refusal, BY_COUNT, ["upgrade: websocket"], 5000)[0], "haproxy-maxconn possible")
  })

  test("a plain 403 is none of the edge's limits", () => {
    const found = suspects(answerOf(NGINX, "403 Forbidden"), NEVER)
    assert.equal(found.length, 1)
    assert.match(found[0] ?? "", /^backend-limit/)
  })
})

test("this machine's own limit is no fault of the server", () => {
  const error = new DialError("connect", "too many open files", { code: "EMFILE", elapsedMs: 1 })
  const first = {
    number: 51,
    open: 50,
    afterMs: 1,
    refusal: { kind: "unreachable", error } as const,
    end: undefined,
  }
  const [found] = diagnoseBurst(caseOf({ burst: { ...DONE, mostOpen: 50, first, ownLimit: "EMFILE" } }))
  assert.equal(found?.severity, "info")
  assert.equal(found?.suspects[0]?.mend[0]?.text, "ulimit -n 65536")
})

test("handshakes that slow down are a warning where clients feel it", () => {
  const severityAt = (ownLoad: number, ...p50: number[]) => {
    const tenths = p50.map((ms) => ({ p50: ms, p99: ms }))
    return diagnoseBurst(caseOf({ burst: { ...DONE, tenths, ownLoad } }))[0]?.severity
  }
  const severity = (...p50: number[]) => severityAt(0.1, ...p50)
  assert.equal(severity(10, 20, 2000), "warning")
  assert.equal(severity(10, 20, 200), undefined, "slower, but quick enough")
  assert.equal(severity(900, 1000, 1100), undefined, "slow from the start")
  assert.equal(severityAt(0.95, 10, 20, 2000), undefined, "this machine is what was slow")
  assert.equal(severity(), undefined)
})

test("sockets that are cut while they are held", () => {
  const ids = (youngestMs: number, oldestMs: number) => {
    const burst = { ...DONE, cut: { count: 50, youngestMs, oldestMs } }
    return diagnoseBurst(caseOf({ burst })).map(({ severity, suspects }) => `${severity} ${suspects[0]?.id}`)
  }
  assert.deepEqual(ids(60_000, 60_100), ["warning held-sockets-time-out"])
  assert.deepEqual(ids(2000, 9000), ["error held-sockets-lost"])
})

test("tenths", () => {
  assert.deepEqual(tenthsOf([]), [])
  assert.deepEqual(tenthsOf([3, 1]), [
    { p50: 3, p99: 3 },
    { p50: 1, p99: 1 },
  ])
  const tenths = tenthsOf(Array.from({ length: 100 }, (_, index) => index))
  assert.equal(tenths.length, 10)
  assert.deepEqual(tenths[9], { p50: 95, p99: 99 })
})
