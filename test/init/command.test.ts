/** `holdfast init` as its user meets it: options, files that are there already, and exit statuses. */
import assert from "node:assert/strict"
import { mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { describe, test } from "node:test"
import { issueCertificate, testAuthority } from "../support/certificates.ts"
import { type RunResult, run, runHoldfast } from "../support/holdfast.ts"
import { makeTempFolder } from "../support/temp.ts"

/** All that is needed; nothing outside of the folder is touched. */
const PLAIN = ["--name", "localhost", "--backend", "3000", "--plain", "--logs", "stderr", "--pid", "x.pid"]

function init(args: readonly string[], cwd: string): Promise<RunResult> {
  return runHoldfast(["init", ...args], { cwd })
}

/** Words of an option list, and what is said of them. */
const REFUSED: readonly (readonly [options: string, message: RegExp])[] = [
  ["", /^no terminal to ask at: give --name, --backend, --certificate \(or --plain\), or --yes .*--help$/],
  ["--name a.example --path /x/", /^no terminal to ask at: give --backend, --certificate \(or --plain\), /],
  ["--bogus", /^Unknown option '--bogus'$/],
  ["--yes --backend http://joe:secret@10.0.0.5:1", /^--backend: a backend is host:port, without a user$/],
  ["--yes --path / --app-backend 1", /^--path \/ takes all requests: nothing is left for --app-backend$/],
  ["--yes missing/nginx.conf", /^the folder .*\/missing does not exist$/],
  ["--yes .", / is a folder: name a file in it$/],
]

describe("holdfast init", () => {
  test("what cannot be is refused in one line, with nothing asked and nothing written", async () => {
    const cwd = makeTempFolder("init")
    await Promise.all(
      REFUSED.map(async ([options, message]) => {
        const words = options.split(" ").filter((word) => word !== "")
        const { status, stdout, stderr } = await init(words, cwd)
        assert.deepEqual({ options, status, stdout }, { options, status: 2, stdout: "" })
        const [, said = "", rest] = /^holdfast init: (.*)\n([\s\S]*)$/.exec(stderr) ?? []
        assert.match(said, message, options)
        assert.equal(rest, "", options)
        assert.doesNotMatch(stderr, /secret|joe/)
      }),
    )
    assert.deepEqual(readdirSync(cwd), [])
  })

  test("--help", async () => {
    const { status, stdout, stderr } = await init(["--help"], "/")
    assert.deepEqual({ status, stderr }, { status: 0, stderr: "" })
    assert.match(stdout, /^Usage: holdfast init \[options\] \[FILE\]\n/)
  })

  test("--yes alone: localhost without TLS, in nginx.conf", async () => {
    const cwd = makeTempFolder("init")
    const options = ["--yes", "--name", "localhost", "--logs", "stderr", "--pid", "x.pid"]
    const { status, stdout, stderr } = await init(options, cwd)
    const file = join(cwd, "nginx.conf")
    assert.equal(
      stderr,
      `holdfast: the configuration file ${file} syntax is ok\nholdfast: configuration file ${file} test is successful\n`,
    )
    assert.equal(
      stdout,
      `${file} is written.\nholdfast check (holdfast): no findings\n\nNext:\n  holdfast -c ${file}\n  holdfast probe ws://127.0.0.1:8080/ws/\n`,
    )
    assert.equal(status, 0)
    assert.match(readFileSync(file, "utf8"), /\n {8}server 127\.0\.0\.1:3000;\n/)
    assert.deepEqual(readdirSync(cwd), ["nginx.conf"])
  })

  test("a file that is there stays, unless --force; its mode and the link to it stay even then", async () => {
    const cwd = makeTempFolder("init")
    writeFileSync(join(cwd, "real.conf"), "mine", { mode: 0o600 })
    symlinkSync("real.conf", join(cwd, "a.conf"))
    const refused = await init([...PLAIN, "a.conf"], cwd)
    assert.equal(refused.status, 2)
    assert.equal(refused.stderr, `holdfast init: ${cwd}/a.conf exists: --force overwrites it\n`)
    assert.equal(readFileSync(join(cwd, "real.conf"), "utf8"), "mine")
    const forced = await init([...PLAIN, "--force", "a.conf"], cwd)
    assert.equal(forced.status, 0, forced.stderr)
    assert.match(readFileSync(join(cwd, "real.conf"), "utf8"), /server_name localhost;/)
    assert.equal(statSync(join(cwd, "real.conf")).mode & 0o777, 0o600)
    assert.deepEqual(readdirSync(cwd).sort(), ["a.conf", "real.conf"])
  })

  test("a certificate that is not there yet: said, written, exit 1, and how to get one", async () => {
    const cwd = makeTempFolder("init")
    const options = ["--name", "chat.example.com", "--backend", "3000", "--certificate", "later.pem"]
    const { status, stdout, stderr } = await init([...options, "--logs", "stderr", "--pid", "x.pid"], cwd)
    assert.equal(status, 1)
    assert.match(stderr, /^holdfast init: warning: .*\/later\.pem does not exist\n/)
    assert.match(stderr, /\nholdfast: \[emerg\] cannot load certificate ".*\/later\.pem": .*No such file/)
    assert.match(
      stdout,
      /\nThe test failed, .* stays\.\n[\s\S]*\n {2}certbot certonly --standalone -d chat\.example\.com\n/,
    )
    assert.match(readFileSync(join(cwd, "nginx.conf"), "utf8"), /ssl_certificate_key .*\/later-key\.pem;/)
  })

  test("the command for a certificate of localhost makes one that the test takes", async () => {
    const cwd = makeTempFolder("init")
    const options = [
      "--name",
      "localhost",
      "--backend",
      "3000",
      "--certificate",
      "a b.crt",
      "--listen",
      "8443",
    ]
    const all = [...options, "--no-redirect", "--logs", "stderr", "--pid", "x.pid", "nginx.conf"]
    const { stdout } = await init(all, cwd)
    const [, command = ""] = /^ {2}(openssl .*)$/m.exec(stdout) ?? []
    assert.equal((await run("/bin/sh", ["-c", command], { cwd })).status, 0)
    const second = await init([...all, "--force"], cwd)
    assert.equal(second.status, 0, second.stderr)
    assert.doesNotMatch(second.stderr, /warning/)
  })

  test("what a certificate lacks is said: its time, its names, its key", async () => {
    const cwd = makeTempFolder("init")
    const authority = await testAuthority()
    const expired = await authority.issue({ names: ["other.example.com"], days: -1 })
    const key = (await issueCertificate(["chat.example.com"])).keyFile
    const files = ["--certificate", expired.certificateFile, "--key", key]
    const options = ["--name", "chat.example.com,*.example.com", "--backend", "3000", ...files]
    const { status, stderr } = await init([...options, "--logs", "stderr", "--pid", "x.pid"], cwd)
    assert.equal(status, 1)
    assert.match(stderr, /warning: .* expired on \d{4}-\d\d-\d\d\n/)
    assert.match(
      stderr,
      /warning: .* is not for chat\.example\.com, \*\.example\.com, but for other\.example\.com\n/,
    )
    assert.match(stderr, /warning: .* is not the key of /)
  })

  test("conf.d: a part, tested in the nginx.conf around, whose groups have other names", async () => {
    const cwd = makeTempFolder("init")
    const { certificateFile, keyFile } = await issueCertificate(["a.example", "b.example"])
    mkdirSync(join(cwd, "conf.d"))
    const main = join(cwd, "nginx.conf")
    writeFileSync(main, "error_log stderr; events {}\nhttp { access_log off; include conf.d/*.conf; }\n")
    const options = (name: string): string[] => [
      ...["--name", name, "--backend", "3000", "--certificate", certificateFile, "--key", keyFile],
      ...["--logs", "stderr", `conf.d/${name}.conf`],
    ]
    for (const name of ["a.example", "b.example"]) {
      const { status, stdout, stderr } = await init(options(name), cwd)
      assert.equal(status, 0, stderr)
      assert.match(stderr, /nginx\.conf test is successful\n$/)
      assert.match(stdout, new RegExp(`\\n {2}holdfast -s reload -c ${main}\\n`))
    }
    const second = readFileSync(join(cwd, "conf.d/b.example.conf"), "utf8")
    assert.match(second, /\nupstream ws_backend_b_example \{\n/)
    assert.match(second, /proxy_pass http:\/\/ws_backend_b_example;/)
    assert.doesNotMatch(second, /\b(?:http|events) \{/)
    // Its own groups are no reason for other names.
    assert.equal((await init([...options("b.example"), "--force"], cwd)).status, 0)
    assert.equal(readFileSync(join(cwd, "conf.d/b.example.conf"), "utf8"), second)
  })

  test("a part that nothing includes is tested by itself", async () => {
    const cwd = makeTempFolder("init")
    const { status, stdout, stderr } = await init([...PLAIN, "--include", "part.conf"], cwd)
    assert.equal(status, 0, stderr)
    assert.match(
      stdout,
      /\nNo nginx\.conf includes .*\/part\.conf yet: it is tested in an http block of its own\.\n/,
    )
    assert.match(stderr, / test is successful\n$/)
  })

  test("a finding of check: shown, exit 1", async () => {
    const cwd = makeTempFolder("init")
    const options = ["--yes", "--name", "localhost", "--backend", "app:3000", "--target", "nginx/1.22", "-"]
    const { status, stdout, stderr } = await init(options, cwd)
    assert.equal(status, 1)
    assert.match(stdout, /\n +server app:3000;\n/)
    assert.match(
      stderr,
      /warning: "app" is looked up once.*\[stale-dns\]\n[\s\S]*\(nginx\/1\.22\): 1 warning\n$/,
    )
  })
})
