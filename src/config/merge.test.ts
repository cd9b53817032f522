import assert from "node:assert/strict"
import { describe, it } from "node:test"
import { Defaults, mergedConf } from "./merge.ts"
import { directives, HTTP, LOCATION, SERVER, type ValueContext } from "./row.ts"
import { Scope } from "./scope.ts"
import { string } from "./values.ts"

const ALL = HTTP | SERVER | LOCATION
const allow = {
  in: ALL,
  args: 1,
  list: (args: readonly string[]) => args[0],
  slot: "access",
  doc: "",
} as const

const ours = directives({
  scalar: { in: ALL, value: string, default: "none", doc: "" },
  bare: { in: ALL, value: string, doc: "" },
  own: { in: ALL, value: string, inherit: false, doc: "" },
  allow,
  deny: allow,
  block: { in: ALL, args: 0, block: LOCATION, doc: "" },
})
const others = directives({ other: { in: ALL, value: string, default: "far", doc: "" } })

/** http > server > location, where each says what is given. */
function levels(...settings: readonly Readonly<Record<string, unknown>>[]) {
  const defaults = new Defaults(() => ({}) as ValueContext)
  const scopes: Scope[] = []
  for (const values of settings) {
    const scope = new Scope(ALL, scopes.at(-1) ?? null, null)
    for (const [slot, value] of Object.entries(values)) scope.own.set(slot, { value, directive: null })
    scopes.push(scope)
  }
  return { defaults, scopes, confs: scopes.map((scope) => mergedConf(scope, ours, defaults)) }
}

describe("what is in force at a block", () => {
  it("defaults where nothing is said", () => {
    const { confs } = levels({})
    assert.deepEqual(confs[0], { scalar: "none", bare: undefined, own: undefined, allow: [], deny: [] })
  })

  it("values of the blocks around it, unless it says something itself", () => {
    const { confs } = levels({ scalar: "a", bare: "b" }, { scalar: "c" }, {})
    assert.deepEqual(
      confs.map(({ scalar, bare }) => [scalar, bare]),
      [
        ["a", "b"],
        ["c", "b"],
        ["c", "b"],
      ],
    )
  })

  it("a value that is not inherited counts in its own block alone", () => {
    const { confs } = levels({ own: "a" }, { scalar: "b" }, { own: "c" })
    assert.deepEqual(
      confs.map(({ own, scalar }) => [own, scalar]),
      [
        ["a", "none"],
        [undefined, "b"],
        ["c", "b"],
      ],
    )
  })

  it("all names of a slot have its list", () => {
    const { confs } = levels({ access: ["x"] }, { access: ["y", "z"] }, {})
    for (const name of ["allow", "deny"] as const)
      assert.deepEqual(
        confs.map((conf) => conf[name]),
        [["x"], ["y", "z"], ["y", "z"]],
      )
  })

  it("is one object for blocks that say nothing of these rows", () => {
    const { defaults, scopes, confs } = levels({ scalar: "a" }, { other: "near" }, { own: "x" }, {})
    assert.equal(confs[3], confs[1])
    assert.equal(confs[3].scalar, "a")
    assert.notEqual(confs[2], confs[1])
    const [above, near, ...below] = scopes.map((scope) => mergedConf(scope, others, defaults))
    assert.equal(above.other, "far")
    assert.equal(near.other, "near")
    assert.equal(below[0].other, "near")
    assert.equal(below[1], below[0])
  })
})

describe("the blocks in a block", () => {
  it("are there in the order of the file, and by name", () => {
    const position = { file: "f", line: 1, column: 1 }
    const main = new Scope(HTTP, null, null)
    const children = ["server", "upstream", "server"].map((name) => {
      const directive = { name, args: [], position, endLine: 1, block: null }
      return new Scope(SERVER, main, directive)
    })
    for (const child of children) main.add(child)
    assert.deepEqual(main.children, children)
    assert.deepEqual(main.blocks("server"), [children[0], children[2]])
    assert.deepEqual(main.blocks("upstream"), [children[1]])
    assert.deepEqual(main.blocks("location"), [])
  })
})
