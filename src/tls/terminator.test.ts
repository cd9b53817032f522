import assert from "node:assert/strict"
import { once } from "node:events"
import net from "node:net"
import { join } from "node:path"
import { after, before, describe, test } from "node:test"
import tls from "node:tls"
import { type Certificate, issueCertificate, testAuthority } from "../../test/support/certificates.ts"
import { makeTempFolder } from "../../test/support/temp.ts"
import { CRIT, INFO } from "../base/logger.ts"
import type { ServerTls } from "./server-context.ts"
import { LocalSessionCache, SharedSessionCache } from "./session-cache.ts"
import { credentialOf, sClient, serverTls, TestListener } from "./testing.ts"

let ecdsa: Certificate
let rsa: Certificate
let other: Certificate
let listener: TestListener
const folder = makeTempFolder("terminator")

before(async () => {
  ecdsa = await issueCertificate(["one.test"], "ecdsa")
  rsa = await issueCertificate(["one.test"], "rsa")
  other = await issueCertificate(["two.test"])
})

after(() => listener?.close())

async function start(servers: Readonly<Record<string, ServerTls>>): Promise<TestListener> {
  listener?.close()
  listener = await TestListener.start(servers)
  return listener
}

/** A ClientHello as Node sends it, and the rest of the handshake driven by hand is not needed. */
async function clientHello(servername: string): Promise<Buffer> {
  const catcher = net.createServer()
  await new Promise<void>((resolve) => catcher.listen(0, "127.0.0.1", resolve))
  const accepted = once(catcher, "connection") as Promise<[net.Socket]>
  const client = tls.connect({
    host: "127.0.0.1",
    port: (catcher.address() as net.AddressInfo).port,
    servername,
  })
  client.on("error", () => {})
  const [socket] = await accepted
  const [hello] = (await once(socket, "data")) as [Buffer]
  client.destroy()
  socket.destroy()
  catcher.close()
  return hello
}

describe("the choice of the server", () => {
  test("by name, and the default for other names and for none", async () => {
    const { port, names } = await start({
      "": serverTls({ credentials: [credentialOf(ecdsa)] }),
      "two.test": serverTls({ credentials: [credentialOf(other)] }),
    })
    assert.match(await sClient(port, "-servername", "TWO.test"), /subject=CN = two\.test/)
    assert.match(await sClient(port, "-servername", "three.test"), /subject=CN = one\.test/)
    assert.match(await sClient(port, "-noservername"), /subject=CN = one\.test/)
    assert.deepEqual(names, ["two.test", "three.test"])
  })

  test("decides on the versions of TLS as well", async () => {
    const { port } = await start({
      "": serverTls({ credentials: [credentialOf(ecdsa)], protocols: new Set(["tlsv1.2"]) }),
      "two.test": serverTls({ credentials: [credentialOf(other)], protocols: new Set(["tlsv1.3"]) }),
    })
    assert.match(await sClient(port, "-noservername"), /New, TLSv1\.2/)
    assert.match(await sClient(port, "-servername", "two.test"), /New, TLSv1\.3/)
  })

  test("a certificate for each type of key", async () => {
    const { port } = await start({ "": serverTls({ credentials: [credentialOf(rsa), credentialOf(ecdsa)] }) })
    assert.match(await sClient(port, "-sigalgs", "ECDSA+SHA256"), /Peer signature type: ECDSA/)
    assert.match(await sClient(port, "-sigalgs", "RSA-PSS+SHA256"), /Peer signature type: RSA-PSS/)
  })
})

