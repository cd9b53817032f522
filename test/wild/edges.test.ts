/** Edges of many applications: generated, shared, behind other proxies. */
import assert from "node:assert/strict"
import { gunzipSync } from "node:zlib"
import { site } from "./site.ts"

site(
  "multi-tenant-edge",
  { backends: { "127.0.0.1:7001": "shared", "127.0.0.1:7002": "shared", "127.0.0.1:7003": "dedicated" } },
  async (edge) => {
    const acme = await edge.get("http://acme.apps.example.com/items?q=a%20b")
    assert.deepEqual(
      [acme.seen.backend, acme.seen.url, acme.seen.headers["x-tenant"]],
      ["shared", "/items?q=a%20b", "acme"],
    )
    assert.match(acme.seen.headers["x-request-id"] ?? "", /^[0-9a-f]{32}$/)
    const big = await edge.socket("ws://www.bigcorp.example/live")
    assert.deepEqual([big.seen.backend, big.seen.headers["x-tenant"]], ["dedicated", "bigcorp"])
    const frozen = await edge.get("http://frozen.apps.example.com/x", { method: "POST", body: "a=1" })
    assert.deepEqual([frozen.status, frozen.body], [423, "this account is frozen\n"])
    assert.equal((await edge.get("http://frozen.apps.example.com/x")).status, 200)
    assert.equal((await edge.get("http://include.example/")).status, 404)
    await assert.rejects(edge.get("http://nobody.example/"), /ended before an answer/)
  },
)

site(
  "canary-split-clients",
  { backends: { "127.0.0.1:8001": "blue", "127.0.0.1:8002": "green" } },
  async (shop) => {
    const colours = new Set<string>()
    for (let last = 1; last <= 40; last++) {
      const { seen, header } = await shop.get("http://shop.example.com/", { from: `127.0.0.${last}` })
      assert.equal(header("x-colour"), seen.backend)
      const { seen: live } = await shop.socket("ws://shop.example.com/ws", { from: `127.0.0.${last}` })
      assert.equal(live.backend, seen.backend)
      colours.add(seen.backend)
    }
    assert.deepEqual([...colours].sort(), ["blue", "green"])
    const on = await shop.get("http://shop.example.com/canary/on")
    assert.equal(on.header("set-cookie"), "canary=always; Path=/; HttpOnly")
    for (const [value, colour] of [
      ["always", "green"],
      ["never", "blue"],
    ] as const) {
      const { seen } = await shop.socket("ws://shop.example.com/", {
        headers: { Cookie: `a=b; canary=${value}` },
      })
      assert.equal(seen.backend, colour)
    }
  },
)

site(
  "ingress-nginx-generated",
  { backends: { "127.0.0.1:9000": "pod" }, notOnNginx: "1.22 has no http2 directive" },
  async (ingress) => {
    const { seen } = await ingress.socket("wss://chat.example.com/socket.io/?EIO=4&transport=websocket", {
      headers: { "X-Forwarded-For": "6.6.6.6", "X-Request-ID": "abc", Proxy: "evil" },
    })
    assert.deepEqual(
      ["x-forwarded-for", "x-original-forwarded-for", "x-request-id", "x-forwarded-proto", "proxy"].map(
        (name) => seen.headers[name],
      ),
      ["127.0.0.1", "6.6.6.6", "abc", "https", undefined],
    )
    const polling = await ingress.get("http://chat.example.com/socket.io/?EIO=4&transport=polling")
    assert.equal(polling.seen.headers["connection"], undefined)
    const root = await ingress.get("http://chat.example.com/")
    assert.deepEqual([root.status, root.header("location")], [308, "https://chat.example.com/"])
    assert.equal((await ingress.get("https://chat.example.com/")).body, "chat\n")
    assert.equal((await ingress.get("http://10.0.0.1/healthz")).status, 200)
    assert.match((await ingress.get("http://10.0.0.1/nginx_status")).body, /Active connections/)
    assert.equal((await ingress.get("https://other.example.com/")).status, 404)
  },
)

