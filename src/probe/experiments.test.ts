import assert from "node:assert/strict"
import { describe, test } from "node:test"
import { clientOptionsOf } from "../client/client-options.ts"
import { parseEndpoint } from "../client/endpoint.ts"
import { type ProbePlan, probeContext } from "./context.ts"
import { experimentsFor, isWorthwhile, otherSlash } from "./experiments.ts"
import type { HandshakeResult } from "./handshake.ts"
import { targetOf } from "./redirects.ts"

describe("otherSlash", () => {
  const cases = [
    ["/ws/", "/ws"],
    ["/ws", "/ws/"],
    ["/", "/"],
    ["/ws/?a=b/", "/ws?a=b/"],
    ["/ws?a=b", "/ws/?a=b"],
    ["/ws?a=b?c", "/ws/?a=b?c"],
  ] as const
  for (const [target, other] of cases) test(target, () => assert.equal(otherSlash(target), other))
})

describe("targetOf", () => {
  const from = parseEndpoint("ws://ann:secret@example.com:8080/ws?a=b")
  const cases = [
    ["/ws/", "ws://example.com:8080/ws/"],
    ["https://example.com/ws", "wss://example.com/ws"],
    ["//other.example/", "ws://other.example/"],
    ["?c=d#part", "ws://example.com:8080/ws?c=d"],
    ["mailto:ann@example.com", undefined],
    ["", undefined],
    ["http://[", undefined],
  ] as const
  for (const [location, url] of cases)
    test(location === "" ? "(empty)" : location, () => assert.equal(targetOf(from, location)?.url, url))

  test("credentials go to the same host, and not from TLS to plain", () => {
    assert.equal(targetOf(from, "/ws/")?.userinfo, "ann:secret")
    assert.equal(targetOf(from, "https://example.com/")?.userinfo, "ann:secret")
    assert.equal(targetOf(from, "//other.example/")?.userinfo, undefined)
    assert.equal(targetOf({ ...from, secure: true }, "http://example.com/")?.userinfo, undefined)
    assert.equal(targetOf(from, "http://eve:x@other.example/")?.userinfo, undefined)
  })
})

describe("experimentsFor", () => {
  const endpoint = parseEndpoint("wss://example.com/ws/")
  const client = clientOptionsOf({
    header: [],
    cookie: [],
    subprotocol: [],
    resolve: [],
    insecure: false,
    timeout: "1s",
  })
  const plan = { backend: undefined } as ProbePlan
  const ids = (result: unknown, cookies: readonly string[] = []): string =>
    experimentsFor(probeContext(endpoint, { ...client, cookies }, plan), result as HandshakeResult)
      .map(({ id }) => id)
      .join()
  const answered = (status: number, more: object = {}): unknown => ({
    kind: "answer",
    head: { status },
    firstByteMs: 5,
    ...more,
  })

  test("a limit is not met for our sake", () => {
    for (const status of [429, 503]) assert.equal(ids(answered(status)), "again,plain-get")
  })
  test("whoever is slow is asked once more", () => {
    assert.equal(ids({ kind: "silent" }), "plain-get")
    assert.equal(ids(answered(504)), "plain-get")
    assert.equal(ids(answered(403, { firstByteMs: 5000 })), "plain-get")
  })
  test("a redirect is followed", () => {
    for (const status of [301, 302, 303, 307, 308])
      assert.equal(ids(answered(status)), "plain-get,redirected")
  })
  test("an accepted handshake is tried as Firefox does it", () => {
    assert.equal(ids(answered(101)), "keep-alive")
    assert.equal(ids(answered(101, { fault: "there is no Upgrade header" })), "again,plain-get,no-extensions")
  })
  test("a refusal is taken apart", () => {
    const all = "plain-get,other-slash,no-origin,other-origin,no-extensions,lower-case,keep-alive"
    assert.equal(ids(answered(403)), all)
    assert.equal(ids(answered(403), ["a=b"]), `${all},no-cookies`)
  })
  test("TLS and the PROXY protocol only where nobody speaks HTTP", () => {
    const plain = { id: "plain-get", text: "", result: answered(200) as HandshakeResult } as const
    assert.equal(isWorthwhile("proxy-protocol", [plain]), false)
    assert.equal(isWorthwhile("proxy-protocol", []), true)
    assert.equal(isWorthwhile("keep-alive", [plain]), true)
  })
})
