import assert from "node:assert/strict"
import { test } from "node:test"
import { clientOptionsOf } from "../client/client-options.ts"
import { parseEndpoint } from "../client/endpoint.ts"
import { handshakeRequest, type RequestChanges } from "./request.ts"

const CLIENT = clientOptionsOf({
  header: ["Origin: https://a.example", "Cookie: a=b", "X-Mine: 1", "sec-websocket-protocol: mine"],
  cookie: ["c=d"],
  subprotocol: ["chat"],
  resolve: [],
  insecure: false,
  timeout: "1s",
})

function fieldsOf(changes: RequestChanges): ReadonlyMap<string, string> {
  const { text } = handshakeRequest(parseEndpoint("ws://ann:pw@example.com/ws/"), CLIENT, changes)
  const lines = text.trimEnd().split("\r\n").slice(1)
  const fields = lines.map((line) => line.split(": ") as [string, string])
  assert.equal(new Set(fields.map(([name]) => name.toLowerCase())).size, fields.length, "each field once")
  return new Map(fields)
}

test("what the user gives takes the place of ours", () => {
  const fields = fieldsOf({})
  assert.equal(fields.get("Origin"), "https://a.example")
  assert.equal(fields.get("Cookie"), "a=b")
  assert.equal(fields.get("sec-websocket-protocol"), "mine")
  assert.equal(fields.get("Authorization"), "Basic YW5uOnB3")
})

test("but not where a test is about it", () => {
  assert.equal(fieldsOf({ origin: null }).has("Origin"), false)
  assert.equal(fieldsOf({ origin: "https://b.example" }).get("Origin"), "https://b.example")
  assert.equal(fieldsOf({ noCookies: true }).has("Cookie"), false)
  assert.equal(fieldsOf({ noSubprotocols: true }).has("sec-websocket-protocol"), false)
  assert.equal(fieldsOf({ connection: "keep-alive, Upgrade" }).get("Connection"), "keep-alive, Upgrade")
})

test("a plain GET has nothing of a handshake, and all the rest", () => {
  const names = [...fieldsOf({ isPlain: true }).keys()]
  assert.deepEqual(names, ["Host", "Connection", "User-Agent", "Authorization", "Origin", "Cookie", "X-Mine"])
})

test("header names in lower case, and bytes before the request", () => {
  const { text } = handshakeRequest(parseEndpoint("ws://example.com/"), CLIENT, {
    lowerCase: true,
    prefix: "PROXY UNKNOWN\r\n",
  })
  assert.match(text, /^PROXY UNKNOWN\r\nGET \/ HTTP\/1\.1\r\nhost: example\.com\r\n/)
  assert.doesNotMatch(text.slice(text.indexOf("\r\nhost")), /\r\n[^:\r\n]*[A-Z][^:\r\n]*:/)
})
