import assert from "node:assert/strict"
import { createHash } from "node:crypto"
import { describe, it } from "node:test"
import { md5Crypt, shaCrypt } from "./auth-crypt.ts"
import { MATCH, MISMATCH, Passwords } from "./auth-passwords.ts"
import { findPassword } from "./auth-user-file.ts"

/** From U. Drepper's specification, "Unix crypt using SHA-256 and SHA-512". */
const SHA_VECTORS = [
  ["$5$saltstring", "Hello world!", "$5$saltstring$5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5"],
  [
    "$6$saltstring",
    "Hello world!",
    "$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1",
  ],
  [
    "$5$rounds=10000$saltstringsaltstring",
    "Hello world!",
    "$5$rounds=10000$saltstringsaltst$3xv.VbSHBb41AL9AvLeujZkZRBAwqFMz2.opqey6IcA",
  ],
  [
    "$5$rounds=5000$toolongsaltstring",
    "This is just a test",
    "$5$rounds=5000$toolongsaltstrin$Un/5jzAHMgOGZ5.mWJpuVolil07guHPvOW8mGRcvxa5",
  ],
] as const

const check = (password: string, stored: string): unknown => new Passwords().check(password, stored)

describe("hashes of passwords", () => {
  it("are those of the specification of SHA-crypt", () => {
    for (const [setting, password, expected] of SHA_VECTORS)
      assert.equal(shaCrypt(Buffer.from(password), setting), expected)
  })

  it("move rounds to what is allowed, and cut the salt", () => {
    const hash = shaCrypt(Buffer.from("x"), "$5$rounds=10$roundstoolow-and-more")
    assert.ok(hash.startsWith("$5$rounds=1000$roundstoolow-and$"), hash)
  })

  it("are those of Apache's documentation for $apr1$, and known ones for $1$", () => {
    assert.equal(md5Crypt(Buffer.from(""), "$1$salt$", "$1$"), "$1$salt$UsdFqFVB.FsuinRDK5eE..")
    assert.equal(
      md5Crypt(Buffer.from("myPassword"), "$apr1$r31.....$", "$apr1$"),
      "$apr1$r31.....$HqJZimcKQFAMYayBlzkrA/",
    )
  })
})

describe("passwords", () => {
  it("are checked in every form", () => {
    const salted = Buffer.concat([
      createHash("sha1").update("secret").update("salt").digest(),
      Buffer.from("salt"),
    ])
    const forms = [
      ["{PLAIN}secret", "secret"],
      ["{PLAIN}", ""],
      ["{SHA}VBPuJHI7uixaa6LQGWx4s+5GKNE=", "myPassword"],
      [`{SSHA}${salted.toString("base64")}`, "secret"],
      ["$apr1$r31.....$HqJZimcKQFAMYayBlzkrA/", "myPassword"],
      [SHA_VECTORS[0][2], "Hello world!"],
      [SHA_VECTORS[1][2], "Hello world!"],
    ] as const
    for (const [stored, password] of forms) {
      assert.equal(check(password, stored), MATCH, stored)
      assert.equal(check(`${password}\0ignored`, stored), MATCH, stored)
      assert.equal(check(`${password}x`, stored), MISMATCH, stored)
    }
  })

  it("are remembered with their hashes only: another one is as wrong as before", () => {
    const passwords = new Passwords()
    const [, password, stored] = SHA_VECTORS[0]
    for (let i = 0; i < 3; i++) assert.equal(passwords.check(password, stored), MATCH)
    assert.equal(passwords.check("Hello world?", stored), MISMATCH)
    assert.equal(passwords.check(password, `${stored.slice(0, -1)}9`), MISMATCH)
  })

  it("cannot be checked in forms that Node.js does not have", () => {
    const forms = [
      ["$2y$05$c4WoMPo3SXsafkva.HHa6uXQZWr7oboPiC2bT/r7q1BB8I2s0BRqC", "bcrypt"],
      ["rqXexS6ZhobKA", "DES crypt"],
      ["$y$j9T$x$y", '"$y$"'],
    ] as const
    for (const [stored, name] of forms)
      assert.match(
        String(check("myPassword", stored)),
        new RegExp(`password hashes of ${name.replaceAll("$", "\\$")} are not`),
      )
    assert.match(String(check("x".repeat(512), SHA_VECTORS[0][2])), /34: Numerical result out of range/)
  })

  it("of broken hashes match nothing", () => {
    for (const stored of ["{SHA}", "{SSHA}", "{SSHA}***", "$apr1$", "$5$", "$6$rounds=1000$", "$1$"])
      assert.equal(check("", stored), MISMATCH, stored)
  })
})

it("a user file's lines are found as nginx finds them", () => {
  const file = "# c\n\r\na:1\nab:2:comment\nb:3\r\n\nno colon\nhidden:4\nlast:5"
  const found = (user: string): string | undefined => findPassword(file, user)
  assert.equal(found("a"), "1")
  assert.equal(found("ab"), "2")
  assert.equal(found("b"), "3")
  assert.equal(found("last"), "5")
  assert.equal(found("hidden"), "4")
  assert.equal(found("abc"), undefined)
  assert.equal(found("# c"), undefined)
  assert.equal(findPassword("no\nhidden:4", "none"), undefined)
  assert.equal(findPassword("", "a"), undefined)
  assert.equal(findPassword("a", "a"), undefined)
  assert.equal(findPassword("a:", "a"), "")
})
