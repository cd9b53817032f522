import assert from "node:assert/strict"
import { existsSync, mkdirSync, readdirSync, readFileSync, readlinkSync } from "node:fs"
import { describe, it } from "node:test"
import fc from "fast-check"
import { HoldfastError } from "../base/error.ts"
import { NO_SYSLOG } from "../config/refusals.ts"
import { escapeDefault, escapeJson } from "../observe/log-escape.ts"
import { LogTime } from "../observe/log-time.ts"
import { accessLog } from "./access-log.ts"
import { FIXTURE_NOW, Fixture, type RecordingExchange } from "./core-variables-fixture.ts"

/** What lines `conf` (in http) and `inLocation` make of requests with `heads`. */
async function linesOf(conf: string, inLocation: string, ...heads: string[]): Promise<string> {
  const fixture = new Fixture(`http { ${conf} server { location / { ${inLocation} } } }`)
  mkdirSync(`${fixture.folder}logs`)
  const location = fixture.location("/")
  for (const head of heads) {
    const request = fixture.request(location, head)
    const logs = location.of(accessLog)
    if (logs !== undefined) accessLog.log?.(request, logs)
  }
  await fixture.files.flush()
  let text = ""
  for (const name of readdirSync(`${fixture.folder}logs`).sort())
    text += readFileSync(`${fixture.folder}logs/${name}`, "latin1")
  return text
}

function head(fields = "", target = "/"): string {
  return `GET ${target} HTTP/1.1\r\nHost: a\r\n${fields}\r\n`
}

function failure(conf: string): string {
  try {
    new Fixture(conf)
  } catch (error) {
    if (error instanceof HoldfastError) return error.describe().replace(/ in \/.*\/f\.conf/, " in f")
    throw error
  }
  return ""
}

const TIME = new LogTime().local(FIXTURE_NOW)

