import assert from "node:assert/strict"
import { test } from "node:test"
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { TimerWheel } from "../base/timers.ts"
import type { OpenTunnel } from "../runtime/open-tunnel.ts"
import { TunnelRegistry } from "./registry.ts"

class Recorded implements OpenTunnel {
  readonly peerKey: string
  readonly drainMs: number | null
  goodbyes = 0
  ends: string[] = []
  readonly #onGoodbye: () => void

  constructor(peerKey: string, drainMs: number | null = null, onGoodbye: () => void = () => {}) {
    this.peerKey = peerKey
    this.drainMs = drainMs
    this.#onGoodbye = onGoodbye
  }

  sayGoodbye(): void {
    this.goodbyes++
    this.#onGoodbye()
  }

  destroy(reason: string): void {
    this.ends.push(reason)
  }
}

/** A registry with `count` tunnels; `allSaid` resolves when each has had its goodbye. */
function registryOf(
  t: { after(work: () => void): void },
  keys: readonly string[],
  drainMs: number | null = null,
) {
  const timers = new TimerWheel(5)
  t.after(() => timers.close())
  const registry = new TunnelRegistry(timers)
  const order: Recorded[] = []
  let isDone = (): void => {}
  const allSaid = new Promise<void>((resolve) => {
    isDone = resolve
  })
  const tunnels = keys.map((key) => {
    const tunnel: Recorded = new Recorded(key, drainMs, () => {
      if (order.push(tunnel) === keys.length) isDone()
    })
    registry.add(tunnel)
    return tunnel
  })
  // The wheel alone keeps no process alive.
  const alive = setInterval(() => {}, 1000)
  t.after(() => clearInterval(alive))
  return { registry, tunnels, order, allSaid }
}

test("goodbyes are said to all, one by one, in no order of theirs", async (t) => {
  const keys = Array.from({ length: 60 }, (_unused, at) => `peer ${at % 3}`)
  const { registry, tunnels, order, allSaid } = registryOf(t, keys)
  assert.equal(registry.size, 60)
  registry.sayGoodbyes(300)
  assert.ok(order.length < 60, "some are still to come")
  await allSaid
  assert.ok(tunnels.every(({ goodbyes }) => goodbyes === 1))
  assert.notDeepEqual(order, tunnels)
})

test("without time all are said at once", (t) => {
  const { registry, tunnels } = registryOf(t, ["a", "a", "b"])
  registry.sayGoodbyes(0)
  assert.deepEqual(
    tunnels.map(({ goodbyes }) => goodbyes),
    [1, 1, 1],
  )
})

test("a tunnel that ended meanwhile gets none", async (t) => {
  const { registry, tunnels } = registryOf(t, ["a", "a", "a", "a"])
  registry.sayGoodbyes(40)
  const gone = tunnels.filter(({ goodbyes }) => goodbyes === 0)
  for (const tunnel of gone) registry.delete(tunnel)
  const last = new Recorded("a")
  registry.add(last)
  registry.sayGoodbyes(0)
  assert.equal(last.goodbyes, 1)
  assert.ok(gone.every(({ goodbyes }) => goodbyes === 0))
})

test("a reload drains those whose peer is gone, as their group says, or as it said when it was there", async (t) => {
  const timers = new TimerWheel(5)
  t.after(() => timers.close())
  const registry = new TunnelRegistry(timers)
  const stays = new Recorded("g\n1", 0)
  const removed = new Recorded("g\n2", null)
  const lives = new Recorded("h\n1", 0)
  const goneKeep = new Recorded("k\n1", null)
  const goneClose = new Recorded("k\n2", 0)
  for (const tunnel of [stays, removed, lives, goneKeep, goneClose]) registry.add(tunnel)
  registry.drainRemoved((key) => {
    if (key === "g\n1") return "stays"
    if (key === "g\n2") return { drainMs: 0 }
    return key === "h\n1" ? { drainMs: null } : "gone"
  })
  assert.deepEqual(
    [stays, removed, lives, goneKeep, goneClose].map(({ goodbyes }) => goodbyes),
    [0, 1, 0, 0, 1],
  )
})

test("a drain that runs is not begun again by the next reload", (t) => {
  const { registry, tunnels, order } = registryOf(
    t,
    Array.from({ length: 50 }, () => "g\n1"),
  )
  const fate = (): { drainMs: number } => ({ drainMs: 60_000 })
  registry.drainRemoved(fate)
  for (let reload = 0; reload < 20; reload++) registry.drainRemoved(fate)
  assert.ok(order.length <= 1, `${order.length} goodbyes at once`)
  // A stop has less time, and all of them get theirs in it.
  registry.sayGoodbyes(0)
  assert.ok(tunnels.every(({ goodbyes }) => goodbyes >= 1))
})

test("all are destroyed with the reason", (t) => {
  const { registry, tunnels } = registryOf(t, ["a", "b"])
  registry.destroyAll("enough")
  assert.deepEqual(
    tunnels.map(({ ends }) => ends),
    [["enough"], ["enough"]],
  )
})

test("a drain over a long time does not hold the tunnels that end before their turn", async (t) => {
  const timers = new TimerWheel(5)
  t.after(() => timers.close())
  const registry = new TunnelRegistry(timers)
  const refs: WeakRef<OpenTunnel>[] = []
  const drainSome = (): void => {
    const tunnels = Array.from({ length: 10 }, () => new Recorded("g\n1"))
    for (const tunnel of tunnels) registry.add(tunnel)
    registry.drainRemoved(() => ({ drainMs: 86_400_000 }))
    for (const tunnel of tunnels) {
      registry.delete(tunnel)
      refs.push(new WeakRef(tunnel))
    }
  }
  drainSome()
  setFlagsFromString("--expose-gc")
  const collectGarbage = runInNewContext("gc") as () => void
  // A weak reference holds its target until the end of the turn that asked for it.
  await new Promise((resolve) => setImmediate(resolve))
  collectGarbage()
  assert.equal(refs.filter((ref) => ref.deref() !== undefined).length, 0)
  assert.equal(registry.size, 0)
})
