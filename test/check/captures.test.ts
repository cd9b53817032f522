import assert from "node:assert/strict"
import { describe, test } from "node:test"
import { admits, groupsOf, isAnchored, isFixed } from "../../src/check/captures.ts"
import { buildModel } from "../../src/check/model.ts"
import { dependsOn, namesIn, partsIn, valuesOf } from "../../src/check/request-data.ts"
import { parseTarget } from "../../src/check/target.ts"
import { readTree } from "../../src/check/tree.ts"

describe("captures", () => {
  test("groups are numbered by their opening parenthesis", () => {
    assert.deepEqual(groupsOf("^/(a(?<b>[()]+))(?:c)/(?P<d>\\(x\\))$"), [
      { name: undefined, pattern: "a(?<b>[()]+)" },
      { name: "b", pattern: "[()]+" },
      { name: "d", pattern: "\\(x\\)" },
    ])
  })

  for (const [pattern, char, expected] of [
    ["[^/]*", "\n", true],
    [".*", "\n", false],
    [".*", "\r", true],
    ["[\\w-]+", ".", false],
    ["[^/\\s]+", "\n", false],
    ["[^/\\s]+", ".", true],
    ["a\\.b", ".", true],
    ["\\S+", "/", true],
    ["[[:alnum:]]+", ".", false],
    ["\\d{4,5}", ",", false],
    ["[]/]", "/", true],
    ["(?!x)a", "x", false],
  ] as const)
    test(`${pattern} and ${JSON.stringify(char)}`, () => assert.equal(admits(pattern, char), expected))

  test("fixed texts and open ones", () => {
    assert.deepEqual(["alpha|beta", "v1\\.2", "(?:a|b)c"].map(isFixed), [true, true, true])
    assert.deepEqual(["a+", "[ab]", "\\d", ".", "a?", "(?!a)b"].map(isFixed), Array(6).fill(false))
  })

  test("both ends", () => {
    assert.deepEqual(["^/a$", "^(?:a|b)$"].map(isAnchored), [true, true])
    assert.deepEqual(["^/a", "/a$", "^a|b$", "^a\\$"].map(isAnchored), Array(4).fill(false))
  })
})

describe("what comes from the request", () => {
  const text = `http {
    map $a $loop { default $loop; }
    map $http_x $m { default fixed; ~^(.+)$ "<$1>"; }
    server { set $s "$m/$arg_q"; location ~ ^/(?<name>[a-z]+)/([^/]*) { proxy_pass http://x; } } }`
  const tree = readTree("nginx.conf", "./", () => ({ text, encoding: "utf8" }))
  const model = buildModel(tree, parseTarget("holdfast"))
  const block = model.servers[0]?.locations[0]?.node ?? tree.root

  function written(value: string): string[] {
    return valuesOf(value, block, model).map((parts) =>
      parts.map((part) => (typeof part === "string" ? part : `{${part.variable}}`)).join(""),
    )
  }

  test("names, as nginx reads them", () => {
    assert.deepEqual(namesIn("$a-${b}c$12$d_e"), ["a", "b", "1", "d_e"])
  })

  test("set, map and captures are followed", () => {
    assert.deepEqual(written("to $s"), ["to fixed/{$arg_q}", "to <{$1}>/{$arg_q}"])
    assert.deepEqual(written("$name.$2"), ["{$name}.{$2}"])
    assert.deepEqual(written("$loop$unknown!"), ["!"])
  })

  test("each part says what it may have in it", () => {
    const [name, second] = partsIn(valuesOf("$name $2", block, model))
    assert.deepEqual([name?.admits("/"), name?.admits("a"), second?.admits("\n")], [false, true, true])
  })

  test("what a value depends on", () => {
    const isField = (name: string): boolean => name === "http_x"
    assert.ok(dependsOn("$s", isField, block, model))
    assert.ok(!dependsOn("$loop $name", isField, block, model))
  })
})
