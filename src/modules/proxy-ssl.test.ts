import assert from "node:assert/strict"
import { createServer } from "node:https"
import type { AddressInfo } from "node:net"
import { after, before, test } from "node:test"
import type { TLSSocket } from "node:tls"
import { type Certificate, TestAuthority, testAuthority } from "../../test/support/certificates.ts"
import type { Edge } from "../../test/support/edge.ts"
import { startHoldfast } from "../../test/support/holdfast.ts"
import { freePort } from "../../test/support/ports.ts"

let holdfast: Edge
let port: number
let authority: TestAuthority
const backends: ReturnType<typeof createServer>[] = []

/** Answers with who the client is, which name it sent, and whether the session was resumed. */
async function backend(certificate: Certificate): Promise<number> {
  const server = createServer(
    {
      cert: certificate.certificate,
      key: certificate.key,
      ca: authority.own.certificate,
      requestCert: true,
      rejectUnauthorized: false,
    },
    (request, response) => {
      const socket = request.socket as TLSSocket
      const subject = socket.getPeerX509Certificate()?.subject ?? "nobody"
      response.end(
        `${subject} ${socket.servername || "no name"} ${socket.isSessionReused() ? "resumed" : "new"}`,
      )
    },
  )
  backends.push(server)
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  return (server.address() as AddressInfo).port
}

before(async () => {
  authority = await testAuthority()
  const good = await backend(await authority.issue({ names: ["backend.test"] }))
  const stranger = await backend(
    await (await TestAuthority.create("Stranger")).issue({ names: ["backend.test"] }),
  )
  const client = await authority.issue({ names: ["client.test"] })
  port = await freePort()
  const verified = `proxy_ssl_verify on; proxy_ssl_trusted_certificate ${authority.own.certificateFile};`
  holdfast = await startHoldfast(`
    events {}
    http {
      access_log off;
      upstream good { server 127.0.0.1:${good}; keepalive 0; }
      server {
        listen 127.0.0.1:${port};
        location /plain { proxy_pass https://good; }
        location /named { proxy_pass https://good; proxy_ssl_server_name on; proxy_ssl_name backend.test; ${verified} }
        location /variable { proxy_pass https://good; proxy_ssl_server_name on; proxy_ssl_name $arg_name; ${verified} }
        location /unmatched { proxy_pass https://good; ${verified} }
        location /stranger { proxy_pass https://127.0.0.1:${stranger}; proxy_ssl_name backend.test; ${verified} }
        location /mutual {
          proxy_pass https://good;
          proxy_ssl_certificate ${client.certificateFile};
          proxy_ssl_certificate_key ${client.keyFile};
          proxy_ssl_session_reuse off;
        }
        location /old { proxy_pass https://good; proxy_ssl_protocols TLSv1.1; }
      }
    }`)
})

after(async () => {
  await holdfast?.stop()
  for (const server of backends) server.close()
})

async function get(path: string): Promise<string> {
  const response = await fetch(`http://127.0.0.1:${port}${path}`)
  return `${response.status} ${response.ok ? await response.text() : ""}`.trim()
}

test("by default nothing is verified and no name is sent; sessions are resumed", async () => {
  assert.equal(await get("/plain"), "200 nobody no name new")
  assert.equal(await get("/plain"), "200 nobody no name resumed")
})

test("a name is sent and verified", async () => {
  assert.match(await get("/named"), /^200 nobody backend\.test /)
  assert.match(await get("/variable?name=backend.test"), /^200 nobody backend\.test /)
})

test("another name, and an unknown authority, are 502 with nginx's words in the log", async () => {
  assert.equal(await get("/variable?name=other.test"), "502")
  await holdfast.waitForLog(
    /upstream SSL certificate does not match "other\.test" while SSL handshaking to upstream, client: /,
  )
  assert.equal(await get("/unmatched"), "502")
  await holdfast.waitForLog(
    /upstream SSL certificate does not match "good" while SSL handshaking to upstream/,
  )
  assert.equal(await get("/stranger"), "502")
  await holdfast.waitForLog(
    /upstream SSL certificate verify error: \(2[01]:unable to [a-z ]+\) while SSL handshaking to upstream/,
  )
})

test("our certificate is shown; without session reuse each handshake is a full one", async () => {
  assert.equal(await get("/mutual"), "200 CN=client.test no name new")
  assert.equal(await get("/mutual"), "200 CN=client.test no name new")
})

test("a failed handshake is 502 with OpenSSL's reason", async () => {
  assert.equal(await get("/old"), "502")
  await holdfast.waitForLog(
    /SSL_do_handshake\(\) failed \(SSL: error:[0-9A-F]{8}:SSL routines::[^)]+\) while SSL handshaking to upstream/,
  )
})
