/** `--fix`: edits made together, rounds until nothing is left, files written whole. */
import assert from "node:assert/strict"
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs"
import { join } from "node:path"
import { describe, test } from "node:test"
import fc from "fast-check"
import { applyEdits, editsTogether } from "../../src/check/apply-edits.ts"
import { checkTree } from "../../src/check/engine.ts"
import type { Edit, Finding } from "../../src/check/finding.ts"
import { fixAll } from "../../src/check/fix.ts"
import { replaceFile } from "../../src/check/replace-file.ts"
import { RULES } from "../../src/check/rules/index.ts"
import { parseTarget } from "../../src/check/target.ts"
import { readTree, type SourceText } from "../../src/check/tree.ts"
import { type RunOptions, type RunResult, run, runHoldfast } from "../support/holdfast.ts"
import { nginxMissing } from "../support/nginx.ts"
import { makeTempFolder } from "../support/temp.ts"

function edit(line: number, from: number, to: number, text: string): Edit {
  return { file: "a.conf", start: { line, column: from }, end: { line, column: to }, text }
}

function finding(...fix: Edit[]): Finding {
  const place = { file: "a.conf", line: 1, column: 1, endColumn: 2 }
  return { ruleId: "x", severity: "error", ...place, message: "", advice: "", fix }
}

describe("edits", () => {
  test("are made at their places, last line and beyond the ends too", () => {
    assert.equal(applyEdits("ab\ncd\n", [edit(2, 2, 3, "X"), edit(1, 1, 1, ">")]), ">ab\ncX\n")
    assert.equal(applyEdits("ab", [edit(1, 3, 3, "!"), edit(7, 1, 1, "end")]), "ab!end")
  })

  test("of two at one place that say the same, one is made", () => {
    const same = [edit(1, 2, 2, "x"), edit(1, 2, 2, "y"), edit(1, 2, 2, "x")]
    assert.equal(applyEdits("ab", same), "axyb")
    assert.equal(applyEdits("abc", [edit(1, 1, 3, "x"), edit(1, 2, 3, "y")]), "xc")
  })

  test("a fix is made whole or not at all", () => {
    const first = finding(edit(1, 1, 3, "x"))
    const second = finding(edit(1, 2, 3, "y"), edit(2, 1, 1, "z"))
    assert.deepEqual(editsTogether([first, second]), first.fix)
    assert.deepEqual(editsTogether([second, first]), second.fix)
  })

  test("one directive is not added twice at one place, fields of another name are", () => {
    const add = (text: string): Finding => finding(edit(1, 1, 1, `\n  ${text}`))
    const timeout = add("proxy_read_timeout 1h;")
    const fields = [add("proxy_set_header Upgrade a;"), add("proxy_set_header Connection a;")]
    const again = [add("proxy_read_timeout 2h;"), add("proxy_set_header upgrade b;")]
    assert.equal(editsTogether([timeout, ...fields, ...again]).length, 3)
  })
})

/** Checks and fixes a text with all rules, and says how many rounds changed it. */
function fixText(text: string, target: string): { text: string; left: readonly Finding[]; rounds: number } {
  const texts = new Map<string, SourceText>([["nginx.conf", { text, encoding: "utf8" }]])
  const states = new Set<string>()
  const { after } = fixAll(texts, () => {
    states.add(textAt(texts))
    const tree = readTree("nginx.conf", "./", (path) => texts.get(path) ?? assert.fail(path))
    return checkTree(tree, parseTarget(target), RULES)
  })
  return { text: textAt(texts), left: after.findings, rounds: states.size - 1 }
}

function textAt(texts: ReadonlyMap<string, SourceText>): string {
  return texts.get("nginx.conf")?.text ?? ""
}

