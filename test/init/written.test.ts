/** What `holdfast init` writes: the guide's structure, for Holdfast and nginx, with nothing for `check` to find. */
import assert from "node:assert/strict"
import { mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { describe, test } from "node:test"
import { fileURLToPath } from "node:url"
import { checkTree } from "../../src/check/engine.ts"
import { readConfiguration } from "../../src/check/input.ts"
import { RULES } from "../../src/check/rules/index.ts"
import { parseTarget } from "../../src/check/target.ts"
import { type Block, parse } from "../../src/config/parser.ts"
import { issueCertificate } from "../support/certificates.ts"
import { type RunResult, run, runHoldfast } from "../support/holdfast.ts"
import { nginxMissing, nginxProgram } from "../support/nginx.ts"
import { freePorts } from "../support/ports.ts"
import { makeTempFolder } from "../support/temp.ts"

const GUIDE = fileURLToPath(new URL("../guide/guide.conf", import.meta.url))

/** The guide's choices. */
const GUIDE_OPTIONS = [
  ...["--name", "solvethenetwork.com", "--certificate", "/etc/nginx/ssl/solvethenetwork.com.crt"],
  ...["--backend", "192.168.10.20:3000", "--backend", "192.168.10.21:3000"],
  ...["--app-backend", "192.168.10.20:8080", "--app-backend", "192.168.10.21:8080"],
  ...["--logs", "/var/log/nginx", "--include"],
]

function init(args: readonly string[], cwd?: string): Promise<RunResult> {
  return runHoldfast(["init", ...args], cwd === undefined ? {} : { cwd })
}

/** Each directive with the blocks around it: "server > location /ws/ > proxy_buffering off". */
function linesOf(block: Block, around = ""): string[] {
  assert.equal(block.failure, null)
  return block.directives.flatMap(({ name, args, block: inner }) => {
    const line = [around + name, ...args.map(({ text }) => text)].join(" ")
    return inner === null ? [line] : [`${line} {}`, ...linesOf(inner, `${line} > `)]
  })
}

/** Names of this suite's choices and the options that make them; {…} is filled in by the test. */
const CHOICES: Readonly<Record<string, string>> = {
  "the guide's": "--backend 127.0.0.1:3000,127.0.0.1:3001 --app-backend 127.0.0.1:8080",
  "one backend and nothing else": "--backend 3000",
  "no stickiness": "--backend 127.0.0.1:3000,127.0.0.1:3001 --sticky none",
  "several paths, a status page, no HSTS":
    "--path /ws/ --path /cable --backend [::1]:3000 --path /chat/ --backend unix:/run/chat.sock --status-page --no-hsts",
  "the whole site": "--path / --backend 3000 --acme-webroot {folder} --timeout 2h30m",
  "TLS to the backends":
    "--backend https://127.0.0.1:3000 --app-backend 8080 --backend-tls --backend-ca {ca} --backend-name inner.example.com",
  "characters that mean something": `--path /a;{}"'\\$b --backend unix:/run/a;b"{.sock`,
}

describe("what holdfast init writes", () => {
  test("the guide's production configuration, line for line but for what it says", async () => {
    const { status, stdout, stderr } = await init([...GUIDE_OPTIONS, "-"])
    assert.deepEqual({ status, stderr }, { status: 0, stderr: "holdfast check (holdfast): no findings\n" })
    const made = linesOf(parse("made", stdout))
    const guide = linesOf(parse("guide", readFileSync(GUIDE, "latin1")))
    assert.deepEqual(
      guide.filter((line) => !made.includes(line)),
      [
        "server > access_log /var/log/nginx/solvethenetwork_access.log",
        "server > error_log /var/log/nginx/solvethenetwork_error.log warn",
      ],
    )
    assert.deepEqual(
      made.filter((line) => !guide.includes(line)),
      [
        "server > access_log /var/log/nginx/solvethenetwork.com_access.log",
        "server > error_log /var/log/nginx/solvethenetwork.com_error.log warn",
        // Without these two the guide's `keepalive 32` does nothing in nginx before 1.29.7.
        "server > location / > proxy_http_version 1.1",
        "server > location / > proxy_set_header Connection ",
      ],
    )
  })

  test("a part for conf.d is the same as the http block of a whole file", async () => {
    const [part, whole] = await Promise.all([
      init([...GUIDE_OPTIONS, "-"]),
      init([...GUIDE_OPTIONS, "--no-include", "-"]),
    ])
    const inner = linesOf(parse("part", part.stdout)).map((line) => `http > ${line}`)
    const all = linesOf(parse("whole", whole.stdout))
    assert.deepEqual(all.slice(-inner.length), inner)
    assert.deepEqual(
      all.slice(0, -inner.length).filter((line) => !line.startsWith("pid ")),
      [
        "worker_processes auto",
        "worker_rlimit_nofile 65536",
        "error_log /var/log/nginx/error.log warn",
        "events {}",
        "events > worker_connections 16384",
        "http {}",
        "http > access_log /var/log/nginx/access.log",
      ],
    )
  })

  for (const [name, choice] of Object.entries(CHOICES))
    test(`${name}: nginx -t, holdfast -t and check agree`, { skip: nginxMissing() }, async () => {
      const folder = makeTempFolder("init")
      mkdirSync(join(folder, "logs"))
      const certificate = await issueCertificate(["chat.example.com"])
      const [https, http] = await freePorts(2)
      const file = join(folder, "nginx.conf")
      const filled = choice.replaceAll("{folder}", folder).replaceAll("{ca}", certificate.certificateFile)
      const options = [
        ...["--name", "chat.example.com", "--target", "nginx/1.22", "--listen", `${https}`],
        ...["--certificate", certificate.certificateFile, "--key", certificate.keyFile],
        ...["--logs", `${folder}/logs`, "--pid", `${folder}/nginx.pid`, file, ...filled.split(" ")],
        ...(filled.includes("--no-redirect") ? [] : ["--http-listen", `${http}`]),
      ]
      const { status, stdout, stderr } = await init(options)
      assert.equal(
        stderr,
        `holdfast: the configuration file ${file} syntax is ok\nholdfast: configuration file ${file} test is successful\n`,
      )
      assert.match(stdout, /\nholdfast check \(nginx\/1\.22\): no findings\n/)
      assert.equal(status, 0)
      const text = nginxProgram.prepare(readFileSync(file, "latin1"), folder)
      writeFileSync(file, text, "latin1")
      const nginx = await run(nginxProgram.command, ["-t", "-c", file, "-p", folder])
      assert.match(nginx.stderr, /nginx\.conf test is successful\n$/)
      assert.doesNotMatch(nginx.stderr, /\[(?:warn|emerg)\]/)
      assert.equal(nginx.status, 0)
      for (const target of ["holdfast", "nginx/1.18", "nginx/1.30"])
        assert.deepEqual(checkTree(readConfiguration(file), parseTarget(target), RULES).findings, [], target)
    })

  test("names too long for nginx's hash have room beside another server", {
    skip: nginxMissing(),
  }, async () => {
    const folder = makeTempFolder("init")
    const file = join(folder, "nginx.conf")
    const port = (await freePorts(1))[0]
    // 46 letters fit into what nginx has for a name.
    for (const length of [46, 47, 100]) {
      const name = `${"a".repeat(40)}.${"b".repeat(Math.min(length - 41, 59))}`.padEnd(length, ".c")
      const options = ["--name", name, "--backend", "3000", "--plain", "--listen", `127.0.0.1:${port}`]
      const { stdout } = await init([...options, "--logs", folder, "--pid", `${folder}/x.pid`, "-"])
      assert.equal(stdout.includes("server_names_hash_bucket_size"), length > 46)
      const more = `server { listen 127.0.0.1:${port}; server_name b; }`
      writeFileSync(file, nginxProgram.prepare(stdout.replace(/\}\n$/, `${more}}\n`), folder), "latin1")
      const nginx = await run(nginxProgram.command, ["-t", "-c", file, "-p", folder])
      assert.match(nginx.stderr, /nginx\.conf test is successful\n$/)
    }
  })
})
