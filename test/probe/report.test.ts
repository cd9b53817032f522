/** What `holdfast probe` writes: JSON by its schema, no credentials, usage errors. */
import assert from "node:assert/strict"
import { readFileSync } from "node:fs"
import { describe, type TestContext, test } from "node:test"
import { Ajv } from "ajv"
import addFormats from "ajv-formats"
import { HOLDFAST, type RunResult, run } from "../support/holdfast.ts"
import { freePort } from "../support/ports.ts"
import { startRawBackend } from "../support/raw-backend.ts"
import { startEchoBackend } from "../support/websocket-backends.ts"

const SCHEMA = new URL("../../docs/probe.schema.json", import.meta.url)

describe("holdfast probe --json", () => {
  test("is what docs/probe.schema.json says", async (t) => {
    const ajv = new Ajv({ allErrors: true })
    addFormats.default(ajv)
    const isValid = ajv.compile(JSON.parse(readFileSync(SCHEMA, "utf8")))
    const dead = await freePort()
    for (const url of [await echoUrl(t), await mirrorUrl(t), `wss://127.0.0.1:${dead}/`]) {
      const { stdout, stderr } = await probe(["--json", url, "--backend", url])
      assert.equal(stderr, "")
      assert.ok(isValid(JSON.parse(stdout)), JSON.stringify(isValid.errors))
    }
  })
})

describe("credentials", () => {
  const SECRETS = ["pa55word", "c00kie-value", "t0ken-value", "h34der-value", "Basic-value"]

  test("are in no output, although the server sends all of it back", async (t) => {
    const url = new URL(await mirrorUrl(t))
    url.username = "ann"
    url.password = "pa55word"
    url.searchParams.set("access_token", "t0ken-value")
    const words = [
      url.href,
      ...["--cookie", "session=c00kie-value", "--header", "X-Key: h34der-value"],
      ...["--header", "Authorization: Bearer Basic-value", "--verbose"],
    ]
    for (const format of [[], ["--json"]]) {
      const { stdout, stderr } = await probe([...words, ...format])
      assert.match(stdout, /X-Key: \*\*\*/)
      assert.match(stdout, /session=\*\*\*/)
      for (const secret of [...SECRETS, Buffer.from("ann:pa55word").toString("base64")])
        assert.ok(!(stdout + stderr).includes(secret), `${secret}\n${stdout}`)
    }
  })

  test("of a URL that is wrong are not in the error", async () => {
    const { stderr, status } = await probe(["ftp://ann:pa55word@example.com/"])
    assert.equal(status, 2)
    assert.doesNotMatch(stderr, /pa55word/)
  })
})

describe("the command line", () => {
  const cases: readonly (readonly [readonly string[], RegExp])[] = [
    [[], /no URL is given/],
    [["ws://a/", "ws://b/"], /one URL is enough/],
    [["example.com/ws"], /no scheme: did you mean wss:\/\/example\.com\/ws/],
    [["ws://a/#b"], /no fragment/],
    [["ws://a/", "--hold", "soon"], /invalid --hold "soon"/],
    [["ws://a/", "--burst", "9000"], /invalid --burst "9000"/],
    [["ws://a/", "--expect", "x"], /--expect needs --send/],
    [["ws://a/", "--header", "no colon"], /invalid --header/],
    [["ws://a/", "--header", "A: b\r\nC: d"], /no control characters/],
    [["ws://a/", "--cert", "x"], /--cert and --key go together/],
    [["ws://a/", "--ca", "/nonexistent/ca.pem"], /cannot read --ca/],
    [["ws://a/", "--ca", "/dev/null"], /cannot use --ca .*: it has no certificate/],
    [["ws://a/", "--resolve", "a:80"], /invalid --resolve/],
    [
      ["ws://a/", "--config", "/nonexistent/nginx.conf"],
      /nginx\.conf" failed \(2: No such file or directory\)/,
    ],
    [["ws://a/", "--target", "apache"], /invalid target "apache"/],
    [["ws://a/", "--nonsense"], /nonsense/],
    [["ws://a/", "--timeout", "-1"], /'--timeout=-XYZ'/],
  ]
  for (const [words, pattern] of cases) {
    test(`${words.join(" ")}: exit 2`, async () => {
      const { stdout, stderr, status } = await probe(words)
      assert.equal(status, 2)
      assert.equal(stdout, "")
      assert.match(stderr, pattern)
      assert.match(stderr, /^holdfast probe: [^\n]+\n$/)
    })
  }

  test("--help", async () => {
    const { stdout, status } = await probe(["--help"])
    assert.equal(status, 0)
    for (const line of stdout.split("\n")) assert.ok(line.length <= 80, line)
    assert.match(stdout, /^Usage: holdfast probe/)
  })
})

async function probe(words: readonly string[]): Promise<RunResult> {
  return run(HOLDFAST, ["probe", ...words])
}

async function echoUrl(t: TestContext): Promise<string> {
  const backend = await startEchoBackend("one")
  t.after(() => backend.close())
  return `ws://127.0.0.1:${backend.port}/`
}

/** A server that refuses every request, and sends it back in head and body. */
async function mirrorUrl(t: TestContext): Promise<string> {
  const backend = await startRawBackend(({ target, headers }) => {
    const fields = headers.map(([name, value]) => `${name}: ${value}`)
    const body = [target, ...fields].join("\n")
    const mirrored = fields.map((field) => `X-Mirror-${field}\r\n`).join("")
    return `HTTP/1.1 403 Forbidden\r\nX-Target: ${target}\r\n${mirrored}Content-Length: ${body.length}\r\n\r\n${body}`
  })
  t.after(() => backend.close())
  return `ws://127.0.0.1:${backend.port}/ws/`
}
