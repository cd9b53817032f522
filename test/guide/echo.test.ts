import assert from "node:assert/strict"
import { once } from "node:events"
import { after, before, describe, it } from "node:test"
import {
  pythonEchoMissing,
  startEchoBackend,
  startPythonEcho,
  startWebsocketd,
  type WebSocketBackend,
  websocketdMissing,
} from "../support/websocket-backends.ts"
import { ECHO_CASES } from "./echo-cases.ts"
import { type Guide, startGuide } from "./guide.ts"

interface BackendKind {
  readonly name: string
  readonly skip: string | false
  /** websocketd hands whole lines of text to its program. */
  readonly onlyLines: boolean
  start(): Promise<WebSocketBackend>
}

const BACKENDS: readonly BackendKind[] = [
  { name: "ws", skip: false, onlyLines: false, start: () => startEchoBackend("ws", { compress: true }) },
  { name: "python3-websockets", skip: pythonEchoMissing(), onlyLines: false, start: startPythonEcho },
  { name: "websocketd", skip: websocketdMissing(), onlyLines: true, start: startWebsocketd },
]

for (const kind of BACKENDS) {
  describe(`a WebSocket client talks through TLS to ${kind.name}:`, { skip: kind.skip }, () => {
    let backend: WebSocketBackend
    let guide: Guide
    before(async () => {
      backend = await kind.start()
      guide = await startGuide({ webSocket: [backend.port, backend.port] })
    })
    after(async () => {
      await guide?.edge.stop()
      await backend?.close()
    })
    for (const { name, needs, run } of ECHO_CASES) {
      if (kind.onlyLines && needs !== "lines") continue
      it(name, () => run(guide))
    }
  })
}

it("a close code of the backend reaches the client", async () => {
  await using backend = await startEchoBackend("ws")
  await using guide = await startGuide({ webSocket: [backend.port, backend.port] })
  for (const code of [1000, 1012, 4000]) {
    const webSocket = await guide.connect()
    webSocket.send(`close ${code}`)
    const [received, reason] = await once(webSocket, "close")
    assert.deepEqual([received, String(reason)], [code, "as you say"])
  }
})

it("a backend that breaks off ends the client's WebSocket too, and the other way round", async () => {
  await using backend = await startEchoBackend("ws")
  await using guide = await startGuide({ webSocket: [backend.port, backend.port] })
  const first = await guide.connect()
  for (const webSocket of backend.clients) webSocket.terminate()
  assert.equal((await once(first, "close"))[0], 1006)
  const second = await guide.connect()
  const [there] = backend.clients
  const gone = once(there, "close")
  second.terminate()
  assert.equal((await gone)[0], 1006)
})
