/** `--config`: what `check` finds at the location of the URL, next to what was seen. */
import assert from "node:assert/strict"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { describe, type TestContext, test } from "node:test"
import { nginxMissing, startNginx } from "../support/nginx.ts"
import { freePort } from "../support/ports.ts"
import { makeTempFolder, removeTempFolder } from "../support/temp.ts"
import { startEchoBackend } from "../support/websocket-backends.ts"
import { probe } from "./case.ts"

describe("--config", { skip: nginxMissing() }, () => {
  test("a finding that fits what was seen speaks for its cause", async (t) => {
    const { url, file } = await edgeOf(t, "proxy_http_version 1.1;")
    const report = await probe([url, "--config", file, "--target", "nginx/1.22"])
    const step = report.steps.find(({ id }) => id === "config")
    assert.equal(step?.outcome, "warning")
    assert.match(step?.summary ?? "", /^`location \/ws\/` \(.*nginx\.conf:6\): \d+ findings/)
    const [suspect] = report.diagnoses[0]?.suspects ?? []
    assert.equal(suspect?.certainty, "certain")
    const evidence = suspect?.evidence.join("\n") ?? ""
    assert.match(evidence, /nginx\.conf:\d+: error: .*\[websocket-upgrade-header\]/)
  })

  test("what is right has no findings, and the rest of the file does not matter", async (t) => {
    const { url, file } = await edgeOf(
      t,
      `proxy_http_version 1.1; proxy_set_header Host $host; proxy_set_header Upgrade $http_upgrade;
       proxy_set_header Connection "upgrade"; proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
       proxy_read_timeout 3600s; proxy_send_timeout 3600s; proxy_buffering off;`,
    )
    const report = await probe([url, "--config", file, "--target", "nginx/1.22"])
    const step = report.steps.find(({ id }) => id === "config")
    assert.equal(report.isHealthy, true)
    assert.ok(
      step?.details.every((line) => !line.includes("/broken/")),
      step?.details.join("\n"),
    )
    assert.deepEqual(report.diagnoses, [])
  })
})

/** A running nginx, and its configuration as its owner has it. */
async function edgeOf(t: TestContext, directives: string): Promise<{ url: string; file: string }> {
  const backend = await startEchoBackend("one")
  t.after(() => backend.close())
  const port = await freePort()
  const config = `
    events {}
    http { server {
        listen 127.0.0.1:${port};
        location /broken/ws/ { proxy_pass http://127.0.0.1:${backend.port}; proxy_set_header Connection "upgrade"; }
        location /ws/ { proxy_pass http://127.0.0.1:${backend.port}; ${directives} }
    } }`
  const nginx = await startNginx(config)
  t.after(() => nginx.stop())
  const folder = makeTempFolder("probe-config")
  t.after(() => removeTempFolder(folder))
  const file = join(folder, "nginx.conf")
  writeFileSync(file, config)
  return { url: `ws://127.0.0.1:${port}/ws/`, file }
}
