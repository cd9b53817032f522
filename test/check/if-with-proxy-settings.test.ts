import assert from "node:assert/strict"
import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { test } from "node:test"
import { ifWithProxySettings } from "../../src/check/rules/if-with-proxy-settings.ts"
import { run } from "../support/holdfast.ts"
import { nginxMissing } from "../support/nginx.ts"
import { exchange } from "../support/raw-client.ts"
import { makeTempFolder } from "../support/temp.ts"
import { openSocket, prove } from "./proof.ts"
import { testRule } from "./rule-cases.ts"

const UPGRADE = 'proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection "upgrade";'

testRule(ifWithProxySettings, [
  {
    name: "settings that may not stand in if",
    config: `
      server {
        location /ws/ {
          if ($http_upgrade) {
            proxy_set_header Connection "upgrade";
            proxy_read_timeout 1h;
          }
          proxy_pass http://127.0.0.1:3000;
        }
        if ($http_upgrade) { proxy_pass http://127.0.0.1:3000; }
      }`,
    finds: [
      "5:13 proxy_set_header -- proxy_set_header may not stand in `if`",
      "6:13 proxy_read_timeout",
      "10:30 proxy_pass -- may not stand in `if` of a server",
    ],
  },
  {
    name: "proxy_pass may, if nothing comes behind it",
    config: `
      server {
        location /ws/ {
          ${UPGRADE}
          if ($http_upgrade) { proxy_pass http://127.0.0.1:3000; }
          proxy_pass http://127.0.0.1:4000;
        }
      }`,
  },
  {
    name: "another if behind it",
    config: `
      server {
        location /ws/ {
          ${UPGRADE}
          if ($arg_a) { proxy_pass http://127.0.0.1:3000; }
          if ($arg_b) { set $b 1; }
          proxy_pass http://127.0.0.1:4000;
        }
        location /cable {
          ${UPGRADE}
          if ($arg_a) { proxy_pass http://127.0.0.1:3000; }
          if ($arg_b) { add_header X-B 1; }
        }
      }`,
    finds: [
      "6:11 if -- the one of line 5, proxy_pass http://127.0.0.1:3000 is forgotten and it goes to http://127.0.0.1:4000",
      "12:11 if -- no backend gets it",
    ],
  },
  {
    name: "another if that ends the request, stands before, chooses, or comes after break",
    config: `
      server {
        location /ws/ {
          ${UPGRADE}
          if ($arg_0) { set $b 1; }
          if ($arg_a) { proxy_pass http://127.0.0.1:3000; }
          if ($http_origin = "") { return 403; }
          if ($arg_c) { proxy_pass http://127.0.0.1:3001; }
          proxy_pass http://127.0.0.1:4000;
        }
        location /cable {
          ${UPGRADE}
          if ($arg_a) { proxy_pass http://127.0.0.1:3000; break; }
          if ($arg_b) { set $b 1; }
        }
      }`,
  },
  {
    name: "try_files beside if",
    config: `
      server {
        location / {
          try_files $uri @socket;
          if ($arg_a) { set $a 1; }
        }
        location /b {
          try_files $uri @socket;
          if ($request_method = OPTIONS) { return 204; }
        }
        location /c {
          try_files $uri @app;
          if ($arg_a) { set $a 1; }
        }
        location @socket { proxy_pass http://127.0.0.1:3000; ${UPGRADE} }
        location @app { proxy_pass http://127.0.0.1:4000; }
      }`,
    finds: ["5:11 if -- `try_files` of line 4 does nothing and `location @socket` gets no WebSocket"],
  },
  {
    name: "letter by letter",
    config: `
      server {
        location /ws/ {
          if ($http_upgrade != "websocket") { return 426; }
          proxy_pass http://127.0.0.1:3000;
        }
        location / {
          if ($http_upgrade = websocket) { proxy_pass http://127.0.0.1:3000; }
          proxy_pass http://127.0.0.1:4000; ${UPGRADE}
        }
      }`,
    finds: ["4:29 != -- compares letter by letter", "8:29 ="],
    fixed: `
      server {
        location /ws/ {
          if ($http_upgrade !~* "websocket") { return 426; }
          proxy_pass http://127.0.0.1:3000;
        }
        location / {
          if ($http_upgrade ~* websocket) { proxy_pass http://127.0.0.1:3000; }
          proxy_pass http://127.0.0.1:4000; ${UPGRADE}
        }
      }`,
  },
  {
    name: "other conditions",
    config: `
      server {
        location /ws/ {
          if ($http_upgrade = "") { return 426; }
          if ($http_upgrade !~* ^websocket$) { return 426; }
          if ($http_origin !~ ^https://example\\.com$) { return 403; }
          proxy_pass http://127.0.0.1:3000; ${UPGRADE}
        }
      }`,
  },
])

