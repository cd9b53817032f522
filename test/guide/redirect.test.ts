import assert from "node:assert/strict"
import { it } from "node:test"
import { headerOf } from "../support/message-reader.ts"
import { exchange } from "../support/raw-client.ts"
import { HOST, startGuide } from "./guide.ts"

it("port 80 answers with 301 to the same URI over https, WebSocket handshakes too", async () => {
  await using guide = await startGuide()
  const target = { port: guide.httpPort }
  for (const uri of ["/", "/ws/", "/a%20b/../c?x=1&y=%2F", "//double"]) {
    const answer = await exchange(target, `GET ${uri} HTTP/1.1\r\nHost: ${HOST}\r\n\r\n`)
    assert.equal(answer.status, 301)
    assert.equal(headerOf(answer, "location"), `https://${HOST}${uri}`)
  }
  const upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
  const answer = await exchange(target, `GET /ws/ HTTP/1.1\r\nHost: ${HOST}:80\r\n${upgrade}\r\n`)
  assert.equal(answer.status, 301)
  // $host has no port.
  assert.equal(headerOf(answer, "location"), `https://${HOST}/ws/`)
})
