/** What is said of connections that end before their first request goes to the main error log. */
import assert from "node:assert/strict"
import { describe, it } from "node:test"
import { type EdgeProgram, startEdge } from "../support/edge.ts"
import { holdfastProgram } from "../support/holdfast.ts"
import { nginxMissing, nginxProgram } from "../support/nginx.ts"
import { freePort } from "../support/ports.ts"
import { RawClient } from "../support/raw-client.ts"

const VERSION_1_OF_2 = "\r\n\r\n\0\r\nQUIT\n\x11\x11\0\0"

/** The line that a connection with these bytes leaves, without what differs from run to run. */
async function lineOf(program: EdgeProgram, bytes: string): Promise<string> {
  const port = await freePort()
  const config = `events { } http { server { listen 127.0.0.1:${port} proxy_protocol; client_header_timeout 1s; return 204; } }`
  await using edge = await startEdge(program, config, {})
  const client = await RawClient.connect({ port })
  if (bytes === "") client.halfClose()
  else await client.send(bytes)
  const [line] = await edge.waitForLog(/\[\w+\] \S+ \*\d+ [\s\S]*? while reading PROXY protocol[^\n]*/)
  client.destroy()
  // nginx 1.22 shows all that has come, later ones the first line.
  const firstLine = line.replace(/[\r\n]+"/, '"')
  return firstLine.replace(/ \S+ \*\d+ /, " ").replaceAll(String(port), "{port}")
}

describe("the error log on broken headers of the PROXY protocol", { skip: nginxMissing() }, () => {
  const beginnings = ["GET / HTTP/1.1\r\n\r\n", "PROXY TCP4 x 192.0.2.2 1 2\r\n", VERSION_1_OF_2, ""]
  for (const bytes of beginnings)
    it(`is nginx's: ${JSON.stringify(bytes)}`, async () => {
      assert.equal(await lineOf(holdfastProgram, bytes), await lineOf(nginxProgram, bytes))
    })

  it("is nginx's when nothing comes in time", async () => {
    const timedOut = async (program: EdgeProgram): Promise<string> => {
      const port = await freePort()
      const config = `events { } http { server { listen 127.0.0.1:${port} proxy_protocol; client_header_timeout 1s; } }`
      await using edge = await startEdge(program, config, {})
      const client = await RawClient.connect({ port })
      const [line] = await edge.waitForLog(/client timed out [^\n]*/)
      await client.readToEnd()
      return line.replaceAll(String(port), "{port}")
    }
    assert.equal(await timedOut(holdfastProgram), await timedOut(nginxProgram))
  })
})
