import { gunzipSync } from "node:zlib"
import type { SeenResponse } from "./case.ts"
import type { ClientScript, Wire } from "./client-script.ts"

/** Sends each request and notes its answer with its body unpacked: what zlib makes of a body depends on its version. */
export function unpacking(...requests: readonly string[]): ClientScript {
  return async (wire) => {
    for (const request of requests) await exchangeUnpacking(wire, request)
  }
}

export async function exchangeUnpacking(wire: Wire, request: string): Promise<void> {
  await wire.send(request)
  await responseUnpacked(wire, request.slice(0, request.indexOf(" ")))
}

/** Reads and notes an answer, unpacked. */
export async function responseUnpacked(wire: Wire, method: string): Promise<void> {
  const response = await wire.response(method)
  const isPacked = response?.headers.some(
    ([name, value]) => name.toLowerCase() === "content-encoding" && value === "gzip",
  )
  if (response === undefined || !isPacked || response.body === "") return
  const body = gunzipSync(Buffer.from(response.body, "latin1")).toString("latin1")
  const seen = wire.events.pop() as SeenResponse
  wire.note(`unpacked: ${body}`)
  wire.events.push({ ...seen, body: wire.events.pop() as string })
}
