import assert from "node:assert/strict"
import { spawnSync } from "node:child_process"
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { describe, it } from "node:test"
import { HoldfastError } from "../base/error.ts"
import { type ArgsRow, HTTP, type Rows, rowTable, type ValueRow, type VariableNames } from "./row.ts"
import { Sources } from "./sources.ts"
import {
  buffers,
  confPath,
  flag,
  joinSets,
  milliseconds,
  number,
  offset,
  oneOf,
  parseMilliseconds,
  parseSize,
  prefixPath,
  seconds,
  size,
  someOf,
} from "./values.ts"
import { readConfiguration } from "./walker.ts"

const NGINX = "/usr/sbin/nginx"
const ALL = { in: HTTP, doc: "" }

const NO_VARIABLES: VariableNames = {
  resolve: () => undefined,
  define: () => {},
  canDefine: () => true,
  assign: () => true,
  setterOf: () => undefined,
  isLate: () => false,
  lateStarter: () => undefined,
}

/** Rows by a directive of nginx's with the same parser. */
const ROWS: Record<string, ValueRow<unknown> | ArgsRow<unknown>> = {
  merge_slashes: { ...ALL, value: flag },
  keepalive_requests: { ...ALL, value: number },
  proxy_buffer_size: { ...ALL, value: size },
  client_max_body_size: { ...ALL, value: offset },
  large_client_header_buffers: { ...ALL, args: 2, parse: buffers },
  proxy_read_timeout: { ...ALL, value: milliseconds },
  ssl_session_timeout: { ...ALL, value: seconds },
  lingering_close: { ...ALL, value: oneOf("off", "on", "always") },
  proxy_next_upstream: { ...ALL, args: [1, 99], parse: someOf("error", "timeout", "off"), join: joinSets },
}

/** What reading `line` gives: a value, or the message without its place. */
function read(line: string): { value: unknown } | { error: string } {
  const sources = new Sources({
    files: new Map([["/test.conf", Buffer.from(`http {\n${line}\n}`, "latin1")]]),
    globs: new Map(),
  })
  const rows: Rows = { http: { in: 1, args: 0, block: HTTP, doc: "" }, ...ROWS }
  try {
    const { main } = readConfiguration({
      rows: rowTable([rows]),
      sources,
      file: "/test.conf",
      prefix: "/prefix/",
      parameter: null,
      variables: NO_VARIABLES,
      warn: () => {},
    })
    return { value: [...(main.children[0]?.own.values() ?? [])][0]?.value }
  } catch (error) {
    assert.ok(error instanceof HoldfastError)
    return { error: error.message }
  }
}

const HUGE = "99999999999999999999"

const TABLE: Readonly<Record<string, readonly string[]>> = {
  merge_slashes: ["on", "off", "ON", "Off", "yes", "1", "true", '""'],
  keepalive_requests: ["0", "1", "007", "1000", "-1", "+1", "1k", "1.5", "0x10", '""', '" 1"', HUGE],
  proxy_buffer_size: ["4096", "4k", "4K", "1m", "1M", "4kb", "4kk", "k", "-4k", "1.5k", '""', '"4 k"', HUGE],
  client_max_body_size: ["0", "1", "1k", "1m", "1g", "2G", "1t", "g", "-1", "1.5m", '""', HUGE, `${HUGE}k`],
  large_client_header_buffers: ["4 8k", "1 1k", "4 8m", "x 8k", "4 x", "-1 8k", '"" 8k'],
  proxy_read_timeout: [
    ..."0 1 60 60s 500ms 1m 1h 1d 1w 1M 1y 1h30m 1h30 30m1h 1m1m 1s1s 1ms1s 1s500ms 1h500ms 1y6M2w3d4h5m6s7ms".split(
      " ",
    ),
    ..."1S 1H 1MS 1mS 60x s ms 1.5s -1 +1 1s2 2 1h1 10m5 5s5ms 5ms5 5msm 1M1m 1m1M 1y1y 60s60 1m60 5 60m60s60".split(
      " ",
    ),
    ...'"1h 30m"|"1h  30m"|" 1h"|"1h "|"1 h"|"30m 1h"|"1h 30"|"1 30"|"1 1m"|"1s 5"|"1  "|""|" "'.split("|"),
    ..."2147483 2147484 24d 25d 68y 69y 9999999999s 9999999999".split(" "),
    HUGE,
    `${HUGE}ms`,
  ],
  ssl_session_timeout: [
    ..."0 1 5m 1h30m 500ms 1d 1y 1M 1y1M 1M1y 1y1y 1h1M 68y 69y 1s5ms x 2147483647 2147483648".split(" "),
    '""',
  ],
  lingering_close: ["on", "off", "always", "ALWAYS", "maybe", '""'],
  proxy_next_upstream: ["error", "error timeout", "ERROR Timeout", "off", "error error", "error x", '""'],
}

