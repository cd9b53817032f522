import assert from "node:assert/strict"
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { after, test } from "node:test"
import fc from "fast-check"
import type { Request } from "../../runtime/request.ts"
import { TempFolder } from "../../runtime/temp-file.ts"
import { Spool, type SpoolOwner } from "./spool.ts"

const base = mkdtempSync(join(tmpdir(), "holdfast-spool-"))
after(() => rmSync(base, { recursive: true }))

/** A client that takes nothing until it is told to, and then so many pieces. */
class Client {
  readonly taken: Buffer[] = []
  appetite = 0
  write(piece: Buffer): boolean {
    this.taken.push(piece)
    return --this.appetite > 0
  }
  flush(): void {}
  get text(): string {
    return Buffer.concat(this.taken).toString("latin1")
  }
}

class Owner implements SpoolOwner {
  rooms = 0
  hasFailed = false
  readonly empty = Promise.withResolvers<void>()
  onSpoolRoom(): void {
    this.rooms++
  }
  onSpoolEmpty(): void {
    this.empty.resolve()
  }
  onSpoolFailed(): void {
    this.hasFailed = true
  }
}

function setup(memoryBytes: number, maxFileBytes: number, path = base) {
  const client = new Client()
  const owner = new Owner()
  const lines: string[] = []
  const request = {
    exchange: client,
    hold: () => {},
    log: (_level: number, text: string) => lines.push(text),
  } as unknown as Request
  const folder = new TempFolder({ levels: [], folder: () => path }, new SharedArrayBuffer(4))
  const spool = new Spool(request, { memoryBytes, maxFileBytes, folder }, owner)
  return { client, owner, lines, spool }
}

/** Lets the client take all until nothing is left. */
async function drainAll(client: Client, owner: Owner, spool: Spool): Promise<void> {
  spool.drain()
  client.appetite = Number.POSITIVE_INFINITY
  spool.onClientDrain()
  await owner.empty.promise
}

test("whatever comes, and whenever the client takes some, it gets all in order", () =>
  fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(fc.integer({ min: 1, max: 50 }), fc.integer({ min: -3, max: 3 })), { maxLength: 60 }),
      fc.integer({ min: 1, max: 100 }),
      fc.integer({ min: 0, max: 400 }),
      async (steps, memoryBytes, maxFileBytes) => {
        const { client, owner, lines, spool } = setup(memoryBytes, maxFileBytes)
        let sent = ""
        let at = 0
        for (const [length, appetite] of steps) {
          const piece = Array.from({ length }, () => String.fromCharCode(97 + (at++ % 26))).join("")
          sent += piece
          spool.write(Buffer.from(piece))
          if (appetite <= 0) {
            if (appetite === -3) await new Promise((resolve) => setImmediate(resolve))
            continue
          }
          client.appetite = appetite
          spool.onClientDrain()
        }
        await drainAll(client, owner, spool)
        assert.equal(client.text, sent)
        assert.equal(owner.hasFailed, false)
        assert.ok(lines.length <= 1)
      },
    ),
    { numRuns: 100 },
  ))

test("within memory there is no file", async () => {
  const { client, owner, lines, spool } = setup(100, 1000)
  assert.equal(spool.write(Buffer.alloc(99)), true)
  await drainAll(client, owner, spool)
  assert.deepEqual(lines, [])
})

test("without a file it is full when memory is, and has room when the client has taken some", () => {
  const { client, owner, spool } = setup(100, 0)
  assert.equal(spool.write(Buffer.alloc(60)), true)
  assert.equal(spool.write(Buffer.alloc(60)), false)
  client.appetite = 1
  spool.onClientDrain()
  assert.equal(owner.rooms, 1)
  assert.equal(spool.write(Buffer.alloc(10)), true)
})

test("a file that has grown as far as it may is full", async () => {
  const { client, owner, lines, spool } = setup(100, 150)
  spool.write(Buffer.alloc(100))
  assert.equal(spool.write(Buffer.alloc(99)), true)
  while (!lines.some((line) => line.includes("buffered to a temporary file"))) await new Promise(setImmediate)
  spool.write(Buffer.alloc(101))
  await drainAll(client, owner, spool)
  assert.equal(client.text.length, 300)
})

test("a folder that is not there: it fails, once", () => {
  const path = join(base, "none")
  const { owner, lines, spool } = setup(10, 100, path)
  spool.write(Buffer.alloc(20))
  assert.equal(owner.hasFailed, true)
  assert.deepEqual(lines, [
    `open() "${path}/0000000001" failed (2: No such file or directory) while reading upstream`,
  ])
  assert.equal(spool.write(Buffer.alloc(20)), true)
})

test("what is dropped tells nobody anything", async () => {
  const path = join(base, "dropped")
  mkdirSync(path)
  const { client, owner, spool } = setup(10, 1000, path)
  spool.write(Buffer.alloc(20))
  spool.drop()
  spool.drop()
  client.appetite = 10
  spool.onClientDrain()
  await new Promise((resolve) => setImmediate(resolve))
  assert.deepEqual(client.taken, [])
  assert.equal(owner.rooms, 0)
  assert.deepEqual(readdirSync(path), [])
})
