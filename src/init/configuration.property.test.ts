/** Hostile values are refused, or the configuration has each of them as the one word that it is. */
import assert from "node:assert/strict"
import { describe, it } from "node:test"
import fc from "fast-check"
import { HoldfastError } from "../base/error.ts"
import { type Block, parse } from "../config/parser.ts"
import { planOf } from "./choices.ts"
import { configurationOf } from "./configuration.ts"
import { parseInitOptions } from "./options.ts"
import type { Plan } from "./plan.ts"

/** What the language is made of, and what other languages are made of. */
const TOKENS = [
  "{",
  "}",
  ";",
  '"',
  "'",
  "\\",
  "$",
  "${",
  "#",
  "\n",
  "\r",
  "\t",
  " ",
  "\0",
  "(",
  ")",
  "=",
  "~",
  "@",
  "*",
]
const MORE = [
  ".",
  "..",
  "/",
  "//",
  ":",
  "%",
  "%2f",
  "%0a",
  "%7d",
  "\\n",
  "-",
  "_",
  "a",
  "ws",
  "ü",
  "\u2028",
  "\ud800",
]
const hostile = fc.oneof(
  fc.string({ unit: fc.constantFrom(...TOKENS, ...MORE), maxLength: 10 }),
  fc.string({ unit: "binary", maxLength: 10 }),
)

/** Which options a hostile text is given to, and what stands around it there. */
const PLACES: readonly (readonly [option: string, before: string, after: string])[] = [
  ["name", "", ""],
  ["name", "a", ".example"],
  ["path", "/p", ""],
  ["backend", "", ":1"],
  ["backend", "unix:/", ""],
  ["app-backend", "https://", ""],
  ["certificate", "/", ".crt"],
  ["key", "", ""],
  ["listen", "", ""],
  ["timeout", "2h", ""],
  ["backend-ca", "/", ""],
  ["backend-name", "", ""],
  ["resolver", "", ""],
  ["acme-webroot", "/w", ""],
  ["logs", "/l", ""],
  ["pid", "/", ".pid"],
]

const BASE = [
  ...["--name", "example.com", "--path", "/ws/", "--backend", "b.example:1", "--app-backend", "3001"],
  ...["--certificate", "/c.crt", "--logs", "/logs", "--pid", "/x.pid", "--resolver", "127.0.0.1"],
  ...["--backend-name", "inner", "--backend-ca", "/ca", "--acme-webroot", "/www", "--no-hsts"],
]

/** The plan, and its text read again; undefined where the options are refused. */
function made(args: readonly string[]): { plan: Plan; block: Block } | undefined {
  let plan: Plan
  try {
    plan = planOf(parseInitOptions(args), "/x/nginx.conf", () => new Set())
  } catch (error) {
    assert.ok(error instanceof HoldfastError && error.code === "USAGE", String(error))
    assert.doesNotMatch(error.message, /[\x00-\x1f]/)
    return undefined
  }
  const text = Buffer.from(configurationOf(plan), "utf8").toString("latin1")
  return { plan, block: parse("made", text) }
}

/** Arguments of all directives of that name, blocks within blocks, in their order. */
function valuesOf(block: Block, wanted: string): string[][] {
  return block.directives.flatMap(({ name, args, block: inner }) => [
    ...(name === wanted ? [args.map(({ text }) => Buffer.from(text, "latin1").toString("utf8"))] : []),
    ...(inner === null ? [] : valuesOf(inner, wanted)),
  ])
}

/** Names of directives, with those of their blocks; those that come and go with a value's kind are left out. */
function shapeOf({ directives, failure }: Block): unknown[] {
  assert.equal(failure, null)
  return directives
    .filter(({ name }) => !["server_names_hash_bucket_size", "zone", "resolver"].includes(name))
    .map(({ name, block }) => (block === null ? name : [name, shapeOf(block)]))
}

function assertIntended({ plan, block }: { plan: Plan; block: Block }): void {
  const { names, keyPair, listens, sockets, application, timeout, acmeWebroot, logs, pid } = plan
  const of = (name: string): string[][] => valuesOf(block, name)
  assert.equal(block.failure, null)
  assert.deepEqual(of("server_name"), [[...names], [...names]])
  assert.deepEqual(of("ssl_certificate"), [[keyPair?.certificate]])
  assert.deepEqual(of("ssl_certificate_key"), [[keyPair?.key]])
  assert.deepEqual(
    of("listen").filter((args) => args[1] === "ssl"),
    listens.map(({ text }) => [text, "ssl"]),
  )
  const paths = ["/.well-known/acme-challenge/", "/", "/", ...sockets.map(({ path }) => path)]
  assert.deepEqual(
    of("location").map((args) => args.at(-1)),
    paths,
  )
  assert.ok(of("location").every((args) => args.length === 1 || args[0] === "^~"))
  const servers = [...new Set(sockets.map(({ group }) => group)), application].flatMap(
    (group) => group?.backends ?? [],
  )
  const addresses = of("server").filter((args) => args.length > 0)
  assert.deepEqual(
    addresses.map(([address]) => address),
    servers.map(({ address }) => address),
  )
  assert.ok(addresses.every((args) => args.length === 1 || args[1] === "resolve"))
  assert.ok(of("proxy_read_timeout").every((args) => args.length === 1 && args[0] === timeout))
  assert.deepEqual(of("root"), [[acmeWebroot]])
  assert.deepEqual(of("pid"), [[pid]])
  assert.deepEqual(of("access_log")[0], [`${logs}/access.log`])
  for (const name of [
    "proxy_ssl_trusted_certificate",
    "proxy_ssl_name",
    "resolver",
    "error_log",
    "access_log",
  ])
    assert.ok(of(name).every((args) => args.length === (/^(?:resolver|error_log)$/.test(name) ? 2 : 1)))
}

describe("a configuration by init", () => {
  it("has hostile values as they are, or not at all", () => {
    const benign = made(BASE)
    assert.ok(benign !== undefined)
    assertIntended(benign)
    let accepted = 0
    fc.assert(
      fc.property(fc.constantFrom(...PLACES), hostile, ([option, before, after], text) => {
        const found = made([...BASE, `--${option}=${before}${text}${after}`])
        if (found === undefined) return
        accepted++
        assertIntended(found)
        if (["certificate", "key", "pid", "logs", "acme-webroot", "name"].includes(option))
          assert.deepEqual(shapeOf(found.block), shapeOf(benign.block))
      }),
      { numRuns: 3000 },
    )
    // A test of refusals alone would prove nothing.
    assert.ok(accepted > 300, `${accepted} were accepted`)
  })
})
