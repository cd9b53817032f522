/** Programs that people host themselves, by the configurations that their documentation leads to. */
import assert from "node:assert/strict"
import { site } from "./site.ts"

const BASIC = { Authorization: `Basic ${Buffer.from("admin:s3cret").toString("base64")}` }

site("jupyterhub", { backends: { "127.0.0.1:8000": "hub" }, names: ["hub.domain.tld"] }, async (hub) => {
  const plain = await hub.get("http://hub.domain.tld/hub/login?next=%2Fhub")
  assert.deepEqual(
    [plain.status, plain.header("location")],
    [302, "https://hub.domain.tld/hub/login?next=%2Fhub"],
  )
  const page = await hub.get("https://hub.domain.tld/hub/login")
  assert.equal(page.header("strict-transport-security"), "max-age=15768000")
  assert.deepEqual([page.seen.headers["x-scheme"], page.seen.headers["connection"]], ["https", "close"])
  const kernel = await hub.socket("wss://hub.domain.tld/user/ada/api/kernels/1/channels?session_id=2", {
    protocols: ["v1.kernel.websocket.jupyter.org"],
  })
  assert.equal(kernel.protocol, "v1.kernel.websocket.jupyter.org")
  assert.equal((await hub.get("https://hub.domain.tld/.well-known/acme-challenge/x")).status, 404)
})

site("grafana-subpath", { backends: { "localhost:3000": "grafana" } }, async (grafana) => {
  assert.match((await grafana.get("http://monitor.example.com/")).body, /Monitoring/)
  const dashboard = await grafana.get("http://monitor.example.com/grafana/d/abc/system?orgId=1")
  assert.equal(dashboard.seen.url, "/d/abc/system?orgId=1")
  const bare = await grafana.get("http://monitor.example.com/grafana")
  assert.deepEqual([bare.status, bare.header("location")], [301, "http://monitor.example.com/grafana/"])
  const { seen } = await grafana.socket("ws://monitor.example.com/grafana/api/live/ws")
  assert.deepEqual([seen.url, seen.headers["host"]], ["/api/live/ws", "monitor.example.com"])
})

site("home-assistant", { backends: { "127.0.0.1:8123": "hass" } }, async (home) => {
  const plain = await home.get("http://home.example.com/lovelace")
  assert.deepEqual([plain.status, plain.header("location")], [301, "https://home.example.com/lovelace"])
  const page = await home.get("https://home.example.com/lovelace")
  assert.equal(page.header("strict-transport-security"), "max-age=31536000; includeSubdomains")
  const { seen } = await home.socket("wss://home.example.com/api/websocket")
  assert.deepEqual([seen.url, seen.headers["host"]], ["/api/websocket", "home.example.com"])
})

site(
  "gitlab-like",
  {
    backends: { "/home/git/gitlab/tmp/sockets/gitlab-workhorse.socket": "workhorse" },
    answers: {
      workhorse: (request, response) => {
        if (request.url !== "/broken") return false
        response.socket?.destroy()
        return true
      },
    },
  },
  async (gitlab) => {
    const page = await gitlab.get("http://gitlab.example.com/group/project?private_token=abc&x=1")
    assert.equal(page.seen.headers["x-real-ip"], "127.0.0.1")
    const { seen } = await gitlab.socket("ws://gitlab.example.com/-/cable", {
      protocols: ["actioncable-v1-json"],
    })
    assert.equal(seen.url, "/-/cable")
    const push = await gitlab.get("http://gitlab.example.com/group/project.git/git-receive-pack", {
      method: "POST",
      body: "0".repeat(300_000),
    })
    assert.equal(push.seen.body.length, 300_000)
    const broken = await gitlab.get("http://gitlab.example.com/broken")
    assert.deepEqual([broken.status, broken.body], [502, "<h1>GitLab is not responding</h1>\n"])
    assert.equal((await gitlab.get("http://gitlab.example.com/502.html")).status, 404)
    assert.equal(page.header("server"), page.header("server").replace(/\/.*/, ""))
    await gitlab.edge.waitUntil("a filtered line", () =>
      /"GET \/group\/project\?private_token=\[FILTERED\]&x=1 HTTP\/1\.1" 200/.exec(
        gitlab.edge.readFile("../../var/log/nginx/gitlab_access.log"),
      ),
    )
  },
)

