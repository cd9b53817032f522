import { writeFileSync } from "node:fs"
import { createSecureServer } from "node:http2"
import { join } from "node:path"
import { TestAuthority, testAuthority } from "../support/certificates.ts"
import { haproxyMissing } from "../support/haproxy.ts"
import { startNginx } from "../support/nginx.ts"
import { freePort } from "../support/ports.ts"
import { type ProbeCase, testCases } from "./case.ts"
import { proxyLocation, wsBackend } from "./hold-parts.ts"
import {
  good,
  HOST,
  haproxyWithTls,
  listening,
  nginxPort,
  nginxWithTls,
  ocspResponse,
  ofIntermediate,
  stapled,
  wordsFor,
} from "./tls-parts.ts"

const NGINX = "nginx 1.22"
const HAPROXY = "HAProxy 2.6"
const FULL_CHAIN = `ssl_certificate     /etc/nginx/${HOST}/fullchain.pem;`

const certificates: ProbeCase[] = [
  {
    mistake: "the certificate has expired",
    at: NGINX,
    stage: async (t) => {
      const ca = await testAuthority()
      return nginxWithTls(t, await ca.issue({ names: [HOST], startDays: -90, days: -2.5 }))
    },
    cause: "certificate-expired",
    mend: FULL_CHAIN,
  },
  {
    mistake: "the certificate is not valid yet",
    at: NGINX,
    stage: async (t) => {
      const ca = await testAuthority()
      return nginxWithTls(t, await ca.issue({ names: [HOST], startDays: 3, days: 90 }))
    },
    cause: "certificate-not-yet-valid",
    mend: FULL_CHAIN,
  },
  {
    mistake: "a certificate of 90 days was not renewed: 5 are left",
    at: NGINX,
    stage: async (t) => {
      const ca = await testAuthority()
      return nginxWithTls(t, await ca.issue({ names: [HOST], startDays: -85, days: 5.5 }))
    },
    cause: "certificate-expires-soon",
    mend: 'certbot renew --deploy-hook "nginx -s reload"',
    severity: "warning",
  },
  {
    mistake: "the default server's certificate: there is no server_name for this one",
    at: NGINX,
    stage: async (t) => {
      const ca = await testAuthority()
      return nginxWithTls(t, await ca.issue({ names: ["www.example.com", "example.com"] }))
    },
    cause: "certificate-wrong-name",
    mend: `server_name ${HOST};`,
  },
  {
    mistake: "the certificate has another name",
    at: HAPROXY,
    skip: haproxyMissing(),
    stage: async (t) => {
      const ca = await testAuthority()
      return haproxyWithTls(t, await ca.issue({ names: ["www.example.com"] }), "")
    },
    cause: "certificate-wrong-name",
    mend: "crt /etc/haproxy/certificates/",
  },
  {
    mistake: "cert.pem in place of fullchain.pem; the certificate says where its issuer's is",
    at: NGINX,
    stage: async (t) => nginxWithTls(t, (await ofIntermediate(t, true)).leaf),
    cause: "intermediate-missing",
    mend: FULL_CHAIN,
  },
  {
    mistake: "the intermediate is not in the file of crt",
    at: HAPROXY,
    skip: haproxyMissing(),
    stage: async (t) => haproxyWithTls(t, (await ofIntermediate(t, true)).leaf, ""),
    cause: "intermediate-missing",
    mend: `cat ${HOST}.crt intermediate.crt > fullchain.pem`,
  },
  {
    mistake: "the certificates of the file are in the wrong order",
    at: NGINX,
    stage: async (t) => {
      const { intermediate, leaf } = await ofIntermediate(t, false)
      const root = (await testAuthority()).own.certificate
      const certificateFile = join(intermediate.folder, "chain.pem")
      writeFileSync(certificateFile, leaf.certificate + root + intermediate.own.certificate)
      return nginxWithTls(t, { certificateFile, keyFile: leaf.keyFile })
    },
    cause: "chain-out-of-order",
    mend: `cat ${HOST}.crt intermediate.crt > fullchain.pem`,
    severity: "info",
  },
  {
    mistake: "the certificate is signed by itself",
    at: NGINX,
    stage: async (t) => {
      const other = await TestAuthority.create(HOST)
      return nginxWithTls(t, other.own)
    },
    cause: "certificate-self-signed",
    mend: "--ca server.crt",
  },
  {
    mistake: "the authority is a private one",
    at: NGINX,
    stage: async (t) => {
      const other = await TestAuthority.create("Another authority")
      const { certificate, keyFile } = await other.issue({ names: [HOST] })
      const certificateFile = join(other.folder, "chain.pem")
      writeFileSync(certificateFile, certificate + other.own.certificate)
      return nginxWithTls(t, { certificateFile, keyFile })
    },
    cause: "authority-unknown",
    mend: "--ca authority.crt",
  },
  {
    mistake: "the certificate has must-staple, and ssl_stapling is off",
    at: NGINX,
    stage: async (t) => {
      const ca = await testAuthority()
      return nginxWithTls(t, await ca.issue({ names: [HOST], mustStaple: true }))
    },
    cause: "staple-missing",
    mend: "ssl_stapling on;",
    severity: "warning",
  },
  {
    mistake: "the stapled OCSP response says that the certificate is revoked",
    at: NGINX,
    stage: (t) => stapled(t, "revoked"),
    cause: "certificate-revoked",
    mend: FULL_CHAIN,
  },
  {
    mistake: "the file of ssl_stapling_file is about the certificate before this one",
    at: NGINX,
    stage: async (t) => {
      const ca = await testAuthority()
      const file = await ocspResponse(await ca.issue({ names: [HOST], days: 29 }), "good")
      return nginxWithTls(t, await good(), `ssl_stapling on; ssl_stapling_file ${file};`)
    },
    cause: "staple-not-usable",
    mend: "ssl_stapling on;",
    severity: "warning",
  },
  {
    mistake: "the certificate is not trusted, and -k says that it need not be",
    at: NGINX,
    stage: async (t) => {
      const other = await TestAuthority.create(HOST)
      return nginxWithTls(t, other.own, "", ["-k"])
    },
    cause: "certificate-self-signed",
    mend: "--ca server.crt",
    severity: "info",
  },
]

