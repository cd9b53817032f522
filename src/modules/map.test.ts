import assert from "node:assert/strict"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { describe, it } from "node:test"
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import fc from "fast-check"
import type { Client } from "../runtime/client.ts"
import type { CompiledRegex } from "../runtime/regex.ts"
import { compileRegex } from "../runtime/regex.ts"
import { Template } from "../runtime/template.ts"
import { accessLog } from "./access-log.ts"
import type { LogFormat, UnfinishedLine } from "./access-log-format.ts"
import { Fixture } from "./core-variables-fixture.ts"
import { MapTable } from "./map-table.ts"

const GET = "GET /path?k=key HTTP/1.1\r\nHost: a.test:81\r\nX-One: 1\r\n\r\n"

interface Logged {
  readonly fixture: Fixture
  /** The line of a plain request. */
  readonly line: string
  /** The line of a tunnel, begun and finished with the same request. */
  readonly tunnel: string
}

function logged(http: string, format: string): Logged {
  const fixture = new Fixture(`http {\n${http}\nlog_format f '${format}';\nserver { access_log l f; } }`)
  const location = fixture.location()
  const log = location.of(accessLog)?.[0]
  assert.ok(log)
  const request = fixture.request(location, GET)
  const line = log.format.line(request).slice(0, -1)
  const other = fixture.request(location, GET)
  const unfinished = log.format.unfinishedLine(other)
  return { fixture, line, tunnel: log.format.finishedLine(unfinished, other).slice(0, -1) }
}

describe("a map's table", () => {
  const name = fc
    .array(fc.constantFrom("a", "b", "C"), { minLength: 1, maxLength: 4 })
    .map((parts) => parts.join("."))
  const key = fc
    .tuple(fc.constantFrom("", ".", "*."), name, fc.constantFrom("", ".*"))
    .map((parts) => parts.join(""))

  /** Whether `pattern` is for `text`, and how well: texts first, then the longest wildcard in front, then at the end. */
  function rank(pattern: string, text: string): number {
    const lower = pattern.toLowerCase()
    if (lower === text || (lower.startsWith(".") && lower.slice(1) === text)) return 1000
    if (lower.startsWith("*.") && text.endsWith(lower.slice(1))) return 500 + lower.length - 2
    if (lower.startsWith(".") && text.endsWith(lower)) return 500 + lower.length - 1
    if (lower.endsWith(".*") && text.startsWith(lower.slice(0, -1))) return lower.length
    return 0
  }

  it("finds host names by the best wildcard", () => {
    fc.assert(
      fc.property(fc.array(key, { maxLength: 8 }), fc.array(name), (keys, texts) => {
        const table = new MapTable()
        const taken = keys.filter((one) => table.add(one, new Template(one, [one]), true) === undefined)
        for (const text of texts) {
          const lower = text.toLowerCase()
          const best = taken
            .map((one) => ({ one, rank: rank(one, lower) }))
            .sort((a, b) => b.rank - a.rank)[0]
          const expected = best === undefined || best.rank === 0 ? undefined : best.one
          assert.equal(table.find(text)?.source, expected)
        }
      }),
    )
  })

  it("asks no regular expression of an empty text", () => {
    const table = new MapTable()
    const regex: CompiledRegex = compileRegex("^$", false)
    table.regexes.push({ regex, value: new Template("v", ["v"]) })
    const fixture = new Fixture("http { server { access_log off; } }")
    assert.equal(table.findRegex("", fixture.request(fixture.location(), GET)), undefined)
  })
})

