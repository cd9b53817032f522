import assert from "node:assert/strict"
import { once } from "node:events"
import net from "node:net"
import { after, before, describe, test } from "node:test"
import tls from "node:tls"
import { type Certificate, TestAuthority, testAuthority } from "../../test/support/certificates.ts"
import { ClientTls, type ClientTlsOptions, upstreamHandshakeError } from "./client-context.ts"
import { credentialOf } from "./testing.ts"
import { UNTUNED } from "./tuning.ts"

let authority: TestAuthority
let good: Certificate
let expired: Certificate
let stranger: Certificate
let client: Certificate
const servers: net.Server[] = []

before(async () => {
  authority = await testAuthority()
  good = await authority.issue({ names: ["backend.test", "*.wild.test", "127.0.0.1"] })
  expired = await authority.issue({ names: ["backend.test"], days: -1 })
  stranger = await (await TestAuthority.create("Stranger")).issue({ names: ["backend.test"] })
  client = await authority.issue({ names: ["client.test"] })
})

after(() => {
  for (const server of servers) server.close()
})

interface Backend {
  readonly port: number
  /** The name that each client sent, "" for none. */
  readonly names: string[]
  /** Whether each session was resumed. */
  readonly resumed: boolean[]
}

async function backend(certificate: Certificate, options: tls.TlsOptions = {}): Promise<Backend> {
  const names: string[] = []
  const resumed: boolean[] = []
  const server = tls.createServer(
    { cert: certificate.certificate, key: certificate.key, ...options },
    (socket) => {
      names.push(typeof socket.servername === "string" ? socket.servername : "")
      resumed.push(socket.isSessionReused())
      socket.on("error", () => {})
      socket.end("hello")
    },
  )
  servers.push(server)
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  return { port: (server.address() as net.AddressInfo).port, names, resumed }
}

function clientTls(changes: Partial<ClientTlsOptions>): ClientTls {
  return new ClientTls({
    credential: undefined,
    ...UNTUNED,
    preferServerCiphers: false,
    ecdhCurve: "auto",
    sessionTickets: true,
    crls: [],
    authorities: [authority.own.certificate],
    protocols: new Set(["tlsv1.2", "tlsv1.3"]),
    ciphers: "DEFAULT",
    verify: true,
    verifyDepth: 1,
    sendsName: false,
    reusesSessions: false,
    ...changes,
  })
}

/** What the error log would say of a connection; "" where it is good. */
async function verdict(port: number, upstream: ClientTls, name: string, session?: Buffer): Promise<string> {
  const socket = tls.connect({
    host: "127.0.0.1",
    port,
    ...upstream.connectionOptions(name),
    ...(session === undefined ? {} : { session }),
  })
  try {
    await once(socket, "secureConnect")
    const text = upstream.verify(socket, name) ?? ""
    socket.resume()
    await once(socket, "close")
    return text
  } catch (error) {
    return upstreamHandshakeError(error as NodeJS.ErrnoException)
  } finally {
    socket.destroy()
  }
}

