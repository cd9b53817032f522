import assert from "node:assert/strict"
import { it } from "node:test"
import { isKnownToNginx } from "./known-directives.ts"

it("knows nginx's directives of old and of late", () => {
  const names =
    "proxy_pass gzip try_files map split_clients fastcgi_pass http2 http3 ssl_ech_file sticky tunnel_pass"
  for (const name of names.split(" ")) assert.ok(isKnownToNginx(name), name)
})

it("knows no misspelt one, no part of one, nothing of JavaScript's", () => {
  for (const name of ["prox_pass", "proxy", "proxy_pass ", "", "PROXY_PASS", "constructor", "toString"])
    assert.ok(!isKnownToNginx(name), name)
})