/** nginx's first error without its place; undefined when it takes the line. */
function nginxError(folder: string, line: string): string | undefined {
  const file = join(folder, "nginx.conf")
  // An error at the end of each file: what is read before it is all that matters, nothing is opened.
  writeFileSync(
    file,
    `error_log ${folder}/error.log; pid ${folder}/pid; events {}\nhttp {\n${line}\n}\nthe_end;\n`,
    "latin1",
  )
  const { stderr } = spawnSync(NGINX, ["-t", "-c", file, "-p", folder, "-e", join(folder, "start.log")], {
    encoding: "latin1",
  })
  const message = /^nginx: \[emerg\] (.*) in \S+:\d+$/m.exec(stderr)?.[1]
  assert.ok(message !== undefined, stderr)
  return message === 'unknown directive "the_end"' ? undefined : message
}

describe("values are taken and refused as by nginx", { skip: existsSync(NGINX) ? false : "no nginx" }, () => {
  for (const [name, texts] of Object.entries(TABLE))
    it(name, () => {
      const folder = mkdtempSync(join(tmpdir(), "holdfast-values-"))
      try {
        for (const text of texts) {
          const line = `${name} ${text};`
          const ours = read(line)
          assert.equal("error" in ours ? ours.error : undefined, nginxError(folder, line), line)
        }
      } finally {
        rmSync(folder, { recursive: true })
      }
    })
})

describe("values", () => {
  const times: readonly (readonly [string, number])[] = [
    ["60", 60_000],
    ["500ms", 500],
    ["1s500ms", 1500],
    ["1h 30m", 5_400_000],
    ["1d", 86_400_000],
    ["1w", 604_800_000],
    ["1h30", 3_630_000],
    ["0", 0],
  ]
  for (const [text, expected] of times)
    it(`${text} is ${expected} milliseconds`, () => {
      assert.equal(parseMilliseconds(text), expected)
    })

  const sizes: readonly (readonly [string, number | undefined])[] = [
    ["10", 10],
    ["4k", 4096],
    ["1M", 1_048_576],
    ["1g", undefined],
  ]
  for (const [text, expected] of sizes)
    it(`${text} is ${expected} bytes`, () => {
      assert.equal(parseSize(text), expected)
    })

  it("years and months are times where whole seconds are counted", () => {
    assert.deepEqual(read("ssl_session_timeout 1M;"), { value: 2_592_000_000 })
  })

  it("an offset may be in gigabytes", () => {
    assert.deepEqual(read("client_max_body_size 2g;"), { value: 2_147_483_648 })
  })

  it("words lose their case, sets are joined over directives", () => {
    assert.deepEqual(read("lingering_close ALWAYS;"), { value: "always" })
    assert.deepEqual(read("proxy_next_upstream Error;\nproxy_next_upstream timeout;"), {
      value: new Set(["error", "timeout"]),
    })
  })

  it("paths", () => {
    const context = { confPrefix: "/conf/", prefix: "/prefix/" } as Parameters<typeof confPath>[1]
    assert.equal(confPath("a.crt", context), "/conf/a.crt")
    assert.equal(confPath("/a.crt", context), "/a.crt")
    assert.equal(prefixPath("logs/a.log", context), "/prefix/logs/a.log")
    assert.equal(prefixPath("/a.log", context), "/a.log")
  })
})
