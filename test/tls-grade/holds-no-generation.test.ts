/** A TLS connection lives for days in a tunnel: it may not keep the generation that its certificate was chosen by. */
import assert from "node:assert/strict"
import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { test } from "node:test"
import { fileURLToPath } from "node:url"
import { issueCertificate, testAuthority } from "../support/certificates.ts"
import { run } from "../support/holdfast.ts"
import { makeTempFolder, removeTempFolder } from "../support/temp.ts"

const PROGRAM = fileURLToPath(new URL("./handshake-beyond-generation.ts", import.meta.url))

test("a TLS socket holds nothing of its generation", async (t) => {
  const leaf = await issueCertificate(["variable.test"])
  const { own } = await testAuthority()
  const folder = makeTempFolder("handshakes")
  t.after(() => removeTempFolder(folder))
  mkdirSync(join(folder, "logs"))
  const file = join(folder, "holdfast.conf")
  const server = (name: string, directives: string): string =>
    `server { listen 127.0.0.1:1 ssl; server_name ${name}; ssl_certificate_key ${leaf.keyFile}; ${directives} }`
  writeFileSync(
    file,
    `events {} http { map $ssl_server_name $crt { variable.test ${leaf.certificateFile}; }
      ${server("variable.test", "ssl_certificate $crt; ssl_certificate_cache max=5; ssl_session_cache shared:a:1m;")}
      ${server("stapled.test", `ssl_certificate ${leaf.certificateFile}; ssl_trusted_certificate ${own.certificateFile}; ssl_stapling on; ssl_stapling_responder http://127.0.0.1:1/;`)}
      ${server("plain.test", `ssl_certificate ${leaf.certificateFile}; ssl_session_cache shared:a:1m;`)}
    }`,
  )
  const { stdout, stderr } = await run(process.execPath, ["--expose-gc", PROGRAM, file, `${folder}/`])
  assert.equal(stderr, "")
  const { held, echoes } = JSON.parse(stdout)
  assert.deepEqual(held, [])
  assert.deepEqual(echoes, ["still there", "still there", "still there"])
})