const OLD = "ssl_protocols TLSv1 TLSv1.1; ssl_ciphers ALL:@SECLEVEL=0;"

const protocols: ProbeCase[] = [
  {
    mistake: "ssl_protocols has TLS 1.0 and 1.1 only",
    at: NGINX,
    stage: async (t) =>
      nginxWithTls(t, await (await testAuthority()).issue({ names: [HOST], keyType: "rsa" }), OLD),
    cause: "old-tls-only",
    mend: "ssl_protocols TLSv1.2 TLSv1.3;",
  },
  {
    mistake: "TLS 1.0 and 1.1 are still switched on",
    at: NGINX,
    stage: async (t) =>
      nginxWithTls(
        t,
        await (await testAuthority()).issue({ names: [HOST], keyType: "rsa" }),
        "ssl_protocols TLSv1 TLSv1.1 TLSv1.2 TLSv1.3; ssl_ciphers ALL:@SECLEVEL=0;",
      ),
    cause: "old-tls-accepted",
    mend: "ssl_protocols TLSv1.2 TLSv1.3;",
    severity: "info",
  },
  {
    mistake: "neither tickets nor a session cache",
    at: NGINX,
    stage: async (t) => nginxWithTls(t, await good(), "ssl_session_tickets off; ssl_session_cache off;"),
    cause: "no-resumption",
    mend: "ssl_session_cache shared:SSL:10m;",
    severity: "info",
  },
  {
    mistake: "HTTP/2 alone: a server of Node without allowHTTP1",
    at: "backend",
    stage: async (t) => {
      const { key, certificate } = await good()
      return wordsFor(await listening(t, createSecureServer({ key, cert: certificate })))
    },
    cause: "only-http2",
    mend: "allowHTTP1: true",
  },
  {
    mistake: "verify required, and the client has no certificate",
    at: HAPROXY,
    skip: haproxyMissing(),
    stage: async (t) => {
      const { own } = await testAuthority()
      return haproxyWithTls(t, await good(), `ca-file ${own.certificateFile} verify required`)
    },
    cause: "client-certificate-required",
    mend: "--cert client.crt --key client.key",
  },
  {
    mistake: "verify required by TLS 1.2, and the client has no certificate",
    at: HAPROXY,
    skip: haproxyMissing(),
    stage: async (t) => {
      const { own } = await testAuthority()
      return haproxyWithTls(
        t,
        await good(),
        `ca-file ${own.certificateFile} verify required ssl-max-ver TLSv1.2`,
      )
    },
    cause: "client-certificate-required",
    mend: "verify optional",
  },
  {
    mistake: "the client's certificate is of another authority",
    at: HAPROXY,
    skip: haproxyMissing(),
    stage: async (t) => {
      const { own } = await testAuthority()
      const client = await (await TestAuthority.create("Another authority")).issue({ names: ["client"] })
      const words = ["--cert", client.certificateFile, "--key", client.keyFile]
      return haproxyWithTls(t, await good(), `ca-file ${own.certificateFile} verify required`, words)
    },
    cause: "client-certificate-refused",
    mend: "ca-file /etc/haproxy/client-authority.crt",
  },
  {
    mistake: "ssl_reject_handshake in the default server, and no server of this name",
    at: NGINX,
    stage: async (t) => {
      const port = await freePort()
      const edge = await startNginx(
        `events { } http { server { listen 127.0.0.1:${port} ssl; ssl_reject_handshake on; } }`,
      )
      t.after(() => edge.stop())
      return wordsFor(port)
    },
    cause: "server-name-unknown",
    mend: `server_name ${HOST};`,
  },
  {
    mistake: "strict-sni, and no certificate of this name",
    at: HAPROXY,
    skip: haproxyMissing(),
    stage: async (t) => {
      const ca = await testAuthority()
      return haproxyWithTls(t, await ca.issue({ names: ["www.example.com"] }), "strict-sni")
    },
    cause: "server-name-unknown",
    mend: `strict-sni crt /etc/haproxy/${HOST}.pem`,
  },
  {
    mistake: "the URL has the address, and the server wants a name",
    at: NGINX,
    stage: async (t) => {
      const port = await freePort()
      const edge = await startNginx(
        `events { } http { server { listen 127.0.0.1:${port} ssl; ssl_reject_handshake on; } }`,
      )
      t.after(() => edge.stop())
      return [`wss://127.0.0.1:${port}/ws/`]
    },
    cause: "server-name-unknown",
    mend: "--resolve NAME:",
  },
  {
    mistake: "listen without ssl",
    at: NGINX,
    stage: async (t) => {
      const port = await freePort()
      const backend = await wsBackend(t)
      const server = `server { listen 127.0.0.1:${port}; ${proxyLocation(backend, "")} }`
      const edge = await startNginx(`events { } http { ${server} }`)
      t.after(() => edge.stop())
      return wordsFor(port)
    },
    cause: "plain-http-port",
    mend: FULL_CHAIN,
  },
  {
    mistake: "wss: in the URL of a backend without TLS",
    at: "backend",
    stage: async (t) => wordsFor(await wsBackend(t)),
    cause: "plain-http-port",
    mend: "ws://",
  },
  {
    mistake: "listen with proxy_protocol, and clients come directly",
    at: NGINX,
    stage: async (t) => wordsFor(await nginxPort(t, await good(), "", "ssl proxy_protocol")),
    cause: "proxy-protocol-expected",
    mend: "ssl;  # without proxy_protocol",
  },
]

testCases("tls", "What `holdfast probe` says of TLS", [...certificates, ...protocols])