describe("map", () => {
  it("gives one value for a request and for a tunnel", () => {
    const cases: [string, string, string][] = [
      ["map $arg_k $m { key yes; default no; }", "$m", "yes"],
      ["map $request_completion $m { OK whole; default part; }", "$m $uri", "part /path"],
      ['map "$arg_k:$bytes_sent" $m { key:0 "$uri $request_completion."; }', "$m", "/path ."],
      ['map "$arg_k:$bytes_sent" $m { "~^(?<word>\\w+):(\\d)" "$2 $word $uri $9"; }', "$m", "0 key /path "],
      ['map $bytes_sent $m { 1 one; default "$http_x_one"; }', "$m", "1"],
      ["map $bytes_sent $m { 1 one; }", "[$m]", "[]"],
      ["map $n $m { zero 0; } map $bytes_sent $n { 0 zero; }", "$m $n", "0 zero"],
      ["split_clients $bytes_sent $m { 100% all; }", "$m", "all"],
      ["map $arg_k $n { key 10.0.0.1; } geo $n $m { 10.0.0.0/8 ten; }", "$m", "ten"],
      ['map $bytes_sent $n { 0 "10.0.0.1"; } geo $n $m { 10.0.0.0/8 ten; }', "$m", "ten"],
    ]
    for (const [http, format, expected] of cases) {
      const { line, tunnel } = logged(http, format)
      assert.equal(line, expected, http)
      assert.equal(tunnel, expected, http)
    }
  })

  it("ends cycles with nginx's words", async () => {
    for (const source of ["$b", "$b$bytes_sent"]) {
      const { fixture } = logged(
        `map "${source}" $a { default 1; } map $a $b { default 2; } error_log error.log;`,
        "$a",
      )
      const expected = /\[error\] .* cycle while evaluating variable "[ab]", client: 127\.0\.0\.1/
      const text = (): string => readFileSync(`${fixture.folder}error.log`, "latin1")
      while (!expected.test(text())) await new Promise(setImmediate)
    }
  })

  it("keeps the value for the request unless it is volatile", () => {
    for (const [word, expected] of [
      ["", "/path /path"],
      ["volatile;", "/path /other"],
    ]) {
      const fixture = new Fixture(
        `http { map $uri $m { ${word} default $uri; } log_format f '$m'; server { access_log l f; } }`,
      )
      const location = fixture.location()
      const format = location.of(accessLog)?.[0]?.format
      const request = fixture.request(location, GET)
      const first = format?.line(request).trim()
      request.uri = "/other"
      assert.equal(`${first} ${format?.line(request).trim()}`, expected)
    }
  })

  it("reads sizes of the hash above the first map", () => {
    const { line } = logged(
      "map_hash_max_size 4096; map_hash_bucket_size 128; map $arg_k $m { key 1; }",
      "$m",
    )
    assert.equal(line, "1")
  })

  it("reads files by a pattern, in their order", () => {
    const folder = mkdtempSync(join(tmpdir(), "holdfast-map-"))
    for (const name of ["b", "a"]) writeFileSync(join(folder, `${name}.map`), `~^k in-${name};\n`)
    try {
      assert.equal(
        logged(`map $arg_k $m { include ${folder}/*.map; include ${folder}/*.none; }`, "$m").line,
        "in-a",
      )
    } finally {
      rmSync(folder, { recursive: true })
    }
  })

  it("holds nothing of the request in a tunnel's line", async () => {
    setFlagsFromString("--expose-gc")
    const collect = runInNewContext("gc") as () => void
    const { finish, refs } = begunLine()
    for (let tries = 0; tries < 20 && refs.some((ref) => ref.deref() !== undefined); tries++) {
      await new Promise(setImmediate)
      collect()
    }
    assert.deepEqual(
      refs.map((ref) => ref.deref()?.constructor.name),
      [undefined, undefined],
    )
    assert.equal(finish(), "/path 0 key ten all\n")
  })
})

/** A line that is begun, with weak references to what it must not hold. */
function begunLine(): { finish: () => string; refs: WeakRef<object>[] } {
  const fixture = new Fixture(`http {
    map "$uri $bytes_sent" $m { "~^(?<path>\\S+) (\\d)" "$path $2 $arg_k"; }
    map $bytes_sent $n { 0 10.0.0.1; }
    geo $n $g { proxy 10.0.0.1; 10.0.0.0/8 ten; }
    split_clients "$bytes_sent$http_x_one" $s { 100% all; }
    log_format f '$m $g $s'; server { access_log l f; } }`)
  const location = fixture.location()
  const format = location.of(accessLog)?.[0]?.format
  assert.ok(format)
  const request = fixture.request(location, GET)
  return {
    finish: finisher(format, format.unfinishedLine(request)),
    refs: [new WeakRef(request), new WeakRef(location)],
  }
}

function finisher(format: LogFormat, line: UnfinishedLine): () => string {
  const exchange = { isComplete: true, bodyBytesSent: 0, bytesSent: 0, requestLength: 0 }
  return () => format.finishedLine(line, { client: {} as Client, startMs: 0, exchange, upstreamStates: null })
}