test("nginx does not start with a setting of the proxy in if", { skip: nginxMissing() }, async () => {
  const folder = makeTempFolder("check")
  mkdirSync(join(folder, "logs"))
  const file = join(folder, "nginx.conf")
  writeFileSync(
    file,
    `pid ${folder}/pid; error_log ${folder}/error.log; events {}
http { server { location / { if ($http_upgrade) { proxy_set_header Connection upgrade; } } } }`,
  )
  const { status, stderr } = await run("/usr/sbin/nginx", ["-t", "-c", file, "-p", folder])
  assert.equal(status, 1)
  assert.match(stderr, /"proxy_set_header" directive is not allowed here in .*:2$/m)
})

// The `ws` library writes small letters.
const CAPITALS =
  "GET /ws/ HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: WebSocket\r\n" +
  "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
const SETTINGS = `proxy_http_version 1.1; ${UPGRADE}`

prove(ifWithProxySettings, [
  {
    name: "the second if forgets the first one's backend",
    broken: `server { listen {listen}; location /ws/ { ${SETTINGS}
      if ($arg_a) { proxy_pass http://{a}; }
      if ($arg_b) { set $b 1; }
      proxy_pass http://{listen2}; } }
      server { listen {listen2}; return 404; }`,
    fixed: `server { listen {listen}; location /ws/ { ${SETTINGS}
      if ($arg_a) { proxy_pass http://{a}; break; }
      if ($arg_b) { set $b 1; }
      proxy_pass http://{listen2}; } }
      server { listen {listen2}; return 404; }`,
    attempt: async ({ port }) => {
      const one = await openSocket(`ws://127.0.0.1:${port}/ws/?a=1`)
      return `one: ${one}, both: ${await openSocket(`ws://127.0.0.1:${port}/ws/?a=1&b=1`)}`
    },
    failure: /^one: open, both: refused with 404$/,
    success: /^one: open, both: open$/,
  },
  {
    name: "try_files is not inherited",
    broken: `server { listen {listen};
      location / { try_files /nothing @socket; if ($arg_a) { set $b 1; } }
      location @socket { ${SETTINGS} proxy_pass http://{a}; } }`,
    fixed: `map $arg_a $b { default ""; 1 1; } server { listen {listen};
      location / { try_files /nothing @socket; }
      location @socket { ${SETTINGS} proxy_pass http://{a}; } }`,
    attempt: ({ port }) => openSocket(`ws://127.0.0.1:${port}/x?a=1`),
    failure: /^refused with 404$/,
    success: /^open$/,
    // It serves no files, and has no try_files.
    onHoldfast: false,
  },
  {
    name: "capital letters",
    broken: `server { listen {listen}; location /ws/ { ${SETTINGS}
      if ($http_upgrade != websocket) { return 426; } proxy_pass http://{a}; } }`,
    fixed: `server { listen {listen}; location /ws/ { ${SETTINGS}
      if ($http_upgrade !~* websocket) { return 426; } proxy_pass http://{a}; } }`,
    attempt: async ({ port }) => `status ${(await exchange({ port }, CAPITALS)).status}`,
    failure: /^status 426$/,
    success: /^status 101$/,
  },
])
