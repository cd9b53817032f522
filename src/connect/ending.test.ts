import assert from "node:assert/strict"
import { describe, test } from "node:test"
import { describeEnd, explainCut, isClean, isPassing } from "./ending.ts"
import type { SessionEnd, SessionInfo } from "./session.ts"

const INFO: SessionInfo = {
  address: "127.0.0.1",
  tls: undefined,
  subprotocol: "",
  extensions: "",
  server: undefined,
  tookMs: 1,
}

function cut(idleMs: number, livedMs = idleMs + 5000): SessionEnd {
  return {
    code: 1006,
    reason: "",
    by: "nobody",
    fault: undefined,
    how: "FIN",
    livedMs,
    idleMs,
    quietMs: idleMs,
  }
}

describe("a cut is explained by the timeouts that are known", () => {
  const CASES: [name: string, end: SessionEnd, server: string | undefined, pattern: RegExp][] = [
    [
      "60 s after nginx",
      cut(60_030),
      "nginx/1.22.1",
      /^Nothing came from the peer for 60\.0 s before\. 60 s is the default of nginx's proxy_read_timeout, .*--ping 24s/,
    ],
    [
      "60 s after who does not say",
      cut(60_030),
      undefined,
      /60 s is the default of (?!nginx).*Apache's ProxyTimeout/,
    ],
    [
      "100 s after Cloudflare",
      cut(100_200),
      "cloudflare",
      /100 s is the default of Cloudflare's idle timeout/,
    ],
    [
      "a lifetime of 30 s, whatever passed",
      cut(200, 30_010),
      "Google Frontend, gcp-lb",
      /30 s is the default of the backend service timeout/,
    ],
    [
      "17 s",
      cut(17_000),
      "nginx",
      /^Nothing came from the peer for 17\.0 s before\. Something in between cut it, or the peer's program died\.$/,
    ],
    ["at once", cut(5), "nginx", /^Something in between cut it/],
  ]
  for (const [name, end, server, pattern] of CASES)
    test(name, () => assert.match(explainCut(end, { ...INFO, server }) ?? "", pattern))

  test("what the peer closed needs no explanation", () => {
    assert.equal(explainCut({ ...cut(60_000), code: 1000, by: "peer" }, INFO), undefined)
  })
})

describe("an end in a line", () => {
  const base = { ...cut(1000, 2500), reason: "" }
  const CASES: [SessionEnd, text: string, isClean: boolean, isPassing: boolean][] = [
    [
      { ...base, code: 1000, by: "peer", reason: "bye" },
      'closed by the peer after 2.5 s: 1000 Normal Closure "bye"',
      true,
      false,
    ],
    [
      { ...base, code: 1005, by: "peer" },
      "closed by the peer after 2.5 s: 1005 No Status Received",
      true,
      true,
    ],
    [
      { ...base, code: 1012, by: "peer" },
      "closed by the peer after 2.5 s: 1012 Service Restart",
      false,
      true,
    ],
    [{ ...base, code: 1000, by: "us" }, "closed by us after 2.5 s: 1000 Normal Closure", true, false],
    [{ ...base, by: "us" }, "closed by us after 2.5 s; the peer did not answer the Close frame", true, true],
    [
      { ...base, how: "ECONNRESET" },
      "cut after 2.5 s without a Close frame, by a reset of the connection (RST): 1006 Abnormal Closure",
      false,
      true,
    ],
    [{ ...base, code: 1002, by: "us", fault: "bad" }, "bad: closed with 1002 Protocol Error", false, false],
  ]
  for (const [end, text, clean, passing] of CASES)
    test(text, () => {
      assert.equal(describeEnd(end), text)
      assert.deepEqual([isClean(end), isPassing(end)], [clean, passing])
    })
})
