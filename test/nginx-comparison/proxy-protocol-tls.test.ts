/** The PROXY protocol where nginx's table of cases does not reach: before TLS, in pieces, with additional fields. */
import assert from "node:assert/strict"
import { once } from "node:events"
import { connect as connectTcp } from "node:net"
import { describe, it } from "node:test"
import { connect as connectTls } from "node:tls"
import { issueCertificate } from "../support/certificates.ts"
import { type EdgeProgram, startEdge } from "../support/edge.ts"
import { holdfastProgram } from "../support/holdfast.ts"
import { nginxMissing, nginxProgram } from "../support/nginx.ts"
import { freePort } from "../support/ports.ts"
import { RawClient } from "../support/raw-client.ts"
import { makeTempFolder } from "../support/temp.ts"

const LINE = "PROXY TCP4 192.0.2.1 192.0.2.2 1111 2222\r\n"
const GET = "GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n"

/** What a client gets that sends `header` and then speaks TLS. */
async function overTls(program: EdgeProgram, header: string, pieces = 1): Promise<string> {
  const port = await freePort()
  const { certificateFile, keyFile } = await issueCertificate(["a.test"])
  const config = `events { } http { server { listen 127.0.0.1:${port} ssl proxy_protocol;
    ssl_certificate ${certificateFile}; ssl_certificate_key ${keyFile};
    set_real_ip_from 127.0.0.1; real_ip_header proxy_protocol;
    location / { return 200 "$proxy_protocol_addr:$proxy_protocol_port $remote_addr:$remote_port $scheme"; } } }`
  await using _edge = await startEdge(program, config, {})
  const socket = connectTcp({ port, host: "127.0.0.1" })
  await once(socket, "connect")
  const size = Math.ceil(header.length / pieces)
  for (let at = 0; at < header.length; at += size) {
    await new Promise<void>((sent) =>
      socket.write(Buffer.from(header.slice(at, at + size), "latin1"), () => sent()),
    )
  }
  const secure = connectTls({ socket, rejectUnauthorized: false, servername: "a.test" })
  await once(secure, "secureConnect")
  const client = new RawClient(secure)
  await client.send(GET)
  const { body } = await client.readResponse()
  client.destroy()
  return body
}

it("a header comes before the handshake, as in nginx", { skip: nginxMissing() }, async () => {
  const expected = "192.0.2.1:1111 192.0.2.1:1111 https"
  assert.equal(await overTls(nginxProgram, LINE), expected)
  assert.equal(await overTls(holdfastProgram, LINE), expected)
})

describe("on Holdfast", () => {
  it("a header may come in pieces, before TLS", async () => {
    assert.equal(await overTls(holdfastProgram, LINE, 10), "192.0.2.1:1111 192.0.2.1:1111 https")
  })

  it("a header may come in pieces, and the request with its last one", async () => {
    const port = await freePort()
    const config = `events { } http { server { listen 127.0.0.1:${port} proxy_protocol; location / { return 200 "$proxy_protocol_addr"; } } }`
    await using _edge = await startEdge(holdfastProgram, config, {})
    const text = LINE + GET
    for (const cut of [1, 6, 12, 30, LINE.length - 1, LINE.length, LINE.length + 3]) {
      const client = await RawClient.connect({ port })
      await client.sendPieces([text.slice(0, cut), text.slice(cut)])
      assert.equal((await client.readResponse()).body, "192.0.2.1", `cut at ${cut}`)
      client.destroy()
    }
  })

  it("additional fields have variables; broken and unknown ones are logged", async () => {
    const port = await freePort()
    const prefix = makeTempFolder("tlv")
    const config = `events { } http { server { listen 127.0.0.1:${port} proxy_protocol;
      location / { return 200 "$proxy_protocol_tlv_alpn|$proxy_protocol_tlv_authority|$proxy_protocol_tlv_0xea|$proxy_protocol_tlv_ssl_cn|$proxy_protocol_tlv_ssl_verify|$proxy_protocol_tlv_nothing"; } } }`
    await using edge = await startEdge(holdfastProgram, config, { prefix })
    const ask = async (tlvs: string): Promise<string> => {
      const body = `\xc0\x00\x02\x01\xc0\x00\x02\x02\x04\x57\x08\xae${tlvs}`
      const client = await RawClient.connect({ port })
      await client.send(`\r\n\r\n\0\r\nQUIT\n\x21\x11\0${String.fromCharCode(body.length)}${body}${GET}`)
      const response = await client.readResponse()
      client.destroy()
      return response.body
    }
    assert.equal(
      await ask("\x01\x00\x02h2\x02\x00\x06a.test\xea\x00\x02vp\x20\x00\x0a\x07\0\0\0\x00\x22\x00\x02cn"),
      "h2|a.test|vp|cn|0|",
    )
    await edge.waitForLog(/\[error\] [^\n]* unknown PROXY protocol TLV "nothing", client: 127\.0\.0\.1/)
    assert.equal(await ask("\x01\x00\x09h2"), "|||||")
    await edge.waitForLog(/\[error\] [^\n]* broken PROXY protocol TLV, client: 127\.0\.0\.1/)
  })
})
