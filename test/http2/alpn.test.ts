/** `http2 on` by server: which protocol a client gets is the named server's affair. */
import assert from "node:assert/strict"
import { once } from "node:events"
import { connect as connectHttp2 } from "node:http2"
import { after, before, describe, it } from "node:test"
import { connect } from "node:tls"
import { issueCertificate } from "../support/certificates.ts"
import type { Edge } from "../support/edge.ts"
import { startHoldfast } from "../support/holdfast.ts"
import { freePort } from "../support/ports.ts"
import { RawClient } from "../support/raw-client.ts"

describe("over TLS", () => {
  let edge: Edge
  let port: number

  before(async () => {
    port = await freePort()
    const { certificateFile, keyFile } = await issueCertificate(["on.test", "off.test"])
    edge =
      await startHoldfast(`events { } http { ssl_certificate ${certificateFile}; ssl_certificate_key ${keyFile};
      server { listen 127.0.0.1:${port} ssl; server_name on.test; http2 on; http2_max_concurrent_streams 7;
        return 200 "on $http2 $ssl_alpn_protocol"; }
      server { listen 127.0.0.1:${port} ssl; server_name off.test; return 200 "off $http2"; } }`)
  })
  after(() => edge.stop())

  async function alpnOf(servername: string, offer: string[]): Promise<string | false | null> {
    const socket = connect({
      port,
      host: "127.0.0.1",
      servername,
      rejectUnauthorized: false,
      ALPNProtocols: offer,
    })
    await once(socket, "secureConnect")
    const protocol = socket.alpnProtocol
    socket.destroy()
    return protocol
  }

  it("h2 is offered where the named server has it", async () => {
    assert.equal(await alpnOf("on.test", ["h2", "http/1.1"]), "h2")
    assert.equal(await alpnOf("on.test", ["http/1.1", "h2"]), "h2")
    assert.equal(await alpnOf("on.test", ["http/1.1"]), "http/1.1")
    assert.equal(await alpnOf("off.test", ["h2", "http/1.1"]), "http/1.1")
    // No such server: the default one.
    assert.equal(await alpnOf("other.test", ["h2", "http/1.1"]), "h2")
    await assert.rejects(alpnOf("off.test", ["h2"]))
  })

  it("a session has the settings of its server, and $http2 says h2", async () => {
    const session = connectHttp2(`https://127.0.0.1:${port}`, {
      servername: "on.test",
      rejectUnauthorized: false,
    })
    const [settings] = await once(session, "remoteSettings")
    assert.equal(settings.maxConcurrentStreams, 7)
    assert.equal(settings.enablePush, false)
    const request = session.request({ ":path": "/", ":authority": "on.test" })
    let text = ""
    for await (const chunk of request) text += chunk
    assert.equal(text, "on h2 h2")
    session.close()
    await once(session, "close")
  })

  it("HTTP/2 without a word of ALPN is not spoken, nor HTTP/1.1 with h2 agreed", async () => {
    const plain = await RawClient.connect({ port, tls: { servername: "on.test" } })
    await plain.send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
    assert.equal((await plain.readResponse()).status, 505)
    plain.destroy()
    const agreed = await RawClient.connect({ port, tls: { servername: "on.test", ALPNProtocols: ["h2"] } })
    await agreed.send("GET / HTTP/1.1\r\nHost: on.test\r\n\r\n")
    assert.doesNotMatch(await agreed.readToEnd(), /HTTP\/1\.1/)
    agreed.destroy()
  })
})
