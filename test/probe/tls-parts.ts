/** What the tests of the way to a server set up. */
import { execFileSync } from "node:child_process"
import { X509Certificate } from "node:crypto"
import { once } from "node:events"
import { writeFileSync } from "node:fs"
import { createServer, type Server } from "node:net"
import type { TestContext } from "node:test"
import { type Certificate, testAuthority } from "../support/certificates.ts"
import { startHaproxy } from "../support/haproxy.ts"
import { startHoldfast } from "../support/holdfast.ts"
import { startNginx } from "../support/nginx.ts"
import { freePort } from "../support/ports.ts"
import { proxyLocation, wsBackend } from "./hold-parts.ts"

export const HOST = "ws.example.com"

/** The words for a URL at a port of this machine, under a name that no name service knows. */
export async function wordsFor(port: number, more: readonly string[] = []): Promise<string[]> {
  const { own } = await testAuthority()
  const resolve = ["--resolve", `${HOST}:${port}:127.0.0.1`]
  return ["--ca", own.certificateFile, ...resolve, ...more, `wss://${HOST}:${port}/ws/`]
}

/** A WebSocket behind nginx with TLS; returns the words. */
export async function nginxWithTls(
  t: TestContext,
  certificate: Pick<Certificate, "certificateFile" | "keyFile">,
  more = "",
  words: readonly string[] = [],
): Promise<string[]> {
  const port = await nginxPort(t, certificate, more)
  return wordsFor(port, words)
}

export async function nginxPort(
  t: TestContext,
  certificate: Pick<Certificate, "certificateFile" | "keyFile">,
  more = "",
  parameters = "ssl",
): Promise<number> {
  const port = await freePort()
  const edge = await startNginx(await config(t, port, certificate, more, parameters))
  t.after(() => edge.stop())
  return port
}

export async function holdfastWithTls(
  t: TestContext,
  certificate: Pick<Certificate, "certificateFile" | "keyFile">,
): Promise<string[]> {
  const port = await freePort()
  const edge = await startHoldfast(await config(t, port, certificate, "", "ssl"))
  t.after(() => edge.stop())
  return wordsFor(port)
}

async function config(
  t: TestContext,
  port: number,
  { certificateFile, keyFile }: Pick<Certificate, "certificateFile" | "keyFile">,
  more: string,
  parameters: string,
): Promise<string> {
  const backend = await wsBackend(t)
  return `events { } http { server {
    listen 127.0.0.1:${port} ${parameters};
    ssl_certificate ${certificateFile};
    ssl_certificate_key ${keyFile};
    ${more}
    ${proxyLocation(backend, "")}
  } }`
}

/** The same behind HAProxy, with `more` behind `bind … ssl crt …`. */
export async function haproxyWithTls(
  t: TestContext,
  { certificate, key }: Pick<Certificate, "certificate" | "key">,
  more: string,
  words: readonly string[] = [],
): Promise<string[]> {
  const port = await freePort()
  const backend = await wsBackend(t)
  const edge = await startHaproxy(
    `defaults
  mode http
  timeout connect 5s
  timeout client 30s
  timeout server 30s
  timeout tunnel 1h
frontend f
  bind 127.0.0.1:${port} ssl crt {prefix}/site.pem ${more}
  default_backend b
backend b
  server s 127.0.0.1:${backend}
`,
    port,
    { "site.pem": certificate + key },
  )
  t.after(() => edge.stop())
  return wordsFor(port, words)
}

/** An OCSP response about `certificate`, good for two days, in a file. */
export async function ocspResponse(
  { certificateFile, certificate }: Certificate,
  status: "good" | "revoked",
): Promise<string> {
  const { folder, own } = await testAuthority()
  const { serialNumber } = new X509Certificate(certificate)
  const file = `${certificateFile}.${status}`
  const index = status === "good" ? "V\t391231235959Z\t" : "R\t391231235959Z\t250101000000Z"
  writeFileSync(`${file}.index`, `${index}\t${serialNumber}\tunknown\t/CN=${HOST}\n`)
  const options = { cwd: folder, stdio: "ignore" } as const
  const ca = own.certificateFile
  const question = ["-issuer", ca, "-cert", certificateFile, "-no_nonce", "-reqout", `${file}.question`]
  execFileSync("openssl", ["ocsp", ...question], options)
  const signer = ["-CA", ca, "-rsigner", ca, "-rkey", own.keyFile, "-ndays", "2"]
  const files = ["-index", `${file}.index`, "-reqin", `${file}.question`, "-respout", file]
  execFileSync("openssl", ["ocsp", ...signer, ...files], options)
  return file
}

/** Listens on a free port; returns it. */
export async function listening(t: TestContext, server: Server, host = "127.0.0.1"): Promise<number> {
  server.listen(0, host)
  await once(server, "listening")
  t.after(() => server.close())
  const address = server.address()
  return typeof address === "object" && address !== null ? address.port : 0
}

/** A server of one file over HTTP; returns its URL. */
export async function fileServer(t: TestContext, body: Buffer): Promise<string> {
  const head = `HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n`
  const server = createServer((socket) => {
    socket.on("error", () => {}).once("data", () => socket.end(Buffer.concat([Buffer.from(head), body])))
  })
  return `http://127.0.0.1:${await listening(t, server)}/issuer.crt`
}

export async function good(): Promise<Certificate> {
  return (await testAuthority()).issue({ names: [HOST] })
}

/** A certificate of an intermediate of the trusted authority, alone, as files. */
export async function ofIntermediate(t: TestContext, withUrl: boolean) {
  const intermediate = await (await testAuthority()).intermediate("Holdfast test intermediate")
  const issuer = Buffer.from(intermediate.own.certificate)
  const issuerUrl = withUrl ? await fileServer(t, issuer) : undefined
  const leaf = await intermediate.issue({ names: [HOST], ...(issuerUrl === undefined ? {} : { issuerUrl }) })
  return { intermediate, leaf }
}

export async function stapled(t: TestContext, status: "good" | "revoked"): Promise<string[]> {
  const certificate = await (await testAuthority()).issue({ names: [HOST, `${status}.example.com`] })
  const file = await ocspResponse(certificate, status)
  return nginxWithTls(t, certificate, `ssl_stapling on; ssl_stapling_file ${file};`)
}
