/** Includes: loops, chains, many of them, blocks across files, and files that are no text. */
import assert from "node:assert/strict"
import { mkdirSync, writeFileSync } from "node:fs"
import { after, describe, it } from "node:test"
import { makeTempFolder, removeTempFolder } from "../support/temp.ts"
import { checkInProcess } from "./in-process.ts"

const folder = makeTempFolder("include")
mkdirSync(`${folder}/logs`)
after(() => removeTempFolder(folder))

let made = 0

/** Writes the files into a folder of their own and checks `test.conf` there. */
function errorOf(files: Readonly<Record<string, string>>): string | null {
  const dir = `${folder}/${made++}`
  mkdirSync(`${dir}/logs`, { recursive: true })
  for (const [name, text] of Object.entries(files)) writeFileSync(`${dir}/${name}`, text, "latin1")
  const main = files["test.conf"] as string
  return checkInProcess(main, `${dir}/test.conf`, `${dir}/`).error?.replaceAll(dir, "{dir}") ?? null
}

/** Files `1.inc`, `2.inc` … of which each includes the next, in a block where `around` says so. */
function chain(length: number, around: (inner: string, index: number) => string): Record<string, string> {
  const files: Record<string, string> = {}
  for (let index = 1; index <= length; index++)
    files[`${index}.inc`] = around(index === length ? "" : `include ${index + 1}.inc;`, index)
  return files
}

const IN_SERVER = "events {}\nhttp { server { listen 127.0.0.1:1; include 1.inc; } }\n"

describe("includes", () => {
  it("a file that includes itself", () => {
    assert.equal(
      errorOf({ "test.conf": "events {}\ninclude test.conf;\n" }),
      '"{dir}/test.conf" includes itself: {dir}/test.conf -> {dir}/test.conf in {dir}/test.conf:2',
    )
  })

  it("two files that include each other", () => {
    const error = errorOf({ "test.conf": IN_SERVER, "1.inc": "include 2.inc;", "2.inc": "\ninclude 1.inc;" })
    assert.match(error ?? "", /^"\{dir\}\/1\.inc" includes itself: .* in \{dir\}\/2\.inc:2$/)
  })

  it("a pattern that matches the file that it stands in", () => {
    const error = errorOf({ "test.conf": IN_SERVER, "1.inc": "include *.inc;" })
    assert.match(error ?? "", /^"\{dir\}\/1\.inc" includes itself: .* in \{dir\}\/1\.inc:1$/)
  })

  it("lines of a map that include themselves", () => {
    const error = errorOf({
      "test.conf": "events {}\nhttp {\nmap $uri $x {\ninclude 1.inc;\n}\n}\n",
      "1.inc": "a b;\ninclude 1.inc;",
    })
    assert.match(error ?? "", / in \{dir\}\/1\.inc:2$/)
  })

  it("a chain of 400 files", () => {
    assert.equal(errorOf({ "test.conf": IN_SERVER, ...chain(400, (inner) => inner) }), null)
  })

  it("a chain without end, nearly", () => {
    const error = errorOf({ "test.conf": IN_SERVER, ...chain(2000, (inner) => inner) })
    assert.equal(error, "includes are nested more than 500 deep in {dir}/500.inc:1")
  })

  it("blocks in blocks across files", () => {
    const nested = (inner: string, index: number): string =>
      `${Array.from({ length: 100 }, (_unused, level) => `location /${"x".repeat(index * 100 + level)} {`).join("\n")}${inner}${"}".repeat(100)}`
    const error = errorOf({ "test.conf": IN_SERVER, ...chain(50, nested) })
    assert.match(error ?? "", /^blocks are nested more than 500 deep in \{dir\}\/5\.inc:\d+$/)
  })

  it("2,000 files by one pattern", () => {
    const files = Object.fromEntries(
      Array.from({ length: 2000 }, (_unused, index) => [
        `${index}.srv`,
        `server { listen 127.0.0.1:1; server_name h${index}; }`,
      ]),
    )
    assert.equal(errorOf({ "test.conf": "events {}\nhttp { include *.srv; }\n", ...files }), null)
  })

  it("a block that one file opens cannot be closed by another", () => {
    const error = errorOf({ "test.conf": "events {}\ninclude 1.inc;\n}\n", "1.inc": "http {\n" })
    assert.equal(error, 'unexpected end of file, expecting "}" in {dir}/1.inc:2')
  })

  it("a file of NULs, and one of random bytes", () => {
    assert.match(
      errorOf({ "test.conf": IN_SERVER, "1.inc": "\0".repeat(100_000) }) ?? "",
      /^unexpected end of file, expecting ";" or "}" in \{dir\}\/1\.inc:1$/,
    )
    const bytes = Array.from({ length: 4096 }, (_unused, index) =>
      String.fromCharCode((index * 7919) % 251),
    ).join("")
    assert.match(errorOf({ "test.conf": IN_SERVER, "1.inc": bytes }) ?? "", / in \{dir\}\/1\.inc:\d+$/)
  })

  it("a folder in place of a file", () => {
    const error = errorOf({ "test.conf": "events {}\ninclude logs;\n" })
    assert.match(error ?? "", /"\{dir\}\/logs" failed \(21: Is a directory\) in \{dir\}\/test\.conf:2$/)
  })
})
