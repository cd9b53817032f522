import assert from "node:assert/strict"
import { execFileSync } from "node:child_process"
import { X509Certificate } from "node:crypto"
import { once } from "node:events"
import { readFileSync, writeFileSync } from "node:fs"
import type { AddressInfo } from "node:net"
import { join } from "node:path"
import { before, test } from "node:test"
import tls from "node:tls"
import { makeTempFolder } from "../../test/support/temp.ts"
import { leastClientIntermediates, upstreamIntermediates } from "./chain.ts"

const folder = makeTempFolder("chain")
const path = (name: string) => join(folder, name)
const read = (name: string) => readFileSync(path(name), "latin1")
const certificate = (name: string) => new X509Certificate(read(`${name}.crt`))

function openssl(...args: string[]): void {
  execFileSync("openssl", args, { stdio: "ignore" })
}

function make(name: string, issuer: string | undefined, isAuthority: boolean): void {
  openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", path(`${name}.key`))
  openssl("req", "-new", "-key", path(`${name}.key`), "-out", path(`${name}.csr`), "-subj", `/CN=${name}`)
  writeFileSync(path("ext"), `basicConstraints=critical,CA:${isAuthority ? "TRUE" : "FALSE"}\n`)
  const signer = issuer ?? name
  const by =
    issuer === undefined
      ? ["-signkey", path(`${name}.key`)]
      : ["-CA", path(`${signer}.crt`), "-CAkey", path(`${signer}.key`)]
  openssl(
    "x509",
    "-req",
    "-in",
    path(`${name}.csr`),
    ...by,
    "-set_serial",
    "7",
    "-days",
    "9",
    "-extfile",
    path("ext"),
    "-out",
    path(`${name}.crt`),
  )
}

before(() => {
  make("root", undefined, true)
  make("first", "root", true)
  make("second", "first", true)
  make("leaf0", "root", false)
  make("leaf2", "second", false)
})

test("the intermediates of a client, as far as the server's own files tell", () => {
  const root = certificate("root")
  const first = certificate("first")
  const second = certificate("second")
  assert.equal(leastClientIntermediates(certificate("leaf0"), [first, root]), 0)
  assert.equal(leastClientIntermediates(first, [root]), 0)
  assert.equal(leastClientIntermediates(root, [root]), 0)
  assert.equal(leastClientIntermediates(certificate("leaf2"), [root, first, second]), 2)
  // Sent by the client: one at least.
  assert.equal(leastClientIntermediates(certificate("leaf2"), [root]), 1)
  assert.equal(leastClientIntermediates(certificate("leaf2"), [root, second]), 2)
})

test("the intermediates of an upstream", async () => {
  const chains: [chain: string, key: string, intermediates: number][] = [
    [read("leaf0.crt"), read("leaf0.key"), 0],
    [read("leaf2.crt") + read("second.crt") + read("first.crt"), read("leaf2.key"), 2],
  ]
  for (const [cert, key, intermediates] of chains) {
    const server = tls.createServer({ cert, key }, (socket) => socket.end())
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
    const { port } = server.address() as AddressInfo
    const client = tls.connect({
      host: "127.0.0.1",
      port,
      ca: read("root.crt"),
      checkServerIdentity: () => undefined,
    })
    await once(client, "secureConnect")
    assert.equal(upstreamIntermediates(client), intermediates)
    client.destroy()
    server.close()
  }
})
