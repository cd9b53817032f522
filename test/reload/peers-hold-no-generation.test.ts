/** A tunnel keeps its peer and its connection for days: neither may keep the generation that they come from. */
import assert from "node:assert/strict"
import { mkdirSync, writeFileSync } from "node:fs"
import { type AddressInfo, createServer, type Server } from "node:net"
import { join } from "node:path"
import { test } from "node:test"
import { createServer as createTlsServer } from "node:tls"
import { fileURLToPath } from "node:url"
import { issueCertificate, testAuthority } from "../support/certificates.ts"
import { run } from "../support/holdfast.ts"
import { makeTempFolder, removeTempFolder } from "../support/temp.ts"

const PROGRAM = fileURLToPath(new URL("./peers-beyond-generations.ts", import.meta.url))

async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  return (server.address() as AddressInfo).port
}

test("peer and connection of a tunnel hold nothing of their generation", async (t) => {
  const leaf = await issueCertificate(["localhost"])
  const { own } = await testAuthority()
  const plain = createServer((socket) => socket.on("error", () => {}).pipe(socket))
  const tls = createTlsServer({ cert: leaf.certificate, key: leaf.key }, (socket) =>
    socket.on("error", () => {}).pipe(socket),
  )
  const folder = makeTempFolder("peers")
  t.after(() => {
    plain.close()
    tls.close()
    removeTempFolder(folder)
  })
  const [plainPort, tlsPort] = [await listen(plain), await listen(tls)]
  mkdirSync(join(folder, "logs"))
  const file = join(folder, "holdfast.conf")
  const verify = `proxy_ssl_verify on; proxy_ssl_trusted_certificate ${own.certificateFile}; proxy_ssl_name localhost;`
  writeFileSync(
    file,
    `events {} http {
      upstream plain { server 127.0.0.1:${plainPort}; drain close after=5s; }
      upstream shared { zone shared 64k; server 127.0.0.1:${plainPort}; server 127.0.0.1:${plainPort} weight=2; }
      upstream tls { server 127.0.0.1:${tlsPort}; }
      server {
        listen 127.0.0.1:1;
        location = /plain { proxy_pass http://plain; }
        location = /shared { proxy_pass http://shared; }
        location = /tls { proxy_pass https://tls; proxy_ssl_server_name on; proxy_ssl_name localhost; }
        location = /verified { proxy_pass https://tls; ${verify} }
      }
    }`,
  )
  const { stdout, stderr } = await run(process.execPath, ["--expose-gc", PROGRAM, file, `${folder}/`])
  assert.equal(stderr, "")
  const { held, echoes, connections, left, number } = JSON.parse(stdout)
  assert.deepEqual(held, [])
  assert.equal(number, 2)
  assert.equal(Object.keys(echoes).length, 8)
  for (const text of Object.values(echoes)) assert.equal(text, "still there")
  assert.ok(
    connections.every((count: number) => count >= 1),
    connections,
  )
  assert.deepEqual(left, [0, 0, 0, 0, 0, 0, 0, 0])
})