describe("what is refused", () => {
  test("a version that is not spoken, in nginx's words", async () => {
    const { port } = await start({
      "": serverTls({ credentials: [credentialOf(ecdsa)], protocols: new Set(["tlsv1.3"]) }),
    })
    assert.match(await sClient(port, "-tls1_2"), /alert protocol version/)
    assert.deepEqual(await listener.outcome(0), {
      kind: "failed",
      level: INFO,
      reason:
        "SSL_do_handshake() failed (SSL: error:0A000102:SSL routines::unsupported protocol) while SSL handshaking",
    })
  })

  test("a cipher that is not offered", async () => {
    const ciphers = "ECDHE-ECDSA-AES256-GCM-SHA384"
    const { port } = await start({ "": serverTls({ credentials: [credentialOf(ecdsa)], ciphers }) })
    assert.match(
      await sClient(port, "-tls1_2", "-cipher", ciphers),
      /Cipher is ECDHE-ECDSA-AES256-GCM-SHA384/,
    )
    await sClient(port, "-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-GCM-SHA256")
    assert.equal(
      await listener.failure(1),
      "SSL_do_handshake() failed (SSL: error:0A0000C1:SSL routines::no shared cipher) while SSL handshaking",
    )
  })

  test("a protocol of ALPN that is not spoken", async () => {
    const { port } = await start({ "": serverTls({ credentials: [credentialOf(ecdsa)] }) })
    assert.match(await sClient(port, "-alpn", "http/1.1"), /ALPN protocol: http\/1\.1/)
    assert.match(await sClient(port, "-alpn", "h9"), /alert no application protocol/)
    assert.match(await listener.failure(1), /no application protocol\) while SSL handshaking$/)
  })

  test("every handshake, where the server rejects", async () => {
    const { port } = await start({
      "": serverTls({ rejectHandshake: true }),
      "two.test": serverTls({ credentials: [credentialOf(other)] }),
    })
    assert.match(await sClient(port, "-servername", "one.test"), /unrecognized name/)
    assert.equal(await listener.failure(0), "handshake rejected while SSL handshaking")
    assert.match(await sClient(port, "-servername", "two.test"), /subject=CN = two\.test/)
  })

  test("an alert of the client is logged with its number", async () => {
    const { port } = await start({ "": serverTls({ credentials: [credentialOf(ecdsa)] }) })
    await sClient(port, "-tls1_2", "-verify_return_error")
    assert.equal(
      await listener.failure(0),
      "SSL_do_handshake() failed (SSL: error:0A000418:SSL routines::tlsv1 alert unknown ca:SSL alert number 48) while SSL handshaking",
    )
  })

  test("garbage in a TLS record", async () => {
    const { port } = await start({ "": serverTls({ credentials: [credentialOf(ecdsa)] }) })
    const client = net.connect(port, "127.0.0.1")
    client.on("error", () => {})
    client.write(Buffer.from("16030100050200000100", "hex"))
    assert.match(
      await listener.failure(0),
      /^SSL_do_handshake\(\) failed \(SSL: error:0A0000F4:SSL routines::unexpected message\)/,
    )
    client.destroy()
  })
})

describe("the first bytes", () => {
  test("a ClientHello byte by byte", async () => {
    const { port, names } = await start({
      "": serverTls({ credentials: [credentialOf(ecdsa)] }),
      "two.test": serverTls({ credentials: [credentialOf(other)] }),
    })
    const hello = await clientHello("two.test")
    const client = net.connect({ port, host: "127.0.0.1", noDelay: true })
    await once(client, "connect")
    for (const byte of hello) await new Promise((resolve) => client.write(Buffer.of(byte), resolve))
    const [answer] = (await once(client, "data")) as [Buffer]
    assert.equal(answer[0], 0x16)
    assert.deepEqual(names, ["two.test"])
    client.destroy()
    assert.equal(await listener.failure(0), "peer closed connection in SSL handshake while SSL handshaking")
  })

  test("a ClientHello in several records", async () => {
    const { port, names } = await start({ "": serverTls({ credentials: [credentialOf(ecdsa)] }) })
    const hello = await clientHello("two.test")
    const message = hello.subarray(5)
    const records: Buffer[] = []
    for (let at = 0; at < message.length; at += 100) {
      const part = message.subarray(at, at + 100)
      records.push(Buffer.from([0x16, 3, 1, 0, part.length]), part)
    }
    const client = net.connect(port, "127.0.0.1")
    client.write(Buffer.concat(records))
    const [answer] = (await once(client, "data")) as [Buffer]
    assert.equal(answer[0], 0x16)
    assert.deepEqual(names, ["two.test"])
    client.destroy()
  })

  test("plain HTTP comes back to the listener untouched", async () => {
    const { port } = await start({ "": serverTls({ credentials: [credentialOf(ecdsa)] }) })
    const client = net.connect(port, "127.0.0.1")
    client.write("GET / HTTP/1.1\r\n")
    const outcome = await listener.outcome(0)
    assert.ok(outcome.kind === "plain")
    client.write("\r\n")
    let text = ""
    while (!text.endsWith("\r\n\r\n")) text += String((await once(outcome.socket, "data"))[0])
    assert.equal(text, "GET / HTTP/1.1\r\n\r\n")
    client.end()
    await once(outcome.socket, "end")
    // Half-closed as any connection of the listener: our side is still open.
    outcome.socket.end("400")
    assert.equal(String((await once(client, "data"))[0]), "400")
  })

  test("clients that leave: before a byte, within the ClientHello, after it, by a reset", async () => {
    const { port } = await start({ "": serverTls({ credentials: [credentialOf(ecdsa)] }) })
    const hello = await clientHello("one.test")
    const leave = async (sent: Buffer, index: number): Promise<string> => {
      const client = net.connect(port, "127.0.0.1")
      await once(client, "connect")
      client.resume()
      client.end(sent)
      const reason = await listener.failure(index)
      client.destroy()
      return reason
    }
    assert.equal(await leave(Buffer.alloc(0), 0), "client closed connection while SSL handshaking")
    const peerClosed = "peer closed connection in SSL handshake while SSL handshaking"
    assert.equal(await leave(hello.subarray(0, 1), 1), peerClosed)
    assert.equal(await leave(hello.subarray(0, 100), 2), peerClosed)
    assert.equal(await leave(hello, 3), peerClosed)
    const client = net.connect(port, "127.0.0.1")
    await once(client, "connect")
    client.write(hello)
    await once(client, "data")
    client.resetAndDestroy()
    assert.equal(
      await listener.failure(4),
      "peer closed connection in SSL handshake (104: Connection reset by peer) while SSL handshaking",
    )
  })

  test("a handshake that is cancelled says nothing", async () => {
    const { port } = await start({ "": serverTls({ credentials: [credentialOf(ecdsa)] }) })
    const client = net.connect(port, "127.0.0.1")
    await once(client, "connect")
    client.write(await clientHello("one.test"))
    await once(client, "data")
    client.resume()
    listener.handshakes[0]?.cancel()
    await once(client, "close")
    assert.deepEqual(listener.outcomes, [])
  })

  test("data that comes with the client's last message is not lost, nor is its end", async () => {
    const { port } = await start({ "": serverTls({ credentials: [credentialOf(ecdsa)] }) })
    const authority = (await testAuthority()).own.certificate
    const options: tls.ConnectionOptions & net.SocketConstructorOpts = {
      host: "127.0.0.1",
      port,
      servername: "one.test",
      ca: authority,
      allowHalfOpen: true,
    }
    const client = tls.connect(options)
    client.end("all at once")
    let text = ""
    for await (const chunk of client) text += String(chunk)
    assert.equal(text, "all at once")
  })

  test("no certificate anywhere is our fault", async () => {
    const { port } = await start({})
    const client = net.connect(port, "127.0.0.1")
    client.on("error", () => {})
    client.write(await clientHello("one.test"))
    const outcome = await listener.outcome(0)
    assert.equal(outcome.kind === "failed" && outcome.level, CRIT)
    client.destroy()
  })
})

