/** What a scanner finds on Holdfast is what it finds on nginx with the same directives. */
import assert from "node:assert/strict"
import { after, before, describe, it } from "node:test"
import { type Certificate, issueCertificate } from "../support/certificates.ts"
import type { Edge } from "../support/edge.ts"
import { startHoldfast } from "../support/holdfast.ts"
import { nginxMissing, startNginx } from "../support/nginx.ts"
import { freePorts } from "../support/ports.ts"
import { grade, sslscanMissing } from "./sslscan.ts"

// Said aloud, as TLS 1.3 is on by default only since 1.27.3.
const BOTH = "ssl_protocols TLSv1.2 TLSv1.3;"
/** Mozilla's "intermediate" list. */
const INTERMEDIATE =
  "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305:DHE-RSA-AES128-GCM-SHA256:DHE-RSA-AES256-GCM-SHA384:DHE-RSA-CHACHA20-POLY1305"
/** RFC 7919's ffdhe2048. */
const DHPARAM = `-----BEGIN DH PARAMETERS-----
MIIBCAKCAQEA//////////+t+FRYortKmq/cViAnPTzx2LnFg84tNpWp4TZBFGQz
+8yTnc4kmz75fS/jY2MMddj2gbICrsRhetPfHtXV/WVhJDP1H18GbtCFY2VVPe0a
87VXE15/V8k1mE8McODmi3fipona8+/och3xWKE2rec1MKzKT0g6eXq8CrGCsyT7
YdEIqUuyyOP7uWrat2DX9GgdT0Kj3jlN9K5W7edjcrsZCwenyO4KbXCeAvzhzffi
7MA0BM0oNC9hkXL+nOmFg/+OTxIy7vKBg8P+OxtMb61zO7X8vC7CIAXFjvGDfRaD
ssbzSibBsu/6iGtCOGEoXJf//////////wIBAg==
-----END DH PARAMETERS-----
`

/**
 * What OpenSSL 3.0, of Debian's nginx, offers where it is left to it, and 3.5, of Node.js, does not: ciphers with
 * CCM8, which are no longer HIGH, and three groups. An nginx with OpenSSL 3.5 differs by the same.
 */
const OF_OLDER_OPENSSL = /cipher="[^"]*-CCM8"|name="ffdhe(4096|6144|8192)"/

/** Configurations by their names; `{rsa}` and `{ecdsa}` stand for a certificate with its key. */
const SERVERS: Readonly<Record<string, string>> = {
  "nginx's defaults": `{rsa} ${BOTH}`,
  "nginx's defaults, ECDSA": `{ecdsa} ${BOTH}`,
  "RSA and ECDSA": `{rsa} {ecdsa} ${BOTH}`,
  "ECDSA and RSA": `{ecdsa} {rsa} ${BOTH}`,
  "the server's order": `{rsa} ${BOTH} ssl_prefer_server_ciphers on;`,
  modern:
    "{ecdsa} ssl_protocols TLSv1.3; ssl_ecdh_curve X25519:prime256v1:secp384r1; ssl_prefer_server_ciphers off;",
  "intermediate, with DHE": `{rsa} ${BOTH} ssl_ciphers ${INTERMEDIATE}; ssl_dhparam {prefix}/dh.pem; ssl_prefer_server_ciphers off;`,
  "intermediate, without parameters for DHE": `{rsa} ${BOTH} ssl_ciphers ${INTERMEDIATE};`,
  "TLS 1.2 alone": "{rsa} ssl_protocols TLSv1.2;",
  "TLS 1.3 alone": "{rsa} ssl_protocols TLSv1.3;",
  "a short list in the server's order": `{rsa} ssl_protocols TLSv1.2; ssl_ciphers ECDHE-RSA-CHACHA20-POLY1305:AES256-SHA:ECDHE-RSA-AES128-SHA256; ssl_prefer_server_ciphers on;`,
  "one curve": `{ecdsa} ${BOTH} ssl_ecdh_curve secp384r1;`,
  "no tickets, a small record": `{rsa} ${BOTH} ssl_session_tickets off; ssl_session_cache shared:S:1m; ssl_buffer_size 4k;`,
  "ssl_conf_command for TLS 1.3": `{ecdsa} ${BOTH} ssl_conf_command Ciphersuites TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256; ssl_conf_command Options ServerPreference; ssl_conf_command Groups P-384:X25519;`,
  "ssl_conf_command for protocols and ciphers": `{rsa} ${BOTH} ssl_conf_command MaxProtocol TLSv1.2; ssl_conf_command CipherString AES256-SHA:AES128-SHA; ssl_conf_command Options -ServerPreference,-SessionTicket;`,
  "ssl_conf_command for signatures": `{rsa} ${BOTH} ssl_conf_command SignatureAlgorithms RSA+SHA384:RSA-PSS+SHA256; ssl_conf_command Protocol -TLSv1.3;`,
  PrioritizeChaCha: `{rsa} ${BOTH} ssl_prefer_server_ciphers on; ssl_conf_command Options PrioritizeChaCha;`,
  "old protocols": "{rsa} ssl_protocols TLSv1 TLSv1.1 TLSv1.2; ssl_ciphers ALL:@SECLEVEL=0;",
}

async function gradeAlike(port: number): Promise<string[]> {
  return (await grade(port)).filter((line) => !OF_OLDER_OPENSSL.test(line))
}

describe("graded by sslscan as nginx is", { skip: nginxMissing() || sslscanMissing() }, () => {
  const names = Object.keys(SERVERS)
  let nginx: Edge
  let holdfast: Edge
  let nginxPorts: number[]
  let holdfastPorts: number[]
  let certificates: Readonly<Record<string, Certificate>>

  const configuration = (ports: readonly number[]): string => {
    const servers = Object.values(SERVERS).map((directives, i) => {
      const whole = directives.replaceAll(/\{(rsa|ecdsa)\}/g, (_, type: string) => {
        const { certificateFile, keyFile } = certificates[type] as Certificate
        return `ssl_certificate ${certificateFile}; ssl_certificate_key ${keyFile};`
      })
      return `server { listen 127.0.0.1:${ports[i]} ssl; ${whole} }\n`
    })
    return `events { }\nhttp {\n${servers.join("")}}\n`
  }

  before(async () => {
    certificates = {
      rsa: await issueCertificate(["a.test"], "rsa"),
      ecdsa: await issueCertificate(["a.test"]),
    }
    nginxPorts = await freePorts(names.length)
    holdfastPorts = await freePorts(names.length)
    const files = { "dh.pem": DHPARAM }
    nginx = await startNginx(configuration(nginxPorts), { files })
    holdfast = await startHoldfast(configuration(holdfastPorts), { files })
  })

  after(async () => {
    await nginx?.stop()
    await holdfast?.stop()
  })

  for (const [i, name] of names.entries())
    it(name, async () => {
      const expected = await gradeAlike(nginxPorts[i] as number)
      assert.ok(
        expected.some((line) => line.startsWith("<cipher ")),
        expected.join("\n"),
      )
      assert.deepEqual(await gradeAlike(holdfastPorts[i] as number), expected)
    })
})
