/** What nginx has and Holdfast does not: each gets one error, which names it and says what to do. */
import assert from "node:assert/strict"
import { mkdirSync } from "node:fs"
import { after, describe, it } from "node:test"
import { KNOWN_DIRECTIVES } from "../../src/config/known-directives.ts"
import { refusal, refusalHint } from "../../src/config/refusals.ts"
import { allRows } from "../../src/server/read.ts"
import { makeTempFolder, removeTempFolder } from "../support/temp.ts"
import { CONTEXTS, type Context, LINE } from "./contexts.ts"
import { checkInProcess } from "./in-process.ts"
import { NGINX_VARIABLES } from "./nginx-variables.ts"

const folder = makeTempFolder("refused")
mkdirSync(`${folder}/logs`)
after(() => removeTempFolder(folder))

function errorOf(context: Context, lines: string): string | null {
  const text = context.wrap(lines).replaceAll("{dir}", folder)
  return checkInProcess(text, `${folder}/test.conf`, `${folder}/`).error
}

const place = ` in ${folder}/test.conf:${LINE}`
const rows = allRows()
const refused = KNOWN_DIRECTIVES.filter((name) => !rows.has(name))
const [location] = CONTEXTS as readonly [Context, ...Context[]]

describe("directives of nginx", () => {
  it("each has a row or a hint of its own", () => {
    assert.deepEqual(
      refused.filter((name) => refusalHint(name) === undefined),
      [],
    )
  })

  it("no hint has a line break, a stop at its end, or nothing to say", () => {
    for (const name of refused) assert.match(refusalHint(name) ?? "", /^[^\n]{10,}[^\n.]$/, name)
  })

  it("no name has a row and is unknown to nginx, but for Holdfast's own", () => {
    const known = new Set(KNOWN_DIRECTIVES)
    const own = [...rows.keys()].filter((name) => !known.has(name))
    for (const name of own)
      assert.match(
        name,
        /^(websocket|worker_stall_timeout$|status_socket$|drain$|http2_extended_connect$)/,
        name,
      )
  })

  for (const context of CONTEXTS)
    it(`each that is refused says so in ${context.name}, whatever its arguments and its block`, () => {
      for (const name of refused)
        for (const lines of [`${name};`, `${name} a b c d e f g;`, `${name} x { no such "thing`]) {
          const error = errorOf(context, lines)
          assert.equal(error, refusal(name) + place, lines)
        }
    })
})

describe("variables of nginx", () => {
  for (const name of NGINX_VARIABLES)
    it(`$${name} is there, or it is said what to do`, () => {
      const error = errorOf(location, `return 200 "$${name}";`)
      if (error === null) return
      assert.ok(error.startsWith(`variable "$${name}" is not supported by Holdfast: `), error)
      assert.ok(error.endsWith(place), error)
    })

  it("one that nobody knows is unknown in nginx's words", () => {
    assert.equal(errorOf(location, 'return 200 "$no_such";'), `unknown "no_such" variable${place}`)
  })

  it("a refused name may be given a value", () => {
    assert.equal(errorOf(location, 'set $memcached_key "$uri"; return 200 $memcached_key;'), null)
  })
})
