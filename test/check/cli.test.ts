/** `holdfast check` as its user meets it: arguments, exit statuses, files of all kinds. */
import assert from "node:assert/strict"
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { describe, test } from "node:test"
import { HOLDFAST, type RunOptions, type RunResult, run, runHoldfast } from "../support/holdfast.ts"
import { makeTempFolder } from "../support/temp.ts"

const CLEAN = `events {}
http {
  server { listen 127.0.0.1:8080;
    location /ws/ {
      proxy_pass http://127.0.0.1:3000;
      proxy_http_version 1.1;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection "upgrade";
      proxy_set_header Host $host;
      proxy_read_timeout 3600s;
      proxy_send_timeout 3600s;
    }
  }
}
`
/** Two findings for nginx/1.22, one of them a warning; one for holdfast. */
const BROKEN = CLEAN.replace("      proxy_http_version 1.1;\n", "").replace(
  "proxy_read_timeout 3600s",
  "proxy_read_timeout 10s",
)
const OLD = ["--target", "nginx/1.22"]

function check(args: readonly string[], options: RunOptions = {}): Promise<RunResult> {
  return runHoldfast(["check", ...args], options)
}

/** A folder with files in it. */
function folderOf(files: Readonly<Record<string, string | Buffer>>): string {
  const folder = makeTempFolder("check-cli")
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(join(folder, name, ".."), { recursive: true })
    writeFileSync(join(folder, name), content)
  }
  return folder
}

/** "file:line ruleId" of each finding, with `--format json`. */
async function findings(args: readonly string[], options: RunOptions = {}): Promise<string[]> {
  const { stdout, stderr } = await check(["--format", "json", ...args], options)
  assert.equal(stderr, "")
  const all = JSON.parse(stdout) as { file: string; line: number; ruleId: string }[]
  // Rules that come later may find more in these files.
  const own = all.filter(({ ruleId }) => /^websocket-(?:http-version|read-timeout)$/.test(ruleId))
  return own.map(({ file, line, ruleId }) => `${file.replace(/^.*\//, "")}:${line} ${ruleId}`)
}

