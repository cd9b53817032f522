import assert from "node:assert/strict"
import { readFileSync } from "node:fs"
import { platform } from "node:os"
import { test } from "node:test"
import { errnoText } from "./errno.ts"

function systemError(code: string, errno?: number): NodeJS.ErrnoException {
  return Object.assign(new Error(`connect ${code} 127.0.0.1:1`), { code, errno })
}

test("a real error of the system", () => {
  assert.throws(
    () => readFileSync("/nonexistent/file"),
    (error: NodeJS.ErrnoException) => errnoText(error) === "2: No such file or directory",
  )
})

test("Linux's numbers with the C library's words", {
  skip: platform() === "linux" ? false : "numbers are Linux's",
}, () => {
  assert.equal(errnoText(systemError("ECONNREFUSED", -111)), "111: Connection refused")
  assert.equal(errnoText(systemError("EHOSTUNREACH", -113)), "113: No route to host")
  assert.equal(errnoText(systemError("ETIMEDOUT", -110)), "110: Connection timed out")
  assert.equal(errnoText(systemError("ECONNRESET", -104)), "104: Connection reset by peer")
  assert.equal(errnoText(systemError("EPIPE", -32)), "32: Broken pipe")
  assert.equal(errnoText(systemError("EADDRINUSE", -98)), "98: Address already in use")
  assert.equal(errnoText(systemError("EMFILE", -24)), "24: Too many open files")
})

test("the number is found by name where the error has none", () => {
  assert.match(errnoText(systemError("ETIMEDOUT")), /^\d+: Connection timed out$/)
})

test("an error without an entry in the table is in the system's words, with a capital", () => {
  assert.match(errnoText(systemError("EILSEQ")), /^\d+: [A-Z]/)
})

test("what is not the system's keeps its message", () => {
  assert.equal(errnoText(new Error("plain")), "plain")
  const tls = Object.assign(new Error("self-signed certificate"), { code: "DEPTH_ZERO_SELF_SIGNED_CERT" })
  assert.equal(errnoText(tls), "self-signed certificate")
  // libuv's own numbers, for name resolution and the end of a stream, mean nothing to a reader of the log.
  const notFound = Object.assign(new Error("getaddrinfo ENOTFOUND backend"), {
    code: "ENOTFOUND",
    errno: -3008,
  })
  assert.equal(errnoText(notFound), "getaddrinfo ENOTFOUND backend")
})
