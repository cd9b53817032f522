import assert from "node:assert/strict"
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { after, test } from "node:test"
import { READ_BYTES, TempFile, TempFileError, TempFolder } from "./temp-file.ts"
import { createTempPaths, DefaultTempPath } from "./temp-path.ts"

const base = mkdtempSync(join(tmpdir(), "holdfast-temp-file-"))
after(() => rmSync(base, { recursive: true }))

let made = 0

/** A folder that is there, and the numbers that its files are named by. */
function setup(levels: readonly number[] = []): { path: string; folder: TempFolder; numbers: Int32Array } {
  const path = join(base, String(made++))
  mkdirSync(path)
  const memory = new SharedArrayBuffer(4)
  const place = { levels, folder: () => path }
  return { path, folder: new TempFolder(place, memory), numbers: new Int32Array(memory) }
}

function write(file: TempFile, ...texts: string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    const pieces = texts.map((text) => Buffer.from(text, "latin1"))
    file.write(pieces, (error) => (error === null ? resolve() : reject(error)))
  })
}

function read(file: TempFile, position: number): Promise<string> {
  return new Promise((resolve, reject) =>
    file.read(position, (error, piece) =>
      error === null ? resolve(piece.toString("latin1")) : reject(error),
    ),
  )
}

test("what is written is read again, from any position, as often as one likes", async () => {
  const { folder } = setup()
  const file = folder.open(false)
  await write(file, "one", "two")
  await write(file)
  await write(file, "three")
  assert.equal(file.bytes, 11)
  assert.equal(await read(file, 0), "onetwothree")
  assert.equal(await read(file, 4), "wothree")
  assert.equal(await read(file, 0), "onetwothree")
  file.close()
})

test("one read brings READ_BYTES at most", async () => {
  const { folder } = setup()
  const file = folder.open(false)
  await write(file, "x".repeat(READ_BYTES), "y")
  assert.equal((await read(file, 0)).length, READ_BYTES)
  assert.equal(await read(file, READ_BYTES), "y")
  file.close()
})

test("a file has no name left, one that keeps it is for its owner alone", () => {
  const { path, folder } = setup()
  folder.open(false).close()
  assert.deepEqual(readdirSync(path), [])
  const kept = folder.open(true)
  assert.deepEqual(readdirSync(path), ["0000000002"])
  assert.equal(statSync(kept.name).mode & 0o777, 0o600)
  kept.close()
  assert.ok(existsSync(kept.name))
})

test("levels are named by the last digits, and made when they are missing", () => {
  const { path, folder, numbers } = setup([1, 2])
  numbers[0] = 12_344
  const file = folder.open(true)
  assert.equal(file.name, `${path}/5/34/0000012345`)
  assert.equal(statSync(`${path}/5`).mode & 0o777, 0o700)
  file.close()
})

test("a number that is taken is passed over", () => {
  const { path, folder } = setup()
  writeFileSync(`${path}/0000000001`, "somebody's")
  const file = folder.open(true)
  assert.equal(file.name, `${path}/0000123457`)
  file.close()
})

test("numbers of 32 bits begin anew", () => {
  const { folder, numbers } = setup()
  numbers[0] = -1
  const file = folder.open(false)
  assert.match(file.name, /\/0000000000$/)
  file.close()
})

test("a folder that is gone: the words of nginx", () => {
  const { path, folder } = setup()
  rmSync(path, { recursive: true })
  assert.throws(
    () => folder.open(false),
    new TempFileError("open()", `${path}/0000000001`, { code: "ENOENT", errno: -2 }),
  )
})

test("a folder that is gone, with levels", () => {
  const { path, folder } = setup([1])
  rmSync(path, { recursive: true })
  assert.throws(
    () => folder.open(false),
    /^TempFileError: mkdir\(\) ".*\/1" failed \(2: No such file or directory\)$/,
  )
})

test("a device that is full", async () => {
  const file = new TempFile(openSync("/dev/full", "r+"), "/dev/full")
  await assert.rejects(
    write(file, "x"),
    /^TempFileError: pwritev\(\) "\/dev\/full" failed \(28: No space left on device\)$/,
  )
  file.close()
})

test("a file that is closed while it is written tells nobody, and is removed then", async () => {
  const { folder } = setup()
  const file = folder.open(true)
  let told = 0
  file.write([Buffer.alloc(1_000_000)], () => told++)
  file.close(true)
  file.close(true)
  // Calls of the file system run in a pool: another one after it is told.
  const other = folder.open(false)
  while (existsSync(file.name)) await write(other, "x")
  other.close()
  assert.equal(told, 0)
})

test("the default folder is below the prefix where that can be written to", () => {
  const { path } = setup()
  const place = new DefaultTempPath(`${path}/`, "client_body_temp", [])
  assert.equal(place.folder(), `${path}/client_body_temp`)
  rmSync(`${path}/client_body_temp`, { recursive: true })
  assert.equal(place.folder(), `${path}/client_body_temp`, "made again")
  assert.equal(statSync(`${path}/client_body_temp`).mode & 0o777, 0o700)
})

test("folders that are named are made, but not those above them", () => {
  const { path } = setup()
  const place = (folder: string) => ({ path: folder, levels: [], place: "a:1", folder: () => folder })
  createTempPaths([place(`${path}/a`), place(`${path}/a/b`), place(`${path}/a`)], undefined)
  assert.deepEqual(readdirSync(`${path}/a`), ["b"])
  assert.throws(() => createTempPaths([place(`${path}/no/b`)], undefined), {
    message: `mkdir() "${path}/no/b" failed (2: No such file or directory)`,
  })
})
