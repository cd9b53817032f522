import assert from "node:assert/strict"
import { it } from "node:test"
import { Worker } from "node:worker_threads"
import { ConnectionNumbers } from "./connection-numbers.ts"

const COUNT = 20_000

/** Takes numbers in a thread of its own; resolves with them. */
function takeInThread(memory: SharedArrayBuffer): Promise<number[]> {
  const source = `
    const { parentPort, workerData } = require("node:worker_threads")
    import(workerData.module).then(({ ConnectionNumbers }) => {
      const numbers = new ConnectionNumbers(workerData.memory)
      parentPort.postMessage(Array.from({ length: ${COUNT} }, () => numbers.next()))
    })`
  const module = new URL("./connection-numbers.ts", import.meta.url).href
  const worker = new Worker(source, { eval: true, workerData: { memory, module } })
  return new Promise((resolve, reject) => worker.once("message", resolve).once("error", reject))
}

it("gives each number once, whichever thread asks", async () => {
  const memory = new SharedArrayBuffer(ConnectionNumbers.bytes)
  const taken = (await Promise.all([takeInThread(memory), takeInThread(memory)])).flat()
  assert.deepEqual(
    taken.sort((a, b) => a - b),
    Array.from({ length: 2 * COUNT }, (_unused, index) => index + 1),
  )
})
