/** The command line, compared with nginx's where it is the same. Only options that start nothing are given to nginx. */
import assert from "node:assert/strict"
import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { describe, it } from "node:test"
import { type RunResult, run, runHoldfast } from "../support/holdfast.ts"
import { nginxMissing, nginxProgram } from "../support/nginx.ts"
import { makeTempFolder } from "../support/temp.ts"

const BAD_OPTIONS: readonly (readonly [string[], string])[] = [
  [["-x"], 'invalid option: "x"'],
  [["-tx"], 'invalid option: "x"'],
  [["reload"], 'invalid option: "reload"'],
  [["-t", "file"], 'invalid option: "file"'],
  [["--help"], 'invalid option: "-"'],
  [["-c"], 'option "-c" requires file name'],
  [["-p"], 'option "-p" requires directory name'],
  [["-e"], 'option "-e" requires file name'],
  [["-g"], 'option "-g" requires parameter'],
  [["-s"], 'option "-s" requires parameter'],
  [["-s", "restart"], 'invalid option: "-s restart"'],
  [["-s", ""], 'invalid option: "-s "'],
  [["-srestart"], 'invalid option: "-s restart"'],
]

/** A folder with `nginx.conf` in `conf/`, and what else is given. */
function makePrefix(config: string, files: Readonly<Record<string, string>> = {}): string {
  const prefix = makeTempFolder("command-line")
  for (const folder of ["conf", "logs"]) mkdirSync(join(prefix, folder))
  for (const [path, content] of Object.entries({ "conf/nginx.conf": config, ...files }))
    writeFileSync(join(prefix, path), content, "latin1")
  return prefix
}

/** Beyond the largest process number that Linux gives (2^22): no signal can reach anybody. */
const NOBODY = 4_999_999
const GOOD = "pid holdfast.pid; events {}\nhttp { server { listen unix:/nowhere; return 200; } }\n"
const testWith = (prefix: string, ...args: string[]): Promise<RunResult> =>
  runHoldfast(["-t", "-p", prefix, "-c", "conf/nginx.conf", ...args])

function success(file: string): string {
  return `holdfast: the configuration file ${file} syntax is ok\nholdfast: configuration file ${file} test is successful\n`
}

describe("bad options", { concurrency: 4 }, () => {
  for (const [args, message] of BAD_OPTIONS)
    it(args.join(" "), async () => {
      const result = await runHoldfast(args)
      assert.deepEqual(result, { status: 1, signal: null, stdout: "", stderr: `holdfast: ${message}\n` })
      if (nginxMissing() !== false) return
      const theirs = await run(nginxProgram.command, args)
      assert.equal(theirs.stderr, `nginx: ${message}\n`)
      assert.equal(theirs.status, 1)
    })
})

