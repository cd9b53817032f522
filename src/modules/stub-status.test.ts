import assert from "node:assert/strict"
import { describe, it } from "node:test"
import { ACCEPTED, ACTIVE, HANDLED, REQUESTS, WAITING, WRITING } from "../observe/counters.ts"
import { DONE } from "../runtime/phases.ts"
import { Fixture, type RecordingExchange } from "./core-variables-fixture.ts"
import { stubStatus } from "./stub-status.ts"

function ask(method: string, conf = "stub_status;") {
  const fixture = new Fixture(
    `http { access_log off; server { location /s { ${conf} location /s/in { } } } }`,
  )
  const { counters } = fixture
  counters.add(ACCEPTED, 12)
  counters.add(HANDLED, 11)
  counters.add(REQUESTS, 2 ** 32)
  counters.add(ACTIVE, 3)
  counters.add(WRITING, 1)
  counters.add(WAITING, 2)
  const location = fixture.location("/s")
  const request = fixture.request(location, `${method} /s HTTP/1.1\r\nHost: a\r\n\r\n`)
  const built = location.of(stubStatus)
  assert.ok(built)
  const result = stubStatus.phases.content?.(request, built)
  return { result, response: request.response, exchange: request.exchange as RecordingExchange }
}

describe("stub_status", () => {
  it("answers in nginx's very text", () => {
    for (const method of ["GET", "HEAD"]) {
      const { result, response, exchange } = ask(method)
      assert.equal(result, DONE)
      assert.equal(
        exchange.body,
        "Active connections: 3 \nserver accepts handled requests\n 12 11 4294967296 \nReading: 0 Writing: 1 Waiting: 2 \n",
      )
      assert.equal(response.status, 200)
      assert.equal(response.contentType, "text/plain")
      assert.equal(response.contentLength, exchange.body.length)
      assert.equal(exchange.hasEnded, true)
    }
  })

  it("takes the old form with an argument", () => {
    assert.equal(ask("GET", "stub_status on;").result, DONE)
  })

  it("refuses other methods with 405", () => {
    const { result, exchange } = ask("POST")
    assert.equal(result, 405)
    assert.equal(exchange.isHeadSent, false)
  })

  it("is not inherited", () => {
    const fixture = new Fixture("http { access_log off; server { stub_status; location /s { } } }")
    assert.equal(fixture.location("/s").of(stubStatus), undefined)
    assert.notEqual(fixture.location().of(stubStatus), undefined)
  })
})
