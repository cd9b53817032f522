import assert from "node:assert/strict"
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { after, describe, it } from "node:test"
import { HoldfastError } from "../base/error.ts"
import { Sources } from "./sources.ts"

const folder = mkdtempSync(join(realpathSync(tmpdir()), "holdfast-sources-"))
after(() => rmSync(folder, { recursive: true }))

for (const name of ["b.conf", "a.conf", "B.conf", "10.conf", "9.conf", ".hidden.conf", "c.txt"])
  writeFileSync(join(folder, name), name)
mkdirSync(join(folder, "sub"))
writeFileSync(join(folder, "sub/x.conf"), "x")
// A name that is no UTF-8.
writeFileSync(Buffer.from(`${folder}/\xe4.conf`, "latin1"), "latin1")

function failure(act: () => unknown): string {
  try {
    act()
  } catch (error) {
    assert.ok(error instanceof HoldfastError)
    return error.describe()
  }
  return "no error"
}

describe("read", () => {
  it("reads a file once, whatever becomes of it", () => {
    const file = join(folder, "changing")
    writeFileSync(file, "one")
    const sources = new Sources()
    assert.equal(sources.read(file).toString("latin1"), "one")
    writeFileSync(file, "two")
    assert.equal(sources.read(file).toString("latin1"), "one")
  })

  it("a file whose name is no UTF-8", () => {
    assert.equal(new Sources().read(`${folder}/\xe4.conf`).toString("latin1"), "latin1")
  })

  it("failures in nginx's words, with the place to blame", () => {
    const position = { file: "a.conf", line: 3, column: 1 }
    const file = join(folder, "nothing")
    assert.equal(
      failure(() => new Sources().read(file, position)),
      `open() "${file}" failed (2: No such file or directory) in a.conf:3`,
    )
    assert.equal(
      failure(() => new Sources().read(folder)),
      `open() "${folder}" failed (21: Is a directory)`,
    )
  })
})

describe("glob", () => {
  it("matches are sorted by their bytes, hidden files are not matched", () => {
    const names = new Sources().glob(join(folder, "*.conf")).map((path) => path.slice(folder.length + 1))
    assert.deepEqual(names, ["10.conf", "9.conf", "B.conf", "a.conf", "b.conf", "\xe4.conf"])
  })

  it("a hidden file is matched by a pattern with a dot", () => {
    assert.deepEqual(new Sources().glob(join(folder, ".*.conf")), [join(folder, ".hidden.conf")])
  })

  it("wildcards of every kind, in folders too", () => {
    const sources = new Sources()
    assert.deepEqual(sources.glob(join(folder, "[ab].conf")), [
      join(folder, "a.conf"),
      join(folder, "b.conf"),
    ])
    assert.deepEqual(sources.glob(join(folder, "?.txt")), [join(folder, "c.txt")])
    assert.deepEqual(sources.glob(join(folder, "*/*.conf")), [join(folder, "sub/x.conf")])
    assert.deepEqual(sources.glob(join(folder, "none-*")), [])
  })

  it("sets, their opposite, ranges, and a backslash that takes a wildcard's meaning", () => {
    const names = (pattern: string): string[] =>
      new Sources().glob(join(folder, pattern)).map((path) => path.slice(folder.length + 1))
    assert.deepEqual(names("[!a-zA-Z].conf"), ["9.conf", "\xe4.conf"])
    assert.deepEqual(names("[a-b].conf"), ["a.conf", "b.conf"])
    assert.deepEqual(names("[0-9]*.conf"), ["10.conf", "9.conf"])
    assert.deepEqual(names("\\a.con[f]"), ["a.conf"])
    assert.deepEqual(names("\\*.con[f]"), [])
    assert.deepEqual(names("[a.conf"), [])
    assert.deepEqual(names("[z-a].conf"), [])
    assert.deepEqual(names("a.conf/[x]*"), [])
  })

  it("braces and two stars are no wildcards, as in glob(3)", () => {
    assert.deepEqual(new Sources().glob(join(folder, "{a,b}.c*")), [])
    assert.deepEqual(new Sources().glob(join(folder, "**/x.conf")), [join(folder, "sub/x.conf")])
  })

  it("a path without wildcards names itself, there or not", () => {
    assert.deepEqual(new Sources().glob("/nowhere/x"), ["/nowhere/x"])
  })
})

describe("replay", () => {
  it("gives what was read, and never touches the disk", () => {
    const file = join(folder, "replayed")
    writeFileSync(file, "before")
    const sources = new Sources()
    sources.read(file)
    const names = sources.glob(join(folder, "*.txt"))
    writeFileSync(file, "after")
    const replay = new Sources(structuredClone(sources.record))
    assert.equal(replay.read(file).toString("latin1"), "before")
    assert.deepEqual(replay.glob(join(folder, "*.txt")), names)
    assert.equal(
      failure(() => replay.read(join(folder, "a.conf"))),
      `"${folder}/a.conf" is not among the files that were read`,
    )
  })
})
