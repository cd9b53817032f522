/** Servers of live data, and programs that cannot do without them. */
import assert from "node:assert/strict"
import { site } from "./site.ts"

site(
  "sticky-cookie-cluster",
  {
    backends: { "127.0.0.1:3001": "one", "127.0.0.1:3002": "two", "127.0.0.1:3003": "three" },
    notOnNginx: "1.22 has no sticky",
  },
  async (io) => {
    const seen = new Set<string>()
    for (let i = 0; i < 6; i++) {
      const polling = await io.get("http://io.example.com/socket.io/?EIO=4&transport=polling")
      const cookie = polling.header("set-cookie")
      assert.match(cookie, /^srv_id=[0-9a-f]{32}; .*[Dd]omain=\.example\.com/)
      const socket = await io.socket("ws://io.example.com/socket.io/?EIO=4&transport=websocket", {
        headers: { Cookie: cookie.split(";")[0] as string },
      })
      assert.equal(socket.seen.backend, polling.seen.backend)
      seen.add(polling.seen.backend)
    }
    assert.equal(seen.size, 3)
  },
)

site(
  "matrix-synapse",
  { backends: { "127.0.0.1:8008": "synapse", "127.0.0.1:8083": "sync", "127.0.0.1:8084": "sync" } },
  async (matrix) => {
    const known = await matrix.get("https://matrix.example.com/.well-known/matrix/server")
    assert.deepEqual(
      [known.body, known.header("content-type"), known.header("access-control-allow-origin")],
      ['{"m.server": "matrix.example.com:443"}', "application/json", "*"],
    )
    const signed = await matrix.get(
      "https://matrix.example.com:8448/_matrix/federation/v1/send/%21room%3Ax%2Fy",
    )
    assert.equal(signed.seen.url, "/_matrix/federation/v1/send/%21room%3Ax%2Fy")
    const sync = await matrix.get("https://matrix.example.com/_matrix/client/v3/sync?timeout=0", {
      headers: { Authorization: "Bearer syt_YWRh_token_1" },
    })
    assert.equal(sync.seen.backend, "sync")
  },
)

site("jitsi-like", { backends: { "127.0.0.1:5280": "prosody", "127.0.0.1:9090": "jvb" } }, async (meet) => {
  const url = "https://jitsi.example.com"
  assert.match((await meet.get(`${url}/MyRoom`)).body, /Meet/)
  assert.match((await meet.get(`${url}/tenant/MyRoom`)).body, /Meet/)
  assert.equal((await meet.get(`${url}/config.js`)).body, "var config = {}\n")
  const css = await meet.get(`${url}/css/all.css?v=7`)
  assert.deepEqual([css.body, css.header("cache-control")], ["b{}\n", "max-age=31536000"])
  const bosh = await meet.get(`${url}/http-bind?room=a`, { method: "POST", body: "<body/>" })
  assert.deepEqual([bosh.seen.url, bosh.seen.body], ["/http-bind?prefix=&room=a", "<body/>"])
  const xmpp = await meet.socket("wss://jitsi.example.com/xmpp-websocket?room=a", { protocols: ["xmpp"] })
  assert.deepEqual([xmpp.protocol, xmpp.seen.url], ["xmpp", "/xmpp-websocket?prefix=&room=a"])
  const colibri = await meet.socket("wss://jitsi.example.com/colibri-ws/default-id/1/2?pwd=3")
  assert.deepEqual([colibri.seen.backend, colibri.seen.url], ["jvb", "/colibri-ws/default-id/1/2?pwd=3"])
})

site(
  "event-streams",
  { backends: { "127.0.0.1:3000": "mercure", "127.0.0.1:4000": "graphql" } },
  async (hub) => {
    const events = await hub.get("http://hub.example.com/.well-known/mercure?topic=a", {
      headers: { Accept: "text/event-stream", "Accept-Encoding": "gzip" },
    })
    assert.deepEqual(
      [events.header("content-type"), events.header("content-encoding")],
      ["text/event-stream", ""],
    )
    assert.equal(events.body, "data: one\n\ndata: two\n\ndata: three\n\n")
    const { protocol } = await hub.socket("ws://hub.example.com/graphql", {
      protocols: ["graphql-transport-ws"],
    })
    assert.equal(protocol, "graphql-transport-ws")
    const allowed = await hub.get("http://hub.example.com/graphql", {
      method: "OPTIONS",
      headers: { Origin: "http://a.example" },
    })
    assert.deepEqual(
      [allowed.status, allowed.header("access-control-allow-origin")],
      [204, "http://a.example"],
    )
  },
)

site(
  "streamlit-gradio",
  { backends: { "127.0.0.1:8501": "streamlit", "127.0.0.1:7860": "gradio" } },
  async (ml) => {
    const stream = await ml.socket("ws://ml.example.com/dash/_stcore/stream")
    assert.deepEqual([stream.seen.backend, stream.seen.url], ["streamlit", "/dash/_stcore/stream"])
    assert.equal((await ml.get("http://ml.example.com/dash/static/app.js")).seen.url, "/dash/static//app.js")
    const queue = await ml.socket("ws://ml.example.com/gradio-demo/queue/join")
    assert.deepEqual([queue.seen.backend, queue.seen.url], ["gradio", "/queue/join"])
    const upload = await ml.get("http://ml.example.com/gradio-demo/upload", {
      method: "POST",
      body: "x".repeat(2_000_000),
    })
    assert.equal(upload.seen.body.length, 2_000_000)
  },
)

