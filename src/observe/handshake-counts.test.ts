import assert from "node:assert/strict"
import { describe, it } from "node:test"
import type { HandshakeFailure } from "../runtime/module.ts"
import { WorkerHandshakes } from "./handshake-counts.ts"

const REFUSED: HandshakeFailure = { cause: "connect-refused", status: 502, peer: "10.0.0.1:80", part: "" }

describe("the handshakes of a worker", () => {
  it("are counted by the texts of server and location", () => {
    let nowMs = 1000
    const handshakes = new WorkerHandshakes(() => nowMs)
    const ws = handshakes.of("a", "/ws/")
    ws.tunnelOpened()
    handshakes.of("a", "/ws/").tunnelOpened()
    handshakes.of("b", "/ws/").handshakeFailed(REFUSED)
    nowMs = 2000
    handshakes.of("b", "/ws/").handshakeFailed(REFUSED)
    handshakes.of("b", "/ws/").handshakeFailed({ ...REFUSED, status: 504 })
    ws.tunnelClosed()
    assert.deepEqual(handshakes.all(), [
      { server: "a", location: "/ws/", open: 1, opened: 2, failed: 0, failures: [] },
      {
        server: "b",
        location: "/ws/",
        open: 0,
        opened: 0,
        failed: 3,
        failures: [
          { ...REFUSED, count: 2, lastMs: 2000 },
          { ...REFUSED, status: 504, count: 1, lastMs: 2000 },
        ],
      },
    ])
  })

  it("of a location are remembered in 32 kinds, the last ones, and all in number", () => {
    const handshakes = new WorkerHandshakes(() => 0)
    const location = handshakes.of("a", "/")
    for (let i = 0; i < 100; i++) {
      location.handshakeFailed({ ...REFUSED, peer: `10.0.0.${i}:80` })
      // One that comes again and again is none of the oldest.
      location.handshakeFailed(REFUSED)
    }
    const [counts] = handshakes.all()
    assert.equal(counts?.failed, 200)
    assert.equal(counts?.failures.length, 32)
    assert.equal(counts?.failures.find(({ peer }) => peer === REFUSED.peer)?.count, 101)
    assert.equal(counts?.failures[0]?.peer, "10.0.0.69:80")
  })

  it("are remembered for a thousand locations, and for each that has a tunnel", () => {
    const handshakes = new WorkerHandshakes(() => 0)
    const first = handshakes.of("a", "first")
    first.tunnelOpened()
    handshakes.of("a", "second").handshakeFailed(REFUSED)
    for (let i = 0; i < 2000; i++) handshakes.of("a", `/${i}`).handshakeFailed(REFUSED)
    const all = handshakes.all()
    assert.equal(all.length, 1000)
    assert.ok(all.some(({ location }) => location === "first"))
    assert.ok(!all.some(({ location }) => location === "second"))
    // The cell of a tunnel is the one that is shown.
    first.tunnelClosed()
    assert.equal(handshakes.all().find(({ location }) => location === "first")?.open, 0)
  })
})
