import assert from "node:assert/strict"
import { hostname } from "node:os"
import { describe, it } from "node:test"
import fc from "fast-check"
import { ACTIVE } from "../observe/counters.ts"
import { formatSeconds, LogTime } from "../observe/log-time.ts"
import type { Request } from "../runtime/request.ts"
import { accessLog } from "./access-log.ts"
import { LogFormat } from "./access-log-format.ts"
import { findArgument, findCookie } from "./core-variables-fields.ts"
import { type ClientPart, FIXTURE_NOW, Fixture, type RecordingExchange } from "./core-variables-fixture.ts"

/** The values of `names` for a request with `head`; "-" for one without value. */
function values(
  names: string,
  head: string,
  prepare?: (request: Request) => void,
  client?: ClientPart,
): string[] {
  const format = names
    .split(" ")
    .map((name) => `\${${name}}`)
    .join("\t")
  const fixture = new Fixture(`http { log_format f '${format}'; server { access_log l f; } }`)
  const location = fixture.location()
  const request = fixture.request(location, head, client)
  prepare?.(request)
  const log = location.of(accessLog)?.[0]
  assert.ok(log?.format instanceof LogFormat)
  return log.format.line(request).slice(0, -1).split("\t")
}

const GET = "GET /a%20b?x=1&Y=2 HTTP/1.1\r\nHost: A.Example:81\r\n\r\n"

describe("variables of the request", () => {
  it("speak of its line", () => {
    const names =
      "request request_method request_uri uri document_uri args query_string is_args server_protocol host scheme https"
    const expected = [
      "GET /a%20b?x=1&Y=2 HTTP/1.1",
      "GET",
      "/a%20b?x=1&Y=2",
      "/a b",
      "/a b",
      "x=1&Y=2",
      "x=1&Y=2",
      "?",
    ]
    assert.deepEqual(values(names, GET), [...expected, "HTTP/1.1", "a.example", "http", ""])
    assert.deepEqual(values("args is_args request_uri", "GET /? HTTP/1.0\r\n\r\n"), ["-", "", "/?"])
    assert.deepEqual(values("server_protocol", "GET / HTTP/1.0\r\n\r\n"), ["HTTP/1.0"])
  })

  it("take the absolute form apart", () => {
    const uri = (target: string): string[] =>
      values("request_uri", `GET ${target} HTTP/1.1\r\nHost: a\r\n\r\n`)
    assert.deepEqual(uri("http://b.test/x?y"), ["/x?y"])
    assert.deepEqual(uri("http://b.test?q=1"), ["?q=1"])
    assert.deepEqual(uri("http://b.test"), ["/"])
  })

  it("know the port that the client named", () => {
    const port = (head: string): string[] => values("request_port is_request_port", head)
    assert.deepEqual(port("GET / HTTP/1.1\r\nHost: a:81\r\n\r\n"), ["81", ":"])
    assert.deepEqual(port("GET / HTTP/1.1\r\nHost: [::1]:0443\r\n\r\n"), ["443", ":"])
    assert.deepEqual(port("GET / HTTP/1.1\r\nHost: [::1]\r\n\r\n"), ["", ""])
    assert.deepEqual(port("GET / HTTP/1.1\r\nHost: a:\r\n\r\n"), ["", ""])
    assert.deepEqual(port("GET http://b:82/x HTTP/1.1\r\nHost: a:81\r\n\r\n"), ["82", ":"])
    assert.deepEqual(port("GET http://b/x:y HTTP/1.1\r\nHost: a:81\r\n\r\n"), ["", ""])
    assert.deepEqual(port("GET / HTTP/1.0\r\n\r\n"), ["", ""])
  })

  it("find arguments, in any case, as sent", () => {
    assert.deepEqual(values("arg_x arg_y arg_Y arg_z", GET), ["1", "2", "2", "-"])
    assert.equal(findArgument("a=&b", "a"), "")
    assert.equal(findArgument("a=&b", "b"), undefined)
    assert.equal(findArgument("ba=1&a=%20&a=2", "a"), "%20")
    assert.equal(findArgument("a", "a"), undefined)
    assert.equal(findArgument("", "a"), undefined)
    const argument = fc.tuple(
      fc.stringMatching(/^[a-c]{0,2}$/),
      fc.option(fc.stringMatching(/^[a-c=]{0,2}$/)),
    )
    fc.assert(
      fc.property(fc.array(argument), fc.stringMatching(/^[a-c]{1,2}$/), (all, name) => {
        const args = all.map(([key, value]) => (value === null ? key : `${key}=${value}`)).join("&")
        const expected = all.find(([key, value]) => key === name && value !== null)?.[1] ?? undefined
        assert.equal(findArgument(args, name), expected)
      }),
    )
  })

  it("find fields, several as one", () => {
    const head =
      "GET / HTTP/1.1\r\nHost: a\r\nX-A: 1\r\nx-a: 2\r\nX_B-C: 3\r\nCookie: k=1; a = x y ;z=1\r\nCookie: a=2\r\nContent-Type: t\r\nContent-Length: 0\r\n\r\n"
    const names =
      "http_x_a http_X_A http_x_b_c http_cookie cookie_a cookie_K cookie_no http_no content_type content_length"
    const expected = ["1, 2", "1, 2", "3", "k=1; a = x y ;z=1; a=2", "x y ", "1", "-", "-", "t", "0"]
    assert.deepEqual(values(names, head), expected)
  })

  it("find cookies as nginx does", () => {
    const cases: [string, string | undefined][] = [
      ["a=1", "1"],
      ["a=", ""],
      ["a", undefined],
      ["ab=1; a=2", "2"],
      ["b=a=1,a=3", "3"],
      ["A=1", "1"],
      [";; a=1", "1"],
      ["a x=1; a=2", "2"],
    ]
    for (const [field, value] of cases) assert.equal(findCookie(field, "a", false), value, field)
  })

  it("read the user of Basic authorization", () => {
    const user = (field: string): string =>
      values("remote_user", `GET / HTTP/1.1\r\nHost: a\r\nAuthorization: ${field}\r\n\r\n`)[0]
    assert.equal(user("Basic dXNlcjpwdw=="), "user")
    assert.equal(user("basic   dXNlcjpwdw=="), "user")
    for (const field of [
      "Basic OnB3",
      "Basic",
      "Basic dXNlcg==",
      "Bearer dXNlcjpwdw==",
      "Basic dX!NlcjpwdzQ=",
      "Basic",
    ])
      assert.equal(user(field), "-", field)
  })

  it("keep one id for a request", () => {
    const fixture = new Fixture("http { access_log off; server { } }")
    const location = fixture.location()
    const ids = new Set<string>()
    for (let i = 0; i < 600; i++) {
      const request = fixture.request(location, GET)
      const variable = fixture.reading
        .context({} as never, fixture.reading.main)
        .variables.resolve("request_id")
      const id = variable?.(request as never)
      assert.match(id ?? "", /^[0-9a-f]{32}$/)
      assert.equal(variable?.(request as never), id)
      ids.add(id ?? "")
    }
    assert.equal(ids.size, 600)
  })
})

