/** Starting and ending: the pid file, standard streams, addresses in use, daemon, user, limits. */
import assert from "node:assert/strict"
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import { createServer, type Server } from "node:net"
import { join } from "node:path"
import { it } from "node:test"
import { HOLDFAST, run, runHoldfast, startHoldfast } from "../support/holdfast.ts"
import { freePort } from "../support/ports.ts"
import { makeTempFolder } from "../support/temp.ts"

const isRoot = process.getuid?.() === 0
const needsRoot = isRoot ? false : "only root may become somebody else"

function hello(port: number, main = "", server = ""): string {
  return `${main} events {}\nhttp { access_log logs/access.log; server { listen 127.0.0.1:${port}; ${server} location / { return 200 hello; } } }\n`
}

async function get(port: number, path = "/"): Promise<string> {
  const response = await fetch(`http://127.0.0.1:${port}${path}`, { headers: { connection: "close" } })
  return response.text()
}

async function occupy(port: number): Promise<Server> {
  const server = createServer()
  server.listen(port, "127.0.0.1")
  await once(server, "listening")
  return server
}

function makePrefix(config: string): string {
  const prefix = makeTempFolder("start")
  mkdirSync(join(prefix, "logs"))
  writeFileSync(join(prefix, "holdfast.conf"), config)
  return prefix
}

