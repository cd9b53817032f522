/** `holdfast graph` as a user runs it. */
import assert from "node:assert/strict"
import { mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { describe, test } from "node:test"
import { type RunOptions, type RunResult, runHoldfast } from "../support/holdfast.ts"
import { makeTempFolder } from "../support/temp.ts"
import { parseFlowchart } from "./graph/flowchart.ts"
import { elementsOf, parseXml, textOf } from "./graph/xml.ts"

const CONFIG = `events {}
http {
    server { listen 80; server_name a.example; location /ws/ { proxy_pass http://127.0.0.1:3000; } }
    server { listen 80; server_name b.example; include b.inc; }
}
`

function makeFolder(): string {
  const folder = makeTempFolder("graph")
  writeFileSync(join(folder, "nginx.conf"), CONFIG)
  writeFileSync(join(folder, "b.inc"), "location /of-b { return 204; }\n")
  return folder
}

/** Output is UTF-8. */
async function graph(args: readonly string[], options: RunOptions = {}): Promise<RunResult> {
  const result = await runHoldfast(["graph", ...args], options)
  return { ...result, stdout: Buffer.from(result.stdout, "latin1").toString("utf8") }
}

function textsOf(svg: string): string[] {
  return elementsOf(parseXml(svg), "text").map(textOf)
}

describe("holdfast graph", () => {
  test("writes SVG to standard output", async () => {
    const { status, stdout, stderr } = await graph(["nginx.conf"], { cwd: makeFolder() })
    assert.deepEqual([status, stderr], [0, ""])
    const texts = textsOf(stdout)
    for (const text of [
      "nginx.conf",
      "a.example",
      "b.example",
      "/ws/",
      "/of-b",
      "127.0.0.1:3000",
      "WebSocket",
    ])
      assert.ok(texts.includes(text), `"${text}" is not in the picture`)
  })

  test("takes a folder, and standard input", async () => {
    const folder = makeFolder()
    const whole = await graph([folder])
    assert.ok(textsOf(whole.stdout).includes(join(folder, "nginx.conf")))
    const piped = await graph(["-"], { cwd: folder, input: CONFIG })
    assert.equal(piped.status, 0)
    assert.ok(textsOf(piped.stdout).includes("/of-b"), "includes are followed from where it runs")
  })

  test("writes Mermaid", async () => {
    const { status, stdout } = await graph(["--format", "mermaid", makeFolder()])
    assert.equal(status, 0)
    const { labels, edges } = parseFlowchart(stdout)
    assert.equal(edges.length, 3)
    assert.ok([...labels.values()].some((label) => label.startsWith("(1) /ws/ · WebSocket\n")))
  })

  test("writes a file, and nothing else then", async () => {
    const folder = makeFolder()
    const output = join(folder, "out.svg")
    const { status, stdout } = await graph(["--output", output, folder])
    assert.deepEqual([status, stdout], [0, ""])
    assert.ok(textsOf(readFileSync(output, "utf8")).includes("a.example"))
  })

  test("shows one server of many", async () => {
    const { stdout } = await graph(["--server", "b.example", makeFolder()])
    const texts = textsOf(stdout)
    assert.ok(texts.includes("/of-b") && !texts.includes("a.example"))
  })

  test("has the findings for a target, and the locations that are told", async () => {
    const folder = makeFolder()
    const old = await graph(["--target", "nginx/1.22", folder])
    assert.match(old.stdout, /error websocket-http-version/)
    assert.match(old.stdout, /judged for nginx\/1\.22/)
    const told = await graph(["--location", "/of-b", "--server", "b.example", folder])
    assert.ok(textsOf(told.stdout).includes("WebSocket"))
  })

  test("ends with 2 for what cannot be read", async () => {
    const folder = makeFolder()
    const empty = join(folder, "empty")
    mkdirSync(empty)
    const broken = join(folder, "broken.conf")
    writeFileSync(broken, "http {\n  server {\n")
    const cases: readonly (readonly [readonly string[], RegExp])[] = [
      [[], /one file is drawn at a time/],
      [["a.conf", "b.conf"], /one file is drawn at a time/],
      [["nothing.conf"], /open\(\) "nothing\.conf" failed \(2: No such file or directory\)/],
      [[empty], /has no nginx\.conf/],
      [[broken], /unexpected end of file.*broken\.conf:3/],
      [["--format", "png", folder], /invalid --format "png": one of svg, mermaid/],
      [["--target", "apache", folder], /invalid target "apache"/],
      [
        ["--server", "c.example", folder],
        /no server has the name "c\.example"; there are a\.example, b\.example/,
      ],
      [["--output", join(folder, "no", "where.svg"), folder], /open\(\) ".*where\.svg" failed \(2:/],
      [["--colour"], /--colour/],
    ]
    for (const [args, message] of cases) {
      const { status, stdout, stderr } = await graph(args)
      assert.deepEqual([status, stdout], [2, ""], args.join(" "))
      assert.match(stderr, /^holdfast graph: /)
      assert.match(stderr, message)
    }
  })

  test("has help", async () => {
    const { status, stdout } = await graph(["--help"])
    assert.equal(status, 0)
    assert.match(stdout, /^Usage: holdfast graph \[options\] FILE\n/)
  })
})