describe("variables of the connection", () => {
  it("speak of both ends", () => {
    const names =
      "remote_addr remote_port binary_remote_addr server_addr server_port server_name connection connection_requests pipe"
    const client = {
      address: "192.0.2.7",
      port: 5,
      serverAddress: "192.0.2.1",
      serverPort: 81,
      requests: 3,
      number: 9,
    }
    const expected = ["192.0.2.7", "5", "\xc0\x00\x02\x07", "192.0.2.1", "81", "example.com", "9", "3", "."]
    assert.deepEqual(
      values(names.replace(" binary_remote_addr", ""), GET, undefined, client),
      expected.toSpliced(2, 1),
    )
    // In a log line the bytes are escaped.
    assert.deepEqual(values("binary_remote_addr", GET, undefined, client), ["\\xC0\\x00\\x02\\x07"])
    const unix = { address: "unix:", port: 0, serverAddress: "unix:/run/s", serverPort: 0, isPipelined: true }
    const unixValues = values(
      "remote_addr remote_port binary_remote_addr server_addr server_port pipe",
      GET,
      undefined,
      unix,
    )
    assert.deepEqual(unixValues, ["unix:", "", "unix:", "unix:/run/s", "", "p"])
  })

  it("measure time from the connection's and from the request's start", () => {
    const client = { startMs: performance.now() - 5000 }
    const [connection, request] = values("connection_time request_time", GET, undefined, client)
    assert.match(connection, /^[5-9]\.\d{3}$/)
    assert.match(request, /^\d\.\d{3}$/)
  })
})