describe("verification of an upstream", () => {
  const doing = "while SSL handshaking to upstream"
  const wrong = (why: string) => `upstream SSL certificate verify error: (${why}) ${doing}`

  test("names: its own, a wildcard, an address, another", async () => {
    const { port } = await backend(good)
    const upstream = clientTls({})
    assert.equal(await verdict(port, upstream, "backend.test"), "")
    assert.equal(await verdict(port, upstream, "a.wild.test"), "")
    assert.equal(await verdict(port, upstream, "127.0.0.1"), "")
    assert.equal(
      await verdict(port, upstream, "other.test"),
      `upstream SSL certificate does not match "other.test" ${doing}`,
    )
    assert.equal(
      await verdict(port, upstream, "127.0.0.2"),
      `upstream SSL certificate does not match "127.0.0.2" ${doing}`,
    )
  })

  test("an unknown authority, an end in the past", async () => {
    const upstream = clientTls({})
    const unknown = await verdict((await backend(stranger)).port, upstream, "backend.test")
    assert.match(
      unknown,
      /^upstream SSL certificate verify error: \((20:unable to get local issuer certificate|21:unable to verify the first certificate)\) while SSL handshaking to upstream$/,
    )
    const late = await backend(expired)
    assert.equal(await verdict(late.port, upstream, "backend.test"), wrong("10:certificate has expired"))
  })

  test("off: any certificate passes", async () => {
    const upstream = clientTls({ verify: false, authorities: [] })
    assert.equal(await verdict((await backend(stranger)).port, upstream, "other.test"), "")
    assert.equal(await verdict((await backend(expired)).port, upstream, "other.test"), "")
  })

  for (const version of ["TLSv1.2", "TLSv1.3"] as const)
    test(`a session is resumed under the name that was verified, and under no other: ${version}`, async () => {
      const { port, names, resumed } = await backend(good, { minVersion: version, maxVersion: version })
      const upstream = clientTls({ reusesSessions: true })
      assert.equal(await verdict(port, upstream, "backend.test"), "")
      assert.equal(await verdict(port, upstream, "backend.test"), "")
      assert.match(await verdict(port, upstream, "other.test"), /does not match "other\.test"/)
      assert.match(await verdict(port, upstream, "other.test"), /does not match "other\.test"/)
      assert.equal(names.length, 4)
      assert.deepEqual(resumed, [false, true, false, false])
    })

  test("a resumed session that was not ours to verify is no proof of a name", async () => {
    const { port } = await backend(good)
    const upstream = clientTls({})
    const first = tls.connect({ host: "127.0.0.1", port, ...upstream.connectionOptions("backend.test") })
    const [session] = (await once(first, "session")) as [Buffer]
    first.destroy()
    assert.match(await verdict(port, upstream, "backend.test", session), /does not match "backend\.test"/)
  })
})

describe("the handshake with an upstream", () => {
  test("the name is sent only where it is asked for, an address never", async () => {
    const { port, names } = await backend(good)
    await verdict(port, clientTls({}), "backend.test")
    await verdict(port, clientTls({ sendsName: true }), "backend.test")
    await verdict(port, clientTls({ sendsName: true }), "127.0.0.1")
    assert.deepEqual(names, ["", "backend.test", ""])
  })

  test("our certificate is shown to an upstream that wants one", async () => {
    const options = {
      ca: authority.own.certificate,
      requestCert: true,
      rejectUnauthorized: true,
      maxVersion: "TLSv1.2" as const,
    }
    const { port } = await backend(good, options)
    assert.equal(await verdict(port, clientTls({ credential: credentialOf(client) }), "backend.test"), "")
    assert.notEqual(await verdict(port, clientTls({}), "backend.test"), "")
  })

  test("failures are worded as nginx words them", async () => {
    const old = await backend(good, { maxVersion: "TLSv1.2" })
    assert.equal(
      await verdict(old.port, clientTls({ protocols: new Set(["tlsv1.3"]) }), "backend.test"),
      "SSL_do_handshake() failed (SSL: error:0A00042E:SSL routines::tlsv1 alert protocol version:SSL alert number 70) while SSL handshaking to upstream",
    )
    const closing = net.createServer((socket) => socket.once("data", () => socket.end()))
    servers.push(closing)
    await new Promise<void>((resolve) => closing.listen(0, "127.0.0.1", resolve))
    assert.equal(
      await verdict((closing.address() as net.AddressInfo).port, clientTls({}), "backend.test"),
      "peer closed connection in SSL handshake while SSL handshaking to upstream",
    )
    const plain = net.createServer((socket) =>
      socket.once("data", () => socket.end("HTTP/1.1 400 Bad Request\r\n\r\n")),
    )
    servers.push(plain)
    await new Promise<void>((resolve) => plain.listen(0, "127.0.0.1", resolve))
    assert.match(
      await verdict((plain.address() as net.AddressInfo).port, clientTls({}), "backend.test"),
      /^SSL_do_handshake\(\) failed \(SSL: error:0A[0-9A-F]{6}:SSL routines::[a-z ]+\) while SSL handshaking to upstream$/,
    )
  })
})
