import assert from "node:assert/strict"
import { test } from "node:test"
import { Edge } from "../support/edge.ts"
import { holdfastProgram, startHoldfast } from "../support/holdfast.ts"
import { freePort } from "../support/ports.ts"
import { exchange } from "../support/raw-client.ts"
import { Faults } from "./faults.ts"

function config(port: number, text: string): string {
  const server = `server { listen 127.0.0.1:${port}; location / { return 200 ${text}; } }`
  return `worker_processes 2; events {} http { access_log off; ${server} }`
}

const GET = "GET / HTTP/1.0\r\n\r\n"

test("a reload that is asked for while the program starts comes after the start", async (t) => {
  const port = await freePort()
  const faults = new Faults()
  faults.isSlow = true
  const edge = new Edge(holdfastProgram, config(port, "old"), { env: faults.env })
  t.after(() => edge.stop().then(() => {}))
  await faults.waiting(2)
  edge.writeConfig(holdfastProgram, config(port, "new"))
  edge.signal("SIGHUP")
  edge.signal("SIGUSR1")
  await edge.waitForLog(/SIGHUP/)
  faults.isSlow = false
  await edge.waitForLog(/start worker threads: 2\n[\s\S]*configuration reloaded\n/)
  for (let i = 0; i < 10; i++) assert.equal((await exchange({ port }, GET)).body, "new")
  assert.deepEqual(faults.threads(), [1, 2])
})

for (const signal of ["SIGTERM", "SIGQUIT"] as const)
  test(`${signal} while the program starts ends it`, async (t) => {
    const port = await freePort()
    const faults = new Faults()
    faults.isSlow = true
    const edge = new Edge(holdfastProgram, config(port, "old"), { env: faults.env })
    t.after(() => edge.stop().then(() => {}))
    await faults.waiting(2)
    edge.signal(signal)
    await edge.waitForLog(new RegExp(signal))
    faults.isSlow = false
    assert.deepEqual(await edge.exit, { code: 0, signal: null })
    assert.equal(edge.stderr, "")
  })

test("a reload that comes while a worker is replaced waits for it, and takes it along", async (t) => {
  const port = await freePort()
  const faults = new Faults()
  const edge = await startHoldfast(config(port, "old"), { env: faults.env })
  t.after(() => edge.stop().then(() => {}))
  faults.isSlow = true
  await faults.inject(2, "exit 1")
  await faults.waiting(3)
  edge.writeConfig(holdfastProgram, config(port, "new"))
  edge.signal("SIGHUP")
  await edge.waitForLog(/reconfiguring\n/)
  assert.equal((await exchange({ port }, GET)).body, "old")
  faults.isSlow = false
  await edge.waitForLog(/configuration reloaded\n/)
  for (let i = 0; i < 20; i++) assert.equal((await exchange({ port }, GET)).body, "new")
  assert.deepEqual(await faults.living(), [1, 3])
})
