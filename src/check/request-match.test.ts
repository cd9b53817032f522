import assert from "node:assert/strict"
import { describe, test } from "node:test"
import { checkTree } from "./engine.ts"
import { buildModel } from "./model.ts"
import { findingsOf, matchRequest, type UrlParts } from "./request-match.ts"
import { RULES } from "./rules/index.ts"
import { parseTarget } from "./target.ts"
import { readTree } from "./tree.ts"

const TARGET = parseTarget("nginx/1.22")

function url(text: string): UrlParts {
  const { protocol, hostname, port, pathname, search } = new URL(text)
  const secure = protocol === "wss:"
  return {
    secure,
    host: hostname,
    port: port === "" ? (secure ? 443 : 80) : Number(port),
    target: pathname + search,
  }
}

function treeOf(http: string) {
  const text = `events {}\nhttp {\n${http}\n}\n`
  return readTree("nginx.conf", "./", () => ({ text, encoding: "utf8" }))
}

/** "names → location" */
function matched(http: string, to: string): string {
  const match = matchRequest(buildModel(treeOf(http), TARGET), url(to))
  return match === undefined
    ? "none"
    : `${match.server.names.join(" ")} → ${match.location?.path ?? "itself"}`
}

describe("the server", () => {
  const NAMES = `
    server { listen 80; server_name first; }
    server { listen 80; server_name ~^re\\d+\\.org$; }
    server { listen 80; server_name a.org .c.org; }
    server { listen 80; server_name *.a.org; }
    server { listen 80; server_name *.b.a.org; }
    server { listen 80; server_name www.*; }
    server { listen 80 default_server; server_name default; }
    server { listen 443 ssl; server_name secure; }
    server { listen 8443 ssl; server_name a.org; }`
  const cases: readonly (readonly [string, string])[] = [
    ["ws://a.org/", "a.org .c.org"],
    ["ws://c.org/", "a.org .c.org"],
    ["ws://x.c.org/", "a.org .c.org"],
    ["ws://x.a.org/", "*.a.org"],
    ["ws://x.b.a.org/", "*.b.a.org"],
    ["ws://www.z.org/", "www.*"],
    ["ws://re12.org/", "~^re\\d+\\.org$"],
    ["ws://re.org/", "default"],
    ["wss://a.org/", "secure"],
    ["wss://a.org:8443/", "a.org"],
    // No server has the port: one with TLS, by its name.
    ["wss://a.org:9443/", "a.org"],
    ["ws://first:9000/", "first"],
  ]
  for (const [to, names] of cases) {
    test(`of ${to} is ${names}`, () => assert.equal(matched(NAMES, to), `${names} → itself`))
  }

  test("is missing where there is none", () => assert.equal(matched("", "ws://a/"), "none"))
})

describe("the location", () => {
  const LOCATIONS = "server { location / {} location /ws/ { location ~ x$ {} } location = /ws/e {} }"
  for (const [target, path] of [
    ["/", "/"],
    ["/ws/chat?a=b", "/ws/"],
    ["/a/..//ws/%63", "/ws/"],
    ["/ws/x", "x$"],
    ["/ws/e", "/ws/e"],
  ] as const) {
    test(`of ${target} is ${path}`, () => assert.equal(matched(LOCATIONS, `ws://a${target}`), ` → ${path}`))
  }
})

test("the findings are those of the location, of its group and of what is around", () => {
  const upgrade = `proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection "upgrade";`
  const tree = treeOf(`
    upstream one { server 127.0.0.1:1; server 127.0.0.1:2; }
    upstream two { server 127.0.0.1:3; server 127.0.0.1:4; }
    server { listen 80; server_name a;
      location /ws/ { proxy_pass http://one; ${upgrade} }
      location /other/ { proxy_pass http://two; ${upgrade} }
    }
    server { listen 80; server_name b; location /ws/ { proxy_pass http://two; ${upgrade} } }`)
  const result = checkTree(tree, TARGET, RULES)
  const match = matchRequest(result.model, url("ws://a/ws/"))
  assert.ok(match !== undefined)
  const found = findingsOf(result, match).map(({ line, ruleId }) => `${line} ${ruleId}`)
  assert.ok(found.includes("7 websocket-http-version"), found.join("\n"))
  assert.ok(found.includes("4 upstream-without-stickiness"), found.join("\n"))
  assert.deepEqual(
    found.filter((text) => /^(5|8|10) /.test(text)),
    [],
  )
})
