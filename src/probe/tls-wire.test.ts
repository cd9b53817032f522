import assert from "node:assert/strict"
import { once } from "node:events"
import { type AddressInfo, connect as connectTcp, createServer as createTcpServer } from "node:net"
import { type TestContext, test } from "node:test"
import { connect, createServer } from "node:tls"
import { issueCertificate, testAuthority } from "../../test/support/certificates.ts"
import {
  CERTIFICATE,
  CERTIFICATE_REQUEST,
  NEW_SESSION_TICKET,
  readAuthorities,
  readCertificates,
  readFlight,
} from "./tls-wire.ts"

interface Recorded {
  /** What the server sent. */
  readonly bytes: Buffer
  readonly secret: Buffer | undefined
}

/** The bytes of a real handshake, with the secret of TLS 1.3. */
async function record(t: TestContext, version: "TLSv1.2" | "TLSv1.3", ciphers: string): Promise<Recorded> {
  const { certificate: cert, key } = await issueCertificate(["localhost"])
  const ca = (await testAuthority()).own.certificate
  const tls = { cert: cert + ca, key, ca, requestCert: true, rejectUnauthorized: false }
  const server = createServer(tls, (socket) => socket.on("error", () => {}).end())
  const pieces: Buffer[] = []
  const relay = createTcpServer((client) => {
    const onward = connectTcp((server.address() as AddressInfo).port, "127.0.0.1")
    onward.on("data", (chunk: Buffer) => pieces.push(chunk)).on("error", () => {})
    client
      .on("error", () => {})
      .pipe(onward)
      .pipe(client)
  })
  t.after(() => server.close())
  t.after(() => relay.close())
  await once(server.listen(0, "127.0.0.1"), "listening")
  await once(relay.listen(0, "127.0.0.1"), "listening")
  const { port } = relay.address() as AddressInfo
  const limits = { minVersion: version, maxVersion: version, ciphers } as const
  const client = connect({ port, host: "127.0.0.1", rejectUnauthorized: false, ...limits })
  let secret: Buffer | undefined
  client.on("keylog", (line: Buffer) => {
    const [label, , value] = line.toString("latin1").trim().split(" ")
    if (label === "SERVER_HANDSHAKE_TRAFFIC_SECRET") secret = Buffer.from(value ?? "", "hex")
  })
  client.resume()
  await once(client, "close")
  return { bytes: Buffer.concat(pieces), secret }
}

const HANDSHAKES = [
  ["TLSv1.2", "ECDHE-ECDSA-AES128-GCM-SHA256"],
  ["TLSv1.3", "TLS_AES_128_GCM_SHA256"],
  ["TLSv1.3", "TLS_AES_256_GCM_SHA384"],
  ["TLSv1.3", "TLS_CHACHA20_POLY1305_SHA256"],
] as const

for (const [version, cipher] of HANDSHAKES) {
  test(`${version} with ${cipher}: the chain as sent, and the request for a client certificate`, async (t) => {
    const { bytes, secret } = await record(t, version, cipher)
    const { messages, isTls13, alert } = readFlight(bytes, secret)
    assert.equal(isTls13, version === "TLSv1.3")
    assert.equal(alert, undefined)
    const sent = messages.find(({ type }) => type === CERTIFICATE)
    const request = messages.find(({ type }) => type === CERTIFICATE_REQUEST)
    assert.ok(sent !== undefined && request !== undefined)
    assert.equal(readCertificates(sent, isTls13).length, 2)
    const [authority] = readAuthorities(request, isTls13)
    assert.match(authority?.toString("latin1") ?? "", /Holdfast test authority/)
    const hasTicket = messages.some(({ type }) => type === NEW_SESSION_TICKET)
    assert.equal(hasTicket, version === "TLSv1.2")
  })
}

test("bytes that end anywhere, or are wrong anywhere, are read as far as they can be", async (t) => {
  for (const [version, cipher] of HANDSHAKES.slice(0, 2)) {
    const { bytes, secret } = await record(t, version, cipher)
    const whole = readFlight(bytes, secret).messages.length
    for (let length = 0; length < bytes.length; length += 7)
      assert.ok(readFlight(bytes.subarray(0, length), secret).messages.length <= whole)
    for (let at = 0; at < bytes.length; at += 3) {
      const broken = Buffer.from(bytes)
      broken[at] = (broken[at] ?? 0) ^ 0xff
      for (const message of readFlight(broken, secret).messages) {
        readCertificates(message, version === "TLSv1.3")
        readAuthorities(message, version === "TLSv1.3")
      }
    }
  }
})

test("an alert that is not encrypted", () => {
  const refusal = Buffer.from("150303000202 70".replaceAll(" ", ""), "hex")
  assert.equal(readFlight(refusal, undefined).alert, 112)
})
