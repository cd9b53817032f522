import assert from "node:assert/strict"
import { describe, it } from "node:test"
import { stripVTControlCharacters } from "node:util"
import { report } from "./report.ts"
import { exampleSnapshot } from "./testing.ts"

const WHOLE = `
holdfast 0.1.0, process 4711, running for 2 d 2 h, 123 MB
/etc/example.conf, generation 12, loaded 3 min ago
the reload 10 s ago failed, all stays as it was: unknown directive "example"
123463 active connections: 1 reading, 123457 writing, 5 waiting
123456 tunnels; 12345678 accepted connections, 23456789 requests so far

WORKER  STATE          RUNNING  DIED   BUSY       LAG    HEAP   CONNS  TUNNELS
0       serving        367 d       1  100 %  999.9 ms  988 MB  123456   123456
127     not answering  1 s      1234      -         -       -       7        -

LISTENS ON              SPEAKS                    ACCEPTED
unix:/run/example.sock  ssl http2 proxy_protocol  12345678

WEBSOCKETS AT                        OPEN   OPENED  FAILED
_ (no location)                         0        0       0
example.example.com ~* ^/example/  123456  1234567    1234

FAILED HANDSHAKES                                      COUNT     LAST
example.example.com ~* ^/example/
  example:3000 answered 404 Not Found                    100  3 h ago
  Upgrade is not passed on; example:3000 answered 404     99  3 h ago
  example:3000 refused the connection                     98  3 h ago
  example:3000 did not accept in time                     97  3 h ago
  example:3000 cannot be reached                          96  3 h ago
  TLS with example:3000 failed                            95  3 h ago
  example:3000 reset the connection before its answer     94  3 h ago
  example:3000 closed before its answer                   93  3 h ago
  example:3000 did not answer in time                     92  3 h ago
  example:3000 sent an invalid header                     91  3 h ago
  example:3000 sent a 101 that must not be relayed        90  3 h ago
  no live upstreams in example:3000                       89  3 h ago
  example:3000 could not be resolved                      88  3 h ago
  Holdfast itself answered 404 Not Found                  87  3 h ago
  no valid Sec-WebSocket-Key in the client's request      86  3 h ago
  the client left before an answer                        85  3 h ago
Where Upgrade is not passed on, holdfast check says what is missing.

UPSTREAM                      STATE            TUNNELS  ACTIVE  FAILS  LAST FAIL
example
  10.0.0.1:3000               up                   118     118      0          -
  backup unix:…/example.sock  unavailable 1/2      118     118      3    9 d ago
10.0.0.9:80
  10.0.0.1:3000               removed              118     118      -          -
`

describe("the report", () => {
  it("says all that there is", () => {
    const lines = report(exampleSnapshot(), { width: 80, isColoured: false })
    assert.equal(`\n${lines.join("\n")}\n`, WHOLE)
  })

  it("has the same words in colour", () => {
    const lines = report(exampleSnapshot(), { width: 80, isColoured: true })
    assert.equal(`\n${lines.map(stripVTControlCharacters).join("\n")}\n`, WHOLE)
    assert.equal(lines[0], `\x1b[1m${WHOLE.split("\n")[1]}\x1b[0m`)
    assert.match(lines.join("\n"), /^\x1b\[31m127 .*\x1b\[0m$/m)
  })

  for (const width of [40, 60, 80, 200])
    it(`is no wider than ${width} columns`, () => {
      const lines = report(exampleSnapshot("very-long-".repeat(30)), { width, isColoured: false })
      for (const line of lines) assert.ok([...line].length <= width, line)
    })

  it("says who takes whose place, and what the program is about", () => {
    const [first, second] = report(
      { ...exampleSnapshot(), state: "stopping", replacedBy: 4712 },
      { width: 80, isColoured: false },
    )
    assert.equal(first, "holdfast 0.1.0, process 4711, stopping, 123 MB")
    assert.equal(second, "process 4712 takes its place")
  })

  it("leaves out what there is none of", () => {
    const quiet = { ...exampleSnapshot(), lastReload: null, listeners: [], locations: [], upstreams: [] }
    const text = report(quiet, { width: 80, isColoured: false }).join("\n")
    assert.match(text, /^no WebSockets so far$/m)
    assert.doesNotMatch(text, /reload|LISTENS|FAILED HANDSHAKES|UPSTREAM/)
  })

  it("shows twenty lines of failures, and how many more there are", () => {
    const snapshot = exampleSnapshot()
    const locations = [...snapshot.locations, ...snapshot.locations]
    const lines = report({ ...snapshot, locations }, { width: 80, isColoured: false })
    const start = lines.findIndex((line) => line.startsWith("FAILED HANDSHAKES"))
    assert.equal(lines[start + 21], "… and 14 lines more: --json has all")
  })
})