site("jellyfin", { backends: { "127.0.0.1:8096": "jellyfin" } }, async (media) => {
  const root = await media.get("https://jellyfin.example.org/")
  assert.deepEqual([root.status, root.header("location")], [302, "https://jellyfin.example.org/web/"])
  assert.equal((await media.get("https://jellyfin.example.org/web/")).seen.url, "/web/index.html")
  const video = await media.get("https://jellyfin.example.org/Videos/1/stream", {
    headers: { Range: "bytes=0-99" },
  })
  assert.deepEqual(
    [video.seen.headers["range"], video.header("x-content-type-options")],
    ["bytes=0-99", "nosniff"],
  )
  const { seen } = await media.socket("wss://jellyfin.example.org/socket?api_key=1&deviceId=2")
  assert.equal(seen.url, "/socket?api_key=1&deviceId=2")
})

site("centrifugo", { backends: { "127.0.0.1:8000": "a", "127.0.0.1:8001": "b" } }, async (centrifugo) => {
  const backends: string[] = []
  for (let i = 0; i < 6; i++) {
    const { seen } = await centrifugo.socket("ws://centrifugo.example.com/connection/websocket")
    // Those of the server are lost to the location's own.
    assert.equal(seen.headers["x-scheme"], undefined)
    backends.push(seen.backend)
  }
  assert.deepEqual(backends.toSorted(), ["a", "a", "b", "b", "b", "b"])
})

site(
  "rocket-chat-minio-n8n",
  {
    backends: {
      "127.0.0.1:3000": "chat",
      "127.0.0.1:9000": "s3",
      "127.0.0.1:9001": "console",
      "127.0.0.1:5678": "n8n",
    },
  },
  async (apps) => {
    assert.equal((await apps.socket("ws://chat.example.net/websocket")).seen.headers["x-nginx-proxy"], "true")
    const object = await apps.get("http://minio.example.net/bucket/a%2Fb?uploads=", {
      method: "PUT",
      body: "y".repeat(500_000),
      headers: { X_Amz_Odd: "kept" },
    })
    assert.deepEqual([object.seen.url, object.seen.body.length], ["/bucket/a%2Fb?uploads=", 500_000])
    const watch = await apps.socket("ws://minio.example.net/minio/ui/ws/objectManager", {
      headers: { Origin: "http://x" },
    })
    assert.deepEqual(
      [watch.seen.backend, watch.seen.url, watch.seen.headers["origin"]],
      ["console", "/ws/objectManager", undefined],
    )
    const push = await apps.socket("ws://n8n.example.net/rest/push?pushRef=1")
    assert.equal(push.seen.backend, "n8n")
    assert.equal((await apps.get("http://n8n.example.net/")).seen.headers["connection"], undefined)
  },
)

site(
  "http2-hsts-modern",
  { backends: { "127.0.0.1:3000": "app" }, notOnNginx: "1.22 has no http2 directive" },
  async (secure) => {
    const plain = await secure.get("http://secure.example.com/a?b=c")
    assert.deepEqual([plain.status, plain.header("location")], [301, "https://secure.example.com/a?b=c"])
    const page = await secure.get("https://secure.example.com/")
    assert.deepEqual(
      [page.header("strict-transport-security"), page.seen.headers["x-tls"]],
      ["max-age=63072000", "TLSv1.3"],
    )
    const { seen } = await secure.socket("wss://secure.example.com/ws")
    assert.equal(seen.headers["host"], "secure.example.com")
  },
)

site(
  "health-checked-upstream",
  {
    backends: { "127.0.0.1:3001": "well", "127.0.0.1:3002": "ill" },
    answers: {
      ill: (request, response) => {
        if (request.url !== "/healthz") return false
        response.statusCode = 503
        response.end()
        return true
      },
    },
    notOnNginx: "health checks are in its commercial build",
  },
  async (chat) => {
    await chat.edge.waitForLog(/peer is healthy.*|healthy/)
    for (let i = 0; i < 4; i++)
      assert.equal((await chat.socket("ws://chat.example.com/")).seen.backend, "well")
  },
)

site(
  "docker-compose-resolver",
  {
    backends: { "frontend.docker.test:3000": "frontend", "api.docker.test:8080": "api" },
    nameServer: {
      written: "127.0.0.11:53",
      hosts: { "frontend.docker.test": "127.0.0.1", "api.docker.test": "127.0.0.1" },
    },
  },
  async (compose) => {
    const page = await compose.get("http://localhost/index?x=1")
    assert.deepEqual([page.seen.backend, page.seen.url], ["frontend", "/index?x=1"])
    const users = await compose.get("http://localhost/api/users?page=2")
    assert.deepEqual([users.seen.backend, users.seen.url], ["api", "/users?page=2"])
    const { seen } = await compose.socket("ws://localhost/ws?room=a")
    assert.deepEqual([seen.backend, seen.url], ["frontend", "/ws?room=a"])
    assert.equal((await compose.get("http://localhost/gone")).status, 502)
    await compose.edge.waitForLog(/gone\.docker\.test could not be resolved \(3: Host not found\)/)
  },
)
