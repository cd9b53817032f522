import assert from "node:assert/strict"
import { test } from "node:test"
import type { TlsOpenedSeen } from "./steps/tls.ts"
import type { CertificateSeen } from "./tls-chain.ts"
import { faultsOf } from "./tls-faults.ts"

const NOW = Date.UTC(2026, 0, 31)
const DAY = 86_400_000

function certificate(fromDays: number, toDays: number, more: Partial<CertificateSeen> = {}): CertificateSeen {
  return {
    subject: "example.com",
    issuer: "Intermediate",
    names: ["example.com"],
    validFromMs: NOW + fromDays * DAY,
    validToMs: NOW + toDays * DAY,
    key: "EC prime256v1",
    weakHash: undefined,
    isSelfIssued: false,
    mustStaple: false,
    issuerUrl: undefined,
    fingerprint: "",
    ...more,
  }
}

const GOOD: TlsOpenedSeen = {
  address: "127.0.0.1",
  host: "example.com",
  tlsMs: 1,
  protocol: "TLSv1.3",
  cipher: "TLS_AES_128_GCM_SHA256",
  alpn: undefined,
  alpnOfTwo: undefined,
  trustError: undefined,
  certificates: [certificate(-60, 30)],
  chain: { end: "trusted", path: [0] },
  isForHost: true,
  fetchedIssuer: undefined,
  staple: { state: "none", untilMs: undefined, reason: "" },
  isStapleLate: false,
  resumption: [],
  requestedFrom: undefined,
  isCertificateGiven: false,
  late: undefined,
  nameless: "same",
  others: [],
}

function faults(changes: Partial<TlsOpenedSeen>): string[] {
  return faultsOf({ ...GOOD, ...changes }, NOW).map(({ id, isFatal }) => (isFatal ? id : `(${id})`))
}

/** Of one certificate that is valid for so many days before and after now. */
function byTime(fromDays: number, toDays: number): string[] {
  return faults({ certificates: [certificate(fromDays, toDays)] })
}

test("how much time is left depends on how long a certificate lives", () => {
  assert.deepEqual(byTime(-60, 30), [])
  assert.deepEqual(byTime(-75, 15), [])
  assert.deepEqual(byTime(-77, 13), ["(certificate-expires-soon)"])
  assert.deepEqual(byTime(-380, 13), ["(certificate-expires-soon)"])
  // Six days in all: renewed after four.
  assert.deepEqual(byTime(-3.5, 2.5), [])
  assert.deepEqual(byTime(-4.5, 1.5), ["(certificate-expires-soon)"])
  assert.deepEqual(byTime(-90, -0.1), ["certificate-expired"])
  assert.deepEqual(byTime(1, 90), ["certificate-not-yet-valid"])
})

test("an intermediate that is over is told as the certificate's fault, one that is not needed is not", () => {
  const certificates = [certificate(-60, 30), certificate(-900, -2, { subject: "Intermediate" })]
  const [found] = faultsOf({ ...GOOD, certificates, chain: { end: "trusted", path: [0, 1] } }, NOW)
  assert.equal(found?.text, "has an intermediate, Intermediate, that expired 2 days ago")
  assert.deepEqual(faults({ certificates }), [])
})

test("why a chain is not trusted", () => {
  const trustError = "UNABLE_TO_VERIFY_LEAF_SIGNATURE"
  const open = { end: "open", path: [0] } as const
  const withUrl = [certificate(-60, 30, { issuerUrl: "http://ca.example/i.crt" })]
  assert.deepEqual(faults({ trustError, chain: open }), ["authority-unknown"])
  assert.deepEqual(faults({ trustError, chain: open, certificates: withUrl }), ["intermediate-missing"])
  const fetchedIssuer = { url: "http://ca.example/i.crt", subject: "I" }
  const fetched = { trustError, chain: open, certificates: withUrl }
  assert.deepEqual(faults({ ...fetched, fetchedIssuer: { ...fetchedIssuer, end: "trusted" } }), [
    "intermediate-missing",
  ])
  assert.deepEqual(faults({ ...fetched, fetchedIssuer: { ...fetchedIssuer, end: "open" } }), [
    "authority-unknown",
  ])
  const itself = { end: "self-signed", path: [0] } as const
  assert.deepEqual(faults({ trustError, chain: itself }), ["certificate-self-signed"])
  assert.deepEqual(faults({ trustError, chain: { end: "self-signed", path: [0, 1] } }), ["authority-unknown"])
  assert.deepEqual(faults({ trustError: "CA_MD_TOO_WEAK" }), ["certificate-not-trusted"])
  // The system trusts it, Node does not.
  assert.deepEqual(faults({ trustError }), [])
  const certificates = [certificate(-60, 30, { weakHash: "SHA-1" })]
  assert.deepEqual(faults({ trustError: "CA_MD_TOO_WEAK", certificates }), ["certificate-weak-signature"])
})

test("each fault is told once: time and trust are apart", () => {
  const certificates = [certificate(-90, -1)]
  assert.deepEqual(faults({ trustError: "CERT_HAS_EXPIRED", certificates }), ["certificate-expired"])
  const wrong = { trustError: "CERT_HAS_EXPIRED", certificates, isForHost: false }
  assert.deepEqual(faults(wrong), ["certificate-expired", "certificate-wrong-name"])
})

test("what is stapled", () => {
  const stapled = (state: TlsOpenedSeen["staple"]["state"]) => ({ state, untilMs: undefined, reason: "" })
  assert.deepEqual(faults({ staple: stapled("good") }), [])
  assert.deepEqual(faults({ staple: stapled("unchecked") }), [])
  assert.deepEqual(faults({ staple: stapled("revoked") }), ["certificate-revoked"])
  assert.deepEqual(faults({ staple: stapled("stale") }), ["(staple-not-usable)"])
  const certificates = [certificate(-60, 30, { mustStaple: true })]
  assert.deepEqual(faults({ certificates }), ["(staple-missing)"])
  assert.deepEqual(faults({ certificates, isStapleLate: true }), [])
})