/** Lines that people write, right and wrong, by where they may stand. */
const OUTER = [
  "proxy_http_version 1.0;",
  "proxy_read_timeout 30s;",
  "proxy_send_timeout 5s;",
  "proxy_set_header Host $host;",
  "proxy_set_header X-Real-IP $remote_addr;",
  "add_header Strict-Transport-Security max-age=31536000;",
  "add_header X-Frame-Options DENY;",
  "proxy_buffering on;",
  "gzip on;",
  "gzip_types *;",
  "ssl_protocols TLSv1 TLSv1.1 TLSv1.2;",
  "ssl_ciphers RC4:HIGH:!aNULL;",
  "error_page 401 403 = /login;",
  "proxy_intercept_errors on;",
  "proxy_ssl_server_name off;",
  "add_header X-From $uri;",
  "# proxy_http_version 1.1; is no more than a comment }",
  "",
]
const INNER = [
  'proxy_set_header Upgrade "$http_upgrade";',
  "proxy_set_header Upgrade $connection_upgrade;",
  "proxy_set_header Connection $http_connection;",
  'proxy_set_header Connection "upgrade";',
  "proxy_set_header Connection $connection_upgrade;",
  "proxy_set_header Connection '';",
  "proxy_set_header X-Forwarded-For $http_x_forwarded_for;",
  "proxy_next_upstream error timeout http_500 non_idempotent;",
  "proxy_connect_timeout 5s; # a remark",
  "proxy_set_header X-Real-IP $http_x_real_ip;",
  "proxy_set_header Host $proxy_host;",
  "limit_conn_status 429;",
  "allow 10.0.0.0/8;",
  "auth_basic closed;",
]
const PASS = [
  "proxy_pass http://pool;",
  "proxy_pass https://pool;",
  "proxy_pass http://127.0.0.1:3000;",
  "proxy_pass http://pool/;",
]
const PATHS = ["/ws/", "/ws", "= /socket", "/", "/api/", "/socket.io/", "~ ^/hub/.*$", "/cable"]
const OF_POOL = ["keepalive 16;", "zone pool 64k;", "# no comment"]

/** Names may come once in a block, but for those that may be repeated. */
function lines(of: readonly string[], max: number): fc.Arbitrary<string[]> {
  return fc.uniqueArray(fc.constantFrom(...of), { maxLength: max, selector: subjectOf })
}

function subjectOf(line: string): string {
  const [name = "", field = ""] = line.split(/[ ;]/)
  return /^(?:proxy_set_header|add_header)$/.test(name) ? `${name} ${field}` : name
}

const location = fc
  .record({
    path: fc.constantFrom(...PATHS),
    pass: fc.constantFrom(...PASS),
    own: lines([...OUTER, ...INNER], 5),
    isLine: fc.boolean(),
  })
  .map(({ path, pass, own, isLine }) => ({ path, pass, own, isLine }))
  .map(({ path, pass, own, isLine }) => {
    const uri = path.startsWith("~") ? "proxy_pass http://pool;" : pass
    if (isLine)
      return {
        path,
        text: `    location ${path} { ${[uri, ...own.filter((line) => !/#|^$/.test(line))].join(" ")} }`,
      }
    return {
      path,
      text: [
        `    location ${path} {`,
        ...[...own, uri].map((line) => (line === "" ? "" : `\t${line}`)),
        "    }",
      ].join("\n"),
    }
  })

const configuration = fc
  .record({
    outer: lines(OUTER, 3),
    ofServer: lines(OUTER, 3),
    locations: fc.uniqueArray(location, { minLength: 1, maxLength: 4, selector: ({ path }) => path }),
    pool: lines(OF_POOL, 2),
    target: fc.constantFrom("holdfast", "nginx/1.22"),
    isCrlf: fc.boolean(),
  })
  .map(({ outer, ofServer, locations, pool, target, isCrlf }) => {
    const text = [
      "events {}",
      "http {",
      "  map $http_upgrade $connection_upgrade { default upgrade; '' close; }",
      `  upstream pool { server 127.0.0.1:3001; server 127.0.0.1:3002;\n    ${pool.join("\n    ")}\n  }`,
      ...outer.map((line) => `  ${line}`),
      "  server {",
      "    listen 127.0.0.1:8080;",
      ...ofServer.map((line) => `    ${line}`),
      ...locations.map(({ text }) => text),
      "  }",
      "}",
      "",
    ].join("\n")
    return { text: isCrlf ? text.replaceAll("\n", "\r\n") : text, target }
  })

