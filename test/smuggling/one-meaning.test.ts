import assert from "node:assert/strict"
import { once } from "node:events"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { after, before, describe, it } from "node:test"
import {
  SMUGGLING_CORPUS,
  type SmugglingCase,
  type SmugglingMessage,
} from "../../src/http/smuggling-corpus.ts"
import type { Edge } from "../support/edge.ts"
import { startHoldfast } from "../support/holdfast.ts"
import { freePort } from "../support/ports.ts"
import { RawClient } from "../support/raw-client.ts"

/** Sent behind a case: when its answer has come, all that went before has been understood. */
const MARK = "GET /the-end HTTP/1.1\r\nHost: end\r\nConnection: close\r\n\r\n"

/** What Node's own parser, the backend's, made of what it was sent. */
const seen: SmugglingMessage[] = []
const faults: string[] = []

const backend = createServer((request, response) => {
  const chunks: Buffer[] = []
  request.on("data", (chunk: Buffer) => chunks.push(chunk))
  request.on("end", () => {
    const { method = "", url = "", headers } = request
    const body = Buffer.concat(chunks).toString("latin1")
    if (url !== "/the-end") seen.push({ method, target: url, host: headers.host ?? "", body })
    response.end("ok")
  })
})
backend.on("clientError", (error: Error, socket) => {
  faults.push(error.message)
  socket.destroy()
})

describe("a request is refused, or reaches the backend with one meaning", () => {
  let edge: Edge
  let port: number

  before(async () => {
    backend.listen(0, "127.0.0.1")
    await once(backend, "listening")
    port = await freePort()
    edge = await startHoldfast(`
      events {}
      http {
        access_log off;
        server {
          listen 127.0.0.1:${port};
          server_name a;
          location / {
            proxy_pass http://127.0.0.1:${(backend.address() as AddressInfo).port};
            proxy_set_header Host $host;
            proxy_set_header Connection "";
          }
        }
      }`)
  })

  after(async () => {
    await edge.stop()
    backend.close()
    backend.closeAllConnections()
  })

  for (const item of SMUGGLING_CORPUS) {
    it(item.name, async () => {
      seen.length = 0
      faults.length = 0
      const answers = await answersTo(item)
      assert.deepEqual(faults, [])
      if (item.refused) {
        assert.match(answers, /^HTTP\/1\.1 (400|505) /)
        assert.deepEqual(seen, [])
      } else assert.deepEqual(seen, item.messages.map(asForwarded))
    })
  }

  /** All that comes back on one connection until it ends. */
  async function answersTo(item: SmugglingCase): Promise<string> {
    const client = await RawClient.connect({ port })
    await client.send(item.refused ? item.bytes : item.bytes + MARK)
    const answers = await client.readToEnd()
    client.destroy()
    return answers
  }
})

/** A target in absolute form goes on as its path; without a host the server's name is $host. */
function asForwarded(message: SmugglingMessage): SmugglingMessage {
  return {
    ...message,
    host: message.host || "a",
    target: message.target.replace(/^[a-z]+:\/\/[^/?]*/i, "") || "/",
  }
}
