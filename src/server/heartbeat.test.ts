import assert from "node:assert/strict"
import { describe, it } from "node:test"
import { BEAT_MS, BUILD_LIMIT_MS, Heartbeat, StallWatch } from "./heartbeat.ts"

function watched(): { heartbeat: Heartbeat; watch: StallWatch } {
  const heartbeat = new Heartbeat(new SharedArrayBuffer(Heartbeat.bytes(3)), 1)
  return { heartbeat, watch: new StallWatch(heartbeat) }
}

function pass(watch: StallWatch, ms: number): void {
  for (let at = 0; at < ms; at += BEAT_MS) watch.tick(BEAT_MS)
}

describe("StallWatch", () => {
  it("finds a worker that does not count any more", () => {
    const { heartbeat, watch } = watched()
    heartbeat.beat()
    watch.tick(BEAT_MS)
    pass(watch, 1000)
    assert.equal(watch.isStalled(1000), false)
    watch.tick(BEAT_MS)
    assert.equal(watch.isStalled(1000), true)
    assert.equal(watch.silentMs, 1100)
    heartbeat.beat()
    watch.tick(BEAT_MS)
    assert.equal(watch.isStalled(1000), false)
  })

  it("never ends one where there is no limit", () => {
    const { watch } = watched()
    pass(watch, 10 * BUILD_LIMIT_MS)
    assert.equal(watch.isStalled(0), false)
  })

  it("does not blame a worker for the time in which the supervisor did not run itself", () => {
    const { watch } = watched()
    watch.tick(3_600_000)
    assert.equal(watch.isStalled(1000), false)
    assert.ok(watch.silentMs <= 2 * BEAT_MS)
  })

  it("gives a worker that builds a configuration more time, but not for ever", () => {
    const { heartbeat, watch } = watched()
    heartbeat.isBuilding = true
    pass(watch, BUILD_LIMIT_MS)
    assert.equal(watch.isStalled(1000), false)
    watch.tick(BEAT_MS)
    assert.equal(watch.isStalled(1000), true)
    assert.equal(watch.isStalled(2 * BUILD_LIMIT_MS), false)
  })

  it("tells workers apart", () => {
    const memory = new SharedArrayBuffer(Heartbeat.bytes(2))
    const [first, second] = [new Heartbeat(memory, 0), new Heartbeat(memory, 1)]
    second.beat()
    second.isBuilding = true
    assert.deepEqual([first.beats, first.isBuilding, second.beats, second.isBuilding], [0, false, 1, true])
  })
})
