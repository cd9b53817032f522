import assert from "node:assert/strict"
import { it } from "node:test"
import { headerOf } from "../support/message-reader.ts"
import { startEchoBackend } from "../support/websocket-backends.ts"
import { HOST, startGuide } from "./guide.ts"

it("/ and /ws/ reach their own pools", async () => {
  await using app1 = await startEchoBackend("app1")
  await using app2 = await startEchoBackend("app2")
  await using ws1 = await startEchoBackend("ws1")
  await using ws2 = await startEchoBackend("ws2")
  await using guide = await startGuide({ webSocket: [ws1.port, ws2.port], app: [app1.port, app2.port] })
  const backendOf = async (uri: string): Promise<string | undefined> =>
    headerOf(await guide.request(`GET ${uri} HTTP/1.1`), "x-backend")

  // Round robin over the application's servers.
  assert.deepEqual(
    [await backendOf("/"), await backendOf("/"), await backendOf("/index")],
    ["app1", "app2", "app1"],
  )
  assert.match((await backendOf("/ws/")) ?? "", /^ws[12]$/)
  assert.match((await backendOf("/ws/deeper?x=1")) ?? "", /^ws[12]$/)
  // ngx_http_core_module: a proxied location with a slash at its end redirects the URI without it.
  const withoutSlash = await guide.request("GET /ws?x=1 HTTP/1.1")
  assert.equal(withoutSlash.status, 301)
  assert.equal(headerOf(withoutSlash, "location"), `https://${HOST}:${guide.httpsPort}/ws/?x=1`)
  assert.match((await backendOf("/wsx")) ?? "", /^app[12]$/)

  const [request] = app1.requests
  assert.equal(request.headers.host, HOST)
  assert.equal(request.headers["x-forwarded-proto"], "https")
  assert.equal(request.headers["x-real-ip"], "127.0.0.1")
})
