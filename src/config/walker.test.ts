import assert from "node:assert/strict"
import { describe, it } from "node:test"
import { HoldfastError, type Position } from "../base/error.ts"
import { Defaults, mergedConf } from "./merge.ts"
import { parseParameter } from "./parser.ts"
import {
  ANY,
  directives,
  HTTP,
  LOCATION,
  MAIN,
  rowTable,
  SERVER,
  type ValueContext,
  type VariableNames,
} from "./row.ts"
import { Sources } from "./sources.ts"
import { flag, number, string } from "./values.ts"
import { positionOf, type Reading, readConfiguration } from "./walker.ts"

const ALL = HTTP | SERVER | LOCATION

const NO_VARIABLES: VariableNames = {
  resolve: () => undefined,
  define: () => {},
  canDefine: () => true,
  assign: () => true,
  setterOf: () => undefined,
  isLate: () => false,
  lateStarter: () => undefined,
}
const log: string[] = []

const rows = directives({
  http: { in: MAIN, args: 0, block: HTTP, once: true, doc: "" },
  server: {
    in: HTTP,
    args: 0,
    block: SERVER,
    doc: "",
    close: (scope) => void log.push(`close ${scope.name}`),
  },
  location: {
    in: SERVER | LOCATION,
    args: 1,
    block: LOCATION,
    doc: "",
    open: (args) => void log.push(`open ${args[0]}`),
  },
  level: { in: MAIN | ALL, value: number, default: "7", doc: "" },
  own: { in: ALL, value: string, default: "none", inherit: false, doc: "" },
  optional: { in: ALL, value: flag, doc: "" },
  header: { in: ALL, args: [1, 2], list: (args) => args.join("="), doc: "" },
  allow: { in: ALL, args: 1, list: (args) => `+${args[0]}`, slot: "rules", doc: "" },
  deny: { in: ALL, args: 1, list: (args) => `-${args[0]}`, slot: "rules", doc: "" },
  format: { in: ALL, args: 1, list: (args) => args[0] as string, default: "combined", doc: "" },
  words: {
    in: ALL,
    args: [1, ANY],
    parse: (args) => [...args],
    join: (a: string[], b: string[]) => [...a, ...b],
    doc: "",
  },
  pair: { in: ALL, args: 2, parse: (args) => args.join("+"), default: "a b", doc: "" },
  table: {
    in: ALL,
    args: 0,
    entries: (context: ValueContext, _args, former: readonly string[] | undefined) => [
      ...(former ?? []),
      ...(context.directive.block?.directives.map((entry) => entry.name) ?? []),
    ],
    doc: "",
  },
  later: {
    in: ALL,
    value: (text: string, context: ValueContext) => {
      context.onComplete(() =>
        text === "bad" ? context.fail("too late") : void log.push(`complete ${text}`),
      )
      return text
    },
    doc: "",
  },
  host: {
    in: ALL,
    value: (text: string, context: ValueContext) => {
      context.needAddress(text)
      return text
    },
    doc: "",
  },
  ignored: { in: ALL, args: 1, accepted: true, doc: "" },
})

interface Read {
  readonly reading: Reading
  readonly warnings: [string, Position][]
}

function read(files: Readonly<Record<string, string>>, parameter?: string): Read {
  const record = Object.entries(files).map(([path, text]) => [path, Buffer.from(text, "latin1")] as const)
  const warnings: [string, Position][] = []
  log.length = 0
  const reading = readConfiguration({
    rows: rowTable([rows]),
    sources: new Sources({
      files: new Map(record),
      globs: new Map([
        ["/etc/d/*.conf", ["/etc/d/1.conf", "/etc/d/2.conf"]],
        ["/etc/none/*", []],
      ]),
    }),
    file: "/etc/main.conf",
    prefix: "/prefix/",
    parameter: parameter === undefined ? null : parseParameter(parameter),
    variables: NO_VARIABLES,
    warn: (message, position) => warnings.push([message, position]),
  })
  return { reading, warnings }
}

function readMain(text: string): Reading {
  return read({ "/etc/main.conf": text }).reading
}

function failure(files: Readonly<Record<string, string>> | string, parameter?: string): string {
  try {
    read(typeof files === "string" ? { "/etc/main.conf": files } : files, parameter)
  } catch (error) {
    assert.ok(error instanceof HoldfastError)
    return error.describe()
  }
  return "no error"
}

/** The configuration in force at the innermost first block. */
function innermost(reading: Reading): Record<string, unknown> {
  let scope = reading.main
  while (scope.children[0] !== undefined) scope = scope.children[0]
  return mergedConf(scope, rows, reading.defaults)
}

