import assert from "node:assert/strict"
import { once } from "node:events"
import { createServer } from "node:https"
import { it } from "node:test"
import type { TLSSocket } from "node:tls"
import { WebSocketServer } from "ws"
import { type Certificate, issueCertificate, TestAuthority, testAuthority } from "../support/certificates.ts"
import { ask, hangUp, type Mistake, startMistake, UPGRADE_HEADERS } from "./mistake.ts"

const NAME = "backend.internal"

interface TlsBackend extends AsyncDisposable {
  readonly port: number
  /** Whether a client certificate came with each handshake. */
  readonly hadCertificate: boolean[]
}

/** A WebSocket echo server over TLS; with `clientAuthority` it asks for a certificate of that authority. */
async function startTlsEcho(certificate: Certificate, clientAuthority?: string): Promise<TlsBackend> {
  const mutual = clientAuthority === undefined ? {} : { ca: clientAuthority, requestCert: true }
  const server = createServer({ cert: certificate.certificate, key: certificate.key, ...mutual })
  const webSockets = new WebSocketServer({ server })
  const hadCertificate: boolean[] = []
  webSockets.on("connection", (webSocket, request) => {
    hadCertificate.push((request.socket as TLSSocket).authorized)
    webSocket.on("error", () => {})
    webSocket.on("message", (data: Buffer) => webSocket.send(data.toString()))
  })
  server.on("tlsClientError", () => {})
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  const address = server.address()
  const port = typeof address === "object" && address !== null ? address.port : 0
  const close = async (): Promise<void> => {
    for (const client of webSockets.clients) client.terminate()
    webSockets.close()
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
  return { port, hadCertificate, [Symbol.asyncDispose]: close }
}

function startProxy(scheme: string, port: number, directives: string): Promise<Mistake> {
  return startMistake(
    `location /ws/ {
      proxy_pass ${scheme}://ws_backend;
      proxy_http_version 1.1;
      ${UPGRADE_HEADERS}
      proxy_ssl_name ${NAME};
      ${directives}
    }`,
    `upstream ws_backend { server 127.0.0.1:${port}; }`,
  )
}

async function expectEcho(edge: Mistake): Promise<void> {
  const webSocket = await edge.connect()
  assert.equal(await ask(webSocket, "secret"), "secret")
  await hangUp(webSocket)
}

it("http:// to a backend that wants TLS: no 101", async () => {
  await using backend = await startTlsEcho(await issueCertificate([NAME]))
  await using edge = await startProxy("http", backend.port, "")
  await assert.rejects(edge.connect(), /Unexpected server response: (400|502)/)
})

it("https:// with proxy_ssl_trusted_certificate: the verified backend answers", async () => {
  await using backend = await startTlsEcho(await issueCertificate([NAME]))
  const { own } = await testAuthority()
  const verify = `proxy_ssl_verify on; proxy_ssl_trusted_certificate ${own.certificateFile};`
  await using edge = await startProxy("https", backend.port, verify)
  await expectEcho(edge)
})

it("proxy_ssl_verify on: a certificate of another authority is refused with 502", async () => {
  const stranger = await TestAuthority.create("Somebody else")
  await using backend = await startTlsEcho(await stranger.issue({ names: [NAME] }))
  const { own } = await testAuthority()
  const verify = `proxy_ssl_verify on; proxy_ssl_trusted_certificate ${own.certificateFile};`
  await using edge = await startProxy("https", backend.port, verify)
  await assert.rejects(edge.connect(), /Unexpected server response: 502/)
  await edge.edge.waitForLog(
    /\[error\] .* upstream SSL certificate verify error: \(\d+:[^)]*\) while SSL handshaking to upstream/,
  )
})

it("proxy_ssl_verify on: a certificate for another name is refused with 502", async () => {
  await using backend = await startTlsEcho(await issueCertificate(["other.internal"]))
  const { own } = await testAuthority()
  const verify = `proxy_ssl_verify on; proxy_ssl_trusted_certificate ${own.certificateFile};`
  await using edge = await startProxy("https", backend.port, verify)
  await assert.rejects(edge.connect(), /Unexpected server response: 502/)
  await edge.edge.waitForLog(
    /\[error\] .* upstream SSL certificate does not match "backend\.internal" while SSL handshaking to upstream/,
  )
})

it("proxy_ssl_verify off, the default: anybody who answers there is believed", async () => {
  const stranger = await TestAuthority.create("Somebody else")
  await using backend = await startTlsEcho(await stranger.issue({ names: ["wrong.name"] }))
  for (const directives of ["", "proxy_ssl_verify off;"]) {
    await using edge = await startProxy("https", backend.port, directives)
    await expectEcho(edge)
  }
})

it("mutual TLS: the backend sees the certificate of proxy_ssl_certificate", async () => {
  const { own } = await testAuthority()
  await using backend = await startTlsEcho(await issueCertificate([NAME]), own.certificate)
  const client = await issueCertificate(["edge.internal"])
  const directives =
    `proxy_ssl_verify on; proxy_ssl_trusted_certificate ${own.certificateFile};` +
    `proxy_ssl_certificate ${client.certificateFile}; proxy_ssl_certificate_key ${client.keyFile};`
  await using edge = await startProxy("https", backend.port, directives)
  await expectEcho(edge)
  await using anonymous = await startProxy("https", backend.port, "")
  await assert.rejects(anonymous.connect(), /Unexpected server response: (400|502)/)
  assert.deepEqual(backend.hadCertificate, [true])
})
