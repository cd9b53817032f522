/** add_header_inherit and add_trailer_inherit, which nginx has since 1.29.3: as its documentation and source say. */
import assert from "node:assert/strict"
import { test } from "node:test"
import { startHoldfast } from "../support/holdfast.ts"
import { freePort } from "../support/ports.ts"
import { RawClient } from "../support/raw-client.ts"

interface Level {
  readonly name: string
  /** Directives with `add` for both: each test runs with add_header and with add_trailer. */
  readonly http?: string
  readonly server: string
  readonly target?: string
  /** The names of the fields that come, in order. */
  readonly fields: readonly string[]
}

const LEVELS: readonly Level[] = [
  { name: "on is the default", server: "add S s; location / { add L l; return 200 x; }", fields: ["L"] },
  {
    name: "on",
    server: "add S s; location / { add_inherit on; return 200 x; }",
    fields: ["S"],
  },
  {
    name: "merge: this level's before those above",
    http: "add H h;",
    server: "add S s; location / { add_inherit merge; add L l; return 200 x; }",
    fields: ["L", "S"],
  },
  {
    name: "merge on all levels, inherited itself",
    http: "add_inherit merge; add H h;",
    server: "add S s; location / { add L l; return 200 x; }",
    fields: ["L", "S", "H"],
  },
  {
    name: "merge without fields of its own",
    http: "add H h;",
    server: "add_inherit merge; location / { return 200 x; }",
    fields: ["H"],
  },
  {
    name: "off takes all from above away",
    server: "add S s; location / { add_inherit off; return 200 x; }",
    fields: [],
  },
  {
    name: "off leaves its own",
    server: "add S s; location / { add_inherit off; add L l; return 200 x; }",
    fields: ["L"],
  },
  {
    name: "off in the server, on in the location: nothing has come that far",
    http: "add H h;",
    server: "add_inherit off; location / { add_inherit on; return 200 x; }",
    fields: [],
  },
  {
    name: "merged above, on below",
    http: "add H h;",
    server: "add_inherit merge; add S s; location / { add_inherit on; return 200 x; }",
    fields: ["S", "H"],
  },
  {
    name: "a location within",
    server: "add_inherit merge; add S s; location / { add L l; location /i { add I i; return 200 x; } }",
    target: "/i",
    fields: ["I", "L", "S"],
  },
  {
    name: "an if",
    server: "add S s; location / { add L l; if ($arg_i) { add_inherit merge; add I i; return 200 x; } }",
    target: "/?i=1",
    fields: ["I", "L"],
  },
]

for (const kind of ["header", "trailer"] as const)
  test(`add_${kind}_inherit`, async (t) => {
    const ports = await Promise.all(LEVELS.map(() => freePort()))
    // Levels of http are apart by the program: one each.
    for (const [index, level] of LEVELS.entries()) {
      await t.test(level.name, async () => {
        const fill = (text: string): string =>
          text
            .replaceAll("add_inherit", `add_${kind}_inherit`)
            .replaceAll(/\badd ([A-Z])/g, `add_${kind} X-$1`)
        const edge = await startHoldfast(
          `events {} http { access_log off; ${fill(level.http ?? "")} server { listen 127.0.0.1:${ports[index]}; ${fill(level.server)} } }`,
        )
        try {
          const client = await RawClient.connect({ port: ports[index] as number })
          await client.send(`GET ${level.target ?? "/"} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`)
          const text = await client.readToEnd()
          const end = text.indexOf("\r\n\r\n")
          const part = kind === "header" ? text.slice(0, end) : text.slice(end)
          assert.deepEqual(
            [...part.matchAll(/^X-([A-Z]):/gm)].map((found) => found[1]),
            level.fields,
          )
        } finally {
          await edge.stop()
        }
      })
    }
  })
