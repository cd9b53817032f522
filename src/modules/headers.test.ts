import assert from "node:assert/strict"
import { describe, it } from "node:test"
import { Fixture } from "./core-variables-fixture.ts"
import { headers } from "./headers.ts"

const HEAD = "GET /x?a=1 HTTP/1.1\r\nHost: a\r\n\r\n"

/** The fields of a response with `status` after the filter. */
function fields(conf: string, status: number, ...before: [string, string][]): string[] {
  const fixture = new Fixture(`http { access_log off; ${conf} }`)
  const location = fixture.location("/")
  const request = fixture.request(location, HEAD)
  request.response.status = status
  for (const [name, value] of before) request.response.headers.add(name, value)
  const built = location.of(headers)
  if (built !== undefined) headers.headers?.(request, built)
  const { names, values } = request.response.headers
  return names.map((name, i) => `${name}: ${values[i]}`)
}

function inLocation(conf: string): string {
  return `server { location / { ${conf} } }`
}

describe("add_header", () => {
  it("adds on the statuses that nginx names, and with always on all", () => {
    const conf = inLocation("add_header X-A 1; add_header X-B 2 always;")
    for (const status of [200, 201, 204, 206, 301, 302, 303, 304, 307, 308])
      assert.deepEqual(fields(conf, status), ["X-A: 1", "X-B: 2"], String(status))
    for (const status of [101, 202, 205, 300, 400, 403, 404, 499, 500, 502])
      assert.deepEqual(fields(conf, status), ["X-B: 2"], String(status))
  })

  it("sends no empty value, and adds to what is there", () => {
    const conf = inLocation(
      'add_header X-A "$arg_a$arg_b"; add_header X-B $arg_b; add_header X-A two; add_header Cache-Control no-store;',
    )
    assert.deepEqual(fields(conf, 200, ["x-a", "0"], ["Cache-Control", "max-age=1"]), [
      "x-a: 0",
      "Cache-Control: max-age=1",
      "X-A: 1",
      "X-A: two",
      "Cache-Control: no-store",
    ])
  })

  it("replaces Last-Modified and ETag", () => {
    const conf = inLocation('add_header Last-Modified ""; add_header ETag new;')
    assert.deepEqual(fields(conf, 200, ["last-modified", "x"], ["ETag", "old"]), ["ETag: new"])
  })

  it("is replaced as a whole at a lower level", () => {
    const http = "add_header X-A 1; add_header X-B 2;"
    assert.deepEqual(fields(`${http} ${inLocation("")}`, 200), ["X-A: 1", "X-B: 2"])
    assert.deepEqual(fields(`${http} ${inLocation("add_header X-C 3;")}`, 200), ["X-C: 3"])
    assert.deepEqual(fields(`${http} server { add_header X-S 4; location / { } }`, 200), ["X-S: 4"])
  })

  it("refuses another third word", () => {
    assert.throws(() => new Fixture(`http { add_header A b sometimes; }`), {
      message: 'invalid parameter "sometimes"',
    })
    assert.throws(() => new Fixture(`http { add_header A; }`), {
      message: 'invalid number of arguments in "add_header" directive',
    })
  })
})