describe("holdfast check", () => {
  test("a clean file", async () => {
    const cwd = folderOf({ "a.conf": CLEAN })
    assert.deepEqual(await check(["a.conf", ...OLD], { cwd }), {
      status: 0,
      signal: null,
      stdout: "no findings\n",
      stderr: "",
    })
  })

  test("findings: the line, a caret, what to do, a summary", async () => {
    const cwd = folderOf({ "a.conf": BROKEN })
    const { status, stdout } = await check(["a.conf", ...OLD], { cwd })
    assert.equal(status, 1)
    assert.match(
      stdout,
      /^a\.conf:5:7: error: .*\[websocket-http-version\]\n {2}5 \| {7}proxy_pass http.*\n {4}\| {7}\^~{9}\n {2}fix \(--fix\): proxy_http_version 1\.1;\n/,
    )
    assert.match(stdout, /^a\.conf:9:7: warning: .* 10 seconds.*\[websocket-read-timeout\]$/m)
    assert.match(stdout, /\n1 error, 1 warning; 2 can be mended by --fix\n$/)
  })

  test("--target: each version by its own defaults", async () => {
    const file = join(folderOf({ "a.conf": BROKEN }), "a.conf")
    for (const target of ["nginx/1.18", "nginx/1.22.1", "nginx/1.29.6"])
      assert.deepEqual(
        await findings([file, "--target", target]),
        ["a.conf:5 websocket-http-version", "a.conf:9 websocket-read-timeout"],
        target,
      )
    for (const target of ["nginx/1.29.7", "nginx/1.31", "nginx", "holdfast"])
      assert.deepEqual(
        await findings([file, "--target", target]),
        ["a.conf:9 websocket-read-timeout"],
        target,
      )
  })

  test("--max-severity: from where on it fails", async () => {
    const file = join(folderOf({ "a.conf": BROKEN }), "a.conf")
    assert.equal((await check([file])).status, 1)
    assert.equal((await check([file, "--max-severity", "info"])).status, 1)
    assert.equal((await check([file, "--max-severity", "error"])).status, 0)
    assert.equal((await check([file, "--max-severity", "error", ...OLD])).status, 1)
  })

  test("--location: a path that nobody would know", async () => {
    const config = "events {} http { server { location /feed { proxy_pass http://127.0.0.1:1; } } }"
    const file = join(folderOf({ "a.conf": config }), "a.conf")
    assert.deepEqual(await findings([file]), [])
    const said = await findings([file, "--location", "/feed", "--location", "/x"])
    assert.ok(said.includes("a.conf:1 websocket-read-timeout"), String(said))
  })

  test("standard input", async () => {
    const found = await findings(["-"], { input: BROKEN })
    assert.deepEqual(found, ["<stdin>:9 websocket-read-timeout"])
  })

  test("a folder with an nginx.conf: that, and what it includes", async () => {
    const folder = folderOf({
      "nginx.conf": "events {} http { include sites/*.conf; }",
      "sites/a.conf": "server { location /ws/ { proxy_pass http://127.0.0.1:1; proxy_read_timeout 3s; } }",
      "other.conf": BROKEN,
    })
    assert.deepEqual(
      (await findings([folder])).filter((text) => text.endsWith("read-timeout")),
      ["a.conf:1 websocket-read-timeout"],
    )
  })

  test("a folder without one: each *.conf", async () => {
    const folder = folderOf({ "a.conf": CLEAN, "b.conf": BROKEN, "notes.txt": "}" })
    assert.deepEqual(await findings([folder]), ["b.conf:9 websocket-read-timeout"])
  })

  test("a file of sites-enabled by itself: includes count from the folder of nginx.conf", async () => {
    const cwd = folderOf({
      "nginx.conf": "events {}",
      "sites-enabled/a.conf": "server { include snippets/ws.inc; }",
      "snippets/ws.inc": "location /ws/ { proxy_pass http://127.0.0.1:1; proxy_read_timeout 3s; }",
    })
    const found = ["ws.inc:1 websocket-read-timeout"]
    for (const path of ["sites-enabled/a.conf", "sites-enabled", join(cwd, "sites-enabled/a.conf")])
      assert.deepEqual(
        (await findings([path], { cwd })).filter((text) => text.endsWith("timeout")),
        found,
        path,
      )
    const inner = await findings(["a.conf"], { cwd: join(cwd, "sites-enabled") })
    assert.deepEqual(
      inner.filter((text) => text.endsWith("timeout")),
      found,
    )
  })

  test("a folder with nothing in it", async () => {
    const folder = folderOf({ "notes.txt": "" })
    const { status, stderr } = await check([folder])
    assert.equal(status, 2)
    assert.equal(stderr, `holdfast check: "${folder}" has no nginx.conf, and no other *.conf file\n`)
  })

  test("several files; what two of them include is reported once", async () => {
    const cwd = folderOf({
      "a.conf": "server { include ws.inc; }",
      "b.conf": "server { include ws.inc; } server { include ws.inc; }",
      "ws.inc": "location /ws/ { proxy_pass http://127.0.0.1:1; proxy_read_timeout 3s; }",
    })
    const all = await findings(["a.conf", "b.conf", "a.conf"], { cwd })
    assert.deepEqual(
      all.filter((text) => text.endsWith("read-timeout")),
      ["ws.inc:1 websocket-read-timeout"],
    )
  })

  test("a file that is not there, beside one that is", async () => {
    const cwd = folderOf({ "a.conf": BROKEN })
    const { status, stdout, stderr } = await check(["none.conf", "a.conf"], { cwd })
    assert.equal(status, 2)
    assert.equal(stderr, 'holdfast check: open() "none.conf" failed (2: No such file or directory)\n')
    assert.match(stdout, /\[websocket-read-timeout\]/)
  })

  test("text that is no configuration: file and line", async () => {
    const cwd = folderOf({ "a.conf": "events {}\nhttp {\n  include b.inc;\n}\n", "b.inc": "server {\n" })
    const { status, stderr } = await check(["a.conf"], { cwd })
    assert.equal(status, 2)
    assert.match(stderr, /^holdfast check: unexpected end of file, expecting "}" in (?:\.\/)?b\.inc:2\n$/)
  })

  test("unknown directives and modules of nginx are no errors", async () => {
    const config =
      "events {} http { fastcgi_cache_path /x; lua_shared_dict a 1m; server { brotli on; } } stream { server { listen 1; } }"
    const { status } = await check([join(folderOf({ "a.conf": config }), "a.conf")])
    assert.equal(status, 0)
  })

  test("a file that includes itself", async () => {
    const { status, stderr } = await check([
      join(folderOf({ "a.conf": "http {\ninclude a.conf;\n}" }), "a.conf"),
    ])
    assert.equal(status, 2)
    assert.match(stderr, /includes itself in .*a\.conf:2\n$/)
  })

  test("Latin-1, UTF-8 and CRLF: places count characters", async () => {
    const line = 'location /ws/ { set $a "é"; proxy_pass http://127.0.0.1:1; proxy_read_timeout 3s; }'
    const config = `server {\r\n${line}\r\n}\r\n`
    for (const encoding of ["latin1", "utf8"] as const) {
      const file = join(folderOf({ "a.conf": Buffer.from(config, encoding) }), "a.conf")
      const { stdout } = await check(["--format", "json", file])
      const all = JSON.parse(stdout) as { ruleId: string; line: number; column: number }[]
      const found = all.find(({ ruleId }) => ruleId === "websocket-read-timeout")
      assert.deepEqual([found?.line, found?.column], [2, line.indexOf("proxy_read_timeout") + 1], encoding)
      const text = await check([file])
      assert.ok(!text.stdout.includes("\r"))
    }
  })

  test("a reader that goes away is no error", async () => {
    const folder = folderOf({ "a.conf": BROKEN })
    const many = Array.from({ length: 200 }, () =>
      BROKEN.replace(/^events.*\nhttp \{/, "").replace(/\}\n$/, ""),
    )
    writeFileSync(join(folder, "a.conf"), `http {${many.join("\n")}}`)
    const { stderr } = await run("/bin/sh", ["-c", `'${HOLDFAST}' check '${folder}' | head -1`])
    assert.equal(stderr, "")
  })
})

