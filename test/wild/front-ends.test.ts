/** A front end of files beside an API and its sockets. */
import assert from "node:assert/strict"
import { gunzipSync } from "node:zlib"
import { site } from "./site.ts"

site("spa-with-api-and-sockets", { backends: { "127.0.0.1:4000": "api" } }, async (app) => {
  const page = await app.get("http://app.example.com/")
  assert.equal(page.status, 200)
  assert.equal(page.header("content-type"), "text/html")
  assert.equal(page.header("cache-control"), "no-cache")
  assert.match(page.body, /id="root"/)
  const route = await app.get("http://app.example.com/settings/profile")
  assert.deepEqual([route.status, route.body], [200, page.body])

  const asset = "http://app.example.com/assets/index-3f9c2a.js"
  const script = await app.get(asset)
  assert.equal(script.header("cache-control"), "max-age=31536000, public, immutable")
  assert.equal((await app.get(asset, { headers: { "If-None-Match": script.header("etag") } })).status, 304)
  const zipped = await app.get(asset, { headers: { "Accept-Encoding": "gzip" } })
  assert.equal(zipped.header("content-encoding"), "gzip")
  assert.equal(gunzipSync(Buffer.from(zipped.body, "latin1")).toString("latin1"), script.body)
  const part = await app.get(asset, { headers: { Range: "bytes=0-10" } })
  assert.deepEqual([part.status, part.body], [206, script.body.slice(0, 11)])
  assert.equal((await app.get("http://app.example.com/assets/none.js")).status, 404)
  assert.equal((await app.get("http://app.example.com/.git/config")).status, 403)

  const users = await app.get("http://app.example.com/api/users?page=2", {
    headers: { "X-Real-IP": "8.8.8.8" },
  })
  assert.equal(users.seen.url, "/users?page=2")
  assert.equal(users.seen.headers["host"], "app.example.com")
  assert.equal(users.seen.headers["x-real-ip"], "127.0.0.1")
  assert.equal(users.seen.headers["connection"], undefined)
  const created = await app.get("http://app.example.com/api/users", {
    method: "POST",
    body: "x".repeat(100_000),
  })
  assert.equal(created.seen.body.length, 100_000)

  const { seen } = await app.socket("ws://app.example.com/ws/room?id=7")
  assert.deepEqual([seen.url, seen.headers["host"]], ["/ws/room?id=7", "app.example.com"])
})

site(
  "socket-io",
  { backends: { "127.0.0.1:6001": "one", "127.0.0.1:6002": "two", "127.0.0.1:6003": "three" } },
  async (io) => {
    const polling = await io.get("http://io.yourhost.com:3000/socket.io/?EIO=4&transport=polling")
    const { seen } = await io.socket("ws://io.yourhost.com:3000/socket.io/?EIO=4&transport=websocket&sid=1")
    assert.equal(seen.backend, polling.seen.backend)
    assert.equal(seen.url, "/socket.io/?EIO=4&transport=websocket&sid=1")
    assert.equal(seen.headers["x-forwarded-for"], "127.0.0.1")
  },
)
