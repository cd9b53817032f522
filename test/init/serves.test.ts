/** A configuration by `holdfast init` at work: WebSockets and pages through TLS, on Holdfast and on nginx. */
import assert from "node:assert/strict"
import { once } from "node:events"
import { mkdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { describe, test } from "node:test"
import { type ClientOptions, WebSocket } from "ws"
import { issueCertificate, testAuthority } from "../support/certificates.ts"
import { runHoldfast, startHoldfast } from "../support/holdfast.ts"
import { nginxMissing, startNginx } from "../support/nginx.ts"
import { freePorts } from "../support/ports.ts"
import { exchange } from "../support/raw-client.ts"
import { makeTempFolder } from "../support/temp.ts"
import { startEchoBackend } from "../support/websocket-backends.ts"

const HOST = "chat.example.com"
/** Full of what ends a word in a configuration, or begins something else. */
const ODD_PATH = `/a;{}"'\\n$b %23c/`

describe("a configuration by holdfast init serves", () => {
  for (const [name, start, skip] of [
    ["holdfast", startHoldfast, false],
    ["nginx", startNginx, nginxMissing()],
  ] as const)
    test(name, { skip }, async (t) => {
      const prefix = makeTempFolder("init")
      mkdirSync(join(prefix, "logs"))
      const socket = await startEchoBackend("socket")
      t.after(() => socket.close())
      const application = await startEchoBackend("application")
      t.after(() => application.close())
      const { certificateFile, keyFile } = await issueCertificate([HOST])
      const [https, http] = await freePorts(2)
      const file = join(prefix, "made.conf")
      const made = await runHoldfast([
        ...["init", "--name", HOST, "--certificate", certificateFile, "--key", keyFile],
        ...["--path", "/ws/", "--path", ODD_PATH, "--backend", `127.0.0.1:${socket.port}`],
        ...["--app-backend", `127.0.0.1:${application.port}`],
        ...["--listen", `127.0.0.1:${https}`, "--http-listen", `127.0.0.1:${http}`],
        ...["--logs", `${prefix}/logs`, "--pid", `${prefix}/${name}.pid`, file],
      ])
      assert.equal(made.status, 0, made.stderr)
      // Nobody else knows the name of a server that listens on loopback.
      const probe = `  holdfast probe wss://${HOST}:${https}/ws/ --resolve ${HOST}:${https}:127.0.0.1\n`
      assert.ok(made.stdout.includes(probe), made.stdout)
      const edge = await start(readFileSync(file, "latin1"), { prefix })
      t.after(() => edge.stop())

      const ca = readFileSync((await testAuthority()).own.certificateFile)
      // Of the type's fields "servername" is missing, although it is handed on to tls.connect.
      const options: ClientOptions & { servername: string } = {
        ca,
        servername: HOST,
        headers: { Host: `${HOST}:${https}` },
      }
      for (const path of ["/ws/room?a=1", encodeURI(decodeURIComponent(ODD_PATH)).replace("#", "%23")]) {
        const client = new WebSocket(`wss://127.0.0.1:${https}${path}`, options)
        await once(client, "open")
        client.send("whoami")
        assert.equal(String((await once(client, "message"))[0]), "socket")
        client.close(1000)
        assert.equal((await once(client, "close"))[0], 1000)
      }
      const [handshake] = socket.requests
      assert.equal(handshake?.url, "/ws/room?a=1")
      // Applications compare Origin with Host: the port is there.
      assert.equal(handshake?.headers.host, `${HOST}:${https}`)
      assert.equal(handshake?.headers["x-forwarded-proto"], "https")

      const tls = { ca, servername: HOST }
      const ask = (path: string): string =>
        `GET ${path} HTTP/1.1\r\nHost: ${HOST}\r\nConnection: close\r\n\r\n`
      const page = await exchange({ port: https, tls }, ask("/"))
      assert.equal(page.body, "application GET /\n")
      assert.match(page.rawHead, /^Strict-Transport-Security: max-age=/m)
      const redirect = await exchange({ port: http }, ask("/a"))
      assert.equal(redirect.status, 301)
      assert.match(redirect.rawHead, new RegExp(`^Location: https://${HOST}:${https}/a\r$`, "m"))
    })
})
