import assert from "node:assert/strict"
import { it } from "node:test"
import { startEchoBackend } from "../support/websocket-backends.ts"
import { ask, hangUp, type Mistake, startMistake, UPGRADE_HEADERS } from "./mistake.ts"

const LOCATION = `location /ws/ { proxy_pass http://pool; proxy_http_version 1.1; ${UPGRADE_HEADERS} }`

async function reconnect(edge: Mistake, times: number): Promise<string[]> {
  const names: string[] = []
  for (let count = 0; count < times; count++) {
    const webSocket = await edge.connect()
    names.push(await ask(webSocket, "whoami"))
    await hangUp(webSocket)
  }
  return names
}

async function namesWith(balancer: string, times: number): Promise<string[]> {
  await using ws1 = await startEchoBackend("ws1")
  await using ws2 = await startEchoBackend("ws2")
  const pool = `upstream pool { ${balancer} server 127.0.0.1:${ws1.port}; server 127.0.0.1:${ws2.port}; }`
  await using edge = await startMistake(LOCATION, pool)
  return await reconnect(edge, times)
}

it("round robin: a client's reconnects go to the backends in turn", async () => {
  assert.deepEqual(await namesWith("", 4), ["ws1", "ws2", "ws1", "ws2"])
})

it("ip_hash: they go to one backend; so do all clients behind one address", async () => {
  assert.equal(new Set(await namesWith("ip_hash;", 6)).size, 1)
})
