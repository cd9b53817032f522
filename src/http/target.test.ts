import assert from "node:assert/strict"
import { test } from "node:test"
import fc from "fast-check"
import { escapeArgs, escapeUri, parseHost, parseTarget, unescapeUri } from "./target.ts"

function uri(target: string, mergeSlashes: boolean = true): string | undefined {
  return parseTarget("GET", target, mergeSlashes)?.uri
}

test("the parts of a target", () => {
  assert.deepEqual(parseTarget("GET", "/a/b?c=d&e", true), {
    host: "",
    rawPath: "/a/b",
    uri: "/a/b",
    args: "c=d&e",
    hasArgs: true,
    complex: false,
    unparsedUri: "/a/b?c=d&e",
  })
  assert.deepEqual(parseTarget("GET", "http://B.c:80/%61?x#y", true), {
    host: "b.c",
    rawPath: "/%61",
    uri: "/a",
    args: "x",
    hasArgs: true,
    complex: true,
    unparsedUri: "/%61?x#y",
  })
  assert.deepEqual(parseTarget("GET", "http://b?x", true)?.unparsedUri, "/?x")
  assert.deepEqual(parseTarget("GET", "http://b", true)?.rawPath, "/")
  assert.equal(parseTarget("GET", "/a?", true)?.hasArgs, true)
  assert.equal(parseTarget("GET", "/a#b?c", true)?.hasArgs, false)
  assert.equal(parseTarget("OPTIONS", "*", true)?.rawPath, "*")
})

test("paths are decoded and normalized as nginx does it", () => {
  const cases: [string, string | undefined][] = [
    ["/", "/"],
    ["/a/./b", "/a/b"],
    ["/a/.", "/a/"],
    ["/a/..", "/"],
    ["/a/../b", "/b"],
    ["/a/b/../../c", "/c"],
    ["/..", undefined],
    ["/../a", undefined],
    ["/a/../../b", undefined],
    ["/.../a", "/.../a"],
    ["/.a/..b", "/.a/..b"],
    ["//a///b", "/a/b"],
    ["/%2e%2E/a", undefined],
    ["/a/%2e%2e%2fb", "/b"],
    ["/a%2f%2fb", "/a/b"],
    ["/%41%20%ff", "/A \xff"],
    ["/a%3Fb%23c%25d", "/a?b#c%d"],
    ["/%252e", "/%2e"],
    ["/a%3f/../b", "/b"],
    ["/%00", undefined],
    ["/%", undefined],
    ["/%4", undefined],
    ["/%4g", undefined],
    ["/a%0d%0ab", "/a\r\nb"],
    ["/a+b", "/a+b"],
    ["/a#b", "/a"],
    ["/a/.#b", "/a/"],
    ["/a/..?b", "/"],
  ]
  for (const [target, expected] of cases) assert.equal(uri(target), expected, target)
  assert.equal(uri("//a//b", false), "//a//b")
  assert.equal(uri("/a//../b", false), "/a/b")
})

test("targets that are none", () => {
  for (const target of [
    "a",
    "",
    "a/b",
    "http:/a",
    "http://",
    "http:///a",
    "http://a@b/",
    "h+p://a/",
    "*",
    "**",
  ])
    assert.equal(parseTarget("GET", target, true), undefined, target)
  assert.equal(parseTarget("CONNECT", "a:80", true), undefined)
})

test("hosts", () => {
  const cases: [string, string | undefined][] = [
    ["A.b", "a.b"],
    ["a:80", "a"],
    ["a:", "a"],
    ["a.", "a"],
    ["a.:80", "a"],
    ["a_b~c", "a_b~c"],
    ["[::1]", "[::1]"],
    ["[FE80::1]:80", "[fe80::1]"],
    ["", undefined],
    [".", undefined],
    [":80", undefined],
    ["a..b", undefined],
    ["a/b", undefined],
    ["a b", undefined],
    ["a@b", undefined],
    ["a\\b", undefined],
    ["a:b", undefined],
    ["a:65536", undefined],
    ["a:80:", undefined],
    ["[]", undefined],
    ["[::1", undefined],
    ["[::1]a", undefined],
    ["[::1%25lo]", undefined],
    ["a[", undefined],
    ["\xe4", undefined],
  ]
  for (const [value, expected] of cases) assert.equal(parseHost(value), expected, value)
})

test("escapes", () => {
  assert.equal(
    escapeUri('/a b?c#d%e&f+g"h<i>\\^`{|}\x7f\xff\x01~'),
    "/a%20b%3Fc%23d%25e&f+g%22h%3Ci%3E%5C%5E%60%7B%7C%7D%7F%FF%01~",
  )
  assert.equal(escapeArgs("a&b+c;d=e/f'"), "a%26b%2Bc%3Bd=e/f'")
  assert.equal(unescapeUri("%41%62c%"), "Abc")
  assert.equal(unescapeUri("%g1%4g2%%41"), "g12%41")
})

test("property: what is escaped decodes to itself, as a path too", () => {
  const octets = fc.string({
    unit: fc.integer({ min: 1, max: 255 }).map((c) => String.fromCharCode(c)),
    maxLength: 30,
  })
  fc.assert(
    fc.property(octets, (text) => {
      assert.equal(unescapeUri(escapeUri(text)), text)
      assert.equal(unescapeUri(escapeArgs(text)), text)
      const segment = text.replaceAll("/", "").replace(/^\.+$/, "")
      assert.equal(uri(`/${escapeUri(segment)}`), `/${segment}`)
    }),
  )
})

test("property: a normalized path stays as it is", () => {
  const target = fc.string({ unit: fc.constantFrom("/", ".", "a", "%2e", "%2f", "%25", "?"), maxLength: 20 })
  fc.assert(
    fc.property(target, fc.boolean(), (text, merge) => {
      const path = uri(`/${text}`, merge)
      if (path !== undefined) assert.equal(uri(escapeUri(path), merge), path)
    }),
    { numRuns: 1000 },
  )
})