describe("access_log", () => {
  it("writes combined lines to logs/access.log where nothing is said", async () => {
    const fixture = new Fixture("http { server { location / { } } }")
    mkdirSync(`${fixture.folder}logs`)
    const location = fixture.location("/")
    const request = fixture.request(
      location,
      head(
        'Authorization: Basic dXNlcjpwdw==\r\nReferer: http://r/"x"\r\nUser-Agent: caf\xe9 1.0\r\n',
        "/a?b=c",
      ),
      { address: "192.0.2.7" },
    )
    request.response.status = 200
    const exchange = request.exchange as RecordingExchange
    exchange.bodyBytesSent = 612
    accessLog.log?.(request, location.of(accessLog) ?? [])
    await fixture.files.flush()
    assert.equal(
      readFileSync(`${fixture.folder}logs/access.log`, "latin1"),
      `192.0.2.7 - user [${TIME}] "GET /a?b=c HTTP/1.1" 200 612 "http://r/\\x22x\\x22" "caf\\xE9 1.0"\n`,
    )
  })

  it("writes - for what is not there, nothing for what is empty", async () => {
    assert.equal(
      await linesOf("log_format f '$http_x|$http_y|$args|$is_args';", "access_log logs/a f;", head("X:\r\n")),
      "|-|-|\n",
    )
    assert.equal(
      await linesOf("log_format f escape=json '$http_x|$args';", "access_log logs/a f;", head()),
      "|\n",
    )
    assert.equal(
      await linesOf("log_format f escape=none '$http_x|$args';", "access_log logs/a f;", head()),
      "|\n",
    )
  })

  it("escapes as nginx does", async () => {
    const field = 'X: "q\\\\\t\xe9/z"\r\n'
    const lines = (form: string): Promise<string> =>
      linesOf(`log_format f ${form} '$http_x';`, "access_log logs/a f;", head(field))
    assert.equal(await lines(""), "\\x22q\\x5C\\x5C\\x09\\xE9/z\\x22\n")
    assert.equal(await lines("escape=default"), "\\x22q\\x5C\\x5C\\x09\\xE9/z\\x22\n")
    assert.equal(await lines("escape=json"), '\\"q\\\\\\\\\\t\xe9/z\\"\n')
    assert.equal(await lines("escape=none"), '"q\\\\\t\xe9/z"\n')
  })

  it("joins the strings of a format and takes names in braces", async () => {
    const conf = `log_format f 'a ' $uri ' \${uri}b' c;`
    assert.equal(await linesOf(conf, "access_log logs/a f;", head("", "/x")), "a /x /xbc\n")
    assert.equal(await linesOf("log_format f plain;", "access_log logs/a f;", head()), "plain\n")
  })

  it("writes to several logs, and to none with off", async () => {
    const conf = "log_format a a; log_format b b; access_log logs/0 a;"
    assert.equal(await linesOf(conf, "access_log logs/1 a; access_log logs/2 b;", head()), "a\nb\n")
    assert.equal(await linesOf(conf, "", head()), "a\n")
    assert.equal(await linesOf(conf, "access_log off;", head()), "")
    assert.equal(await linesOf(conf, "access_log logs/1 a; access_log off;", head()), "")
  })

  it("asks its condition", async () => {
    const conf = "log_format f '$uri';"
    const heads = ["/no", "/zero?w=0", "/empty?w=", "/yes?w=1", "/too?w=00"].map((target) => head("", target))
    assert.equal(await linesOf(conf, "access_log logs/a f if=$arg_w;", ...heads), "/yes\n/too\n")
  })

  it("buffers", async () => {
    const conf = "log_format f '$uri';"
    const lines = await linesOf(
      conf,
      "access_log logs/a f buffer=1k flush=1h;",
      head("", "/1"),
      head("", "/2"),
    )
    assert.equal(lines, "/1\n/2\n")
  })

  it("names files by variables, and keeps only some of them open", async () => {
    const fixture = new Fixture("http { log_format f '$uri'; server { access_log logs/$arg_n.log f; } }")
    mkdirSync(`${fixture.folder}logs`)
    const location = fixture.location()
    const logs = location.of(accessLog) ?? []
    for (const round of [1, 2])
      for (let n = 0; n < 100; n++)
        accessLog.log?.(fixture.request(location, head("", `/${round}/${n}?n=${n}`)), logs)
    for (let n = 0; n < 100; n++)
      await until(() => readFileSync(`${fixture.folder}logs/${n}.log`, "latin1") === `/1/${n}\n/2/${n}\n`)
    // Files are closed once they are written, in their own time.
    await until(() => openFilesBelow(`${fixture.folder}logs/`) === 32)
  })

  it("tells in the error log which file could not be opened", async () => {
    const fixture = new Fixture("http { server { access_log missing/$arg_n.log; } }")
    const location = fixture.location()
    accessLog.log?.(fixture.request(location, head("", "/?n=1")), location.of(accessLog) ?? [])
    assert.match(
      readFileSync(`${fixture.folder}error.log`, "latin1"),
      /\[crit\] 33#33: \*1 open\(\) "\/.*\/missing\/1\.log" failed \(2: No such file or directory\), client: 127\.0\.0\.1, server/,
    )
    assert.equal(existsSync(`${fixture.folder}missing`), false)
  })

  it("refuses what nginx refuses, in its words", () => {
    const cases: [string, string][] = [
      ["access_log logs/a x;", 'unknown log format "x" in f:2'],
      ["access_log logs/a x; } log_format x x; server {", 'unknown log format "x" in f:2'],
      ["} log_format combined x; server {", 'duplicate "log_format" name "combined" in f:2'],
      ["} log_format x x; log_format x y; server {", 'duplicate "log_format" name "x" in f:2'],
      ["} log_format x escape=xml x; server {", 'unknown log format escaping "xml" in f:2'],
      ["} log_format x '$nope'; server {", 'unknown "nope" variable in f:2'],
      ["} log_format x '${uri'; server {", 'the closing bracket in "uri" variable is missing in f:2'],
      ["log_format x x;", '"log_format" directive is not allowed here in f:2'],
      ["} log_format x; server {", 'invalid number of arguments in "log_format" directive in f:2'],
      ["access_log off x;", 'invalid parameter "x" in f:2'],
      ["access_log logs/a combined buffer=0;", 'invalid buffer size "0" in f:2'],
      ["access_log logs/a combined buffer=x;", 'invalid buffer size "x" in f:2'],
      ["access_log logs/a combined buffer=1k flush=x;", 'invalid flush time "x" in f:2'],
      ["access_log logs/a combined flush=1s;", 'no buffer is defined for access_log "logs/a" in f:2'],
      ["access_log logs/a combined what=1;", 'invalid parameter "what=1" in f:2'],
      ["access_log logs/$uri combined buffer=1k;", "buffered logs cannot have variables in name in f:2"],
      [
        "access_log logs/a combined buffer=1k; location / { access_log logs/a combined buffer=2k; }",
        'access_log "logs/a" already defined with conflicting parameters in f:2',
      ],
      [
        "access_log logs/a combined gzip;",
        'the "gzip" parameter of "access_log" is not supported by Holdfast: have logrotate compress the files in f:2',
      ],
      ["access_log syslog:server=::1;", `${NO_SYSLOG} in f:2`],
    ]
    for (const [text, message] of cases) assert.equal(failure(`http { server {\n${text} } }`), message)
  })
})

describe("escapes", () => {
  const bytes = fc.string({ unit: fc.nat(255).map((code) => String.fromCharCode(code)), maxLength: 60 })

  it("default: printable ASCII only, from which the bytes can be read back", () => {
    fc.assert(
      fc.property(bytes, (text) => {
        const escaped = escapeDefault(text)
        for (let i = 0; i < escaped.length; i++) {
          const code = escaped.charCodeAt(i)
          assert.ok(code >= 32 && code <= 126 && code !== 34)
        }
        const back = escaped.replace(/\\x([0-9A-F]{2})/g, (_, hex) =>
          String.fromCharCode(Number.parseInt(hex, 16)),
        )
        assert.equal(back, text)
      }),
    )
  })

  it("json: what JSON.parse reads back", () => {
    fc.assert(fc.property(bytes, (text) => JSON.parse(`"${escapeJson(text)}"`) === text))
  })
})

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise(setImmediate)
}

function openFilesBelow(folder: string): number {
  let count = 0
  for (const fd of readdirSync("/proc/self/fd")) {
    try {
      if (readlinkSync(`/proc/self/fd/${fd}`).startsWith(folder)) count++
    } catch {
      // The folder's own descriptor has been closed.
    }
  }
  return count
}
