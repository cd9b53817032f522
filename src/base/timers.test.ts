import assert from "node:assert/strict"
import { once } from "node:events"
import { test } from "node:test"
import { TimerWheel } from "./timers.ts"

/** Resolves with the names of the timers in the order in which they fire. */
function firingOrder(start: (fired: (name: string) => () => void) => void, count: number): Promise<string[]> {
  return new Promise((resolve) => {
    const names: string[] = []
    start((name) => () => {
      names.push(name)
      if (names.length === count) resolve(names)
    })
  })
}

test("timers fire in the order of their deadlines", async () => {
  const wheel = new TimerWheel(5)
  const keepAlive = setInterval(() => {}, 1000)
  const order = await firingOrder((fired) => {
    wheel.timer(fired("late")).start(120)
    wheel.timer(fired("soon")).start(20)
    wheel.timer(fired("middle")).start(60)
  }, 3)
  assert.deepEqual(order, ["soon", "middle", "late"])
  clearInterval(keepAlive)
  wheel.close()
})

test("a timer that is moved nearer fires at its new deadline", async () => {
  const wheel = new TimerWheel(5)
  const keepAlive = setInterval(() => {}, 1000)
  const order = await firingOrder((fired) => {
    const moved = wheel.timer(fired("moved"))
    moved.start(60_000)
    moved.start(20)
    wheel.timer(fired("other")).start(100)
  }, 2)
  assert.deepEqual(order, ["moved", "other"])
  clearInterval(keepAlive)
  wheel.close()
})

test("a timer that is moved on does not fire at its old deadline, a stopped one not at all", async () => {
  const wheel = new TimerWheel(5)
  const keepAlive = setInterval(() => {}, 1000)
  const order = await firingOrder((fired) => {
    const moved = wheel.timer(fired("moved"))
    moved.start(10)
    moved.start(90)
    const stopped = wheel.timer(fired("stopped"))
    stopped.start(30)
    stopped.stop()
    wheel.timer(fired("other")).start(50)
  }, 2)
  assert.deepEqual(order, ["other", "moved"])
  clearInterval(keepAlive)
  wheel.close()
})

test("a deadline beyond one round of the wheel is kept", async () => {
  const wheel = new TimerWheel(1)
  const events = new EventTarget()
  const keepAlive = setInterval(() => {}, 1000)
  const start = performance.now()
  wheel.timer(() => events.dispatchEvent(new Event("fired"))).start(700)
  await once(events, "fired")
  assert.ok(performance.now() - start >= 699)
  clearInterval(keepAlive)
  wheel.close()
})

test("a timer may start itself again, and others, while it fires", async () => {
  const wheel = new TimerWheel(2)
  const keepAlive = setInterval(() => {}, 1000)
  const order = await firingOrder((fired) => {
    let rounds = 0
    const again = wheel.timer(() => {
      fired(`round ${rounds}`)()
      if (++rounds < 3) again.start(5)
    })
    again.start(5)
  }, 3)
  assert.deepEqual(order, ["round 0", "round 1", "round 2"])
  clearInterval(keepAlive)
  wheel.close()
})

test("property: whatever is started, moved and stopped, each fires once at its last deadline, the stopped never", async () => {
  const wheel = new TimerWheel(1)
  const keepAlive = setInterval(() => {}, 1000)
  const fired = new Map<number, number>()
  const wanted = new Set<number>()
  let seed = 12345
  const random = (below: number): number => {
    seed = (seed * 1103515245 + 12345) & 0x7fffffff
    return seed % below
  }
  const timers = Array.from({ length: 200 }, (_unused, index) =>
    wheel.timer(() => fired.set(index, (fired.get(index) ?? 0) + 1)),
  )
  for (let step = 0; step < 2000; step++) {
    const index = random(timers.length)
    const timer = timers[index] as (typeof timers)[number]
    if (random(3) === 0) {
      timer.stop()
      wanted.delete(index)
    } else {
      timer.start(100 + random(400))
      wanted.add(index)
    }
  }
  const done = Promise.withResolvers<void>()
  wheel.timer(done.resolve).start(600)
  await done.promise
  assert.deepEqual(
    [...fired.keys()].sort((a, b) => a - b),
    [...wanted].sort((a, b) => a - b),
  )
  assert.ok([...fired.values()].every((count) => count === 1))
  clearInterval(keepAlive)
  wheel.close()
})
