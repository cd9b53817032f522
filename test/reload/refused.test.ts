/** Reloads that fail: the old configuration stays in force in every worker, and the log has nginx's words. */
import assert from "node:assert/strict"
import { renameSync, writeFileSync } from "node:fs"
import { createServer } from "node:net"
import { test } from "node:test"
import { type FaultyProxy, startFaultyProxy } from "../supervision/faults.ts"
import { holdfastProgram } from "../support/holdfast.ts"
import { freePort } from "../support/ports.ts"
import { exchange } from "../support/raw-client.ts"

const WORKERS = 2
const STALL = "worker_stall_timeout 2s;"

function config(port: number, text: string, more = ""): string {
  return `daemon off; pid {prefix}/holdfast.pid; error_log {prefix}/error.log info;
    worker_processes ${WORKERS}; ${STALL} events {} http { access_log {prefix}/logs/${text}.log;
    server { listen 127.0.0.1:${port}; location / { return 200 ${text}; } } ${more} }`
}

async function start(t: { after(end: () => Promise<void>): void }): Promise<FaultyProxy> {
  const faulty = await startFaultyProxy({
    backendPort: 0,
    main: `worker_processes ${WORKERS}; ${STALL}`,
    server: "location / { return 200 old; }",
  })
  t.after(() => faulty.proxy[Symbol.asyncDispose]())
  return faulty
}

/** Every worker answers, all of them alike. */
async function assertAnswers({ proxy }: FaultyProxy, text: string): Promise<void> {
  for (let i = 0; i < 16; i++)
    assert.equal((await exchange({ port: proxy.port }, "GET / HTTP/1.0\r\n\r\n")).body, text)
}

async function assertReloads(faulty: FaultyProxy): Promise<void> {
  const { proxy } = faulty
  proxy.edge.writeConfig(holdfastProgram, config(proxy.port, "new"))
  proxy.edge.signal("SIGHUP")
  await proxy.edge.waitForLog(/configuration reloaded/)
  await assertAnswers(faulty, "new")
}

const CASES: readonly { what: string; more: string; error: RegExp }[] = [
  {
    what: "a syntax error",
    more: "nonsense on;",
    error: /\[emerg\] \d+#\d+: unknown directive "nonsense" in .*holdfast\.conf:\d\n/,
  },
  {
    what: "a missing certificate",
    more: "server { listen 127.0.0.1:1 ssl; ssl_certificate /no/such.crt; ssl_certificate_key /no/such.key; }",
    error: /\[emerg\] \d+#\d+: cannot load certificate "\/no\/such\.crt".*No such file or directory/,
  },
  {
    what: "a host name without address",
    more: "upstream u { server no-such-host.invalid; }",
    error: /\[emerg\] \d+#\d+: host not found in upstream "no-such-host\.invalid" in .*holdfast\.conf:\d\n/,
  },
  {
    what: "a log that cannot be opened",
    more: "server { listen 127.0.0.1:1; access_log /no/such/folder/a.log; }",
    error: /\[emerg\] \d+#\d+: open\(\) "\/no\/such\/folder\/a\.log" failed \(2: No such file or directory\)/,
  },
]

for (const { what, more, error } of CASES)
  test(`a reload with ${what} changes nothing`, async (t) => {
    const faulty = await start(t)
    const { proxy } = faulty
    const files = proxy.openFiles()
    proxy.edge.writeConfig(holdfastProgram, config(proxy.port, "bad", more))
    proxy.edge.signal("SIGHUP")
    await proxy.edge.waitForLog(error)
    await assertAnswers(faulty, "old")
    // A look-up's own files close a moment later.
    for (let tries = 0; tries < 1000 && proxy.openFiles() > files; tries++)
      await new Promise((resolve) => setTimeout(resolve, 5))
    assert.ok(proxy.openFiles() <= files)
    await assertReloads(faulty)
  })

