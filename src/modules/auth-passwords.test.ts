import assert from "node:assert/strict"
import { createHash } from "node:crypto"
import { describe, it } from "node:test"
import { md5Crypt, ShaCryptWork, shaCrypt } from "./auth-crypt.ts"
import { MATCH, MISMATCH, Passwords, type PasswordVerdict, SLOW } from "./auth-passwords.ts"
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

/** As `check` says, or what a slow hash comes to. */
function judge(passwords: Passwords, password: string, stored: string): Promise<PasswordVerdict> {
  const verdict = passwords.check(password, stored)
  if (verdict !== SLOW) return Promise.resolve(verdict)
  return new Promise((resolve, reject) => {
    const waiter = { onChecked: (isRight: boolean) => resolve(isRight ? MATCH : MISMATCH) }
    if (!passwords.checkSlowly(password, stored, waiter)) reject(new Error("busy"))
  })
}

const check = (password: string, stored: string): Promise<PasswordVerdict> =>
  judge(new Passwords(), password, stored)

/** Of "myPassword", from Apache's documentation. */
const BCRYPT = "$2y$05$c4WoMPo3SXsafkva.HHa6uXQZWr7oboPiC2bT/r7q1BB8I2s0BRqC"
const DES = "rqXexS6ZhobKA"
/** By crypt(3) of libxcrypt. */
const BCRYPT_UTF8 = "$2b$04$abcdefghijklmnopqrstuueac64J1qTUKXt.h9J417F0ZvoChZpgq"
const DES_BYTES = "abVJkGGfiVrlE"
const SHA512_ROUNDS =
  "$6$rounds=20000$salt$emY6EsEusa/8F5oT05EN8SY1uf0kys1qElQB9ASuAwDQhgxvYHz/fE9DBoQw/BiG7QVYLNoSK9zJ43kqa0W49."

describe("hashes of passwords", () => {
  it("are those of the specification of SHA-crypt", () => {
    for (const [setting, password, expected] of SHA_VECTORS)
      assert.equal(shaCrypt(Buffer.from(password), setting), expected)
  })

  it("move rounds to what is allowed, and cut the salt", () => {
    const hash = shaCrypt(Buffer.from("x"), "$5$rounds=10$roundstoolow-and-more")
    assert.ok(hash.startsWith("$5$rounds=1000$roundstoolow-and$"), hash)
  })

  it("are the same in pieces of any size", () => {
    for (const pieces of [1, 7, 4999, 5000, 5001]) {
      const work = new ShaCryptWork(Buffer.from("Hello world!"), "$5$saltstring")
      while (!work.step(pieces));
      assert.equal(work.result(), SHA_VECTORS[0][2])
    }
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
  it("are checked in every form", async () => {
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
      [SHA512_ROUNDS, "x"],
      [BCRYPT, "myPassword"],
      [BCRYPT.replace("2y", "2a"), "myPassword"],
      [BCRYPT_UTF8, "h\xc3\xa4llo"],
      [DES_BYTES, "\xff\xfe"],
    ] as const
    for (const [stored, password] of forms) {
      assert.equal(await check(password, stored), MATCH, stored)
      assert.equal(await check(`${password}\0ignored`, stored), MATCH, stored)
      assert.equal(await check(`${password}x`, stored), MISMATCH, stored)
    }
    assert.equal(await check("myPassw", DES), MISMATCH)
    assert.equal(await check("myPasswo and more", DES), MATCH)
    assert.equal(await check("h\xe4llo", BCRYPT_UTF8), MISMATCH)
  })

  it("are remembered with their hashes only: another one is as wrong as before", async () => {
    const passwords = new Passwords()
    const [, password, stored] = SHA_VECTORS[0]
    assert.equal(passwords.check(password, stored), SLOW)
    assert.equal(await judge(passwords, password, stored), MATCH)
    assert.equal(passwords.check(password, stored), MATCH)
    assert.equal(await judge(passwords, "Hello world?", stored), MISMATCH)
    assert.equal(passwords.check("Hello world?", stored), MISMATCH)
    assert.equal(await judge(passwords, password, `${stored.slice(0, -1)}9`), MISMATCH)
    assert.equal(passwords.check(password, stored), MATCH)
  })

  it("are asked for once however many wait, and one who has gone is not called", async () => {
    const passwords = new Passwords()
    const heard: string[] = []
    const waiter = (name: string) => ({ onChecked: (isRight: boolean) => heard.push(`${name} ${isRight}`) })
    const gone = waiter("gone")
    assert.ok(passwords.checkSlowly("myPassword", BCRYPT, gone))
    assert.ok(passwords.checkSlowly("myPassword", BCRYPT, waiter("first")))
    assert.ok(passwords.checkSlowly("x", `${SHA_VECTORS[0][2]}`, waiter("second")))
    passwords.cancel("myPassword", BCRYPT, gone)
    assert.deepEqual(heard, [])
    assert.equal(await judge(passwords, "Hello world!", SHA_VECTORS[0][2]), MATCH)
    assert.deepEqual(heard, ["first true", "second false"])
  })

  it("that nobody waits for any more end, though a hash asks for all the rounds there are", async () => {
    const passwords = new Passwords()
    const endless = "$6$rounds=999999999$salt$x"
    const waiter = { onChecked: () => assert.fail("nobody waits") }
    passwords.checkSlowly("x", endless, waiter)
    const turn = () => new Promise((resolve) => setImmediate(resolve))
    for (let i = 0; i < 4; i++) await turn()
    passwords.cancel("x", endless, waiter)
    assert.equal(await judge(passwords, "myPassword", BCRYPT), MATCH)
  })

  it("wait up to a limit", async () => {
    const passwords = new Passwords()
    const waiters: { onChecked(): void }[] = []
    for (let i = 0; i < 513; i++) waiters.push({ onChecked: () => assert.fail("all have gone") })
    const asked = waiters.map((waiter, i) => passwords.checkSlowly(`${i}`, BCRYPT, waiter))
    assert.deepEqual([asked.filter((isAsked) => isAsked).length, asked.at(-1)], [512, false])
    for (const [i, waiter] of waiters.entries()) passwords.cancel(`${i}`, BCRYPT, waiter)
    assert.equal(await judge(passwords, "myPassword", BCRYPT), MATCH)
  })

  it("cannot be checked in forms that there is no library for", async () => {
    const forms = [
      ["$2x$05$c4WoMPo3SXsafkva.HHa6uXQZWr7oboPiC2bT/r7q1BB8I2s0BRqC", '"$2x$"'],
      ["_J9..rasmZkILsDmXwQ2", "extended DES"],
      ["$y$j9T$x$y", '"$y$"'],
      ["$md5,rounds=5$x$$y", '"$md5$"'],
    ] as const
    for (const [stored, name] of forms)
      assert.match(
        String(await check("myPassword", stored)),
        new RegExp(`password hashes of ${name.replaceAll("$", "\\$")} are not`),
      )
    assert.equal(await check("x".repeat(512), SHA_VECTORS[0][2]), MISMATCH)
  })

  it("of broken hashes match nothing", async () => {
    const broken = ["{SHA}", "{SSHA}", "{SSHA}***", "$apr1$", "$5$", "$6$rounds=1000$", "$1$", "", "r", "*0"]
    for (const stored of [...broken, "$9$x", "$2$05$x", "$2y$", "$2y$05$short", "$2y$03$x", "r*Xx"])
      assert.equal(await check("", stored), MISMATCH, stored)
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
