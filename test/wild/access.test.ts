/** Who may pass: single sign-on, client certificates, limits, maintenance. */
import assert from "node:assert/strict"
import { rmSync, writeFileSync } from "node:fs"
import type { IncomingMessage, ServerResponse } from "node:http"
import { join } from "node:path"
import { issueCertificate } from "../support/certificates.ts"
import { site } from "./site.ts"

/** A sign-on service: who has the cookie is let in. */
function signOn(path: string, fields: Readonly<Record<string, string>>) {
  return (request: IncomingMessage, response: ServerResponse): boolean => {
    if (!request.url?.startsWith(path)) return false
    const isKnown = request.headers.cookie === "session=ada"
    for (const [name, value] of Object.entries(isKnown ? fields : {})) response.setHeader(name, value)
    if (!isKnown)
      response.setHeader("Location", `https://auth.example.com/?rd=${request.headers["x-original-url"]}`)
    response.statusCode = isKnown ? 202 : 401
    response.end()
    return true
  }
}

site(
  "sso-oauth2-proxy",
  {
    backends: { "127.0.0.1:4180": "oauth2-proxy", "127.0.0.1:3000": "app" },
    answers: {
      "oauth2-proxy": signOn("/oauth2/auth", {
        "X-Auth-Request-User": "ada",
        "X-Auth-Request-Email": "ada@example.com",
        "Set-Cookie": "session=new",
      }),
    },
  },
  async (sso) => {
    const stranger = await sso.get("http://internal.yourcompany.com/reports?y=1")
    assert.deepEqual([stranger.seen.backend, stranger.seen.url], ["oauth2-proxy", "/oauth2/sign_in"])
    assert.equal(stranger.seen.headers["x-auth-request-redirect"], "/reports?y=1")
    const headers = { Cookie: "session=ada" }
    const posted = await sso.get("http://internal.yourcompany.com/reports?y=1", {
      headers,
      method: "POST",
      body: "a=1",
    })
    assert.deepEqual([posted.seen.url, posted.seen.body], ["/reports?y=1", "a=1"])
    assert.equal(posted.seen.headers["x-email"], "ada@example.com")
    assert.equal(posted.header("set-cookie"), "session=new")
    const { seen } = await sso.socket("ws://internal.yourcompany.com/live", { headers })
    assert.equal(seen.headers["x-user"], "ada")
  },
)

site(
  "sso-authelia-snippets",
  {
    backends: { "127.0.0.1:9091": "authelia", "127.0.0.1:3001": "uptime" },
    answers: {
      authelia: signOn("/api/authz/auth-request", { "Remote-User": "ada", "Remote-Groups": "admins,dev" }),
    },
  },
  async (sso) => {
    const stranger = await sso.get("http://uptime.example.com/dashboard?x=1")
    assert.equal(stranger.status, 302)
    assert.equal(
      stranger.header("location"),
      "https://auth.example.com/?rd=http://uptime.example.com/dashboard?x=1",
    )
    assert.equal(await sso.refusal("ws://uptime.example.com/socket.io/"), 302)
    const headers = { Cookie: "session=ada" }
    const { seen } = await sso.socket("ws://uptime.example.com/socket.io/?EIO=4&transport=websocket", {
      headers,
    })
    assert.deepEqual([seen.headers["remote-user"], seen.headers["remote-groups"]], ["ada", "admins,dev"])
    assert.equal(
      (await sso.get("http://uptime.example.com/internal/authelia/authz", { headers })).status,
      404,
    )
  },
)

site("mutual-tls", { backends: { "127.0.0.1:9001": "broker" } }, async (devices) => {
  const own = await issueCertificate(["device-17.example.com"])
  const cert = { cert: own.certificate, key: own.key }
  const url = "https://devices.example.com:8883"
  assert.equal((await devices.get(`${url}/status`)).body, "NONE\n")
  assert.equal((await devices.get(`${url}/status`, { cert })).body, "SUCCESS\n")
  assert.equal((await devices.get(`${url}/mqtt`)).status, 403)
  const { seen, protocol } = await devices.socket("wss://devices.example.com:8883/mqtt", {
    cert,
    protocols: ["mqtt"],
  })
  assert.deepEqual([protocol, seen.headers["x-device"]], ["mqtt", "device-17.example.com"])
  assert.match(seen.headers["x-client-serial"] ?? "", /^[0-9A-F]+$/)
})

site("rate-limited-login", { backends: { "127.0.0.1:3000": "app" } }, async (app) => {
  const login = (from: string) =>
    app.get("http://app.example.com/login", { from, method: "POST", body: "u=a" })
  const statuses: number[] = []
  for (let i = 0; i < 4; i++) statuses.push((await login("127.0.0.20")).status)
  assert.deepEqual(statuses, [200, 200, 200, 429])
  const refused = await login("127.0.0.20")
  assert.deepEqual([refused.header("retry-after"), refused.body], ["30", '{"error":"too many requests"}'])
  for (let i = 0; i < 4; i++) assert.equal((await login("127.0.0.9")).status, 200)
  await app.socket("ws://app.example.com/ws", { from: "127.0.0.20" })
})

site("maintenance-and-apex", { backends: {} }, async (web) => {
  const www = await web.get("http://www.example.com/posts/x?y=z")
  assert.deepEqual([www.status, www.header("location")], [301, "http://example.com/posts/x?y=z"])
  const old = await web.get("http://example.com/blog/2019/04/hello-world/")
  assert.deepEqual(
    [old.status, web.asWritten(old.header("location"))],
    [301, "http://example.com/posts/hello-world?year=2019"],
  )
  assert.equal((await web.get("http://example.com/posts/hello-world")).body, "<h1>Hello</h1>\n")
  assert.equal((await web.get("http://example.com/download/a/media/song.ogg")).body, "ID3\n")
  assert.equal((await web.get("http://example.com/download/a")).status, 403)

  const flag = join(web.root, "var/www/maintenance.on")
  writeFileSync(flag, "")
  const closed = await web.get("http://example.com/")
  assert.deepEqual(
    [closed.status, closed.body, closed.header("retry-after")],
    [503, "<h1>Maintenance</h1>\n", "3600"],
  )
  assert.equal((await web.get("http://example.com/status")).body, "up\n")
  assert.equal((await web.get("http://example.com/", { from: "127.0.0.9" })).status, 200)
  rmSync(flag)
  assert.equal((await web.get("http://example.com/")).body, "<h1>Site</h1>\n")
})
