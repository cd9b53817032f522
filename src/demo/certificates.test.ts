import assert from "node:assert/strict"
import { createPrivateKey, X509Certificate } from "node:crypto"
import { describe, it } from "node:test"
import { makeCertificates } from "./certificates.ts"

describe("makeCertificates", () => {
  it("makes a server certificate that its authority has signed, for all names", async () => {
    const made = await makeCertificates(["localhost", "127.0.0.1", "::1"])
    const authority = new X509Certificate(made.authority)
    const leaf = new X509Certificate(made.certificate)
    assert.ok(authority.ca && authority.verify(authority.publicKey))
    assert.ok(!leaf.ca && leaf.verify(authority.publicKey) && leaf.checkIssued(authority))
    assert.ok(leaf.checkPrivateKey(createPrivateKey(made.key)))
    assert.equal(leaf.checkHost("localhost"), "localhost")
    assert.equal(leaf.checkIP("127.0.0.1"), "127.0.0.1")
    assert.equal(leaf.checkIP("::1"), "::1")
    assert.equal(leaf.checkHost("example.com"), undefined)
    const now = Date.now()
    assert.ok(leaf.validFromDate.getTime() < now && leaf.validToDate.getTime() > now)
  })

  it("makes new keys and serial numbers each time", async () => {
    const [first, second] = [await makeCertificates(["a.test"]), await makeCertificates(["a.test"])]
    assert.notEqual(first.key, second.key)
    const serials = [first, second].map(({ certificate }) => new X509Certificate(certificate).serialNumber)
    assert.notEqual(serials[0], serials[1])
  })
})
