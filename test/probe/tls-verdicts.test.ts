/** What TLS is found to be where nothing is wrong, and where nobody means it well. */
import assert from "node:assert/strict"
import { writeFileSync } from "node:fs"
import { createServer as createHttpServer, type IncomingMessage } from "node:http"
import { connect, createServer, type Socket } from "node:net"
import { join } from "node:path"
import { test } from "node:test"
import { testAuthority } from "../support/certificates.ts"
import { haproxyMissing } from "../support/haproxy.ts"
import { HOLDFAST, run } from "../support/holdfast.ts"
import { nginxMissing, startNginx } from "../support/nginx.ts"
import { probe } from "./case.ts"
import {
  good,
  HOST,
  haproxyWithTls,
  holdfastWithTls,
  listening,
  nginxPort,
  nginxWithTls,
  ofIntermediate,
  stapled,
  wordsFor,
} from "./tls-parts.ts"

const ALL_VERSIONS = "ssl_protocols TLSv1.2 TLSv1.3;"

test("healthy TLS: nginx, HAProxy and Holdfast are found to have nothing wrong", {
  skip: nginxMissing() || haproxyMissing(),
}, async (t) => {
  const { intermediate, leaf } = await ofIntermediate(t, true)
  const certificateFile = join(intermediate.folder, "fullchain.pem")
  const certificate = leaf.certificate + intermediate.own.certificate
  writeFileSync(certificateFile, certificate)
  const nginx = await nginxWithTls(t, { certificateFile, keyFile: leaf.keyFile }, ALL_VERSIONS)
  const words = [nginx, await holdfastWithTls(t, { certificateFile, keyFile: leaf.keyFile })]
  if (haproxyMissing() === false)
    words.push(await haproxyWithTls(t, { certificate, key: leaf.key }, "alpn h2,http/1.1"))
  for (const one of words) {
    const report = await probe(one)
    assert.deepEqual(report.diagnoses, [], one.at(-1))
    const tls = report.steps.find(({ id }) => id === "tls")
    assert.match(
      tls?.summary ?? "",
      /^TLS 1\.3, certificate of ws\.example\.com, 29 days left, http\/1\.1, [\d.]+ ms$/,
    )
    const details = tls?.details.join("\n") ?? ""
    assert.match(details, /^versions: TLS 1\.2, TLS 1\.3; not TLS 1\.0, TLS 1\.1 \(/)
    assert.match(details, /^1\. ws\.example\.com, by Holdfast test intermediate, EC prime256v1, /m)
    assert.match(details, /^2\. Holdfast test intermediate, by Holdfast test authority, /m)
    assert.match(details, /^chain: trusted$/m)
    assert.match(details, /^TLS 1\.3 sessions: resumed, by ticket$/m)
    assert.match(details, /^TLS 1\.2 sessions: resumed, by (ticket|session id)$/m)
  }
})

test("a client certificate that is wanted and given is no finding, by nginx and HAProxy", {
  skip: nginxMissing() || haproxyMissing(),
}, async (t) => {
  const { own } = await testAuthority()
  const client = await (await testAuthority()).issue({ names: ["client"] })
  const mine = ["--cert", client.certificateFile, "--key", client.keyFile]
  const wanted = `ssl_verify_client on; ssl_client_certificate ${own.certificateFile}; ${ALL_VERSIONS}`
  const words = [await nginxWithTls(t, await good(), wanted, mine)]
  if (haproxyMissing() === false)
    words.push(await haproxyWithTls(t, await good(), `ca-file ${own.certificateFile} verify required`, mine))
  for (const one of words) {
    const report = await probe(one)
    assert.deepEqual(report.diagnoses, [], one.at(-1))
    const tls = report.steps.find(({ id }) => id === "tls")
    assert.ok(
      tls?.details.includes("a client certificate of 1 authority is asked for; that of --cert was sent"),
    )
  }
})

test("a good OCSP response that is stapled is no finding", { skip: nginxMissing() }, async (t) => {
  const report = await probe(await stapled(t, "good"))
  assert.deepEqual(report.diagnoses, [])
  const tls = report.steps.find(({ id }) => id === "tls")
  assert.match(tls?.details.join("\n") ?? "", /^OCSP: stapled, good until \d{4}-\d\d-\d\dT\d\d:\d\dZ$/m)
})

test("an authority that the system trusts is trusted, as by browsers and curl", {
  skip: nginxMissing(),
}, async (t) => {
  const words = (await nginxWithTls(t, await good())).slice(2)
  const { own } = await testAuthority()
  const env = { SSL_CERT_FILE: own.certificateFile }
  const trusting = await run(HOLDFAST, ["probe", ...words], { env })
  assert.equal(trusting.status, 0, trusting.stdout)
  const report = await probe(words)
  assert.equal(report.diagnoses[0]?.suspects[0]?.id, "authority-unknown")
})

/** What servers do that mean no good, in place of TLS. */
const HOSTILE: Readonly<Record<string, (socket: Socket) => void>> = {
  silent: () => {},
  "a record that never ends": (socket) => {
    socket.write(Buffer.from("1603034000", "hex"))
    const timer = setInterval(() => socket.write("x"), 20)
    socket.on("close", () => clearInterval(timer))
  },
  "garbage without end": (socket) => {
    const garbage = Buffer.alloc(65_536, 0x5a)
    const more = (): void => {
      while (socket.writable && socket.write(garbage));
    }
    socket.on("drain", more)
    more()
  },
}

for (const [name, behave] of Object.entries(HOSTILE))
  test(`a hostile server ends in a verdict: ${name}`, async (t) => {
    const sockets = new Set<Socket>()
    const server = createServer((socket) => {
      sockets.add(socket)
      socket.on("error", () => {}).resume()
      behave(socket)
    })
    t.after(() => {
      for (const socket of sockets) socket.destroy()
    })
    const report = await probe(["--timeout", "300ms", ...(await wordsFor(await listening(t, server)))])
    assert.equal(report.isHealthy, false)
    assert.match(report.diagnoses[0]?.what ?? "", /^TLS fails: /)
    assert.ok((report.diagnoses[0]?.suspects.length ?? 0) > 0)
    // Every step waits for a few things at most, and each for the time that was given.
    assert.ok(report.tookMs < 10_000, `${report.tookMs} ms`)
  })

test("one of two addresses presents another certificate", { skip: nginxMissing() }, async (t) => {
  const port = await nginxPort(t, await good())
  const old = await (await testAuthority()).issue({ names: ["old.example.com"] })
  const edge = await startNginx(`events { } http { server { listen 127.0.0.2:${port} ssl;
    ssl_certificate ${old.certificateFile}; ssl_certificate_key ${old.keyFile}; return 204; } }`)
  t.after(() => edge.stop())
  const words = await wordsFor(port)
  const resolve = `${HOST}:${port}:127.0.0.1,127.0.0.2`
  const report = await probe(words.map((word) => (word.startsWith(HOST) ? resolve : word)))
  const [found] = report.diagnoses
  assert.equal(found?.suspects[0]?.id, "address-differs")
  // No client goes on to the next address after a certificate that is wrong.
  assert.equal(found?.severity, "error")
  assert.match(
    found?.suspects[0]?.evidence.join("\n") ?? "",
    /^127\.0\.0\.2: old\.example\.com, by .* its names: old/m,
  )
})

test("through a proxy: all goes by CONNECT, and nothing is found", { skip: nginxMissing() }, async (t) => {
  const words = await nginxWithTls(t, await good(), ALL_VERSIONS)
  const port = Number(new URL(words.at(-1) ?? "").port)
  const asked = new Set<string>()
  const proxy = createHttpServer()
  proxy.on("connect", (request: IncomingMessage, client: Socket) => {
    asked.add(request.url ?? "")
    if (request.url !== `${HOST}:${port}`) return client.end("HTTP/1.1 403 Forbidden\r\n\r\n")
    const onward = connect(port, "127.0.0.1", () => client.write("HTTP/1.1 200 OK\r\n\r\n"))
    client.on("error", () => onward.destroy()).pipe(onward)
    onward.on("error", () => client.destroy()).pipe(client)
  })
  t.after(() => proxy.closeAllConnections())
  const proxyPort = await listening(t, proxy)
  const report = await probe(["--proxy", `http://127.0.0.1:${proxyPort}`, ...words])
  assert.deepEqual(report.diagnoses, [])
  const summaries = report.steps.map(({ id, outcome }) => `${id} ${outcome}`)
  assert.deepEqual(summaries.slice(0, 4), ["addresses skipped", "tls ok", "redirect info", "handshake ok"])
  assert.deepEqual([...asked].sort(), [`${HOST}:${port}`, `${HOST}:80`].sort())
})
