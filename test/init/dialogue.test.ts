/** `holdfast init` at a terminal: it asks, refuses wrong answers with the reason, and leaves without a trace. */
import assert from "node:assert/strict"
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { describe, type TestContext, test } from "node:test"
import { issueCertificate } from "../support/certificates.ts"
import { HOLDFAST } from "../support/holdfast.ts"
import { makeTempFolder } from "../support/temp.ts"
import { CTRL_C, CTRL_D, Terminal, terminalMissing } from "./terminal.ts"

/** Logs go to standard error whatever the machine has, so that nothing outside of the folder is touched. */
function init(t: TestContext, options: string, cwd: string): Terminal {
  return new Terminal(t, `${HOLDFAST} init --logs stderr --pid ${cwd}/holdfast.pid ${options}`, cwd)
}

describe("holdfast init at a terminal", { skip: terminalMissing() }, () => {
  test("asks for all of it; a wrong answer is refused with its reason and asked again", async (t) => {
    const cwd = makeTempFolder("init-dialogue")
    const own = await issueCertificate(["chat.example.com"])
    const other = await issueCertificate(["other.example.com"])
    const terminal = init(t, "", cwd)
    await terminal.answer("Server names", "chat.example.com; }")
    await terminal.answer("Server names", "Chat.Example.com")
    await terminal.answer("Certificate", join(cwd, "later.crt"))
    await terminal.waitFor(/later\.crt does not exist\.\n/)
    await terminal.answer("Keep it all the same", "n")
    await terminal.answer("Certificate", other.certificateFile)
    await terminal.waitFor(/is not for chat\.example\.com, but for other\.example\.com\.\n/)
    await terminal.answer("Keep it all the same", "no")
    await terminal.answer("Certificate", own.certificateFile)
    await terminal.answer("Private key", other.keyFile)
    await terminal.waitFor(/is not the key of /)
    await terminal.answer("Keep it all the same", "")
    await terminal.answer("Private key", own.keyFile)
    await terminal.answer("WebSocket path [/ws/]", "")
    await terminal.answer("Backends of /ws/", "192.168.10.20")
    await terminal.waitFor(/"192\.168\.10\.20" has no port: /)
    await terminal.answer("Backends of /ws/", "192.168.10.20:3000 192.168.10.21:3000")
    await terminal.answer("Another WebSocket path", "/ws/")
    await terminal.waitFor(/\/ws\/ is there already\n/)
    await terminal.answer("Another WebSocket path", "/chat")
    await terminal.answer("Backends of /chat", "192.168.10.22:3000")
    await terminal.answer("Another WebSocket path", "")
    await terminal.answer("Backends of all other paths", "192.168.10.20:8080")
    await terminal.answer("Do the backends speak TLS?", "n")
    await terminal.answer("Sticky sessions", "sticky")
    await terminal.answer("Sticky sessions", "")
    await terminal.answer("Idle timeout of WebSockets", "5s")
    await terminal.answer("Idle timeout of WebSockets", "2h")
    await terminal.answer("Write it to", "missing/nginx.conf")
    await terminal.waitFor(/missing does not exist\n/)
    await terminal.answer("Write it to", "")
    assert.equal(await terminal.exit(), 0, terminal.text)
    const text = readFileSync(join(cwd, "nginx.conf"), "utf8")
    for (const line of [
      "server_name chat.example.com;",
      `ssl_certificate ${own.certificateFile};`,
      `ssl_certificate_key ${own.keyFile};`,
      "server 192.168.10.21:3000;",
      "location /chat {",
      "proxy_pass http://ws_chat_backend;",
      "proxy_pass http://app_backend;",
      "proxy_read_timeout 2h;",
    ])
      assert.ok(text.includes(`    ${line}\n`), `${line}\n${text}`)
    assert.match(terminal.text, /nginx\.conf test is successful\n.*: no findings\n\nNext:\n/)
    assert.match(terminal.text, /\n {2}holdfast probe wss:\/\/chat\.example\.com\/ws\/\n/)
  })

  test("Enter everywhere: a server for this machine, without TLS", async (t) => {
    const cwd = makeTempFolder("init-dialogue")
    const terminal = init(t, "--name localhost", cwd)
    const questions = ["Certificate", "WebSocket path", "Backends of /ws/", "Another WebSocket path"]
    for (const question of [...questions, "Backends of all", "Do the backends", "Idle timeout", "Write it"])
      await terminal.answer(question, "")
    assert.equal(await terminal.exit(), 0, terminal.text)
    const text = readFileSync(join(cwd, "nginx.conf"), "utf8")
    assert.match(text, /\n {8}listen 127\.0\.0\.1:8080;\n {8}server_name localhost;\n/)
    assert.doesNotMatch(text, /ssl/)
  })

  test("backends with TLS and names: asks for authority, name and name server", async (t) => {
    const cwd = makeTempFolder("init-dialogue")
    const options = "--name localhost --plain --path /ws/ --app-backend https://b.example.com --timeout 1h"
    const terminal = init(t, options, cwd)
    await terminal.answer("Backends of /ws/", "wss://a.example.com https://b.example.com:8443")
    await terminal.answer("Authority of their certificates", "/etc/ca.crt")
    await terminal.answer("Name in their certificates", "two words")
    await terminal.answer("Name in their certificates", "inner.example.com")
    await terminal.answer("Sticky sessions", "none")
    await terminal.answer("Name server", "nowhere")
    await terminal.answer("Name server", "127.0.0.53")
    // Its test fails, since the authority is not there; it is written all the same.
    await terminal.answer("Write it to", "made.conf")
    assert.equal(await terminal.exit(), 1)
    const text = readFileSync(join(cwd, "made.conf"), "utf8")
    assert.match(text, /server a\.example\.com:443 resolve;\n +server b\.example\.com:8443 resolve;/)
    assert.match(text, /proxy_ssl_verify on;\n +proxy_ssl_trusted_certificate \/etc\/ca\.crt;/)
    assert.match(text, /proxy_ssl_name inner\.example\.com;/)
    assert.match(text, /resolver 127\.0\.0\.53 valid=10s;/)
  })

  test("an existing file: overwritten after a yes, another one asked for after a no", async (t) => {
    const cwd = makeTempFolder("init-dialogue")
    writeFileSync(join(cwd, "nginx.conf"), "mine")
    const options =
      "--name localhost --path /ws/ --plain --app-backend 127.0.0.1:8080 --timeout 1h --backend-tls"
    for (const answer of ["n", "y"]) {
      const terminal = init(t, `${options} --backend-ca /etc/ca.crt --backend-name a`, cwd)
      await terminal.answer("Backends of /ws/", "3000")
      await terminal.answer("Write it to", "nginx.conf")
      await terminal.answer("nginx.conf exists. Overwrite it?", answer)
      if (answer === "n") await terminal.answer("Write it to", CTRL_D)
      assert.equal(await terminal.exit(), answer === "n" ? 2 : 1)
      assert.equal(readFileSync(join(cwd, "nginx.conf"), "utf8") === "mine", answer === "n")
    }
  })

  test("an existing file, and nothing else to ask for", async (t) => {
    const cwd = makeTempFolder("init-dialogue")
    writeFileSync(join(cwd, "nginx.conf"), "mine")
    const terminal = init(t, "--name localhost --backend 3000 --plain", cwd)
    await terminal.answer("nginx.conf exists. Overwrite it?", "y")
    assert.equal(await terminal.exit(), 0, terminal.text)
    assert.doesNotMatch(terminal.text, /Enter takes/)
    // Who wants no questions has said nothing of overwriting.
    const refused = init(t, "--yes", cwd)
    assert.equal(await refused.exit(), 2)
  })

  for (const [name, key, status] of [
    ["Ctrl-C", CTRL_C, 130],
    ["Ctrl-D", CTRL_D, 2],
  ] as const)
    test(`${name} leaves, with nothing written`, async (t) => {
      const cwd = makeTempFolder("init-dialogue")
      const terminal = init(t, "--name localhost --plain", cwd)
      await terminal.answer("WebSocket path", key)
      assert.equal(await terminal.exit(), status)
      assert.match(terminal.text, /\nholdfast init: nothing was written\n$/)
      assert.deepEqual(readdirSync(cwd), [])
    })

  test("nothing is asked where nothing is missing, or by --yes", async (t) => {
    const cwd = makeTempFolder("init-dialogue")
    mkdirSync(join(cwd, "a"))
    for (const options of ["--name localhost --backend 3000 --plain", "--yes a/nginx.conf"]) {
      const terminal = init(t, options, cwd)
      assert.equal(await terminal.exit(), 0, terminal.text)
      assert.doesNotMatch(terminal.text, /Enter takes/)
    }
  })
})