describe("variables of the server and the time", () => {
  it("are the process's", () => {
    const time = new LogTime()
    const expected = [
      hostname(),
      String(process.pid),
      "1.30.0",
      formatSeconds(FIXTURE_NOW),
      time.local(FIXTURE_NOW),
      time.iso8601(FIXTURE_NOW),
    ]
    assert.deepEqual(values("hostname pid nginx_version msec time_local time_iso8601", GET), expected)
  })

  it("count connections", () => {
    const fixture = new Fixture("http { access_log off; server { } }")
    fixture.counters.add(ACTIVE, 3)
    const request = fixture.request(fixture.location(), GET)
    const { variables } = fixture.reading.context({} as never, fixture.reading.main)
    const all = ["active", "reading", "writing", "waiting"].map((name) =>
      variables.resolve(`connections_${name}`)?.(request as never),
    )
    assert.deepEqual(all, ["3", "0", "0", "0"])
  })
})

describe("variables of the response", () => {
  it("speak of what was sent", () => {
    const prepare = ({ response, exchange }: Request): void => {
      response.status = 200
      response.contentType = "text/plain"
      response.contentLength = 2
      response.headers.add("X-A", "1")
      response.headers.add("X-A", "2")
      Object.assign(exchange as RecordingExchange, { bytesSent: 150, bodyBytesSent: 2, requestLength: 70 })
    }
    const names =
      "status bytes_sent body_bytes_sent request_length sent_http_x_a sent_http_content_type sent_http_content_length sent_http_connection sent_http_transfer_encoding sent_http_location"
    const expected = ["200", "150", "2", "70", "1, 2", "text/plain", "2", "keep-alive", "-", "-"]
    assert.deepEqual(values(names, GET, prepare), expected)
    assert.deepEqual(values("status sent_http_content_type", GET), ["000", "-"])
  })

  it("show nginx's own statuses as they were sent", () => {
    const status = (code: number): string[] =>
      values("status", GET, (request) => {
        request.response.status = code
      })
    assert.deepEqual([status(497), status(499), status(444)], [["400"], ["499"], ["444"]])
  })
})

describe("variables of upstreams", () => {
  const state = (peer: string, status: number, ms: number) => ({
    peer,
    status,
    connectMs: ms,
    headerMs: ms,
    responseMs: ms === -1 ? 1234 : ms,
    bytesReceived: 10,
    bytesSent: 20,
    responseLength: 5,
    failure: null,
    queueMs: -1,
  })
  const names =
    "upstream_addr upstream_status upstream_connect_time upstream_header_time upstream_response_time upstream_response_length upstream_bytes_received upstream_bytes_sent"

  it("have no value before one was asked", () => {
    assert.deepEqual(
      values(`${names} upstream_http_a upstream_cookie_a upstream_cache_status`, GET),
      new Array(11).fill("-"),
    )
  })

  it("have one value for each attempt", () => {
    const found = values(names, GET, (request) => {
      request.upstreamStates = [state("127.0.0.1:1", 502, -1), state("127.0.0.1:2", 200, 42)]
    })
    const expected = [
      "127.0.0.1:1, 127.0.0.1:2",
      "502, 200",
      "-, 0.042",
      "-, 0.042",
      "1.234, 0.042",
      "5, 5",
      "10, 10",
      "20, 20",
    ]
    assert.deepEqual(found, expected)
  })

  it("part groups with a colon", () => {
    const found = values("upstream_addr upstream_status", GET, (request) => {
      request.upstreamStates = [
        state("a:1", 502, 1),
        state("a:2", 0, 1),
        state("", 0, -1),
        state("b:1", 200, 1),
      ]
    })
    assert.deepEqual(found, ["a:1, a:2 : b:1", "502, - : 200"])
  })

  it("find the upstream's fields and cookies", () => {
    const found = values("upstream_http_x_a upstream_cookie_a upstream_cookie_b", GET, (request) => {
      request.upstreamHeaders = request.response.headers
      request.upstreamHeaders.add("X-A", "v")
      request.upstreamHeaders.add("Set-Cookie", "a=1; Path=/; b=2")
      request.upstreamHeaders.add("Set-Cookie", "b=3")
    })
    assert.deepEqual(found, ["v", "1", "3"])
  })
})