it("an address in use: five tries, both messages, exit 1, no pid file", async () => {
  const port = await freePort()
  const other = await occupy(port)
  const prefix = makePrefix(`pid holdfast.pid; ${hello(port)}`)
  const result = await runHoldfast(["-p", prefix, "-c", "holdfast.conf"])
  other.close()
  const bind = `bind() to 127.0.0.1:${port} failed (98: Address already in use)`
  assert.equal(
    result.stderr,
    `${`holdfast: [emerg] ${bind}\n`.repeat(5)}holdfast: [emerg] still could not bind()\n`,
  )
  assert.equal(result.status, 1)
  assert.ok(!existsSync(join(prefix, "holdfast.pid")))
  const log = readFileSync(join(prefix, "logs/error.log"), "latin1")
  assert.equal(
    log.split("\n").filter((line) => line.includes(`[emerg] `) && line.endsWith(bind)).length,
    5,
    log,
  )
  assert.match(log, /\[emerg\] \d+#\d+: still could not bind\(\)\n/)
})

it("an address that is not this machine's", async () => {
  const prefix = makePrefix("pid holdfast.pid; events {}\nhttp { server { listen 192.0.2.1:8080; } }\n")
  const result = await runHoldfast(["-p", prefix, "-c", "holdfast.conf"])
  assert.equal(
    result.stderr,
    "holdfast: [emerg] bind() to 192.0.2.1:8080 failed (99: Cannot assign requested address)\n",
  )
  assert.equal(result.status, 1)
})

it("an error in the configuration: exit 1, said once on standard error and in the error log", async () => {
  const prefix = makePrefix("bad;\n")
  const result = await runHoldfast(["-p", prefix, "-c", "holdfast.conf"])
  const message = `unknown directive "bad" in ${prefix}/holdfast.conf:1`
  assert.equal(result.stderr, `holdfast: [emerg] ${message}\n`)
  assert.equal(result.status, 1)
  assert.ok(readFileSync(join(prefix, "logs/error.log"), "latin1").endsWith(`: ${message}\n`))
})

it("a warning is said once at the start", async () => {
  const port = await freePort()
  await using edge = await startHoldfast(hello(port, "", "server_name a/b;"))
  assert.equal(edge.stderr.split("suspicious").length - 1, 1, edge.stderr)
})

it("the pid file is there once the listeners accept, and gone after the end", async () => {
  const port = await freePort()
  const edge = await startHoldfast(hello(port))
  assert.equal(edge.readPidFile(), edge.pid)
  assert.equal(await get(port), "hello")
  const file = join(edge.prefix, "holdfast.pid")
  edge.signal("SIGTERM")
  const status = await edge.exit
  assert.ok(!existsSync(file))
  assert.deepEqual(status, { code: 0, signal: null })
  await edge.stop()
})

it("a pid file that cannot be written ends the start", async () => {
  const port = await freePort()
  const prefix = makePrefix(hello(port, "pid nowhere/holdfast.pid;"))
  const result = await runHoldfast(["-p", prefix, "-c", "holdfast.conf"])
  assert.equal(
    result.stderr,
    `holdfast: [emerg] open() "${prefix}/nowhere/holdfast.pid" failed (2: No such file or directory)\n`,
  )
  assert.equal(result.status, 1)
})

/** Starts through a shell with some standard streams closed; resolves when the pid file is there. */
async function startWithout(streams: string, prefix: string): Promise<ChildProcess> {
  const child = spawn(
    "sh",
    ["-c", `exec "$0" "$@" ${streams}`, HOLDFAST, "-p", prefix, "-c", "holdfast.conf"],
    {
      stdio: "ignore",
    },
  )
  process.once("exit", () => child.kill("SIGTERM"))
  await waitForFile(join(prefix, "holdfast.pid"), child)
  return child
}

async function waitForFile(path: string, child: ChildProcess): Promise<void> {
  const limit = AbortSignal.timeout(15_000)
  while (!existsSync(path)) {
    assert.equal(child.exitCode, null, "it ended")
    limit.throwIfAborted()
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

for (const streams of ["2>&-", "0<&- 1>&- 2>&-"])
  it(`starts and serves with ${streams}`, async () => {
    const port = await freePort()
    const prefix = makePrefix(`pid holdfast.pid; ${hello(port)}`)
    const child = await startWithout(streams, prefix)
    assert.equal(await get(port), "hello")
    child.kill("SIGTERM")
    assert.deepEqual(await once(child, "exit"), [0, null])
    assert.match(readFileSync(join(prefix, "logs/access.log"), "latin1"), /"GET \/ HTTP\/1\.1" 200 5 /)
  })

it("access logs are whole when it has ended, buffered ones too", async () => {
  const port = await freePort()
  const server = "access_log logs/buffered.log combined buffer=64k flush=1h;"
  const edge = await startHoldfast(hello(port, "", server))
  for (let round = 0; round < 20; round++) await get(port, `/${round}`)
  edge.signal("SIGTERM")
  await edge.exit
  const log = edge.readFile("logs/buffered.log")
  assert.equal(log.split("\n").length - 1, 20, log)
  await edge.stop()
})

it("-c, -p, -e and -g together", async () => {
  const port = await freePort()
  const prefix = makePrefix(hello(port))
  const args = [
    "-c",
    "holdfast.conf",
    "-p",
    prefix,
    "-e",
    "logs/own.log",
    "-g",
    "pid own.pid; worker_processes 2;",
  ]
  const child = spawn(HOLDFAST, args, { stdio: "ignore" })
  await waitForFile(join(prefix, "own.pid"), child)
  assert.equal(await get(port), "hello")
  child.kill("SIGQUIT")
  assert.deepEqual(await once(child, "exit"), [0, null])
  assert.deepEqual(readdirSync(join(prefix, "logs")).sort(), ["access.log", "own.log"])
})

it("daemon on: ends with 0 once it serves, and leaves a process with the pid in the file", async () => {
  const port = await freePort()
  const prefix = makePrefix(hello(port, "daemon on; pid holdfast.pid;"))
  const args = ["-p", prefix, "-c", "holdfast.conf"]
  // `run` waits for the end of both output streams: nothing of the terminal's is kept open.
  const started = await run(HOLDFAST, args)
  const pid = Number(readFileSync(join(prefix, "holdfast.pid"), "latin1"))
  process.once("exit", () => stopQuietly(pid))
  assert.deepEqual(started, { status: 0, signal: null, stdout: "", stderr: "" })
  assert.equal(await get(port), "hello")
  // A session of its own, as nginx's.
  assert.equal(readFileSync(`/proc/${pid}/stat`, "latin1").split(") ")[1]?.split(" ")[3], String(pid))
  assert.equal((await run(HOLDFAST, [...args, "-s", "stop"])).status, 0)
  const limit = AbortSignal.timeout(15_000)
  while (existsSync(join(prefix, "holdfast.pid"))) {
    limit.throwIfAborted()
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
})

it("daemon on: an address in use is said before it ends with 1", async () => {
  const port = await freePort()
  const other = await occupy(port)
  const prefix = makePrefix(hello(port, "daemon on; pid holdfast.pid;"))
  const result = await runHoldfast(["-p", prefix, "-c", "holdfast.conf"])
  other.close()
  assert.match(result.stderr, /holdfast: \[emerg\] still could not bind\(\)\n$/)
  assert.equal(result.status, 1)
})

function stopQuietly(pid: number): void {
  try {
    process.kill(pid, "SIGTERM")
  } catch {
    // It has ended already.
  }
}

/** The real and effective user of each thread; none once the process has ended. */
function usersOf(pid: number): Set<string> {
  if (!existsSync(`/proc/${pid}/task`)) return new Set()
  const users = readdirSync(`/proc/${pid}/task`).map((thread) => {
    const status = readFileSync(`/proc/${pid}/task/${thread}/status`, "latin1")
    return /^Uid:\t(.*)$/m.exec(status)?.[1] ?? ""
  })
  return new Set(users)
}

it("user: every thread becomes it, it serves on, reloads and ends as before", {
  skip: needsRoot,
}, async () => {
  const port = await freePort()
  const prefix = makeTempFolder("user")
  chmodSync(prefix, 0o755)
  const edge = await startHoldfast(hello(port, "user nobody; worker_processes 2;"), { prefix })
  try {
    const nobody = (await run("id", ["-u", "nobody"])).stdout.trim()
    // The pid file comes first: it may stand where only root can write.
    // Real, effective, saved and file system user: root can be had back, for a reload.
    const all = ["0", nobody, "0", nobody].join("\t")
    await edge.waitUntil("every thread is nobody's", () => [...usersOf(edge.pid)].join() === all || undefined)
    assert.equal(await get(port), "hello")
    edge.signal("SIGHUP")
    await edge.waitForLog(/configuration reloaded|\[emerg\]/)
    assert.doesNotMatch(edge.errorLog(), /\[emerg\]/)
    assert.equal(await get(port), "hello")
    assert.deepEqual(await edge.stop(), { code: 0, signal: null })
    assert.ok(!existsSync(join(prefix, "holdfast.pid")) || edge.readFile("holdfast.pid") === "")
  } finally {
    stopQuietly(edge.pid)
  }
})

it("user: one that is not there ends the start", { skip: needsRoot }, async () => {
  const port = await freePort()
  const prefix = makePrefix(hello(port, "user no-such-user; pid holdfast.pid;"))
  const result = await runHoldfast(["-p", prefix, "-c", "holdfast.conf"])
  assert.match(result.stderr, /^holdfast: \[emerg\] getpwnam\("no-such-user"\) failed/)
  assert.equal(result.status, 1)
})

it("worker_rlimit_nofile sets the limit of the process", async () => {
  const port = await freePort()
  await using edge = await startHoldfast(hello(port, "worker_rlimit_nofile 500;"))
  assert.match(readFileSync(`/proc/${edge.pid}/limits`, "latin1"), /^Max open files +500 +500 /m)
})

it("env NAME=value sets a variable before the workers begin", async () => {
  const port = await freePort()
  // The zone in which the logs' times are given.
  await using edge = await startHoldfast(hello(port, "env TZ=Etc/GMT-5;"))
  await get(port)
  await edge.waitForFile("logs/access.log", /\+0500\] "GET/)
})
