import assert from "node:assert/strict"
import { copyFileSync } from "node:fs"
import { join } from "node:path"
import { before, describe, it } from "node:test"
import { type Certificate, issueCertificate } from "../../test/support/certificates.ts"
import { makeTempFolder } from "../../test/support/temp.ts"
import type { Request } from "../runtime/request.ts"
import { CertificateLoader, type CertificatePair, MadeOfCredentials } from "./ssl-certificates.ts"

const folder = makeTempFolder("certificates")
const CACHE = { max: 2, validMs: 60_000, inactiveMs: 10_000 }
/** Nothing is asked of it: the names below have no variables. */
const NOBODY = {} as Request

let first: Certificate
let second: Certificate

before(async () => {
  first = await issueCertificate(["first.test"])
  second = await issueCertificate(["second.test"])
})

/** A pair of files by that name, which hold `certificate` for now. */
function pairOf(name: string, certificate: Certificate): CertificatePair {
  const file = (extension: string, from: string) => {
    const path = join(folder, `${name}.${extension}`)
    copyFileSync(from, path)
    return { text: path, path, template: null, confPrefix: "/" }
  }
  return { certificate: file("crt", certificate.certificateFile), key: file("key", certificate.keyFile) }
}

describe("certificates that are kept", () => {
  it("are read again when they are not valid any more, or were not used for long", () => {
    let now = 1_000_000
    const loader = new CertificateLoader([], CACHE, () => now)
    const pair = pairOf("a", first)
    const load = () => loader.load(pair, NOBODY).certificate
    assert.equal(load(), first.certificate)
    pairOf("a", second)
    for (let i = 0; i < 6; i++) {
      now += 9_000
      assert.equal(load(), first.certificate)
    }
    now += 9_000
    assert.equal(load(), second.certificate)
    pairOf("a", first)
    now += 9_000
    assert.equal(load(), second.certificate)
    now += 10_001
    assert.equal(load(), first.certificate)
  })

  it("make room for others, the longest unused first", () => {
    const loader = new CertificateLoader([], CACHE, () => 0)
    const pairs = ["b", "c", "d"].map((name) => pairOf(name, first)) as [
      CertificatePair,
      CertificatePair,
      CertificatePair,
    ]
    const [b, c, d] = pairs
    for (const pair of [b, c, b, d]) loader.load(pair, NOBODY)
    for (const name of ["b", "c", "d"]) pairOf(name, second)
    assert.equal(loader.load(b, NOBODY).certificate, first.certificate)
    assert.equal(loader.load(d, NOBODY).certificate, first.certificate)
    assert.equal(loader.load(c, NOBODY).certificate, second.certificate)
  })

  it("without a cache are read each time, and parsed when they have changed", () => {
    const loader = new CertificateLoader([], null, () => 0)
    const pair = pairOf("e", first)
    const once = loader.load(pair, NOBODY)
    assert.equal(loader.load(pair, NOBODY), once)
    pairOf("e", second)
    assert.equal(loader.load(pair, NOBODY).certificate, second.certificate)
  })

  it("have one thing made of them, however often they are loaded", () => {
    let count = 0
    const made = new MadeOfCredentials(() => ++count)
    const load = () => new CertificateLoader([], null, () => 0).load(pairOf("f", first), NOBODY)
    assert.equal(made.get([load()]), 1)
    assert.equal(made.get([load()]), 1)
    assert.equal(made.get([load(), load()]), 2)
  })
})