describe("-t", { concurrency: 4 }, () => {
  it("says nginx's two lines on standard error and nothing on standard output", async () => {
    const prefix = makePrefix(GOOD)
    const result = await testWith(prefix)
    assert.equal(result.stderr, success(`${prefix}/conf/nginx.conf`))
    assert.equal(result.stdout, "")
    assert.equal(result.status, 0)
  })

  it("makes no pid file and touches none that is there", async () => {
    const prefix = makePrefix(GOOD, { "holdfast.pid": "1\n" })
    assert.equal((await testWith(prefix)).status, 0)
    assert.equal((await run("cat", [join(prefix, "holdfast.pid")])).stdout, "1\n")
  })

  it("-q leaves the two lines out, warnings and errors not", async () => {
    const prefix = makePrefix(GOOD)
    assert.deepEqual(await testWith(prefix, "-q"), { status: 0, signal: null, stdout: "", stderr: "" })
    const bad = makePrefix("bad;\n")
    const file = `${bad}/conf/nginx.conf`
    const result = await testWith(bad, "-q")
    assert.equal(
      result.stderr,
      `holdfast: [emerg] unknown directive "bad" in ${file}:1\nholdfast: configuration file ${file} test failed\n`,
    )
    assert.equal(result.status, 1)
  })

  it("a main file that is not there", async () => {
    const prefix = makeTempFolder("command-line")
    const file = join(prefix, "nothing.conf")
    const result = await runHoldfast(["-t", "-p", prefix, "-c", "nothing.conf"])
    assert.equal(
      result.stderr,
      `holdfast: [emerg] open() "${file}" failed (2: No such file or directory)\nholdfast: configuration file ${file} test failed\n`,
    )
    assert.equal(result.status, 1)
  })

  it("options in one word, arguments with and without a blank", async () => {
    const prefix = makePrefix(GOOD)
    const result = await runHoldfast([`-p${prefix}`, "-tqcconf/nginx.conf"])
    assert.deepEqual(result, { status: 0, signal: null, stdout: "", stderr: "" })
  })

  it("-p is relative to the working folder, -c to the prefix", async () => {
    const prefix = makePrefix(GOOD)
    const result = await runHoldfast(["-t", "-p", "conf/..", "-c", "conf/nginx.conf"], { cwd: prefix })
    assert.equal(result.stderr, success(`${prefix}/conf/nginx.conf`))
  })

  it("include is relative to the main file, logs to the prefix", async () => {
    const prefix = makePrefix(
      "pid holdfast.pid; error_log logs/main.log; events {}\nhttp { include sites/*.conf; }\n",
    )
    mkdirSync(join(prefix, "conf/sites"))
    writeFileSync(
      join(prefix, "conf/sites/a.conf"),
      "server { listen unix:/nowhere; access_log logs/a.log; }\n",
    )
    assert.equal((await testWith(prefix)).status, 0)
    assert.equal((await run("ls", [join(prefix, "logs")])).stdout, "a.log\nmain.log\n")
  })

  it("the file's path may have bytes beyond ASCII", async () => {
    const prefix = makePrefix(GOOD)
    writeFileSync(join(prefix, "conf/gr\u00fcn.conf"), GOOD)
    const result = await runHoldfast(["-t", "-p", prefix, "-c", "conf/gr\u00fcn.conf"])
    const bytes = Buffer.from(`${prefix}/conf/gr\u00fcn.conf`, "utf8").toString("latin1")
    assert.equal(result.stderr, success(bytes))
  })
})

describe("-T", { concurrency: 4 }, () => {
  it("dumps every file that was read once, in the order of reading, byte for byte", async () => {
    const main = "# \xe4\nevents {}\nhttp { include a.conf; include a.conf; include b.conf; }"
    const files = { "conf/a.conf": "# a\n", "conf/b.conf": "server_tokens off;\n" }
    const prefix = makePrefix(main, files)
    const result = await runHoldfast(["-T", "-p", prefix, "-c", "conf/nginx.conf"])
    const dump = (path: string, text: string): string => `# configuration file ${prefix}/${path}:\n${text}\n`
    assert.equal(
      result.stdout,
      dump("conf/nginx.conf", main) +
        Object.entries(files)
          .map(([path, text]) => dump(path, text))
          .join(""),
    )
    assert.equal(result.stderr, success(`${prefix}/conf/nginx.conf`))
    assert.equal(result.status, 0)
  })

  it("dumps nothing of a configuration that does not hold", async () => {
    const prefix = makePrefix("bad;\n")
    const result = await runHoldfast(["-T", "-p", prefix, "-c", "conf/nginx.conf"])
    assert.equal(result.stdout, "")
    assert.equal(result.status, 1)
  })
})

describe("-v, -V and -h", { concurrency: 4 }, () => {
  it("-v shows the version alone", async () => {
    const result = await runHoldfast(["-v"])
    assert.match(result.stderr, /^holdfast version: holdfast\/\d+\.\d+\.\d+\n$/)
    assert.equal(result.stdout, "")
    assert.equal(result.status, 0)
  })

  it("-V shows what it runs on as well", async () => {
    const { stderr, status } = await runHoldfast(["-V"])
    assert.match(
      stderr,
      /^holdfast version: holdfast\/[\d.]+\nrunning on Node\.js 2\d\.[\d.]+ .*\nbuilt with OpenSSL 3.*\n/,
    )
    assert.equal(status, 0)
  })

  it("-h and -? show every option", async () => {
    const { stderr, status } = await runHoldfast(["-h"])
    for (const letter of "vVtTqspecg") assert.match(stderr, new RegExp(`^  -${letter}[ ,]`, "m"))
    assert.equal(status, 0)
    assert.equal((await runHoldfast(["-?"])).stderr, stderr)
  })

  it("-v with -t shows the version and tests", async () => {
    const prefix = makePrefix(GOOD)
    const result = await testWith(prefix, "-v")
    assert.match(result.stderr, /^holdfast version: .*\n.*syntax is ok\n.*test is successful\n$/)
  })
})