describe("resumption", () => {
  const reused = async (port: number, ...options: string[]): Promise<boolean> => {
    const session = join(folder, `${port}-${options.join("")}`)
    assert.match(await sClient(port, ...options, "-sess_out", session), /^New, /m)
    return /^Reused, /m.test(await sClient(port, ...options, "-sess_in", session))
  }

  test("by ticket, in TLS 1.2 and 1.3", async () => {
    const { port } = await start({ "": serverTls({ credentials: [credentialOf(ecdsa)] }) })
    assert.equal(await reused(port, "-tls1_2"), true)
    assert.equal(await reused(port, "-tls1_3"), true)
    assert.equal(await reused(port, "-tls1_2", "-no_ticket"), false)
  })

  test("by id without tickets, in TLS 1.2", async () => {
    const caches = [new SharedSessionCache(new SharedArrayBuffer(65_536)), new LocalSessionCache(10)]
    for (const sessionCache of caches) {
      const { port } = await start({
        "": serverTls({ credentials: [credentialOf(ecdsa)], sessionTickets: false, sessionCache }),
      })
      assert.equal(await reused(port, "-tls1_2"), true)
      assert.equal(await reused(port, "-tls1_2", "-no_ticket"), true)
      assert.equal(await reused(port, "-tls1_3"), false)
    }
  })

  test("not across servers that treat clients differently", async () => {
    const authority = (await testAuthority()).own.certificate
    const { port } = await start({
      "": serverTls({ credentials: [credentialOf(ecdsa)] }),
      "two.test": serverTls({
        credentials: [credentialOf(ecdsa)],
        verifyClient: "optional",
        clientAuthorities: [authority],
      }),
    })
    const session = join(folder, "across")
    await sClient(port, "-noservername", "-sess_out", session)
    assert.match(await sClient(port, "-servername", "two.test", "-sess_in", session), /^New, /m)
  })
})

describe("certificates of clients", () => {
  async function verdict(port: number, index: number, ...options: string[]): Promise<string> {
    await sClient(port, ...options)
    const outcome = await listener.outcome(index)
    assert.ok(outcome.kind === "secure")
    const { authorized, authorizationError } = outcome.socket
    return authorized ? "authorized" : String(authorizationError)
  }

  test("good, unknown and none", async () => {
    const authority = await testAuthority()
    const client = await authority.issue({ names: ["client.test"] })
    const { port } = await start({
      "": serverTls({
        credentials: [credentialOf(ecdsa)],
        verifyClient: "on",
        clientAuthorities: [authority.own.certificate],
      }),
    })
    const shown = ["-cert", client.certificateFile, "-key", client.keyFile]
    assert.equal(await verdict(port, 0, ...shown), "authorized")
    const own = authority.own
    assert.equal(await verdict(port, 1, "-cert", own.certificateFile, "-key", own.keyFile), "authorized")
    assert.equal(await verdict(port, 2), "UNABLE_TO_GET_ISSUER_CERT")
  })

  test("are not asked for where nobody wants them", async () => {
    const authority = (await testAuthority()).own.certificate
    const { port } = await start({
      "": serverTls({ credentials: [credentialOf(ecdsa)] }),
      "two.test": serverTls({
        credentials: [credentialOf(other)],
        verifyClient: "on",
        clientAuthorities: [authority],
      }),
    })
    assert.match(await sClient(port, "-noservername"), /No client certificate CA names sent/)
    assert.match(await sClient(port, "-servername", "two.test"), /Acceptable client certificate CA names/)
  })
})
