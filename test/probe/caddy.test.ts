/** Caddy before real backends. Not among what CI installs: without it nothing is tried. */
import assert from "node:assert/strict"
import { spawn } from "node:child_process"
import { existsSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { describe, type TestContext, test } from "node:test"
import { WebSocketServer } from "ws"
import type { Report } from "../../src/probe/report.ts"
import { freePort } from "../support/ports.ts"
import { makeTempFolder, removeTempFolder } from "../support/temp.ts"
import { startEchoBackend } from "../support/websocket-backends.ts"
import { probe } from "./case.ts"

const CADDY = "/usr/bin/caddy"
const skip = existsSync(CADDY) ? false : `${CADDY} is not installed`

describe("Caddy", { skip }, () => {
  test("without a mistake nothing is found", async (t) => {
    const backend = await startEchoBackend("one")
    t.after(() => backend.close())
    const report = await probe([await caddyUrl(t, `reverse_proxy /ws/* 127.0.0.1:${backend.port}`)])
    assert.deepEqual(report.diagnoses, [], JSON.stringify(report, null, 2))
  })

  test("the backend is down: a 502 of Caddy's own, without a body", async (t) => {
    const report = await probe([await caddyUrl(t, `reverse_proxy /ws/* 127.0.0.1:${await freePort()}`)])
    assertFirst(report, "backend-down", "reverse_proxy 127.0.0.1:3000")
  })

  test("no route for the path: a 200 without a body", async (t) => {
    const report = await probe([await caddyUrl(t, `reverse_proxy /other/* 127.0.0.1:${await freePort()}`)])
    assertFirst(report, "no-location", "reverse_proxy /ws/* 127.0.0.1:3000")
  })

  test("header_up takes Upgrade away", async (t) => {
    const port = await freePort()
    const backend = new WebSocketServer({ port, host: "127.0.0.1" })
    t.after(() => backend.close())
    const proxy = `reverse_proxy /ws/* 127.0.0.1:${port} {\n    header_up -Upgrade\n    header_up Connection close\n  }`
    assertFirst(await probe([await caddyUrl(t, proxy)]), "upgrade-not-forwarded", "header_up -Upgrade")
  })
})

function assertFirst({ diagnoses }: Report, cause: string, mend: string): void {
  const [suspect] = diagnoses[0]?.suspects ?? []
  const text = JSON.stringify(diagnoses, null, 2)
  assert.equal(suspect?.id, cause, text)
  assert.ok(
    suspect?.mend.some((one) => one.text.includes(mend)),
    text,
  )
  assert.match(text, /edge \(Caddy\)/)
}

/** Starts Caddy with `directives` for its site; resolves with the URL of its socket when it has said that it serves. */
async function caddyUrl(t: TestContext, directives: string): Promise<string> {
  const [port, folder] = [await freePort(), makeTempFolder("caddy")]
  const file = join(folder, "Caddyfile")
  const site = `http://127.0.0.1:${port} {\n  bind 127.0.0.1\n  ${directives}\n}\n`
  writeFileSync(file, `{\n  admin off\n  auto_https off\n  http_port ${port}\n}\n${site}`)
  const env = { ...process.env, HOME: folder, XDG_DATA_HOME: folder, XDG_CONFIG_HOME: folder }
  const args = ["run", "--config", file, "--adapter", "caddyfile"]
  const child = spawn(CADDY, args, { stdio: ["ignore", "ignore", "pipe"], env })
  const ended = new Promise<void>((resolve) => child.once("close", () => resolve()))
  t.after(async () => {
    child.kill("SIGKILL")
    await ended
    removeTempFolder(folder)
  })
  let log = ""
  await new Promise<void>((resolve, reject) => {
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      log += text
      if (log.includes("serving initial configuration")) resolve()
    })
    ended.then(() => reject(new Error(`Caddy does not run:\n${log}`)))
  })
  return `ws://127.0.0.1:${port}/ws/`
}
