import assert from "node:assert/strict"
import { after, before, describe, test } from "node:test"
import { LocationMatcher } from "../../src/check/location-match.ts"
import { buildModel, type Location, type Server } from "../../src/check/model.ts"
import { samplePath } from "../../src/check/sample-path.ts"
import { parseTarget } from "../../src/check/target.ts"
import { readTree } from "../../src/check/tree.ts"
import type { Edge } from "../support/edge.ts"
import { headerOf } from "../support/message-reader.ts"
import { nginxMissing, startNginx } from "../support/nginx.ts"
import { freePort } from "../support/ports.ts"
import { exchange } from "../support/raw-client.ts"

/** In place of `here;` comes what proxies and says the location's line. */
const LOCATIONS = `
location = /exact { here; }
location / { here; }
location /ws { here; }
location /ws/ { here; }
location /slash/ { here; }
location /two/ { add_header X-Line 7 always; return 200; }
location ~ ^/ws/regex { here; }
location ~ ^/ws/reg { here; }
location ~* \\.PHP$ { here; }
location ^~ /final/ { here; }
location ~ /final/x { here; }
location /outer/ {
  location /outer/inner/ { here; }
  location = /outer/exact { here; }
  location ~ /outer/nested { here; }
  location ^~ /outer/caret/ { here; }
  here;
}
location ~ ^/outer/caret/x { here; }
location ~ ^/deep/(?<name>.+) {
  location ~ /deep/down { here; }
  here;
}
location = /only/ { here; }
location @named { here; }
`

const PATHS = [
  "/",
  "/exact",
  "/exact/",
  "/ws",
  "/ws/",
  "/wsx",
  "/ws/regex",
  "/ws/reg",
  "/ws/a.php",
  "/a.PHP",
  "/slash",
  "/slash/",
  "/slash/a",
  "/two",
  "/two/",
  "/final",
  "/final/x",
  "/final/a.php",
  "/outer/",
  "/outer/inner",
  "/outer/inner/",
  "/outer/inner/nested",
  "/outer/exact",
  "/outer/nested",
  "/outer/caret/x",
  "/outer/caret/nested",
  "/outer/nested.php",
  "/outer/a.php",
  "/deep/a",
  "/deep/down",
  "/only",
  "/only/",
  "/only/a",
]

function serverOf(locations: string): Server {
  const text = `events {} http { server { ${locations} } }`
  const tree = readTree("nginx.conf", "./", () => ({ text, encoding: "utf8" }))
  return buildModel(tree, parseTarget("holdfast")).servers[0] as Server
}

function matchText(matcher: LocationMatcher, path: string): string {
  const { location, addsSlash } = matcher.match(path)
  return `${location?.node.position.line ?? "none"}${addsSlash ? " 301" : ""}`
}

describe("the location of a path, as nginx finds it", { skip: nginxMissing() }, () => {
  const matcher = new LocationMatcher(
    serverOf(LOCATIONS.replaceAll("here;", "proxy_pass http://127.0.0.1:1;")),
  )
  let port = 0
  let nginx: Edge

  before(async () => {
    port = await freePort()
    // The lines of the locations that are open: what stands behind a nested one speaks for the outer one.
    const open: number[] = []
    const lines = LOCATIONS.split("\n").map((line, index) => {
      if (line.includes("location")) open.push(index + 1)
      const text = line.replace(
        /here;/,
        `add_header X-Line ${open.at(-1)} always; proxy_pass http://127.0.0.1:1;`,
      )
      if (line.endsWith("}")) open.pop()
      return text
    })
    nginx = await startNginx(`events {} http { server { listen 127.0.0.1:${port}; ${lines.join("\n")} } }`)
  })
  after(async () => {
    await nginx.stop()
  })

  for (const path of PATHS)
    test(path, async () => {
      const answer = await exchange({ port }, `GET ${path} HTTP/1.0\r\nHost: a\r\n\r\n`)
      const seen = `${headerOf(answer, "x-line") ?? "none"}${answer.status === 301 ? " 301" : ""}`
      assert.equal(matchText(matcher, path), seen)
    })
})

describe("the location of a path", () => {
  test("no location takes it", () => {
    const { location, isSure } = new LocationMatcher(serverOf("location /a { }")).match("/b")
    assert.equal(location, null)
    assert.ok(isSure)
  })

  test("an expression that cannot be read makes it unsure", () => {
    const { location, isSure } = new LocationMatcher(serverOf("location / { } location ~ (?>a)b { }")).match(
      "/b",
    )
    assert.equal(location?.path, "/")
    assert.ok(!isSure)
  })

  test("in the order of the search", () => {
    const server = serverOf(
      "location @n { } location ~ b { } location / { } location ~ a { } location ^~ /long { } location = /e { }",
    )
    const order = new LocationMatcher(server).inOrder(server.node).map(({ path }) => path)
    assert.deepEqual(order, ["/e", "/long", "/", "b", "a", "@n"])
  })
})

describe("a path for a location", () => {
  const samples: readonly (readonly [written: string, path: string | undefined])[] = [
    ["/ws/", "/ws/"],
    ["= /ws", "/ws"],
    ["^~ /ws", "/ws"],
    ["~ ^/ws", "/ws"],
    ["~ ^/ws/?$", "/ws"],
    ["~ ^/(ws|wss)/(?<room>[^/]+)$", "/ws/x"],
    ["~ ^/(?:api/)?v\\d+/socket\\.io/", "/v0/socket.io/"],
    ["~* \\.PHP$", "/.PHP"],
    ["~ /hubs?/", "/hub/"],
    ['~ "^/a{3}b+"', "/aaab"],
    ["~ ^/(?!api)", undefined],
    ['~ "^/\\p{L}"', undefined],
    ["@named", undefined],
  ]
  for (const [written, path] of samples)
    test(written, () => {
      const [location] = serverOf(`location ${written} { proxy_pass http://127.0.0.1; }`).locations
      assert.equal(samplePath(location as Location), path)
    })
})