test("a reload with an address in use changes nothing, and no listener of it stays open", async (t) => {
  const faulty = await start(t)
  const { proxy } = faulty
  const other = createServer()
  await new Promise<void>((resolve) => other.listen(0, "127.0.0.1", resolve))
  t.after(async () => void other.close())
  const { port } = other.address() as { port: number }
  const free = await freePort()
  const more = `server { listen 127.0.0.1:${free}; } server { listen 127.0.0.1:${port}; }`
  proxy.edge.writeConfig(holdfastProgram, config(proxy.port, "bad", more))
  proxy.edge.signal("SIGHUP")
  await proxy.edge.waitForLog(
    new RegExp(`\\[emerg\\] .*bind\\(\\) to 127\\.0\\.0\\.1:${port} failed \\(98: Address already in use\\)`),
  )
  await proxy.edge.waitForLog(/\[emerg\] .*still could not bind\(\)/)
  await assertAnswers(faulty, "old")
  await assert.rejects(exchange({ port: free }, "GET / HTTP/1.0\r\n\r\n"))
  await assertReloads(faulty)
})

test("a reload that a blocked worker does not answer changes nothing, also in the one that replaces it", async (t) => {
  const faulty = await start(t)
  const { faults, proxy } = faulty
  await faults.inject(2, "block 60000")
  proxy.edge.writeConfig(holdfastProgram, config(proxy.port, "bad"))
  proxy.edge.signal("SIGHUP")
  await proxy.edge.waitForLog(
    /worker thread 2 exited with code 1 \(its event loop stood still for 2\.\d seconds\)/,
  )
  await proxy.edge.waitForLog(/\[emerg\] .*a worker thread ended before it answered/)
  await faults.nextThread(2)
  await proxy.edge.waitForLog(/start worker thread 3\n/)
  await assertAnswers(faulty, "old")
  await assertReloads(faulty)
})

test("a worker that is blocked for less than the limit delays a reload", async (t) => {
  const faulty = await start(t)
  await faulty.faults.inject(2, "block 700")
  await assertReloads(faulty)
  assert.deepEqual(await faulty.faults.living(), [1, 2])
})

test("a worker that is replaced while reloads run has the newest configuration in the end", async (t) => {
  const faulty = await start(t)
  const { faults, proxy } = faulty
  for (let round = 1; round <= 4; round++) {
    const living = await faults.living()
    const newest = living.at(-1) ?? 0
    proxy.edge.writeConfig(holdfastProgram, config(proxy.port, `round${round}`))
    // Before, at the same time, after.
    if (round % 3 === 0) proxy.edge.signal("SIGHUP")
    await faults.inject(newest, "exit 1")
    if (round % 3 === 1) await proxy.edge.waitForLog(new RegExp(`worker thread ${newest} exited`))
    proxy.edge.signal("SIGHUP")
    await faults.nextThread(newest)
    await proxy.edge.waitForLog(new RegExp(`start worker thread ${newest + 1}\\n`))
    // One reload may have been refused by the worker's death; the next is not.
    const done = proxy.edge.errorLog().length
    proxy.edge.signal("SIGHUP")
    await proxy.edge.waitUntil(
      "the reload",
      () => proxy.edge.errorLog().slice(done).includes("configuration reloaded") || undefined,
    )
    await assertAnswers(faulty, `round${round}`)
    assert.equal((await faults.living()).length, WORKERS)
  }
})

test("reloads that are asked for at once run one after the other, and the last one reads what is there then", async (t) => {
  const faulty = await start(t)
  const { proxy } = faulty
  for (let i = 0; i < 20; i++) {
    // In one step: a reload may read it just now.
    const unfinished = `${proxy.edge.configFile}.new`
    writeFileSync(unfinished, config(proxy.port, `text${i}`).replaceAll("{prefix}", proxy.edge.prefix))
    renameSync(unfinished, proxy.edge.configFile)
    proxy.edge.signal("SIGHUP")
    if (i % 3 === 0) await new Promise((resolve) => setImmediate(resolve))
  }
  for (;;) {
    const { body } = await exchange({ port: proxy.port }, "GET / HTTP/1.0\r\n\r\n")
    if (body === "text19") break
  }
  assert.ok(!/\[emerg\]|\[alert\]/.test(proxy.edge.errorLog()))
})