site("nginx-proxy-generated", { backends: { "127.0.0.1:49153": "container" } }, async (docker) => {
  assert.equal((await docker.get("http://unknown.docker.test/")).status, 503)
  const page = await docker.get("http://chat.docker.test/", { headers: { "X-Forwarded-Proto": "https" } })
  assert.deepEqual(
    ["connection", "x-forwarded-ssl", "x-forwarded-host", "x-original-uri"].map(
      (name) => page.seen.headers[name],
    ),
    [undefined, "on", "chat.docker.test", "/"],
  )
  const { seen } = await docker.socket("ws://chat.docker.test/ws?a=1")
  assert.equal(seen.headers["x-original-uri"], "/ws?a=1")
})

site("certbot-made", { backends: { "localhost:3001": "app" } }, async (made) => {
  const plain = await made.get("http://www.example.org/a?b=c")
  assert.deepEqual([plain.status, plain.header("location")], [301, "https://www.example.org/a?b=c"])
  assert.equal((await made.get("http://10.1.2.3/")).status, 404)
  assert.equal((await made.get("https://example.org/")).body, "<h1>Welcome!</h1>\n")
  assert.equal((await made.get("https://example.org/none")).status, 404)
  assert.equal((await made.socket("wss://example.org/ws")).seen.headers["host"], "example.org")
})

site("h5bp-snippets", { backends: { "127.0.0.1:3000": "live" } }, async (h5bp) => {
  const page = await h5bp.get("http://example.com/")
  assert.equal(page.header("content-type"), "text/html; charset=utf-8")
  assert.equal(page.header("cache-control"), "max-age=0")
  assert.deepEqual(
    [page.header("x-frame-options"), page.header("x-content-type-options")],
    ["DENY", "nosniff"],
  )
  const zipped = await h5bp.get("http://example.com/", { headers: { "Accept-Encoding": "br, gzip;q=0.8" } })
  assert.deepEqual([zipped.header("content-encoding"), zipped.header("vary")], ["gzip", "Accept-Encoding"])
  assert.equal(gunzipSync(Buffer.from(zipped.body, "latin1")).toString("latin1"), page.body)
  const manifest = await h5bp.get("http://example.com/site.webmanifest")
  assert.equal(manifest.header("cache-control"), "max-age=604800")
  assert.equal((await h5bp.get("http://example.com/backup.sql")).status, 403)
  const lost = await h5bp.get("http://example.com/nothing")
  assert.equal(lost.status, 404)
  assert.match(lost.body, /Not found/)
  const www = await h5bp.get("http://www.example.com/x")
  assert.deepEqual([www.status, www.header("location")], [301, "http://example.com/x"])
  await h5bp.socket("ws://example.com/live")
  await assert.rejects(h5bp.get("http://elsewhere.example/"), /ended before an answer/)
})

site("behind-cloudflare", { backends: { "127.0.0.1:3000": "app" } }, async (site) => {
  const headers = { "CF-Connecting-IP": "203.0.113.7", "CF-Visitor": '{"scheme":"https"}' }
  const { seen } = await site.socket("ws://example.com/ws", { headers })
  assert.deepEqual(
    ["x-real-ip", "x-forwarded-proto", "x-forwarded-for"].map((name) => seen.headers[name]),
    ["203.0.113.7", "https", "203.0.113.7"],
  )
  assert.equal(await site.refusal("ws://example.com/ws", { headers, from: "127.0.0.9" }), 403)
  assert.equal(
    (await site.get("http://example.com/", { headers: { "CF-Connecting-IP": "198.51.100.9" } })).status,
    403,
  )
  assert.equal((await site.get("http://example.com/")).seen.headers["x-real-ip"], "127.0.0.1")
})

site("proxy-protocol-behind-nlb", { backends: { "127.0.0.1:8080": "app" } }, async (balanced) => {
  const before = "PROXY TCP4 198.51.100.22 192.0.2.1 35646 443\r\n"
  const plain = await balanced.get("http://app.example.com/x", { before })
  assert.deepEqual([plain.status, plain.header("location")], [301, "https://app.example.com/x"])
  const health = await balanced.get("http://10.0.0.9:8081/healthz")
  assert.deepEqual([health.body, health.header("content-type")], ["ok\n", "text/plain"])
  await balanced.edge.waitUntil("a line", () =>
    /^198\.51\.100\.22:35646 198\.51\.100\.22 "GET \/x HTTP\/1\.1" 301$/m.exec(
      balanced.edge.readFile("../../var/log/nginx/access.log"),
    ),
  )
})
