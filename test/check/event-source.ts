/** A backend of event streams, and what of a first event comes through while the stream goes on. */
import { once } from "node:events"
import { createServer, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import { exchange, RawClient } from "../support/raw-client.ts"
import type { OwnBackend } from "./proof.ts"

/** Answers each request with a stream that has one event and does not end. */
export async function startEventSource(): Promise<OwnBackend> {
  const streams = new Set<ServerResponse>()
  const server = createServer((_, response) => {
    streams.add(response)
    response.on("close", () => streams.delete(response))
    response.writeHead(200, { "Content-Type": "text/event-stream" })
    response.write("data: first\n\n")
  })
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  return {
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      for (const stream of streams) stream.destroy()
      server.close()
      server.closeAllConnections()
      await once(server, "close")
    },
  }
}

const OTHER_REQUESTS = 20

/**
 * Asks for a stream. The configuration must answer "/other": when the edge has done so that many times, it has long
 * passed on the event, if ever it will.
 */
export async function firstEvent(port: number): Promise<string> {
  await using client = await RawClient.connect({ port })
  await client.send("GET /sse HTTP/1.1\r\nHost: a\r\n\r\n")
  for (let count = 0; count < OTHER_REQUESTS; count++)
    await exchange({ port }, "GET /other HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
  return client.received.includes("data: first") ? "at once" : "held back"
}
