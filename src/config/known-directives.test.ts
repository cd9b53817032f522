import assert from "node:assert/strict"
import { it } from "node:test"
import { isKnownToNginx, KNOWN_DIRECTIVES } from "./known-directives.ts"
import { refusalHint } from "./refusals.ts"

it("knows nginx's directives of old and of late", () => {
  const names =
    "proxy_pass gzip try_files map split_clients fastcgi_pass http2 http3 ssl_ech_file sticky tunnel_pass stream smtp_auth"
  for (const name of names.split(" ")) assert.ok(isKnownToNginx(name), name)
})

it("knows no misspelt one, no part of one, nothing of JavaScript's", () => {
  for (const name of ["prox_pass", "proxy", "proxy_pass ", "", "PROXY_PASS", "constructor", "toString"])
    assert.ok(!isKnownToNginx(name), name)
})

it("is sorted, without anything twice, and whole: rows take no name out of it", () => {
  assert.deepEqual(KNOWN_DIRECTIVES, [...new Set(KNOWN_DIRECTIVES)].sort())
  for (const name of KNOWN_DIRECTIVES) assert.match(name, /^[a-z0-9_]+$/)
  for (const name of ["http", "resolver", "health_check", "gzip", "root"])
    assert.ok(isKnownToNginx(name), name)
  assert.ok(KNOWN_DIRECTIVES.length >= 776, String(KNOWN_DIRECTIVES.length))
})

it("says what to do in ASCII: messages are written byte for byte", () => {
  for (const name of KNOWN_DIRECTIVES) assert.match(refusalHint(name) ?? "", /^[ -~]*$/, name)
})
