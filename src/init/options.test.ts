import assert from "node:assert/strict"
import { describe, it } from "node:test"
import { HoldfastError } from "../base/error.ts"
import { planOf } from "./choices.ts"
import { parseInitOptions } from "./options.ts"
import type { Plan } from "./plan.ts"

function planFor(words: string): Plan {
  const options = parseInitOptions(["--name", "a.example", ...words.split(" ").filter((word) => word !== "")])
  return planOf(options, "/x/nginx.conf", () => new Set())
}

/** "/path group server server" of each location. */
function routesOf(words: string): string[] {
  return planFor(words).sockets.map(({ path, group: { name, backends } }) =>
    [path, name, ...backends.map(({ address }) => address)].join(" "),
  )
}

describe("options of init", () => {
  const routes: readonly (readonly [words: string, ...routes: string[]])[] = [
    ["", "/ws/ ws_backend 127.0.0.1:3000"],
    ["--path /cable", "/cable ws_backend 127.0.0.1:3000"],
    ["--backend a:1 --backend b:2,a:1", "/ws/ ws_backend a:1 b:2"],
    ["--backend a:1 --path /x", "/x ws_backend a:1"],
    ["--backend a:1 --path /x --backend b:2", "/x ws_backend a:1 b:2"],
    ["--path /x --path /y --backend a:1", "/x ws_backend a:1", "/y ws_backend a:1"],
    ["--path /x --backend a:1 --path /Y.z --backend b:1", "/x ws_backend a:1", "/Y.z ws_y_z_backend b:1"],
    [
      "--path /a --backend a:1 --path /b_ --backend b:1 --path /b --backend c:1",
      "/a ws_backend a:1",
      "/b_ ws_b_backend b:1",
      "/b ws_b_backend_2 c:1",
    ],
  ]
  for (const [words, ...expected] of routes)
    it(`paths and backends: ${words || "none"}`, () => assert.deepEqual(routesOf(words), expected))

  it("what goes together and what is left to defaults", () => {
    const whole = planFor("--certificate /c/fullchain.pem --listen 8443,[::]:8443 --http-listen 8080")
    assert.deepEqual(whole.keyPair, { certificate: "/c/fullchain.pem", key: "/c/privkey.pem" })
    assert.deepEqual(
      whole.listens.map(({ text }) => text),
      ["8443", "[::]:8443"],
    )
    assert.equal(whole.hasHsts, true)
    assert.equal(planFor("--plain").redirects.length, 0)
    assert.equal(planFor("--plain").listens[0]?.text, "127.0.0.1:8080")
    // Every program of this machine is "localhost".
    assert.equal(planFor("--name localhost --certificate a.crt").hasHsts, false)
    assert.equal(planFor("--no-hsts").hasHsts, false)
    assert.equal(planFor("--target nginx/1.22").resolver, null)
  })

  it("the name in the backends' certificate is theirs, where they have one", () => {
    const tls = (words: string): unknown => planFor(`--backend-ca /ca ${words}`).sockets[0]?.group.tls
    assert.deepEqual(tls("--backend https://B.example:1 --backend wss://b.example:2"), {
      authorityFile: "/ca",
      name: "b.example",
    })
    assert.deepEqual(tls("--backend 10.0.0.1:1 --backend-tls --backend-name x"), {
      authorityFile: "/ca",
      name: "x",
    })
    assert.equal(tls("--backend ws://b.example:1"), null)
  })

  const refused: readonly (readonly [words: string, message: RegExp])[] = [
    ["a b", /^one FILE can be written, not several$/],
    ["-o a b", /^one FILE can be written, not several$/],
    ["--name _", /^--name: "_" is no host name/],
    ["--backend ,", /^--backend: a value is missing$/],
    ["--backend 10.0.0.5", /^--backend: "10\.0\.0\.5" has no port: /],
    ["--backend 10.0.0.5:1,https://10.0.0.6:1", /^10\.0\.0\.5:1, 10\.0\.0\.6:1: either all speak TLS/],
    ["--backend https://10.0.0.5:1", /^--backend-name is needed: .* 10\.0\.0\.5:1$/],
    ["--backend 1 --path /a --backend 2 --path /b", /^--backend stands before the first of several --path: /],
    ["--path /a --path /a", /^--path \/a is given twice$/],
    ["--plain --listen 8080", /^--plain is for this machine alone: --listen 8080 must be a loopback/],
    ["--plain --http-listen 8080", /^--http-listen redirects to TLS: not with --plain$/],
    ["--plain --certificate a.crt", /^--plain cannot go with --certificate or --key$/],
    ["--listen 80", /^--listen and --http-listen cannot both be 80$/],
    ["--no-redirect --acme-webroot .", /^--acme-webroot needs the server for plain HTTP$/],
    ["--timeout 5s", /^--timeout: "5s" cuts WebSockets .* 60s at least$/],
    ["--sticky cookie", /^--sticky: "cookie" is neither ip_hash nor none$/],
    ["--target nginx/1.10", /^--target: init writes for nginx 1\.13\.0 and later$/],
    ["--certificate /a$b", /^--certificate: "\/a\$b": a "\$" in a path/],
  ]
  for (const [words, message] of refused)
    it(`refuses ${words}`, () => {
      assert.throws(
        () => planFor(words),
        (error) => error instanceof HoldfastError && error.code === "USAGE" && message.test(error.message),
      )
    })
})