describe("inheritance", () => {
  it("a scalar falls through every level, the nearest one counts", () => {
    assert.equal(innermost(readMain("level 1; http { server { location / { } } }"))["level"], 1)
    assert.equal(innermost(readMain("level 1; http { server { level 2; location / { } } }"))["level"], 2)
    assert.equal(
      innermost(readMain("http { server { location / { level 3; } level 2; } level 1; }"))["level"],
      3,
    )
  })

  it("a list is replaced as a whole by any entry below", () => {
    const text = (inner: string): string => `http { header a 1; header b 2; server { ${inner} } }`
    assert.deepEqual(innermost(readMain(text("")))["header"], ["a=1", "b=2"])
    assert.deepEqual(innermost(readMain(text("header c;")))["header"], ["c"])
  })

  it("rows with one slot share a list, in the order of the file", () => {
    const conf = innermost(readMain("http { allow 1; deny 2; allow 3; server { } }"))
    assert.deepEqual(
      [conf["allow"], conf["deny"]],
      [
        ["+1", "-2", "+3"],
        ["+1", "-2", "+3"],
      ],
    )
    const below = innermost(readMain("http { allow 1; server { deny 2; } }"))
    assert.deepEqual(below["allow"], ["-2"])
  })

  it("a row may keep its value to its own level", () => {
    assert.equal(innermost(readMain("http { own a; server { } }"))["own"], "none")
    assert.equal(innermost(readMain("http { server { own a; } }"))["own"], "a")
  })

  it("defaults are read by the row's own parser; without one a value is undefined, a list empty", () => {
    const conf = innermost(readMain("http { }"))
    assert.equal(conf["level"], 7)
    assert.equal(conf["pair"], "a+b")
    assert.deepEqual(conf["format"], ["combined"])
    assert.equal(conf["optional"], undefined)
    assert.deepEqual(conf["header"], [])
    assert.ok(!("server" in conf) && !("ignored" in conf))
  })

  it("a default is parsed once", () => {
    let count = 0
    const row = { in: HTTP, doc: "", default: "x", value: () => ++count }
    const { main } = readMain("http { }")
    const defaults = new Defaults((directive) => ({ directive }) as ValueContext)
    const scope = main.children[0] as NonNullable<(typeof main.children)[0]>
    assert.deepEqual(mergedConf(scope, { row }, defaults), { row: 1 })
    assert.deepEqual(mergedConf(scope, { row }, defaults), { row: 1 })
  })

  it("directives that may be repeated are joined, those of a level replace those above", () => {
    assert.deepEqual(innermost(readMain("http { words a; words b c; }"))["words"], ["a", "b", "c"])
    assert.deepEqual(innermost(readMain("http { words a; server { words b; } }"))["words"], ["b"])
    assert.deepEqual(innermost(readMain("http { table { a; b c; } table { d; } }"))["table"], ["a", "b", "d"])
  })

  it("a setting knows its directive", () => {
    const { main } = readMain("http {\n\n level\n 5; }")
    const setting = main.children[0]?.own.get("level")
    assert.deepEqual(positionOf(setting?.directive as NonNullable<typeof setting>["directive"] & object), {
      file: "/etc/main.conf",
      line: 4,
      column: 2,
    })
  })
})