describe("-g", { concurrency: 4 }, () => {
  const failed = (prefix: string, message: string): string =>
    `holdfast: [emerg] ${message} in command line\nholdfast: configuration file ${prefix}/conf/nginx.conf test failed\n`
  const cases: readonly (readonly [string, string])[] = [
    ["bad on;", 'unknown directive "bad"'],
    ["worker_processes 1", 'unexpected end of parameter, expecting ";"'],
    ["worker_processes;", 'invalid number of arguments in "worker_processes" directive'],
    ["worker_processes x;", '"worker_processes" directive invalid value'],
    ["listen 80;", '"listen" directive is not allowed here'],
    ["events {}", "block directives are not supported in -g option"],
    ["daemon off; daemon off;", '"daemon" directive is duplicate'],
    ["daemon off; }", 'unexpected "}"'],
  ]
  for (const [parameter, message] of cases)
    it(parameter, async () => {
      const prefix = makePrefix(GOOD)
      const result = await testWith(prefix, "-g", parameter)
      assert.equal(result.stderr, failed(prefix, message))
      assert.equal(result.status, 1)
      if (nginxMissing() !== false) return
      const args = [
        "-t",
        "-p",
        prefix,
        "-c",
        "conf/nginx.conf",
        "-e",
        join(prefix, "start.log"),
        "-g",
        parameter,
      ]
      const theirs = await run(nginxProgram.command, args)
      assert.equal(/^nginx: \[emerg\] (.*)$/m.exec(theirs.stderr)?.[1], `${message} in command line`)
    })

  it("what -g says must not be said in the file again", async () => {
    const prefix = makePrefix(GOOD)
    const result = await testWith(prefix, "-g", "pid other.pid;")
    assert.match(result.stderr, /"pid" directive is duplicate in .*\/conf\/nginx\.conf:1\n/)
  })

  it("works together with -c, -p and -e", async () => {
    const prefix = makePrefix("events {}\nhttp {}\n")
    const result = await testWith(prefix, "-e", "logs/start.log", "-g", "pid x.pid; worker_processes 2;")
    assert.equal(result.stderr, success(`${prefix}/conf/nginx.conf`))
  })
})

describe("-s", { concurrency: 4 }, () => {
  const signalWith = (prefix: string, word: string): Promise<RunResult> =>
    runHoldfast(["-s", word, "-p", prefix, "-c", "conf/nginx.conf"])

  it("without a pid file", async () => {
    const prefix = makePrefix(GOOD)
    const result = await signalWith(prefix, "stop")
    assert.equal(
      result.stderr,
      `holdfast: [error] open() "${prefix}/holdfast.pid" failed (2: No such file or directory)\n`,
    )
    assert.equal(result.status, 1)
  })

  for (const text of ["", "abc\n", "0\n", "-5\n", "12x\n"])
    it(`with a pid file that reads ${JSON.stringify(text)}`, async () => {
      const prefix = makePrefix(GOOD, { "holdfast.pid": text })
      const result = await signalWith(prefix, "quit")
      assert.equal(
        result.stderr,
        `holdfast: [error] invalid PID number "${text.trim()}" in "${prefix}/holdfast.pid"\n`,
      )
      assert.equal(result.status, 1)
    })

  it("with the pid of a process that has ended", async () => {
    const prefix = makePrefix(GOOD, { "holdfast.pid": `${NOBODY}\n` })
    const result = await signalWith(prefix, "reload")
    assert.equal(result.stderr, `holdfast: [alert] kill(${NOBODY}, 1) failed (3: No such process)\n`)
    assert.equal(result.status, 1)
  })

  it("with a configuration that does not hold", async () => {
    const prefix = makePrefix("bad;\n", { "holdfast.pid": `${NOBODY}\n` })
    const result = await signalWith(prefix, "reload")
    assert.equal(result.stderr, `holdfast: [emerg] unknown directive "bad" in ${prefix}/conf/nginx.conf:1\n`)
    assert.equal(result.status, 1)
  })
})
