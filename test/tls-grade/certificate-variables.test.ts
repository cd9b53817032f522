/** Certificates that variables name, beyond what one handshake shows: the files may change, and some are kept. */
import assert from "node:assert/strict"
import { copyFileSync, renameSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { after, before, describe, it } from "node:test"
import { connect } from "node:tls"
import { type Certificate, issueCertificate, testAuthority } from "../support/certificates.ts"
import type { Edge } from "../support/edge.ts"
import { startHoldfast } from "../support/holdfast.ts"
import { freePorts } from "../support/ports.ts"
import { makeTempFolder } from "../support/temp.ts"

const folder = makeTempFolder("variables")

/** The names in the certificate that a client gets, or the error that it sees. */
function namesAt(port: number, servername: string): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: "127.0.0.1", servername, rejectUnauthorized: false }, () => {
      resolve(socket.getPeerCertificate().subjectaltname ?? "")
      socket.destroy()
    })
    socket.on("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message))
  })
}

/** Puts a certificate in the place of `name`'s, as certbot does. */
function install(name: string, { certificateFile, keyFile }: Certificate): void {
  copyFileSync(keyFile, join(folder, `${name}.key`))
  copyFileSync(certificateFile, join(folder, "new"))
  renameSync(join(folder, "new"), join(folder, `${name}.crt`))
}

describe("certificates by variable", () => {
  let edge: Edge
  let ports: readonly number[]
  let first: Certificate
  let second: Certificate

  before(async () => {
    first = await issueCertificate(["first.test"])
    second = await issueCertificate(["second.test"], "rsa")
    const locked = await (await testAuthority()).issue({ names: ["locked.test"], passphrase: "secret" })
    install("locked.test", locked)
    writeFileSync(join(folder, "pass"), "wrong\nsecret\n")
    ports = await freePorts(3)
    const files = "ssl_certificate $ssl_server_name.crt; ssl_certificate_key $ssl_server_name.key;"
    edge = await startHoldfast(
      `events { } http { ssl_password_file ${folder}/pass;
        server { listen 127.0.0.1:${ports[0]} ssl; ${files.replaceAll("$ssl", `${folder}/$ssl`)} }
        server { listen 127.0.0.1:${ports[1]} ssl; ${files.replaceAll("$ssl", `${folder}/$ssl`)} ssl_certificate_cache max=2 valid=1d inactive=1d; }
        server { listen 127.0.0.1:${ports[2]} ssl; ${files} }
      }`,
      { files: {} },
    )
  })

  after(() => edge?.stop())

  it("are read for each handshake", async () => {
    const port = ports[0] as number
    install("a.test", first)
    assert.equal(await namesAt(port, "a.test"), "DNS:first.test")
    install("a.test", second)
    assert.equal(await namesAt(port, "a.test"), "DNS:second.test")
    rmSync(join(folder, "a.test.crt"))
    assert.equal(await namesAt(port, "a.test"), "ERR_SSL_TLSV1_ALERT_INTERNAL_ERROR")
    await edge.waitForLog(
      /\[error\] \d+#\d+: (\*\d+ )?cannot load certificate "\/[^"]*\/a\.test\.crt": BIO_new_file\(\) failed \(SSL: error:80000002:system library::No such file or directory:calling fopen\([^)]*, r\) error:10000080:BIO routines::no such file\) while SSL handshaking, client: 127\.0\.0\.1, server: 127\.0\.0\.1:\d+/,
    )
    install("a.test", first)
    assert.equal(await namesAt(port, "a.test"), "DNS:first.test")
  })

  it("with keys that have pass phrases", async () => {
    assert.equal(await namesAt(ports[0] as number, "locked.test"), "DNS:locked.test")
  })

  it("of which some are kept", async () => {
    const port = ports[1] as number
    for (const name of ["b.test", "c.test", "d.test"]) install(name, first)
    assert.equal(await namesAt(port, "b.test"), "DNS:first.test")
    install("b.test", second)
    assert.equal(await namesAt(port, "b.test"), "DNS:first.test")
    // Two have room.
    await namesAt(port, "c.test")
    await namesAt(port, "d.test")
    assert.equal(await namesAt(port, "b.test"), "DNS:second.test")
  })

  it("of names that would lead elsewhere are files like others", async () => {
    const port = ports[0] as number
    install("a.test", first)
    for (const name of ["none.test", "./a.test", "x/../a.test", "..", ""])
      assert.equal(await namesAt(port, name), "ERR_SSL_TLSV1_ALERT_INTERNAL_ERROR", name)
    // Relative to the folder of the configuration, where there is none.
    assert.equal(await namesAt(ports[2] as number, "a.test"), "ERR_SSL_TLSV1_ALERT_INTERNAL_ERROR")
    await edge.waitForLog(new RegExp(`cannot load certificate "${edge.prefix}/a\\.test\\.crt"`))
  })
})
