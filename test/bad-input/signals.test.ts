/** A running program and its signals, by `-s` and by kill: reload, reopen, quit, stop. */
import assert from "node:assert/strict"
import { existsSync, readFileSync, renameSync } from "node:fs"
import { join } from "node:path"
import { it } from "node:test"
import type { Edge } from "../support/edge.ts"
import { holdfastProgram, type RunResult, runHoldfast, startHoldfast } from "../support/holdfast.ts"
import { freePort } from "../support/ports.ts"
import { RawClient } from "../support/raw-client.ts"

function answering(port: number, text: string, main = ""): string {
  return `${main} events {}\nhttp { access_log logs/access.log; server { listen 127.0.0.1:${port}; location / { return 200 ${text}; } } }\n`
}

async function get(port: number): Promise<string> {
  const response = await fetch(`http://127.0.0.1:${port}/`, { headers: { connection: "close" } })
  return response.text()
}

function signal(edge: Edge, word: string): Promise<RunResult> {
  return runHoldfast(["-s", word, "-p", edge.prefix, "-c", edge.configFile])
}

const SILENT: RunResult = { status: 0, signal: null, stdout: "", stderr: "" }

/** The kernel's numbers of the sockets that listen on `port`. */
function listeners(port: number): string[] {
  const hexPort = port.toString(16).toUpperCase().padStart(4, "0")
  return readFileSync("/proc/net/tcp", "latin1")
    .split("\n")
    .map((line) => line.trim().split(/\s+/))
    .filter((fields) => fields[1]?.endsWith(`:${hexPort}`) && fields[3] === "0A")
    .map((fields) => fields[9] ?? "")
    .sort()
}

it("-s reload puts the new configuration in force", async () => {
  const port = await freePort()
  await using edge = await startHoldfast(answering(port, "old"))
  assert.equal(await get(port), "old")
  edge.writeConfig(holdfastProgram, answering(port, "new"))
  assert.deepEqual(await signal(edge, "reload"), SILENT)
  await edge.waitForLog(/configuration reloaded/)
  assert.equal(await get(port), "new")
})

it("-s reload opens new addresses and closes those that are gone", async () => {
  const [first, second] = [await freePort(), await freePort()]
  await using edge = await startHoldfast(answering(first, "old"))
  edge.writeConfig(holdfastProgram, answering(second, "new"))
  assert.deepEqual(await signal(edge, "reload"), SILENT)
  await edge.waitForLog(/configuration reloaded/)
  assert.equal(await get(second), "new")
  await assert.rejects(get(first))
})

for (const [name, bad, message] of [
  [
    "a misspelt directive",
    "events {}\nprox_pass on;\n",
    /\[emerg\] \d+#\d+: unknown directive "prox_pass" in .*:2\n/,
  ],
  [
    "a file without its end",
    "events {\n",
    /\[emerg\] \d+#\d+: unexpected end of file, expecting "}" in .*:2\n/,
  ],
  [
    "an address of somebody else",
    "events {}\nhttp { server { listen 192.0.2.1:80; } }\n",
    /\[emerg\] \d+#\d+: bind\(\) to 192\.0\.2\.1:80 failed \(99: Cannot assign requested address\)\n/,
  ],
] as const)
  it(`a reload with ${name} keeps the old configuration and says why in the error log`, async () => {
    const port = await freePort()
    await using edge = await startHoldfast(answering(port, "old"))
    edge.writeConfig(holdfastProgram, bad)
    edge.signal("SIGHUP")
    await edge.waitForLog(message)
    assert.equal(await get(port), "old")
    edge.writeConfig(holdfastProgram, answering(port, "new"))
    edge.signal("SIGHUP")
    await edge.waitForLog(/configuration reloaded/)
    assert.equal(await get(port), "new")
  })