site("mattermost", { backends: { "127.0.0.1:8065": "mattermost" } }, async (chat) => {
  const { seen } = await chat.socket(
    "ws://mattermost.example.com/api/v4/websocket?connection_id=&sequence_number=0",
  )
  assert.equal(seen.headers["x-frame-options"], "SAMEORIGIN")
  const login = await chat.get("http://mattermost.example.com/api/v4/users/login", {
    method: "POST",
    body: "{}",
  })
  assert.deepEqual([login.seen.body, login.seen.headers["connection"]], ["{}", undefined])
})

site(
  "nextcloud-notify-push",
  { backends: { "127.0.0.1:7867": "push", "127.0.0.1:9080": "php" } },
  async (cloud) => {
    const { seen } = await cloud.socket("ws://cloud.example.com/push/ws")
    assert.deepEqual([seen.backend, seen.url], ["push", "/ws"])
    const dav = await cloud.get("http://cloud.example.com/.well-known/carddav")
    assert.equal(cloud.asWritten(dav.header("location")), "http://cloud.example.com/remote.php/dav/")
    const css = await cloud.get("http://cloud.example.com/core/css/server.css?v=9f")
    assert.equal(css.header("cache-control"), "public, max-age=15778463, immutable")
    assert.equal(css.header("x-frame-options"), "")
    const files = await cloud.get("http://cloud.example.com/apps/files?dir=/")
    assert.deepEqual([files.seen.backend, files.seen.url], ["php", "/index.php/apps/files?dir=/"])
    assert.equal(files.header("x-robots-tag"), "noindex, nofollow")
    assert.equal((await cloud.get("http://cloud.example.com/config/config.php")).status, 404)
    assert.match((await cloud.get("http://cloud.example.com/robots.txt")).body, /Disallow/)
  },
)

site(
  "code-server",
  {
    backends: { "localhost:8080": "code" },
    notOnNginx: "1.22 speaks HTTP/1.0 to a backend where nothing is said",
  },
  async (code) => {
    const { seen } = await code.socket(
      "ws://code.example.com/stable-abc?reconnectionToken=1&skipWebSocketFrames=false",
    )
    assert.equal(seen.headers["accept-encoding"], "gzip")
    const page = await code.get("http://code.example.com/?folder=/home/coder")
    assert.equal(page.seen.url, "/?folder=/home/coder")
  },
)

site("novnc", { backends: { "127.0.0.1:6080": "websockify" } }, async (vnc) => {
  assert.match((await vnc.get("http://desk.example.com/vnc/")).body, /noVNC/)
  const module = await vnc.get("http://desk.example.com/vnc/app/ui.js")
  assert.equal(module.header("content-type"), "application/javascript")
  const { seen, protocol } = await vnc.socket("ws://desk.example.com/websockify", { protocols: ["binary"] })
  assert.deepEqual([seen.url, protocol], ["/", "binary"])
})

site("jenkins", { backends: { "127.0.0.1:8080": "jenkins" } }, async (jenkins) => {
  const asset = await jenkins.get("http://jenkins.example.com/static/0a1b2c3d/css/style.css")
  assert.equal(asset.seen.url, "/css/style.css")
  const file = await jenkins.get("http://jenkins.example.com/userContent/readme.txt")
  assert.match(file.body, /Files in this directory/)
  const odd = await jenkins.get("http://jenkins.example.com/cli", { headers: { "X.Odd.Name": "kept" } })
  assert.equal(odd.seen.headers["x.odd.name"], "kept")
  const { seen } = await jenkins.socket("ws://jenkins.example.com/wsagents/")
  assert.equal(seen.url, "/wsagents/")
})

site("vaultwarden", { backends: { "127.0.0.1:8080": "vaultwarden" } }, async (vault) => {
  const base = "https://vaultwarden.example.tld"
  const plain = await vault.get("http://vaultwarden.example.tld/")
  assert.deepEqual([plain.status, plain.header("location")], [301, `${base}/`])
  assert.equal((await vault.get("http://other.example.tld/")).status, 404)
  const admin = await vault.get(`${base}/admin`)
  assert.deepEqual([admin.status, admin.header("www-authenticate")], [401, 'Basic realm="Private"'])
  assert.equal((await vault.get(`${base}/admin`, { headers: BASIC })).status, 200)
  const sync = await vault.get(`${base}/api/sync`)
  assert.deepEqual([sync.seen.headers["connection"], sync.seen.httpVersion], [undefined, "1.1"])
  const { seen } = await vault.socket("wss://vaultwarden.example.tld/notifications/hub?access_token=x")
  assert.equal(seen.url, "/notifications/hub?access_token=x")
})
