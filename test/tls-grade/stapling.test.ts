/** ssl_stapling: what clients are sent with the certificate, on nginx and on Holdfast. */
import assert from "node:assert/strict"
import { execFileSync } from "node:child_process"
import { readFileSync, writeFileSync } from "node:fs"
import { createServer, type Server } from "node:http"
import type { AddressInfo } from "node:net"
import { join } from "node:path"
import { after, before, describe, it } from "node:test"
import { connect } from "node:tls"
import type { Edge } from "../support/edge.ts"
import { startHoldfast } from "../support/holdfast.ts"
import { nginxMissing, startNginx } from "../support/nginx.ts"
import { freePorts } from "../support/ports.ts"
import { makeTempFolder } from "../support/temp.ts"

const folder = makeTempFolder("ocsp")
const path = (name: string): string => join(folder, name)

function openssl(...args: readonly string[]): void {
  execFileSync("openssl", args, { cwd: folder, stdio: "ignore" })
}

/** A key and a request for a certificate of that name. */
function request(name: string): void {
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", `${name}.key`]
  openssl("req", ...key, "-out", `${name}.csr`, "-subj", `/CN=${name}.test`)
}

function issue(name: string, serial: string, extensions: string): void {
  writeFileSync(path(`${name}.ext`), extensions)
  const by = ["-CA", "ca.crt", "-CAkey", "ca.key", "-set_serial", serial, "-days", "20"]
  openssl("x509", "-req", "-in", `${name}.csr`, ...by, "-extfile", `${name}.ext`, "-out", `${name}.crt`)
}

/** The answer of a responder to a question about leaf.crt, in a file. */
function answer(name: string, index: string, signer: string): void {
  writeFileSync(path("index"), index)
  const by = ["-CA", "ca.crt", "-rsigner", `${signer}.crt`, "-rkey", `${signer}.key`]
  openssl("ocsp", "-index", "index", ...by, "-reqin", "question", "-respout", name, "-ndays", "2")
}

const GOOD = "V\t391231235959Z\t\t8001\tunknown\t/CN=leaf.test\n"
const REVOKED = "R\t391231235959Z\t250101000000Z\t8001\tunknown\t/CN=leaf.test\n"

/** Makes an authority, a certificate, a signer, and the answers of the responder at `port`. */
function makeFiles(port: number): void {
  const ca = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "ca.key"]
  openssl("req", "-x509", ...ca, "-out", "ca.crt", "-days", "30", "-subj", "/CN=OCSP test authority")
  for (const name of ["leaf", "signer", "stranger"]) request(name)
  issue("leaf", "0x8001", `authorityInfoAccess=OCSP;URI:http://127.0.0.1:${port}/good`)
  issue("signer", "2", "extendedKeyUsage=OCSPSigning")
  issue("stranger", "3", "extendedKeyUsage=serverAuth")
  writeFileSync(
    path("chain.crt"),
    readFileSync(path("leaf.crt"), "latin1") + readFileSync(path("ca.crt"), "latin1"),
  )
  openssl("ocsp", "-issuer", "ca.crt", "-cert", "leaf.crt", "-reqout", "question", "-no_nonce")
  answer("good", GOOD, "ca")
  answer("delegated", GOOD, "signer")
  answer("forged", GOOD, "stranger")
  answer("revoked", REVOKED, "ca")
  answer("unknown", "", "ca")
  writeFileSync(path("later"), Buffer.from("30030a0103", "hex"))
  writeFileSync(path("garbage"), "garbage")
}

const CHAIN = "ssl_certificate {dir}/chain.crt;"
const TRUSTED = "ssl_certificate {dir}/leaf.crt; ssl_trusted_certificate {dir}/ca.crt;"
const ask = (what: string): string => `ssl_stapling_responder http://127.0.0.1:{responder}/${what};`

/** Directives, the file that is stapled in the end, and the error that is logged. */
const SERVERS: Readonly<Record<string, readonly [directives: string, stapled: string, error?: RegExp]>> = {
  "the certificate's own responder": [CHAIN, "good"],
  "a responder of our choice": [`${CHAIN} ${ask("delegated")}`, "delegated"],
  "the issuer is a trusted certificate": [TRUSTED, "good"],
  "verified, signed by the issuer": [`${CHAIN} ssl_stapling_verify on;`, "good"],
  "verified, signed by whom the issuer made for it": [
    `${CHAIN} ssl_trusted_certificate {dir}/ca.crt; ${ask("delegated")} ssl_stapling_verify on;`,
    "delegated",
  ],
  "verified, signed by somebody else": [
    `${CHAIN} ssl_trusted_certificate {dir}/ca.crt; ${ask("forged")} ssl_stapling_verify on;`,
    "",
    /OCSP_basic_verify\(\) failed/,
  ],
  "not verified, signed by somebody else": [`${CHAIN} ${ask("forged")}`, "forged"],
  revoked: [
    `${CHAIN} ${ask("revoked")}`,
    "",
    /certificate status "revoked" in the OCSP response while requesting/,
  ],
  unknown: [
    `${CHAIN} ${ask("unknown")}`,
    "",
    /certificate status (not found|"unknown") in the OCSP response while requesting/,
  ],
  "not now": [
    `${CHAIN} ${ask("later")}`,
    "",
    /OCSP response not successful \(3: trylater\) while requesting/,
  ],
  "no OCSP": [`${CHAIN} ${ask("garbage")}`, "", /d2i_OCSP_RESPONSE\(\) failed/],
  "another type of content": [
    `${CHAIN} ${ask("good.html")}`,
    "",
    /OCSP responder sent invalid "Content-Type" header: "text\/html" while requesting certificate status/,
  ],
  "404": [`${CHAIN} ${ask("nothing")}`, ""],
  "a file": [`${CHAIN} ssl_stapling_file {dir}/good;`, "good"],
  "a file that says revoked": [`${CHAIN} ssl_stapling_file {dir}/revoked;`, "revoked"],
  "no issuer": ["ssl_certificate {dir}/leaf.crt;", ""],
  off: [`${CHAIN} ssl_stapling off;`, ""],
}