it("a warning of a reload is in the error log", async () => {
  const port = await freePort()
  await using edge = await startHoldfast(answering(port, "old"))
  const server = `server { listen 127.0.0.1:${port}; }`
  edge.writeConfig(holdfastProgram, `events {}\nhttp { ${server} ${server} }\n`)
  edge.signal("SIGHUP")
  await edge.waitForLog(/configuration reloaded/)
  assert.match(edge.errorLog(), /\[warn\] \d+#\d+: conflicting server name "" on 127\.0\.0\.1:\d+, ignored\n/)
  assert.equal(edge.stderr, "")
})

/** Sends what is no request until both workers have said so in the error log, each with the number of its thread. */
async function bothWorkersServe(edge: Edge, port: number): Promise<void> {
  const threads = new Set<string>()
  for (let count = 1; threads.size < 2; count++) {
    const client = await RawClient.connect({ port })
    client.send("nonsense\r\n\r\n")
    assert.equal((await client.readResponse()).status, 400)
    client.destroy()
    for (const [, thread] of edge.errorLog().matchAll(/#(\d+): \*\d+ client sent invalid/g))
      threads.add(thread)
    assert.ok(count < 200, "one worker serves all")
  }
}

it("two workers both serve, and reloads keep their listening sockets", async () => {
  const port = await freePort()
  await using edge = await startHoldfast(answering(port, "$connection", "worker_processes 2;"))
  const before = listeners(port)
  assert.equal(before.length, 2)
  for (let round = 1; round <= 3; round++) {
    edge.signal("SIGHUP")
    // Connections during the reload are served as well.
    const numbers: number[] = []
    for (let count = 0; count < 40; count++) numbers.push(Number(await get(port)))
    assert.equal(new Set(numbers).size, 40, String(numbers))
    await bothWorkersServe(edge, port)
    await edge.waitForLog(new RegExp(`(configuration reloaded[^]*){${round}}`))
    assert.deepEqual(listeners(port), before)
  }
})

it("-s reopen writes to a new file after the old one was moved away", async () => {
  const port = await freePort()
  await using edge = await startHoldfast(answering(port, "ok"))
  await get(port)
  await edge.waitForFile("logs/access.log", /"GET/)
  const [log, moved] = [join(edge.prefix, "logs/access.log"), join(edge.prefix, "logs/access.log.1")]
  renameSync(log, moved)
  renameSync(edge.errorLogFile, `${edge.errorLogFile}.1`)
  assert.deepEqual(await signal(edge, "reopen"), SILENT)
  await edge.waitUntil("the new files", () => (existsSync(log) && existsSync(edge.errorLogFile)) || undefined)
  await get(port)
  await edge.waitForFile("logs/access.log", /"GET/)
  assert.equal(readFileSync(moved, "latin1").split("\n").length - 1, 1)
})

it("-s quit lets a request end first", async () => {
  const port = await freePort()
  const edge = await startHoldfast(answering(port, "ok"))
  const client = await RawClient.connect({ port })
  // The first answer tells that the head of the second request has been read as well.
  client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\nPOST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nab")
  await client.readResponse()
  assert.deepEqual(await signal(edge, "quit"), SILENT)
  await edge.waitForLog(/SIGQUIT/)
  client.send("cd")
  assert.equal((await client.readResponse()).status, 200)
  assert.deepEqual(await edge.exit, { code: 0, signal: null })
  assert.ok(!existsSync(join(edge.prefix, "holdfast.pid")))
  assert.match(edge.readFile("logs/access.log"), /"POST \/ HTTP\/1\.1" 200/)
  await edge.stop()
})

it("-s stop ends at once, with connections open", async () => {
  const port = await freePort()
  const edge = await startHoldfast(answering(port, "ok"))
  const client = await RawClient.connect({ port })
  client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nab")
  assert.deepEqual(await signal(edge, "stop"), SILENT)
  assert.deepEqual(await edge.exit, { code: 0, signal: null })
  assert.ok(!existsSync(join(edge.prefix, "holdfast.pid")))
  client.destroy()
  await edge.stop()
})

it("the pid file moves with a reload that names another", async () => {
  const port = await freePort()
  await using edge = await startHoldfast(answering(port, "ok"))
  edge.writeConfig(holdfastProgram, answering(port, "ok", "pid {prefix}/other.pid;"))
  edge.signal("SIGHUP")
  await edge.waitForLog(/configuration reloaded/)
  assert.equal(edge.readFile("other.pid"), `${edge.pid}\n`)
  assert.ok(!existsSync(join(edge.prefix, "holdfast.pid")))
})