describe("holdfast check: what it prints of itself", () => {
  test("--help, --list, --explain", async () => {
    const help = await check(["--help"])
    assert.equal(help.status, 0)
    assert.match(help.stdout, /^Usage: holdfast check/)
    const list = await check(["--list"])
    assert.match(list.stdout, /^websocket-http-version +error +\S/m)
    const page = await check(["--explain", "websocket-http-version"])
    assert.match(
      page.stdout,
      /^websocket-http-version \(error\)\n[\s\S]*\nWhat to write\n {2}proxy_http_version 1\.1;\n$/,
    )
    assert.ok(
      Buffer.from(page.stdout, "latin1")
        .toString()
        .split("\n")
        .every((line) => line.length <= 80),
    )
    assert.deepEqual([help.status, list.status, page.status], [0, 0, 0])
  })

  const wrong: readonly (readonly [readonly string[], RegExp])[] = [
    [[], /^holdfast check: no file is given; see holdfast check --help\n$/],
    [["--explain", "x"], /there is no rule "x"; see holdfast check --list/],
    [["--nothing", "a"], /Unknown option '--nothing'/],
    [["--target", "apache", "a"], /invalid target "apache": holdfast, or nginx\/1\.22/],
    [["--target", "nginx/1.2", "a"], /too old: nginx proxies WebSockets since 1\.3\.13/],
    [["--format", "xml", "a"], /invalid --format "xml": one of text, json, sarif, github, checkstyle/],
    [["--max-severity", "fatal", "a"], /invalid --max-severity "fatal": one of error, warning, info/],
    [["--diff", "--format", "json", "a"], /--format json cannot go with it/],
    [["--fix", "--format", "json", "-"], /--format json cannot go with it/],
  ]
  for (const [args, message] of wrong)
    test(`a command line that is wrong: ${args.join(" ")}`, async () => {
      const { status, stdout, stderr } = await check(args)
      assert.equal(status, 2)
      assert.equal(stdout, "")
      assert.match(stderr, message)
    })

  const script = "/usr/bin/script"
  const hasScript = (() => {
    try {
      return readFileSync(script).length > 0
    } catch {
      return false
    }
  })()
  test("colour on a terminal only, and not with NO_COLOR", {
    skip: hasScript ? false : "no script(1)",
  }, async () => {
    const file = join(folderOf({ "a.conf": BROKEN }), "a.conf")
    const onTerminal = (env: Readonly<Record<string, string>>): Promise<RunResult> =>
      run(script, ["-qec", `'${HOLDFAST}' check '${file}'`, "/dev/null"], { env: { TERM: "xterm", ...env } })
    assert.match((await onTerminal({ NO_COLOR: "" })).stdout, /\x1b\[33mwarning\x1b\[0m/)
    assert.ok(!(await onTerminal({ NO_COLOR: "1" })).stdout.includes("\x1b"))
    assert.ok(!(await check([file])).stdout.includes("\x1b"))
  })
})

describe("holdfast -t", () => {
  function prefixOf(config: string): { folder: string; args: string[] } {
    const folder = folderOf({ "nginx.conf": config, "logs/x": "" })
    return { folder, args: ["-t", "-p", folder, "-c", "nginx.conf"] }
  }
  const READ_ONLY = BROKEN.replace("http {", "http { access_log off;")

  test("warns of what check finds, behind nginx's two lines, and succeeds", async () => {
    const { folder, args } = prefixOf(READ_ONLY)
    const { status, stderr } = await runHoldfast(args)
    assert.equal(status, 0)
    const [first, second, ...rest] = stderr.trimEnd().split("\n")
    assert.equal(first, `holdfast: the configuration file ${folder}/nginx.conf syntax is ok`)
    assert.equal(second, `holdfast: configuration file ${folder}/nginx.conf test is successful`)
    assert.equal(rest.length, 1)
    assert.match(
      rest[0] ?? "",
      /^holdfast: \[warn\] .* 10 seconds .* \[websocket-read-timeout\] in .*\/nginx\.conf:9$/,
    )
  })

  test("is silent with -q, and of a clean file", async () => {
    const { args } = prefixOf(READ_ONLY)
    assert.equal((await runHoldfast([...args, "-q"])).stderr, "")
    assert.ok(
      !(await runHoldfast(prefixOf(CLEAN.replace("http {", "http { access_log off;")).args)).stderr.includes(
        "[warn]",
      ),
    )
  })

  test("says nothing of a file that does not hold", async () => {
    const { status, stderr } = await runHoldfast(
      prefixOf(READ_ONLY.replace("server {", "server { no_such on;")).args,
    )
    assert.equal(status, 1)
    assert.ok(!stderr.includes("[warn]"))
  })

  test("names an included file, whatever bytes its name has", async () => {
    const { folder, args } = prefixOf("events {}\nhttp { access_log off; include sites/*.conf; }\n")
    mkdirSync(join(folder, "sites"))
    const config =
      "server { location /ws/ { proxy_pass http://127.0.0.1:1; proxy_read_timeout 3s;\nproxy_set_header Host $host; } }"
    writeFileSync(join(folder, "é.inc"), config)
    symlinkSync(join(folder, "é.inc"), join(folder, "sites/é.conf"))
    const { status, stderr } = await runHoldfast(args)
    assert.equal(status, 0)
    assert.match(
      Buffer.from(stderr, "latin1").toString(),
      /\[websocket-read-timeout\] in .*\/sites\/é\.conf:1\n/,
    )
  })
})
