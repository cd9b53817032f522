import assert from "node:assert/strict"
import { test } from "node:test"
import { HeaderList } from "./header-list.ts"
import { HOP_BY_HOP, listContains, listTokens } from "./hop-by-hop.ts"
import { asciiLowerCase, isFieldValue, isToken } from "./octets.ts"

function list(...fields: [string, string][]): HeaderList {
  const headers = new HeaderList()
  for (const [name, value] of fields) headers.add(name, value)
  return headers
}

test("fields keep their order and spelling", () => {
  const headers = list(["Host", "a"], ["X-Own", "1"], ["x-own", "2"], ["COOKIE", "a=b"], ["Cookie", "c=d"])
  assert.equal(headers.length, 5)
  assert.deepEqual(headers.keys, ["host", "x-own", "x-own", "cookie", "cookie"])
  assert.equal(headers.get("x-own"), "1")
  assert.equal(headers.getJoined("x-own"), "1, 2")
  assert.equal(headers.getJoined("cookie"), "a=b; c=d")
  assert.equal(headers.getJoined("x-own", "|"), "1|2")
  assert.equal(headers.getJoined("none"), undefined)
  assert.equal(headers.has("host"), true)
  assert.equal(headers.has("none"), false)
})

test("remove takes all of a name, set leaves one in the first's place", () => {
  const headers = list(["A", "1"], ["B", "2"], ["a", "3"], ["C", "4"])
  assert.equal(headers.remove("none"), false)
  headers.set("a", "5")
  assert.deepEqual(headers.names, ["a", "B", "C"])
  assert.deepEqual(headers.values, ["5", "2", "4"])
  assert.equal(headers.remove("b"), true)
  headers.set("D", "6")
  headers.set("d", "7")
  assert.deepEqual(headers.names, ["a", "C", "d"])
  assert.deepEqual(headers.keys, ["a", "c", "d"])
  assert.deepEqual(headers.values, ["5", "4", "7"])
})

test("members of a list", () => {
  assert.equal(listContains("keep-alive,\tUpgrade ", "upgrade"), true)
  assert.equal(listContains("upgraded, up grade", "upgrade"), false)
  assert.equal(listContains("", "upgrade"), false)
  assert.equal(listContains(",,close", "close"), true)
  assert.deepEqual(listTokens(" Keep-Alive ,, X-Own,"), ["keep-alive", "x-own"])
  assert.equal(HOP_BY_HOP.has("transfer-encoding"), true)
})

test("classes of octets", () => {
  assert.equal(isToken("a!#$%&'*+.^`|~-_09Z"), true)
  for (const text of ["", "a b", "a:", "\xe4", "a\n", "\u0141"]) assert.equal(isToken(text), false)
  assert.equal(isFieldValue("a \t\xff"), true)
  for (const text of ["a\r\nb", "\0", "\x7f", "\u0141"]) assert.equal(isFieldValue(text), false)
  assert.equal(asciiLowerCase("AbC\xc4"), "abc\xc4")
})
