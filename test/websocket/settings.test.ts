import assert from "node:assert/strict"
import { writeFileSync } from "node:fs"
import { test } from "node:test"
import { proxy } from "../../src/modules/proxy/proxy.ts"
import type { ProxySettings } from "../../src/modules/proxy/settings.ts"
import { CounterTable } from "../../src/observe/counters.ts"
import { checkConfiguration } from "../../src/server/check-configuration.ts"
import { Services } from "../../src/server/services.ts"
import { makeTempFolder, removeTempFolder } from "../support/temp.ts"

/** What is in force at `location /x`, with `text` beside its proxy_pass. */
async function settingsOf(text: string, server = ""): Promise<ProxySettings> {
  const prefix = `${makeTempFolder("websocket-settings")}/`
  const memory = new Map<string, SharedArrayBuffer>()
  const counters = new CounterTable(new SharedArrayBuffer(CounterTable.bytes(1)), 0)
  const services = new Services({ workerIndex: 0, counters, memory, threadId: 1, errorLogPath: "stderr" })
  writeFileSync(
    `${prefix}nginx.conf`,
    `events {} http { access_log off; server { listen 127.0.0.1:1; ${server} location = /x { proxy_pass http://127.0.0.1:1; ${text} } } }`,
  )
  const { generation } = await checkConfiguration({
    file: `${prefix}nginx.conf`,
    prefix,
    parameter: "",
    services,
    number: 0,
    memory,
    onWarning: () => {},
  })
  services.close()
  removeTempFolder(prefix)
  const found = generation.addresses.get("127.0.0.1:1")?.names.default.locations.find({ uri: "/x" } as never)
  const settings = found?.of(proxy)
  assert.ok(settings !== undefined)
  return settings
}

test("websocket on: idle for an hour, a ping every 30 s, nothing buffered; other requests keep their limits", async () => {
  const settings = await settingsOf("websocket on;")
  assert.equal(settings.tunnelReadTimeoutMs, 3_600_000)
  assert.equal(settings.tunnelSendTimeoutMs, 3_600_000)
  assert.equal(settings.readTimeoutMs, 60_000)
  assert.equal(settings.sendTimeoutMs, 60_000)
  assert.equal(settings.isBuffered, false)
  assert.deepEqual(settings.webSocket.ping, {
    intervalMs: 30_000,
    timeoutMs: 20_000,
    toClient: true,
    toUpstream: false,
  })
})

test("what is said elsewhere, above or beside it, stays in force with websocket on", async () => {
  const settings = await settingsOf(
    "websocket on;",
    "proxy_read_timeout 5m; proxy_send_timeout 4m; proxy_buffering on; websocket_ping off;",
  )
  assert.equal(settings.tunnelReadTimeoutMs, 300_000)
  assert.equal(settings.tunnelSendTimeoutMs, 240_000)
  assert.equal(settings.isBuffered, true)
  assert.equal(settings.webSocket.ping, null)
})

test("without it a tunnel has the limits of requests, and no pings", async () => {
  const settings = await settingsOf("")
  assert.equal(settings.tunnelReadTimeoutMs, 60_000)
  assert.equal(settings.webSocket.ping, null)
  assert.equal(settings.webSocket.closeCode, 1001)
  assert.equal(settings.webSocket.closeTimeoutMs, 5000)
  assert.equal(settings.isBuffered, true)
})

test("websocket_ping: interval, timeout and whom", async () => {
  const { webSocket } = await settingsOf("websocket_ping 45s timeout=1m both;")
  assert.deepEqual(webSocket.ping, {
    intervalMs: 45_000,
    timeoutMs: 60_000,
    toClient: true,
    toUpstream: true,
  })
  const backend = await settingsOf("websocket_ping 1s backend; websocket_close_code 1012;")
  assert.equal(backend.webSocket.ping?.toClient, false)
  assert.equal(backend.webSocket.ping?.toUpstream, true)
  assert.equal(backend.webSocket.closeCode, 1012)
})
