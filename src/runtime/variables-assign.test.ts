import assert from "node:assert/strict"
import { describe, it } from "node:test"
import type { Request } from "./request.ts"
import { type VariableGetter, VariableRegistry } from "./variables.ts"

/** As much of a request as these variables look at. */
function requestWith(values: Record<string, string>): Request {
  return { namedCaptures: new Map(Object.entries(values)) } as unknown as Request
}

function valueIn(
  registry: VariableRegistry,
  name: string,
  values: Record<string, string> = {},
): string | undefined {
  return (registry.resolve(name) as VariableGetter)(requestWith(values))
}

describe("variables that are assigned to", () => {
  it("have the value that they were given, and another before", () => {
    const registry = new VariableRegistry()
    assert.equal(registry.resolve("own"), undefined)
    assert.ok(registry.assign("own", () => "unset"))
    assert.equal(valueIn(registry, "own"), "unset")
    assert.equal(valueIn(registry, "own", { own: "" }), "")
    assert.equal(valueIn(registry, "own", { own: "given" }), "given")
  })

  it("stand over what directives define, before or after", () => {
    const registry = new VariableRegistry()
    registry.define("before", () => "map")
    assert.ok(registry.assign("before", () => "unset"))
    assert.ok(registry.assign("after", () => "unset"))
    registry.define("after", () => "map")
    for (const name of ["before", "after"]) {
      assert.equal(valueIn(registry, name), "map")
      assert.equal(valueIn(registry, name, { [name]: "given" }), "given")
    }
  })

  it("stand over members of families", () => {
    const registry = new VariableRegistry()
    registry.add({ families: { http_: (rest) => () => `field ${rest}` } })
    assert.equal(valueIn(registry, "http_a"), "field a")
    assert.ok(registry.assign("http_a", () => "unset"))
    assert.equal(valueIn(registry, "http_a"), "field a")
    assert.equal(valueIn(registry, "http_a", { http_a: "given" }), "given")
  })

  it("are none of a module's own, but for those with a setter", () => {
    const registry = new VariableRegistry()
    let set = ""
    registry.add({
      names: { host: () => "h", args: () => "a" },
      setters: {
        args: (_request, value) => {
          set = value
        },
      },
    })
    assert.ok(!registry.assign("host", () => "unset"))
    assert.ok(registry.assign("args", () => "unset"))
    assert.equal(registry.setterOf("host"), undefined)
    registry.setterOf("args")?.({} as never, "new")
    assert.equal(set, "new")
    assert.equal(valueIn(registry, "args", { args: "ignored" }), "a")
  })
})
