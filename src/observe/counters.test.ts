import assert from "node:assert/strict"
import { once } from "node:events"
import { describe, it } from "node:test"
import { Worker } from "node:worker_threads"
import { ACCEPTED, ACTIVE, CounterTable, HANDLED, READING, REQUESTS, WAITING, WRITING } from "./counters.ts"

const SOURCE = new URL("./counters.ts", import.meta.url).href
const ALL = [ACCEPTED, HANDLED, REQUESTS, ACTIVE, READING, WRITING, WAITING]

describe("CounterTable", () => {
  it("sums what threads count at the same time", async () => {
    const workers = 4
    const rounds = 100_000
    const memory = new SharedArrayBuffer(CounterTable.bytes(workers))
    const program = `
      const { workerData } = require("node:worker_threads")
      import(workerData.source).then(({ CounterTable }) => {
        const table = new CounterTable(workerData.memory, workerData.worker)
        for (let i = 0; i < ${rounds}; i++)
          for (let counter = 0; counter < 7; counter++) table.add(counter, counter % 2 === 0 ? counter + 1 : -counter)
      })`
    const threads = Array.from({ length: workers }, (_, worker) => {
      return new Worker(program, { eval: true, workerData: { source: SOURCE, memory, worker } })
    })
    for (const exit of threads.map((thread) => once(thread, "exit"))) assert.deepEqual(await exit, [0])
    const table = new CounterTable(memory, 0)
    for (const counter of ALL) {
      const step = counter % 2 === 0 ? counter + 1 : -counter
      assert.equal(table.total(counter), workers * rounds * step)
    }
  })

  it("counts beyond 32 bits", () => {
    const table = new CounterTable(new SharedArrayBuffer(CounterTable.bytes(1)), 0)
    table.add(REQUESTS, 2 ** 33)
    table.add(REQUESTS, 1)
    assert.equal(table.total(REQUESTS), 2 ** 33 + 1)
  })

  it("forgets a dead worker's connections, not what it has done", () => {
    const memory = new SharedArrayBuffer(CounterTable.bytes(2))
    const first = new CounterTable(memory, 0)
    const second = new CounterTable(memory, 1)
    for (const counter of ALL) {
      first.add(counter, 1)
      second.add(counter, 10)
    }
    first.clearRow(1)
    assert.deepEqual(
      ALL.map((counter) => second.total(counter)),
      [11, 11, 11, 1, 1, 1, 1],
    )
  })
})
