import assert from "node:assert/strict"
import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { test } from "node:test"
import { holdfastOnlyDirective, OWN_DIRECTIVES } from "../../src/check/rules/holdfast-only-directive.ts"
import { isKnownToNginx } from "../../src/config/known-directives.ts"
import { mainDirectives } from "../../src/modules/core/main-directives.ts"
import { MODULES } from "../../src/modules/index.ts"
import { run, runHoldfast } from "../support/holdfast.ts"
import { nginxMissing } from "../support/nginx.ts"
import { makeTempFolder } from "../support/temp.ts"
import { testRule } from "./rule-cases.ts"

const target = "nginx/1.31"

testRule(holdfastOnlyDirective, [
  {
    name: "websocket on in a location",
    target,
    config: `
      server { location /ws/ { websocket on; proxy_pass http://127.0.0.1:3000; } }`,
    finds: ["2:32 websocket -- nginx/1.31 does not know it and does not start with it; what it stands for"],
  },
  {
    name: "further out, with its settings",
    target: "nginx",
    config: `
      websocket on;
      websocket_ping 20s;
      server { websocket_close_code 1001; location / { proxy_pass http://127.0.0.1:3000; } }`,
    finds: ["2:7 websocket", "3:7 websocket_ping -- nginx does not know it", "4:16 websocket_close_code"],
  },
  {
    name: "in upstream and in main",
    target: "nginx/1.22",
    config: `worker_stall_timeout 5s;
events {}
http {
  upstream app { server 127.0.0.1:3000; drain keep; }
}`,
    finds: ["1:1 worker_stall_timeout", "4:41 drain"],
  },
  {
    name: "in a file for Holdfast",
    config: `
      server { location /ws/ { websocket on; proxy_pass http://127.0.0.1:3000; } }`,
  },
  {
    name: "words that are not directives",
    target,
    config: `
      map $http_upgrade $kind { websocket socket; drain x; default plain; }
      types { text/x websocket; }
      server { location /drain { proxy_set_header X-Kind websocket; proxy_pass http://127.0.0.1:3000; } }`,
  },
  {
    name: "nginx's own parameter of that name",
    target,
    config: `
      upstream app { server 127.0.0.1:3000 drain; }`,
  },
])

test("all directives that nginx has not are listed", () => {
  const rows = [mainDirectives, ...MODULES.map(({ directives }) => directives ?? {})]
  const names = new Set(rows.flatMap((one) => Object.keys(one)))
  const own = [...names].filter((name) => !isKnownToNginx(name)).sort()
  assert.deepEqual(own, [...OWN_DIRECTIVES.keys()].sort())
})

test("nginx does not start with it, and Holdfast does", { skip: nginxMissing() }, async () => {
  const folder = makeTempFolder("own-directive")
  mkdirSync(join(folder, "logs"))
  const file = join(folder, "nginx.conf")
  const main = `pid ${folder}/pid; error_log ${folder}/error.log; events {}`
  writeFileSync(
    file,
    `${main} http { server { location / { websocket on; proxy_pass http://127.0.0.1:1; } } }`,
  )
  const theirs = await run("/usr/sbin/nginx", ["-t", "-c", file, "-p", folder])
  assert.equal(theirs.status, 1)
  assert.match(theirs.stderr, /\[emerg\].* unknown directive "websocket" in \S+:1/)
  assert.equal((await runHoldfast(["-t", "-c", file, "-p", folder])).status, 0)
})
