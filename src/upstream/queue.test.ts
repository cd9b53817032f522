import assert from "node:assert/strict"
import { it, type TestContext } from "node:test"
import { TimerWheel } from "../base/timers.ts"
import type { PeerWaiter } from "./peer-wait.ts"
import { RequestQueue } from "./queue.ts"

class Waiter implements PeerWaiter {
  readonly name: string
  readonly #log: string[]
  readonly #onEnd: () => void
  mayHave: boolean

  constructor(name: string, log: string[], mayHave: boolean, onEnd: () => void = () => {}) {
    this.name = name
    this.#log = log
    this.mayHave = mayHave
    this.#onEnd = onEnd
  }

  tryAgain(): boolean {
    if (!this.mayHave) return false
    this.#log.push(this.name)
    this.#onEnd()
    return true
  }

  giveUp(): void {
    this.#log.push(`${this.name} gives up`)
    this.#onEnd()
  }
}

function makeQueue(t: TestContext, limit: number, timeoutMs = 60_000): RequestQueue {
  const timers = new TimerWheel(5)
  t.after(() => timers.close())
  return new RequestQueue({ limit, timeoutMs }, timers)
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

it("those who wait are asked in the order in which they came", async (t) => {
  const queue = makeQueue(t, 10)
  const log: string[] = []
  const waiters = ["a", "b", "c"].map((name) => new Waiter(name, log, false))
  for (const waiter of waiters) assert.ok(queue.enqueue(waiter))
  queue.wake()
  await turn()
  assert.deepEqual(log, [])
  for (const waiter of waiters) waiter.mayHave = true
  queue.wake()
  assert.deepEqual(log, [], "not from within the call")
  await turn()
  assert.deepEqual(log, ["a", "b", "c"])
  assert.ok(queue.isEmpty)
})

it("one that cannot be served does not hold up the others", async (t) => {
  const queue = makeQueue(t, 10)
  const log: string[] = []
  queue.enqueue(new Waiter("bound", log, false))
  queue.enqueue(new Waiter("free", log, true))
  queue.wake()
  await turn()
  assert.deepEqual(log, ["free"])
  assert.ok(!queue.isEmpty)
})

it("a full queue takes nobody, until a place is left", (t) => {
  const queue = makeQueue(t, 2)
  const log: string[] = []
  const first = queue.enqueue(new Waiter("a", log, false))
  assert.ok(queue.enqueue(new Waiter("b", log, false)))
  assert.equal(queue.enqueue(new Waiter("c", log, false)), null)
  first?.cancel()
  first?.cancel()
  assert.ok(queue.enqueue(new Waiter("c", log, false)))
  assert.deepEqual(log, [])
})

it("a wait ends with its time", async (t) => {
  const queue = makeQueue(t, 2, 10)
  const log: string[] = []
  // The wheel does not keep the program alive.
  const alive = setInterval(() => {}, 1000)
  await new Promise<void>((resolve) => queue.enqueue(new Waiter("a", log, false, resolve)))
  clearInterval(alive)
  assert.deepEqual(log, ["a gives up"])
  assert.ok(queue.isEmpty)
})

it("without being woken it looks by itself", async (t) => {
  const queue = makeQueue(t, 2)
  const log: string[] = []
  const alive = setInterval(() => {}, 1000)
  await new Promise<void>((resolve) => queue.enqueue(new Waiter("a", log, true, resolve)))
  clearInterval(alive)
  assert.deepEqual(log, ["a"])
})

it("who leaves while another is served is not asked", async (t) => {
  const queue = makeQueue(t, 2)
  const log: string[] = []
  let second: ReturnType<RequestQueue["enqueue"]> = null
  queue.enqueue(new Waiter("a", log, true, () => second?.cancel()))
  second = queue.enqueue(new Waiter("b", log, true))
  queue.wake()
  await turn()
  assert.deepEqual(log, ["a"])
})
