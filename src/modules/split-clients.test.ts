import assert from "node:assert/strict"
import { it } from "node:test"
import { murmurHash2 } from "../base/murmur-hash.ts"
import { accessLog } from "./access-log.ts"
import { Fixture } from "./core-variables-fixture.ts"

it("gives each value its share", () => {
  const fixture = new Fixture(
    "http { split_clients $arg_k $s { 12.5% a; 50% b; * c; } log_format f '$s'; server { access_log l f; } }",
  )
  const location = fixture.location()
  const format = location.of(accessLog)?.[0]?.format
  const counts: Record<string, number> = { a: 0, b: 0, c: 0 }
  for (let i = 0; i < 4000; i++) {
    const request = fixture.request(location, `GET /?k=key-${i} HTTP/1.1\r\nHost: a\r\n\r\n`)
    const value = format?.line(request).trim() ?? ""
    const share = murmurHash2(`key-${i}`) / 2 ** 32
    assert.equal(value, share < 0.125 ? "a" : share < 0.625 ? "b" : "c")
    counts[value]++
  }
  assert.ok(counts["a"] > 400 && counts["a"] < 600, JSON.stringify(counts))
})
