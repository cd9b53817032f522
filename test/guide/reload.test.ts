import assert from "node:assert/strict"
import { once } from "node:events"
import { it } from "node:test"
import { startEchoBackend } from "../support/websocket-backends.ts"
import { startGuide } from "./guide.ts"

it("a WebSocket outlives a reload, and new ones are taken after it", async () => {
  await using backend = await startEchoBackend("ws")
  await using guide = await startGuide({ webSocket: [backend.port, backend.port] })
  const before = await guide.connect()
  guide.edge.signal("SIGHUP")
  // Opened until one says that the new configuration is at work would be a race: both are, for a while.
  for (let round = 0; round < 5; round++) {
    const after = await guide.connect()
    for (const webSocket of [before, after]) {
      webSocket.send("still here?")
      assert.equal(String((await once(webSocket, "message"))[0]), "still here?")
    }
    after.close()
    await once(after, "close")
  }
  before.close()
  await once(before, "close")
})
