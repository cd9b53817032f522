import assert from "node:assert/strict"
import { test } from "node:test"
import { connect } from "node:tls"
import { weakCiphersOf } from "../../src/check/ciphers.ts"
import { weakTls } from "../../src/check/rules/weak-tls.ts"
import { issueCertificate } from "../support/certificates.ts"
import { prove } from "./proof.ts"
import { testRule } from "./rule-cases.ts"

const LOCATION = "location /ws/ { proxy_pass http://127.0.0.1:3000; }"
const { certificateFile, keyFile } = await issueCertificate(["localhost"])
const CERTIFICATE = `ssl_certificate ${certificateFile}; ssl_certificate_key ${keyFile};`

testRule(weakTls, [
  {
    name: "TLS 1.0 and 1.1",
    config: `
      server {
        listen 443 ssl;
        ssl_protocols TLSv1 TLSv1.1 TLSv1.2 TLSv1.3;
        ${LOCATION}
      }`,
    finds: ["4:23 TLSv1 -- may be spoken by TLSv1, TLSv1.1, which are broken or given up"],
  },
  {
    name: "SSLv3, which nobody speaks any more, goes by itself",
    config: `
      ssl_protocols SSLv3 TLSv1.2;
      server {
        listen 443 ssl;
        ${CERTIFICATE}
        ${LOCATION}
      }`,
    finds: ["2:21 SSLv3 -- spoken by SSLv3, which is broken"],
    fixed: `
      ssl_protocols TLSv1.2;
      server {
        listen 443 ssl;
        ${CERTIFICATE}
        ${LOCATION}
      }`,
  },
  {
    name: "two servers have it from http: one finding",
    config: `
      ssl_protocols TLSv1.1 TLSv1.2;
      server { listen 443 ssl; server_name a; ${LOCATION} }
      server { listen 443 ssl; server_name b; ${LOCATION} }`,
    finds: ["2:21 TLSv1.1"],
  },
  {
    name: "the default of an old nginx",
    target: "nginx/1.22",
    config: `
      server { listen 443 ssl; ${LOCATION} }`,
    finds: ["2:16 listen -- ssl_protocols is TLSv1 TLSv1.1 TLSv1.2 here: the default, nothing sets it"],
  },
  {
    name: "the default of a current one",
    config: `
      server { listen 443 ssl; ${LOCATION} }`,
  },
  {
    name: "ciphers that are broken",
    config: `
      server {
        listen 443 ssl;
        ssl_ciphers "ALL:!aNULL:!ADH:!eNULL:!LOW:!EXP:RC4+RSA:+HIGH:+MEDIUM";
        ${LOCATION}
      }`,
    finds: ['4:21 "ALL:!aNULL:!ADH:!eNULL:!LOW:!EXP:RC4+RSA:+HIGH:+MEDIUM" -- spoken with RC4, 3DES, MD5'],
  },
  {
    name: "ciphers as Mozilla has them, and exclusions",
    config: `
      server {
        listen 443 ssl;
        ssl_protocols TLSv1.2 TLSv1.3;
        ssl_ciphers ECDHE-ECDSA-AES128-GCM-SHA256:DHE-RSA-CHACHA20-POLY1305:!aNULL:!eNULL:!EXPORT:!DES:!RC4:!MD5:!3DES;
        ${LOCATION}
      }`,
  },
  {
    name: "no TLS here, or no WebSockets",
    config: `
      ssl_protocols SSLv3 TLSv1;
      server { listen 80; ${LOCATION} }
      server { listen 443 ssl; location / { return 204; } }`,
  },
])

test("which ciphers a list lets in", () => {
  const cases: readonly (readonly [string, readonly string[]])[] = [
    ["HIGH:!aNULL:!MD5", []],
    ["HIGH", []],
    ["DEFAULT", []],
    ["EECDH+AESGCM:EDH+AESGCM:AES256+EECDH:AES256+EDH:!aNULL:!eNULL:!EXPORT:!DES:!MD5:!PSK:!RC4", []],
    ["ECDHE-RSA-DES-CBC3-SHA:AES128-SHA", ["3DES"]],
    ["ECDHE-RSA-DES-CBC3-SHA:AES128-SHA:!3DES", []],
    ["DES-CBC3-SHA:!DES", ["3DES"]],
    ["DES-CBC-SHA", ["DES"]],
    ["RC4-MD5:HIGH", ["RC4", "MD5"]],
    ["HIGH:RC4-SHA:!RC4-SHA", []],
    ["RC4:-RC4:HIGH", []],
    ["-RC4:RC4", ["RC4"]],
    ["kEDH+RC4:!kEDH", []],
    ["HIGH:+RC4", []],
    ["aNULL:eNULL", ["NULL (no encryption)", "aNULL (no certificate)"]],
    ["NULL-SHA256,ADH-AES128-SHA", ["NULL (no encryption)", "aNULL (no certificate)"]],
    ["EXP-RC4-MD5", ["RC4", "export ciphers", "MD5"]],
    ["TLS_RSA_WITH_3DES_EDE_CBC_SHA", ["3DES"]],
    ["TLS_RSA_WITH_RC4_128_MD5", ["RC4", "MD5"]],
    ["ALL:!aNULL:!eNULL:!EXPORT:!DES:!RC4:!MD5:!3DES:!LOW", []],
    ["HIGH:@STRENGTH", []],
  ]
  for (const [list, weak] of cases) assert.deepEqual(weakCiphersOf(list), weak, list)
})

/** A server that OpenSSL lets speak the old protocols, too. */
function serverWith(protocols: string, ciphers: string): string {
  return `server { listen {listen} ssl; ${CERTIFICATE} ssl_protocols ${protocols};
    ssl_ciphers ${ciphers}:@SECLEVEL=0;
    location /ws/ { proxy_pass http://{a}; proxy_http_version 1.1; } }`
}

function shakeHands(port: number, maxVersion: "TLSv1.1" | "TLSv1.2", ciphers: string): Promise<string> {
  const socket = connect({ port, rejectUnauthorized: false, minVersion: "TLSv1", maxVersion, ciphers })
  return new Promise((resolve) => {
    socket.on("secureConnect", () => {
      resolve(`${socket.getProtocol()} ${socket.getCipher().name}`)
      socket.destroy()
    })
    socket.on("error", (error) => resolve(`failed: ${error.message}`))
  })
}

prove(weakTls, [
  {
    name: "an old client speaks TLS 1.1",
    broken: serverWith("TLSv1.1 TLSv1.2", "HIGH"),
    fixed: serverWith("TLSv1.2", "HIGH"),
    attempt: ({ port }) => shakeHands(port, "TLSv1.1", "DEFAULT:@SECLEVEL=0"),
    failure: /^TLSv1\.1 /,
    success: /^failed: .*alert protocol version/,
  },
  {
    name: "a client gets a connection without encryption",
    broken: serverWith("TLSv1.2", "HIGH:eNULL"),
    fixed: serverWith("TLSv1.2", "HIGH:!eNULL"),
    attempt: ({ port }) => shakeHands(port, "TLSv1.2", "eNULL:@SECLEVEL=0"),
    failure: /^TLSv1\.2 .*NULL/,
    success: /^failed: .*handshake failure/,
  },
])
