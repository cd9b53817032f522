import assert from "node:assert/strict"
import { once } from "node:events"
import { join } from "node:path"
import { test } from "node:test"
import { Worker } from "node:worker_threads"
import { issueCertificate } from "../../test/support/certificates.ts"
import { makeTempFolder } from "../../test/support/temp.ts"
import { sClient } from "./testing.ts"
import { sharedTicketKey, TICKET_KEY_MEMORY_BYTES, ticketKeyOf } from "./ticket-key.ts"

test("one key for all who share the memory, another for others", () => {
  const memory = new SharedArrayBuffer(TICKET_KEY_MEMORY_BYTES)
  const key = sharedTicketKey(memory)
  assert.equal(key.length, 48)
  assert.deepEqual(sharedTicketKey(memory), key)
  assert.notDeepEqual(sharedTicketKey(new SharedArrayBuffer(TICKET_KEY_MEMORY_BYTES)), key)
})

test("a key that a thread died of filling in is filled in by the next", () => {
  const memory = new SharedArrayBuffer(TICKET_KEY_MEMORY_BYTES)
  // The first word says so.
  new Int32Array(memory, 0, 1)[0] = 1
  const key = sharedTicketKey(memory)
  assert.notDeepEqual(key, Buffer.alloc(48))
  assert.deepEqual(sharedTicketKey(memory), key)
})

test("the parts of nginx's key files, in Node's order", () => {
  const part = (byte: number, length = 16) => Buffer.alloc(length, byte)
  assert.deepEqual(
    ticketKeyOf(Buffer.concat([part(1), part(2), part(3)])),
    Buffer.concat([part(1), part(3), part(2)]),
  )
  assert.deepEqual(
    ticketKeyOf(Buffer.concat([part(1), part(2, 32), part(3, 32)])),
    Buffer.concat([part(1), part(2), part(3)]),
  )
  assert.equal(ticketKeyOf(part(1, 47)), undefined)
})

const WORKER = `
  const { parentPort, workerData } = require("node:worker_threads")
  Promise.all([import(workerData.testing), import(workerData.ticketKey), import(workerData.cache)]).then(
    async ([testing, ticketKey, cache]) => {
      const { credential, key, sessions, tickets } = workerData
      const listener = await testing.TestListener.start({
        "": testing.serverTls({
          credentials: [credential],
          ticketKey: ticketKey.sharedTicketKey(key),
          sessionTickets: tickets,
          sessionCache: new cache.SharedSessionCache(sessions),
        }),
      })
      parentPort.on("message", () => listener.close() || parentPort.close())
      parentPort.postMessage(listener.port)
    },
  )`

for (const tickets of [true, false])
  test(`a session made in one worker is resumed in another, tickets ${tickets ? "on" : "off"}`, async () => {
    const { certificate, key } = await issueCertificate(["one.test"])
    const url = (file: string) => new URL(file, import.meta.url).href
    const workerData = {
      credential: { certificate, key },
      key: new SharedArrayBuffer(TICKET_KEY_MEMORY_BYTES),
      sessions: new SharedArrayBuffer(65_536),
      tickets,
      testing: url("testing.ts"),
      ticketKey: url("ticket-key.ts"),
      cache: url("session-cache.ts"),
    }
    const workers = [0, 1].map(() => new Worker(WORKER, { eval: true, workerData }))
    const ports = await Promise.all(
      workers.map(async (worker) => (await once(worker, "message"))[0] as number),
    )
    const session = join(makeTempFolder("tickets"), "session")
    for (const version of tickets ? ["-tls1_2", "-tls1_3"] : ["-tls1_2"]) {
      assert.match(await sClient(ports[0] as number, version, "-sess_out", session), /^New, /m)
      assert.match(await sClient(ports[1] as number, version, "-sess_in", session), /^Reused, /m)
    }
    for (const worker of workers) {
      worker.postMessage("end")
      await once(worker, "exit")
    }
  })
