import assert from "node:assert/strict"
import { mkdirSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { describe, test } from "node:test"
import { checkTree } from "../../src/check/engine.ts"
import { readConfiguration } from "../../src/check/input.ts"
import { includeMissing } from "../../src/check/rules/include-missing.ts"
import { parseTarget } from "../../src/check/target.ts"
import { run, runHoldfast } from "../support/holdfast.ts"
import { nginxMissing } from "../support/nginx.ts"
import { makeTempFolder } from "../support/temp.ts"

/** "file:line:column severity message", of files in a folder of their own (`{folder}`), the first one checked. */
function findings(files: Readonly<Record<string, string>>): string[] {
  const folder = makeTempFolder("include")
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    writeFileSync(join(folder, path), text.replaceAll("{folder}", folder))
  }
  const tree = readConfiguration(join(folder, Object.keys(files)[0] as string))
  return checkTree(tree, parseTarget("holdfast"), [includeMissing]).findings.map(
    ({ file, line, column, severity, message }) =>
      `${file}:${line}:${column} ${severity} ${message}`.replaceAll(`${folder}/`, ""),
  )
}

describe("include-missing", () => {
  test("has a page", () => {
    for (const text of Object.values(includeMissing.page)) assert.ok(text.length > 10)
  })

  test("a relative name", () => {
    assert.deepEqual(findings({ "nginx.conf": "events {}\nhttp {\n  include snippets/ws.conf;\n}\n" }), [
      'nginx.conf:3:11 error "snippets/ws.conf" cannot be opened: nothing starts with this file. What it holds was not checked.',
    ])
  })

  test("in a file that is included, once for all that include it", () => {
    const found = findings({
      "nginx.conf": "events {} http { server { include a.conf; } server { listen 81; include a.conf; } }",
      "a.conf": "location / {\n  include gone.conf;\n}\n",
    })
    assert.equal(found.length, 1)
    assert.match(found[0] ?? "", /^a\.conf:2:11 error "gone\.conf"/)
  })

  test("an absolute name, in the folder and elsewhere", () => {
    const found = findings({
      "nginx.conf": "events {} http { include {folder}/gone.conf; include /nonexistent/site.conf; }",
    })
    assert.equal(found.length, 2)
    assert.match(found[0] ?? "", /^nginx\.conf:1:26 error /)
    assert.match(found[1] ?? "", /^nginx\.conf:1:\d+ info "\/nonexistent\/site\.conf" .* on this machine/)
  })

  test("in a part of a configuration, whose includes count from elsewhere", () => {
    const found = findings({ "conf.d/site.conf": "server { include snippets/tls.conf; }" })
    assert.match(found.join(), /^conf\.d\/site\.conf:1:18 info "snippets\/tls\.conf" counts from the folder/)
  })

  test("found, or with wildcards, or of nginx's package: nothing", () => {
    assert.deepEqual(
      findings({
        "nginx.conf":
          'events {} http { include mime.types; include "a.conf"; include conf.d/*.conf; include b[.]conf; }',
        "a.conf": "server { listen 80; }",
      }),
      [],
    )
  })

  test("a folder is no file", () => {
    const found = findings({
      "nginx.conf": "events {} http { include conf.d; }",
      "conf.d/a.conf": "",
    })
    assert.match(found.join(), /^nginx\.conf:1:26 error "conf\.d" cannot be opened/)
  })
})

test("what the page says about wildcards and messages is so on nginx", { skip: nginxMissing() }, async () => {
  const folder = makeTempFolder("include")
  mkdirSync(join(folder, "logs"))
  const file = join(folder, "nginx.conf")
  const write = (include: string): void =>
    writeFileSync(
      file,
      `pid ${folder}/pid; error_log ${folder}/error.log; events {}\nhttp { include ${include}; }`,
    )
  const programs = [run.bind(null, "/usr/sbin/nginx"), runHoldfast]
  for (const program of programs) {
    write("snippets/ws.conf")
    const refused = await program(["-t", "-c", file, "-p", folder])
    assert.equal(refused.status, 1)
    assert.match(
      refused.stderr,
      /open\(\) "\S+\/snippets\/ws\.conf" failed \(2: No such file or directory\) in \S+nginx\.conf:2/,
    )
    write("snippets/ws[.]conf")
    assert.equal((await program(["-t", "-c", file, "-p", folder])).status, 0)
  }
})
