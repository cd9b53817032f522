/** Applications of the usual web frameworks, with the configurations that their guides lead to. */
import assert from "node:assert/strict"
import { rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { site } from "./site.ts"

site(
  "rails-action-cable",
  { backends: { "/srv/shop/shared/tmp/sockets/puma.sock": "puma" } },
  async (shop) => {
    const page = await shop.get("http://shop.example.com/orders?page=2", {
      headers: { "X-Forwarded-For": "9.9.9.9" },
    })
    assert.equal(page.seen.url, "/orders?page=2")
    assert.equal(page.seen.headers["x-forwarded-for"], "9.9.9.9, 127.0.0.1")
    assert.equal((await shop.get("http://shop.example.com/about")).body, "<h1>About</h1>\n")
    const css = await shop.get("http://shop.example.com/assets/application-7d1c.css")
    assert.deepEqual([css.header("content-type"), css.header("etag")], ["text/css", ""])
    assert.match(css.header("cache-control"), /max-age=315360000, public/)
    const { seen, protocol } = await shop.socket("ws://shop.example.com/cable", {
      protocols: ["actioncable-v1-json"],
    })
    assert.deepEqual([seen.url, protocol], ["/cable", "actioncable-v1-json"])
    assert.equal(seen.headers["x-forwarded-proto"], "http")

    const flag = join(shop.root, "srv/shop/current/public/system/maintenance.html")
    writeFileSync(flag, "<h1>Back soon</h1>")
    const closed = await shop.get("http://shop.example.com/orders")
    assert.deepEqual([closed.status, closed.body], [503, "<h1>Back soon</h1>"])
    rmSync(flag)
    assert.equal((await shop.get("http://shop.example.com/orders")).status, 200)
  },
)

site(
  "django-channels",
  { backends: { "127.0.0.1:8000": "gunicorn", "127.0.0.1:8001": "daphne" } },
  async (django) => {
    const page = await django.get("http://django.example.com/admin/login/?next=/")
    assert.deepEqual([page.seen.backend, page.seen.url], ["gunicorn", "/admin/login/?next=/"])
    assert.equal(
      (await django.get("http://django.example.com/static/css/app.css")).body,
      "h1 { color: navy }\n",
    )
    assert.equal(
      (await django.get("http://django.example.com/media/avatars/1.png")).header("content-type"),
      "image/png",
    )
    assert.equal((await django.get("http://django.example.com/static/none.css")).status, 404)
    assert.equal((await django.get("http://django.example.com/static/css/")).status, 403)
    const { seen } = await django.socket("ws://django.example.com/ws/chat/lobby/")
    assert.deepEqual([seen.backend, seen.url], ["daphne", "/ws/chat/lobby/"])
    assert.equal(seen.headers["x-forwarded-host"], "localhost")
  },
)

site("phoenix-live-view", { backends: { "127.0.0.1:4000": "phoenix" } }, async (phoenix) => {
  const { seen: page } = await phoenix.get("http://example.com/")
  assert.deepEqual([page.headers["connection"], page.headers["x-cluster-client-ip"]], ["close", "127.0.0.1"])
  const { seen } = await phoenix.socket("ws://example.com/live/websocket?vsn=2.0.0", {
    headers: { Origin: "http://elsewhere.example" },
  })
  assert.equal(seen.url, "/live/websocket?vsn=2.0.0")
  assert.equal(seen.headers["origin"], "http://example.com")
})

site("signalr-hub", { backends: { "localhost:5000": "kestrel" } }, async (hub) => {
  const negotiate = await hub.get("http://example.com/hubroute/negotiate?negotiateVersion=1", {
    method: "POST",
    body: "",
  })
  assert.deepEqual([negotiate.seen.method, negotiate.seen.headers["connection"]], ["POST", "keep-alive"])
  const { seen } = await hub.socket("ws://chat.example.com/hubroute?id=abc")
  assert.deepEqual([seen.url, seen.headers["host"]], ["/hubroute?id=abc", "chat.example.com"])
  const events = await hub.get("http://example.com/hubroute/sse", {
    headers: { Accept: "text/event-stream" },
  })
  assert.equal(events.body, "data: one\n\ndata: two\n\ndata: three\n\n")
})

site("laravel-echo-soketi", { backends: { "127.0.0.1:6001": "soketi" } }, async (echo) => {
  const { seen } = await echo.socket("wss://socket.yourapp.com/app/app-key?protocol=7&client=js")
  assert.deepEqual(
    [seen.url, seen.headers["host"]],
    ["/app/app-key?protocol=7&client=js", "socket.yourapp.com"],
  )
  const api = "https://socket.yourapp.com/apps/app-id/events"
  const event = await echo.get(api, { method: "POST", body: '{"name":"ping"}' })
  assert.equal(event.seen.body, '{"name":"ping"}')
  assert.equal((await echo.get(api, { from: "127.0.0.77" })).status, 403)
  assert.equal((await echo.get("https://socket.yourapp.com/")).status, 404)
})

site("nextjs", { backends: { "127.0.0.1:3000": "next" } }, async (next) => {
  const chunk = await next.get("http://next.example.com/_next/static/chunks/main.js")
  assert.equal(chunk.header("cache-control"), "public, max-age=3600, immutable")
  const image = await next.get("http://next.example.com/static/logo.svg?status=404")
  assert.deepEqual([image.status, image.header("x-static")], [404, "yes"])
  const zipped = await next.get("http://next.example.com/api/list?bytes=5000", {
    headers: { "Accept-Encoding": "gzip" },
  })
  assert.equal(zipped.header("content-encoding"), "gzip")
  const { seen } = await next.socket("ws://next.example.com/_next/webpack-hmr?page=%2F")
  assert.equal(seen.url, "/_next/webpack-hmr?page=%2F")
})

site("vite-dev-server", { backends: { "127.0.0.1:5173": "vite", "127.0.0.1:8000": "api" } }, async (dev) => {
  const hot = await dev.socket("ws://localhost:8080/?token=abc", { protocols: ["vite-hmr"] })
  assert.deepEqual(
    [hot.protocol, dev.asWritten(hot.seen.headers["host"] ?? "")],
    ["vite-hmr", "localhost:8080"],
  )
  const { seen } = await dev.get("http://localhost:8080/api/v2/items?sort=name")
  assert.deepEqual(
    [seen.backend, seen.url, seen.headers["x-api-version"]],
    ["api", "/v2/items?sort=name", "v2"],
  )
  assert.equal((await dev.get("http://localhost:8080/src/main.ts.map")).status, 404)
})

site(
  "spring-sockjs-stomp",
  { backends: { "127.0.0.1:8081": "one", "127.0.0.1:8082": "two", "127.0.0.1:8083": "three" } },
  async (stomp) => {
    for (const session of ["k2fl1", "p9x0a", "zz81q"]) {
      const polling = await stomp.get(`http://stomp.example.com/stomp/000/${session}/xhr`, { method: "POST" })
      const { seen } = await stomp.socket(`ws://stomp.example.com/stomp/123/${session}/websocket`)
      assert.equal(seen.backend, polling.seen.backend)
    }
    const info = await stomp.get("http://stomp.example.com/stomp/info?t=1")
    assert.equal(info.seen.url, "/stomp/info?t=1")
  },
)
