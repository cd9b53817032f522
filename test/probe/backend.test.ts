/** `--backend`: the same against the backend itself, and what that says of the edge. */
import assert from "node:assert/strict"
import { once } from "node:events"
import type { IncomingMessage } from "node:http"
import type { AddressInfo } from "node:net"
import { describe, type TestContext, test } from "node:test"
import { WebSocketServer } from "ws"
import type { Report, StepReport } from "../../src/probe/report.ts"
import { HOLDFAST, run } from "../support/holdfast.ts"
import { nginxMissing, startNginx } from "../support/nginx.ts"
import { freePort } from "../support/ports.ts"
import { startRawBackend } from "../support/raw-backend.ts"
import { startEchoBackend } from "../support/websocket-backends.ts"
import { probe } from "./case.ts"

describe("--backend", { skip: nginxMissing() }, () => {
  test("an edge that loses the upgrade: the backend is cleared of suspicion", async (t) => {
    const backend = await echo(t)
    const url = await edgeOf(t, backend, "proxy_http_version 1.1;")
    const report = await probe([url, "--backend", `ws://127.0.0.1:${backend}/ws/`])
    assert.equal(report.isHealthy, false)
    assert.equal(stepOf(report, "handshake", "edge").outcome, "failed")
    assert.equal(stepOf(report, "handshake", "backend").outcome, "ok")
    const [suspect] = report.diagnoses[0]?.suspects ?? []
    assert.match(suspect?.hop ?? "", /^edge \(nginx/)
    assert.ok(
      suspect?.evidence.includes(`ws://127.0.0.1:${backend}/ws/ itself accepts the same handshake: 101`),
    )
    for (const one of report.diagnoses[0]?.suspects ?? []) assert.doesNotMatch(one.hop, /^backend/)
  })

  test("a backend that refuses on both ways is the one", async (t) => {
    const refusing = await startRawBackend("HTTP/1.1 403 Forbidden\r\nContent-Length: 3\r\n\r\nno\n")
    t.after(() => refusing.close())
    const url = await edgeOf(t, refusing.port, UPGRADE)
    const report = await probe([url, "--backend", `ws://127.0.0.1:${refusing.port}/ws/`])
    const [suspect] = report.diagnoses[0]?.suspects ?? []
    assert.match(suspect?.hop ?? "", /^backend/)
    assert.ok(suspect?.evidence.some((line) => line.endsWith("itself does the same: 403 Forbidden")))
  })

  test("a backend that takes handshakes from the edge alone: healthy, and said", async (t) => {
    const picky = new WebSocketServer({
      host: "127.0.0.1",
      port: await freePort(),
      verifyClient: ({ req }: { req: IncomingMessage }) => req.headers["x-real-ip"] !== undefined,
    })
    t.after(() => picky.close())
    await once(picky, "listening")
    const { port } = picky.address() as AddressInfo
    const url = await edgeOf(t, port, `${UPGRADE} proxy_set_header X-Real-IP $remote_addr;`)
    const report = await probe([url, "--backend", `ws://127.0.0.1:${port}/ws/`])
    assert.equal(report.isHealthy, true)
    const [found] = report.diagnoses
    assert.equal(found?.suspects[0]?.id, "backend-differs")
    assert.equal(found?.severity, "info")
    assert.deepEqual(found?.suspects[0]?.evidence, [`ws://127.0.0.1:${port}/ws/: 401 Unauthorized`])
  })

  test("both well: healthy, and each step stands beside its twin", async (t) => {
    const backend = await echo(t)
    const url = await edgeOf(t, backend, UPGRADE)
    const words = ["probe", url, "--backend", `ws://127.0.0.1:${backend}/ws/`]
    const { stdout, status } = await run(HOLDFAST, words)
    assert.equal(status, 0, stdout)
    const lines = Buffer.from(stdout, "latin1").toString("utf8").split("\n")
    const at = lines.findIndex((line) => /^ok {4}handshake /.test(line))
    assert.match(lines[at + 1] ?? "", /^ok {4}· backend {4}101/)
  })
})

const UPGRADE = `proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection "upgrade";`

async function echo(t: TestContext): Promise<number> {
  const backend = await startEchoBackend("one")
  t.after(() => backend.close())
  return backend.port
}

async function edgeOf(t: TestContext, backend: number, directives: string): Promise<string> {
  const port = await freePort()
  const nginx = await startNginx(`
    events {}
    http { server { listen 127.0.0.1:${port}; location /ws/ { proxy_pass http://127.0.0.1:${backend}; ${directives} } } }`)
  t.after(() => nginx.stop())
  return `ws://127.0.0.1:${port}/ws/`
}

function stepOf(report: Report, id: string, side: StepReport["side"]): StepReport {
  const found = report.steps.find((one) => one.id === id && one.side === side)
  assert.ok(found !== undefined, `no step ${id}`)
  return found
}