describe("the order of things", () => {
  it("blocks open and close in the file's order, checks run when all is read", () => {
    readMain("http { server { location a { later x; location b { } } } server { } later y; }")
    assert.deepEqual(log, ["open a", "open b", "close server", "close server", "complete x", "complete y"])
  })

  const errors: readonly (readonly [string, string, string])[] = [
    [
      "an unknown directive before a syntax error",
      "http { nothing;\n }}",
      'unknown directive "nothing" in /etc/main.conf:1',
    ],
    [
      "a value before a syntax error in the same block",
      "http { level x;\n ; }",
      '"level" directive invalid number in /etc/main.conf:1',
    ],
    [
      "a syntax error before a value behind it",
      "http { ;\n level x; }",
      'unexpected ";" in /etc/main.conf:1',
    ],
    [
      "a value inside a block before its missing brace",
      "http { level x;\n",
      '"level" directive invalid number in /etc/main.conf:1',
    ],
    [
      "a syntax error before what is checked at the end",
      "http { later bad; }\n}",
      'unexpected "}" in /etc/main.conf:2',
    ],
    ["what is checked at the end names its line", "http {\nlater bad;\n}\n", "too late in /etc/main.conf:2"],
    ["place before number of arguments", "own;", '"own" directive is not allowed here in /etc/main.conf:1'],
    [
      "ending before number of arguments",
      "http { level { } }",
      'directive "level" is not terminated by ";" in /etc/main.conf:1',
    ],
    [
      "number of arguments before duplicate",
      "http { level 1; level; }",
      'invalid number of arguments in "level" directive in /etc/main.conf:1',
    ],
    [
      "duplicate before value",
      "http { level 1; level x; }",
      '"level" directive is duplicate in /etc/main.conf:1',
    ],
    [
      "a block that stands alone twice",
      "http { } http { }",
      '"http" directive is duplicate in /etc/main.conf:1',
    ],
    [
      "a directive of nginx's without a row",
      "http { ssi on; }",
      `"ssi" is not supported by Holdfast: put the page together in the backend or in the browser in /etc/main.conf:1`,
    ],
    [
      "an accepted one in the wrong place",
      "ignored 1;",
      '"ignored" directive is not allowed here in /etc/main.conf:1',
    ],
    [
      "an accepted one without its argument",
      "http { ignored; }",
      'invalid number of arguments in "ignored" directive in /etc/main.conf:1',
    ],
  ]
  for (const [name, text, message] of errors)
    it(name, () => {
      assert.equal(failure(text), message)
    })
})

describe("include", () => {
  it("files stand in the place of the directive, relative to the main file's folder", () => {
    const files = {
      "/etc/main.conf": "http { include d/*.conf; header z; }",
      "/etc/d/1.conf": "header a;\ninclude /abs.conf;",
      "/etc/d/2.conf": "header c;",
      "/abs.conf": "header b;",
    }
    assert.deepEqual(innermost(read(files).reading)["header"], ["a", "b", "c", "z"])
  })

  it("a relative path inside an included file is relative to the main file's folder as well", () => {
    const files = {
      "/etc/main.conf": "http { include d/1.conf; }",
      "/etc/d/1.conf": "include x.conf;",
      "/etc/x.conf": "level 3;",
    }
    assert.equal(innermost(read(files).reading)["level"], 3)
  })

  it("a pattern without a match is fine, a file that is not there is not", () => {
    assert.equal(innermost(readMain("http { include none/*; }"))["level"], 7)
    assert.equal(
      failure("http {\ninclude none/a; }"),
      '"/etc/none/a" is not among the files that were read in /etc/main.conf:2',
    )
  })

  it("errors name the included file", () => {
    const files = { "/etc/main.conf": "http {\ninclude a; }", "/etc/a": "\n\nnothing;" }
    assert.equal(failure(files), 'unknown directive "nothing" in /etc/a:3')
  })

  it("one file may be included twice, but not by itself", () => {
    const files = { "/etc/main.conf": "http { include a; server { include a; } }", "/etc/a": "level 4;" }
    assert.equal(innermost(read(files).reading)["level"], 4)
    const cycle = {
      "/etc/main.conf": "http { include a; }",
      "/etc/a": "include b;",
      "/etc/b": "\ninclude a;",
    }
    assert.equal(
      failure(cycle),
      '"/etc/a" includes itself: /etc/main.conf -> /etc/a -> /etc/b -> /etc/a in /etc/b:2',
    )
  })
})

describe("-g", () => {
  it("is read before the file", () => {
    const { reading } = read({ "/etc/main.conf": "http { }" }, "level 9;")
    assert.equal(innermost(reading)["level"], 9)
    assert.equal(
      failure({ "/etc/main.conf": "level 1; http { }" }, "level 9;"),
      '"level" directive is duplicate in /etc/main.conf:1',
    )
  })

  it("errors name the command line", () => {
    assert.equal(failure({ "/etc/main.conf": "" }, "nothing;"), 'unknown directive "nothing" in command line')
    assert.equal(
      failure({ "/etc/main.conf": "" }, "http { }"),
      "block directives are not supported in -g option in command line",
    )
    assert.equal(
      failure({ "/etc/main.conf": "" }, "level 1"),
      'unexpected end of parameter, expecting ";" in command line',
    )
  })
})

describe("what parsers may ask for", () => {
  it("host names, with the directive that named each first", () => {
    const { hosts } = readMain("http { host a;\n server { host b; }\n server { host a; } }")
    assert.deepEqual(
      [...hosts].map(([name, directive]) => [name, directive.position.line]),
      [
        ["a", 1],
        ["b", 2],
      ],
    )
  })
})
