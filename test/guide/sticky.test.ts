import assert from "node:assert/strict"
import { once } from "node:events"
import { it } from "node:test"
import { nginxMissing, startNginx } from "../support/nginx.ts"
import { type EchoBackend, startEchoBackend } from "../support/websocket-backends.ts"
import { type Guide, startGuide } from "./guide.ts"

// ip_hash looks at the first three octets; loopback addresses are enough to vary two of them.
const CLIENTS = Array.from(
  { length: 24 },
  (_, index) => `127.${(index * 37) % 256}.${(index * 91) % 256}.${index + 1}`,
)
const RECONNECTS = 3

/** The name of the backend that a client at `localAddress` is given. */
async function askName(guide: Guide, localAddress: string): Promise<string> {
  const webSocket = await guide.connect({ localAddress })
  webSocket.send("whoami")
  const [name] = await once(webSocket, "message")
  webSocket.close()
  await once(webSocket, "close")
  return String(name)
}

async function askAll(guide: Guide): Promise<string[]> {
  const names: string[] = []
  for (const client of CLIENTS) {
    const name = await askName(guide, client)
    for (let again = 0; again < RECONNECTS; again++) assert.equal(await askName(guide, client), name)
    names.push(name)
  }
  return names
}

function portsOf(first: EchoBackend, second: EchoBackend): { webSocket: [number, number] } {
  return { webSocket: [first.port, second.port] }
}

it("a client's reconnects land on one backend, and both backends have clients", async () => {
  await using ws1 = await startEchoBackend("ws1")
  await using ws2 = await startEchoBackend("ws2")
  await using guide = await startGuide(portsOf(ws1, ws2))
  assert.equal(new Set(await askAll(guide)).size, 2)
})

it("each client lands on the backend that nginx picks", { skip: nginxMissing() }, async () => {
  await using ws1 = await startEchoBackend("ws1")
  await using ws2 = await startEchoBackend("ws2")
  await using guide = await startGuide(portsOf(ws1, ws2))
  await using nginx = await startGuide({ ...portsOf(ws1, ws2), starter: startNginx })
  assert.deepEqual(await askAll(guide), await askAll(nginx))
})
