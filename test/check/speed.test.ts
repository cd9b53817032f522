/** `check` of large configurations: 2,000 servers in under a second, and memory that does not grow with the files. */
import assert from "node:assert/strict"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { test } from "node:test"
import { checkTree } from "../../src/check/engine.ts"
import { RULES } from "../../src/check/rules/index.ts"
import { parseTarget } from "../../src/check/target.ts"
import { readTree } from "../../src/check/tree.ts"
import { runHoldfast } from "../support/holdfast.ts"
import { makeTempFolder } from "../support/temp.ts"

function configuration(servers: number): string {
  const blocks = Array.from(
    { length: servers },
    (_, index) => `
  upstream u${index} { server 127.0.0.1:${10_000 + index}; server 127.0.0.2:${10_000 + index}; }
  server {
    listen 80;
    server_name s${index}.example.com;
    location / { proxy_pass http://u${index}; }
    location /ws/ {
      proxy_pass http://u${index};
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection $connection_upgrade;
    }
  }`,
  )
  const map = "map $http_upgrade $connection_upgrade { default upgrade; '' close; }"
  return `events {}\nhttp {\n  ${map}${blocks.join("")}\n}\n`
}

/** The least CPU time of some runs, in ms: what else the machine does is no matter. */
function cpuMs(text: string, target: string): number {
  const times = Array.from({ length: 3 }, () => {
    const start = process.cpuUsage()
    const tree = readTree("nginx.conf", "./", () => ({ text, encoding: "utf8" }))
    checkTree(tree, parseTarget(target), RULES)
    return process.cpuUsage(start).user / 1000
  })
  return Math.min(...times)
}

test("2,000 servers take less than a second, and time grows with them, not with their square", (t) => {
  const large = configuration(2000)
  const small = configuration(250)
  for (const target of ["holdfast", "nginx/1.22"]) {
    const smallMs = cpuMs(small, target)
    const largeMs = cpuMs(large, target)
    t.diagnostic(`${target}: 250 servers ${smallMs.toFixed(0)} ms, 2,000 servers ${largeMs.toFixed(0)} ms`)
    assert.ok(largeMs < 1000, `${largeMs} ms`)
    assert.ok(largeMs < 24 * smallMs + 50, `${largeMs} ms against ${smallMs} ms`)
  }
})

test("memory does not grow with the number of files", async () => {
  const folder = makeTempFolder("check-memory")
  const text = configuration(100)
  for (let index = 0; index < 100; index++) writeFileSync(join(folder, `${index}.conf`), text)
  for (const format of ["text", "github"]) {
    // All of them at once would need some 300 MB.
    const { status, stdout, stderr } = await runHoldfast(["check", "--format", format, folder], {
      env: { NODE_OPTIONS: "--max-old-space-size=80" },
    })
    assert.equal(status, 1, stderr)
    assert.ok(stdout.includes("99.conf"))
  }
})