/** The responder: answers with the files by their names. It tells how often it was asked for each path. */
class Responder {
  readonly asked = new Map<string, number>()
  readonly #server: Server

  constructor() {
    this.#server = createServer((incoming, response) => {
      const [, name = "", question = ""] = (incoming.url ?? "").split("/")
      const isRight = decodeURIComponent(question) === readFileSync(path("question")).toString("base64")
      const exists = isRight && name !== "nothing"
      const type = name.endsWith(".html") ? "text/html" : "application/ocsp-response"
      response.writeHead(exists ? 200 : 404, { "Content-Type": type })
      response.end(exists ? readFileSync(path(name.replace(".html", ""))) : "")
      this.asked.set(name, (this.asked.get(name) ?? 0) + 1)
    })
  }

  async listen(): Promise<number> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve))
    return (this.#server.address() as AddressInfo).port
  }

  close(): void {
    this.#server.close()
  }
}

/** What is stapled to one handshake: the name of the file that has it, "" for nothing. */
function stapled(port: number, maxVersion: "TLSv1.2" | "TLSv1.3"): Promise<string> {
  return new Promise((resolve, reject) => {
    let found = ""
    const socket = connect({
      port,
      host: "127.0.0.1",
      requestOCSP: true,
      rejectUnauthorized: false,
      maxVersion,
    })
    socket.on("OCSPResponse", (der: Buffer | null) => {
      const names = ["good", "delegated", "forged", "revoked", "unknown"]
      if (der !== null && der.length > 0)
        found = names.find((name) => readFileSync(path(name)).equals(der)) ?? "another"
    })
    socket.on("secureConnect", () => {
      socket.destroy()
      resolve(found)
    })
    socket.on("error", reject)
  })
}

describe("stapled as nginx does", { skip: nginxMissing() }, () => {
  const names = Object.keys(SERVERS)
  const responder = new Responder()
  const edges: { readonly edge: Edge; readonly ports: readonly number[] }[] = []

  before(async () => {
    const port = await responder.listen()
    makeFiles(port)
    for (const start of [startNginx, startHoldfast]) {
      const ports = await freePorts(names.length)
      const servers = Object.values(SERVERS).map(
        ([directives], i) =>
          `server { listen 127.0.0.1:${ports[i]} ssl; ssl_certificate_key {dir}/leaf.key; ${directives} ${directives.includes("stapling off") ? "" : "ssl_stapling on;"} }`,
      )
      const whole = `events { }\nhttp { ssl_protocols TLSv1.2 TLSv1.3;\n${servers.join("\n")}\n}\n`
      const text = whole.replaceAll("{dir}", folder).replaceAll("{responder}", String(port))
      edges.push({ edge: await start(text), ports })
    }
  })

  after(async () => {
    for (const { edge } of edges) await edge.stop()
    responder.close()
  })

  for (const [i, name] of names.entries())
    it(name, async () => {
      const [directives, expected, error] = SERVERS[name] as (typeof SERVERS)[string]
      for (const { edge, ports } of edges) {
        const port = ports[i] as number
        const isFile = directives.includes("ssl_stapling_file")
        // The first handshake has the answer asked for, and goes without.
        assert.equal(await stapled(port, "TLSv1.3"), isFile ? expected : "", edge.name)
        if (error !== undefined) await edge.waitForLog(error)
        await untilStapled(port, expected)
        assert.equal(await stapled(port, "TLSv1.2"), expected, edge.name)
      }
    })

  it("asked once, however many handshakes there were", () => {
    // Per edge: three servers ask for "good", two for "delegated" and "forged".
    assert.deepEqual(
      [responder.asked.get("good"), responder.asked.get("delegated"), responder.asked.get("revoked")],
      [6, 4, 2],
    )
  })
})

/** When the edge has taken the responder's answer cannot be seen but by handshakes. */
async function untilStapled(port: number, expected: string): Promise<void> {
  if (expected === "") return
  while ((await stapled(port, "TLSv1.3")) === "");
}
