import assert from "node:assert/strict"
import { X509Certificate } from "node:crypto"
import { test } from "node:test"
import { issueCertificate } from "../../test/support/certificates.ts"
import { onelineName, remainingDays, rfc2253Name, sessionId } from "./certificate-text.ts"

test("a name by RFC 2253: last part first, bytes outside ASCII escaped, several parts in one place", () => {
  assert.equal(rfc2253Name("C=DE\nO=A\\, B\nCN=\u00dc"), "CN=\\C3\\9C,O=A\\, B,C=DE")
  assert.equal(rfc2253Name("C=DE\nCN=a \\+ b + UID=7"), "UID=7+CN=a \\+ b,C=DE")
  assert.equal(rfc2253Name(undefined), "")
})

test("a name in one line: the certificate's order, unescaped, / and + marked", () => {
  assert.equal(onelineName("C=DE\nO=A\\, \\+ B/C\nCN=\u00dc\\0A"), "/C=DE/O=A, \\+ B\\/C/CN=\\xC3\\x9C\\x0A")
})

test("remaining days are whole, and 0 once it is over", async () => {
  const certificate = new X509Certificate((await issueCertificate(["days.test"])).certificate)
  const end = certificate.validToDate.getTime()
  assert.equal(remainingDays(certificate, end - 2 * 86_400_000), "2")
  assert.equal(remainingDays(certificate, end - 2 * 86_400_000 + 1000), "1")
  assert.equal(remainingDays(certificate, end), "0")
})

test("the id in a serialised session", () => {
  const id = "de20765549ef6fbea2de835e7af205bf840f0d473792b96b564fd3619caedf00"
  assert.equal(sessionId(Buffer.from(`307f020101020203030402c02f0420${id}0430aec8`, "hex")), id)
  assert.equal(sessionId(Buffer.from("302a020101020203040402130204000400a106", "hex")), "")
  // A long form of the outer length.
  assert.equal(
    sessionId(Buffer.from(`3082021c0201010202030404021302042000${id.slice(2)}`, "hex")),
    `00${id.slice(2)}`,
  )
})
