import assert from "node:assert/strict"
import { test } from "node:test"
import { checkTree } from "../../src/check/engine.ts"
import { websocketOriginUnchecked } from "../../src/check/rules/websocket-origin-unchecked.ts"
import { parseTarget } from "../../src/check/target.ts"
import { readTree } from "../../src/check/tree.ts"
import { openSocket, prove, type Stage } from "./proof.ts"
import { testRule } from "./rule-cases.ts"

const UPGRADE = `proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection "upgrade";`

testRule(websocketOriginUnchecked, [
  {
    name: "auth_request lets in by cookies",
    config: `
      server {
        location = /auth { internal; proxy_pass http://127.0.0.1:4180; }
        location /ws/ {
          auth_request /auth;
          proxy_pass http://127.0.0.1:3000; ${UPGRADE}
        }
      }`,
    finds: ["6:11 proxy_pass -- auth_request is /auth here and sees their cookies"],
  },
  {
    name: "it is inherited, and switched off",
    config: `
      server {
        auth_request /auth;
        location /ws/ { proxy_pass http://127.0.0.1:3000; ${UPGRADE} }
        location /open/ { auth_request off; proxy_pass http://127.0.0.1:3000; ${UPGRADE} }
      }`,
    finds: ["4:25 proxy_pass -- set in server, line 3"],
  },
  {
    name: "the subrequest has no cookies, or has the origin",
    config: `
      server {
        location = /a { proxy_pass http://127.0.0.1:1; proxy_set_header Cookie ""; }
        location = /b { proxy_pass http://127.0.0.1:1; proxy_set_header X-Origin $http_origin; }
        location /ws/a { auth_request /a; proxy_pass http://127.0.0.1:3000; ${UPGRADE} }
        location /ws/b { auth_request /b; proxy_pass http://127.0.0.1:3000; ${UPGRADE} }
      }`,
  },
  {
    name: "a condition on a cookie, by way of a map, that refuses",
    config: `
      map $cookie_session $has_session { default 1; "" 0; }
      server {
        location /ws/ {
          if ($has_session = 0) { return 401; }
          proxy_pass http://127.0.0.1:3000; ${UPGRADE}
        }
      }`,
    finds: ["6:11 proxy_pass -- line 5 lets requests in by a cookie"],
  },
  {
    name: "a condition on a cookie that only chooses",
    config: `
      server {
        location /ws/ {
          set $beta 0;
          if ($cookie_beta) { set $beta 1; }
          proxy_pass http://127.0.0.1:3000; ${UPGRADE}
        }
      }`,
  },
  {
    name: "a password that browsers keep, a backend with cookies, and one that keeps them at home",
    config: `
      server {
        location /ws/a { auth_basic "Private"; proxy_pass http://127.0.0.1:3000; ${UPGRADE} }
        location /ws/b { proxy_cookie_path / "/; Secure"; proxy_pass http://127.0.0.1:3000; ${UPGRADE} }
        location /ws/c { proxy_cookie_flags ~ samesite=lax; proxy_pass http://127.0.0.1:3000; ${UPGRADE} }
      }`,
    finds: [
      "3:48 proxy_pass -- browsers send a saved password along",
      "4:59 proxy_pass -- its backend has cookies (proxy_cookie_path is",
    ],
  },
  {
    name: "a condition on Origin in the location, in the server, and by way of the upgrade's map",
    config: `
      map $http_origin $origin_allowed { default 0; "" 1; "https://a.example" 1; }
      map $origin_allowed $upgrade { 1 upgrade; default ""; }
      server {
        auth_request /auth;
        location /ws/a { if ($origin_allowed = 0) { return 403; } proxy_pass http://127.0.0.1:3000; ${UPGRADE} }
        location /ws/b { proxy_pass http://127.0.0.1:3000;
          proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection $upgrade; }
      }
      server {
        auth_request /auth;
        if ($http_origin !~ "^(https://b\\.example)?$") { return 403; }
        location /ws/ { proxy_pass http://127.0.0.1:3000; ${UPGRADE} }
      }`,
  },
  {
    name: "a password for pages, where all locations inherit the upgrade",
    config: `
      ${UPGRADE}
      server {
        location /admin { auth_basic "Private"; proxy_pass http://127.0.0.1:3000; }
        location /cable { auth_basic "Private"; proxy_pass http://127.0.0.1:3000; }
      }`,
    finds: ["5:49 proxy_pass -- browsers send a saved password along"],
  },
  {
    name: "nothing of cookies",
    config: `
      server { location /ws/ { proxy_pass http://127.0.0.1:3000; ${UPGRADE} } }`,
  },
  {
    name: "no upgrade passes",
    config: `
      server { location /ws/ { auth_request /auth; proxy_pass http://127.0.0.1:3000; } }`,
  },
])

test("the advice has the server's own names", () => {
  const text = `http { server { listen 8443 ssl; server_name app.example *.app.example;
    location /ws/ { auth_request /auth; proxy_pass http://127.0.0.1:3000; ${UPGRADE} } } }`
  const tree = readTree("nginx.conf", "./", () => ({ text, encoding: "utf8" }))
  const [finding] = checkTree(tree, parseTarget("holdfast"), [websocketOriginUnchecked]).findings
  const advice = finding?.advice ?? ""
  assert.match(advice, /"https:\/\/app\.example:8443" 1;/)
  assert.match(advice, /"~\^https:\/\/\[\^\/\]\+\\\.app\\\.example:8443\$" 1;/)
})

/** A stranger's page and the site's own, with the visitor's cookie. */
async function openBoth({ port }: Stage): Promise<string> {
  const url = `ws://127.0.0.1:${port}/ws/`
  const Cookie = "session=secret"
  const strange = await openSocket(url, { Cookie, Origin: "https://evil.example" })
  const own = await openSocket(url, { Cookie, Origin: "https://app.example" })
  return `${strange}, ${own}`
}

const AUTH = `location = /auth { internal; if ($cookie_session != "secret") { return 401; } return 204; }`
const VERSION = "proxy_http_version 1.1;"

prove(websocketOriginUnchecked, [
  {
    name: "another site's page opens it with the visitor's cookie",
    broken: `server { listen {listen}; ${AUTH}
      location /ws/ { auth_request /auth; proxy_pass http://{a}; ${VERSION} ${UPGRADE} } }`,
    fixed: `map $http_origin $origin_allowed { default 0; "" 1; "https://app.example" 1; }
      server { listen {listen}; ${AUTH}
      location /ws/ { if ($origin_allowed = 0) { return 403; }
        auth_request /auth; proxy_pass http://{a}; ${VERSION} ${UPGRADE} } }`,
    attempt: openBoth,
    failure: /^open, open$/,
    success: /^refused with 403, open$/,
  },
])