/** What stands before each comment behind a directive: its name, as a fix may change the rest. */
function remarkedOf(text: string): string[] {
  return text.split("\n").flatMap((line) => /^\s*(\w+) .*; #/.exec(line)?.[1] ?? [])
}

/** Comments and empty lines: nothing that a fix may touch. */
function remarksOf(text: string): string[] {
  return text.split("\n").flatMap((line) => /^\s*$|#.*$/s.exec(line) ?? [])
}

describe("fixes of all rules together", () => {
  test("come to an end after three rounds at most, and keep comments and layout", () => {
    fc.assert(
      fc.property(configuration, ({ text, target }) => {
        const once = fixText(text, target)
        assert.deepEqual(
          once.left.filter(({ fix }) => fix.length > 0),
          [],
          once.text,
        )
        assert.ok(once.rounds <= 3, `${once.rounds} rounds`)
        assert.deepEqual(remarksOf(once.text), remarksOf(text))
        assert.deepEqual(remarkedOf(once.text), remarkedOf(text))
        const isCrlf = text.includes("\r")
        assert.ok(
          once.text
            .split("\n")
            .slice(0, -1)
            .every((line) => line.endsWith("\r") === isCrlf),
          once.text,
        )
      }),
      { numRuns: 300 },
    )
  })

  test("are taken by nginx where it took the file before", { skip: nginxMissing() }, async () => {
    await fc.assert(
      fc.asyncProperty(configuration, async ({ text, target }) => {
        const fixed = fixText(text, target).text
        if ((await testByNginx(text)).status !== 0) return
        const { status, stderr } = await testByNginx(fixed)
        assert.equal(status, 0, `${stderr}\n${fixed}`)
      }),
      { numRuns: 40 },
    )
  })

  test("are taken by holdfast where it took the file before", async () => {
    await fc.assert(
      fc.asyncProperty(configuration, async ({ text }) => {
        if ((await runHoldfast(argumentsFor(text))).status !== 0) return
        const args = argumentsFor(fixText(text, "holdfast").text)
        const { status, stderr } = await runHoldfast(args)
        assert.equal(status, 0, stderr)
      }),
      { numRuns: 5 },
    )
  })
})

function argumentsFor(text: string): string[] {
  const folder = makeTempFolder("check-fix")
  mkdirSync(join(folder, "logs"))
  const file = join(folder, "nginx.conf")
  const withPaths = text.replace("http {", "http { access_log off;")
  writeFileSync(file, `pid ${folder}/pid; error_log ${folder}/error.log; ${withPaths}`)
  return ["-t", "-q", "-p", folder, "-c", file]
}

function testByNginx(text: string): Promise<RunResult> {
  return run("/usr/sbin/nginx", argumentsFor(text))
}

describe("replaceFile", () => {
  test("keeps the mode, leaves nothing beside it", () => {
    const folder = makeTempFolder("check-replace")
    const path = join(folder, "a.conf")
    writeFileSync(path, "old")
    chmodSync(path, 0o640)
    const { uid, gid, ino } = statSync(path)
    replaceFile(path, Buffer.from("new"))
    const after = statSync(path)
    assert.equal(readFileSync(path, "utf8"), "new")
    assert.deepEqual([after.mode & 0o7777, after.uid, after.gid], [0o640, uid, gid])
    assert.notEqual(after.ino, ino)
    assert.deepEqual(readdirSync(folder), ["a.conf"])
  })

  test("follows a link", () => {
    const folder = makeTempFolder("check-replace")
    mkdirSync(join(folder, "available"))
    writeFileSync(join(folder, "available/a.conf"), "old")
    symlinkSync("available/a.conf", join(folder, "a.conf"))
    replaceFile(join(folder, "a.conf"), Buffer.from("new"))
    assert.ok(lstatSync(join(folder, "a.conf")).isSymbolicLink())
    assert.equal(readFileSync(join(folder, "available/a.conf"), "utf8"), "new")
  })

  test("keeps the owner", {
    skip: process.getuid?.() === 0 ? false : "only root may give files away",
  }, async () => {
    const path = join(makeTempFolder("check-replace"), "a.conf")
    writeFileSync(path, "old")
    await run("/bin/chown", ["65534:65534", path])
    replaceFile(path, Buffer.from("new"))
    const { uid, gid } = statSync(path)
    assert.deepEqual([uid, gid], [65534, 65534])
  })

  test("says which file it could not write", () => {
    const path = join(makeTempFolder("check-replace"), "none/a.conf")
    assert.throws(() => replaceFile(path, Buffer.from("")), {
      code: "FILE",
      message: `"${path}" cannot be rewritten (2: No such file or directory)`,
    })
  })
})

describe("holdfast check --fix", () => {
  const BROKEN =
    "server {\n  # ünchanged\n  location /ws/ {\n    proxy_pass http://127.0.0.1:1;\n    proxy_read_timeout  10s ; # short\n  }\n}\n"
  const FIXED = BROKEN.replace("10s ", "3600s")

  function check(args: readonly string[], options: RunOptions = {}): Promise<RunResult> {
    return runHoldfast(["check", ...args], options)
  }

  function fileOf(text: string, encoding: "utf8" | "latin1" = "utf8"): string {
    const path = join(makeTempFolder("check-fix"), "a.conf")
    writeFileSync(path, text, encoding)
    return path
  }

  /** Lines that the read timeout's fix changes; other rules may have theirs. */
  function timeoutOf(text: string): string | undefined {
    return text.split("\n").find((line) => line.includes("proxy_read_timeout"))
  }

  test("rewrites the file, and shows what is left", async () => {
    for (const encoding of ["utf8", "latin1"] as const) {
      const path = fileOf(BROKEN, encoding)
      const { stderr, stdout } = await check(["--fix", path])
      assert.equal(stderr, `holdfast check: ${path} is rewritten\n`)
      assert.ok(!stdout.includes("websocket-read-timeout"), stdout)
      const text = readFileSync(path, encoding)
      assert.equal(timeoutOf(text), timeoutOf(FIXED))
      assert.ok(text.includes("  # ünchanged\n"))
      assert.equal((await check(["--fix", path])).stderr, "")
      assert.equal(readFileSync(path, encoding), text)
    }
  })

  test("--diff shows it and writes nothing", async () => {
    const path = fileOf(BROKEN)
    const { status, stdout, stderr } = await check(["--diff", path])
    assert.equal(status, 1)
    assert.ok(stdout.startsWith(`--- ${path}\n+++ ${path}\n@@ -`), stdout)
    assert.match(
      stdout,
      /\n- {4}proxy_read_timeout {2}10s ; # short\n(?:[-+].*\n)*\+ {4}proxy_read_timeout {2}3600s; # short\n/,
    )
    assert.match(stderr, /by --fix\n$/)
    assert.equal(readFileSync(path, "utf8"), BROKEN)
    const patched = await run("/usr/bin/patch", ["-p0", path], { input: stdout }).catch(() => null)
    if (patched === null) return
    assert.equal(timeoutOf(readFileSync(path, "utf8")), timeoutOf(FIXED))
  })

  test("--fix --diff does both", async () => {
    const path = fileOf(BROKEN)
    const { stdout } = await check(["--fix", "--diff", path])
    assert.match(stdout, /^--- /)
    assert.equal(timeoutOf(readFileSync(path, "utf8")), timeoutOf(FIXED))
  })

  test("standard input comes out mended, findings go to standard error", async () => {
    const input = Buffer.from(BROKEN).toString("latin1")
    const { stdout, stderr } = await check(["--fix", "-"], { input })
    const text = Buffer.from(stdout, "latin1").toString()
    assert.ok(text.startsWith("server {\n  # ünchanged\n"))
    assert.equal(timeoutOf(text), timeoutOf(FIXED))
    assert.ok(!stderr.includes("websocket-read-timeout"))
    const diff = await check(["--diff", "-"], { input })
    assert.match(diff.stdout, /^--- <stdin>\n\+\+\+ <stdin>\n@@/)
  })

  test("an included file is rewritten, and one that two servers have only once", async () => {
    const inner = fileOf("location /ws/ { proxy_pass http://127.0.0.1:1; proxy_read_timeout 10s; }\n")
    const path = fileOf(`server { include ${inner}; }\nserver { listen 81; include ${inner}; }\n`)
    const { stderr } = await check(["--fix", path])
    assert.match(stderr, new RegExp(`${inner} is rewritten`))
    assert.equal(readFileSync(inner, "utf8").match(/proxy_read_timeout/g)?.length, 1)
    assert.match(readFileSync(inner, "utf8"), /proxy_read_timeout 3600s;/)
  })
})
