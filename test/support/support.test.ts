import assert from "node:assert/strict"
import { spawn } from "node:child_process"
import { once } from "node:events"
import { describe, it } from "node:test"
import { WebSocket } from "ws"
import { issueCertificate, testAuthority } from "./certificates.ts"
import { nginxMissing, startNginx } from "./nginx.ts"
import { freePort, freePorts } from "./ports.ts"
import { httpAnswer, startRawBackend } from "./raw-backend.ts"
import { exchange, exchangeToEnd, RawClient } from "./raw-client.ts"
import {
  pythonEchoMissing,
  startEchoBackend,
  startPythonEcho,
  startWebsocketd,
  websocketdMissing,
} from "./websocket-backends.ts"

describe("the raw backend and the raw client", () => {
  it("records what came and answers by its script", async () => {
    await using backend = await startRawBackend((request) => httpAnswer(`${request.index}:${request.body}`))
    using client = await RawClient.connect({ port: backend.port })
    await client.sendPieces(["POST / HT", "TP/1.1\r\nContent-Length: 3\r\n\r", "\nab", "c"])
    assert.equal((await client.readResponse()).body, "0:abc")
    await client.send("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nxyz\r\n0\r\n\r\n")
    assert.equal((await client.readResponse()).body, "1:xyz")
    assert.equal(backend.connections.length, 1)
    assert.equal(backend.requestCount, 2)
  })

  it("reads interim answers, HEAD, and bodies of each framing", async () => {
    const answers = [
      "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nT: 1\r\n\r\n",
      "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n",
    ]
    await using backend = await startRawBackend((request) => answers[request.index] ?? "")
    using client = await RawClient.connect({ port: backend.port })
    await client.send("GET / HTTP/1.1\r\n\r\n")
    const first = await client.readResponse()
    assert.deepEqual([first.interim.length, first.body, first.framing], [1, "a", "chunked"])
    assert.deepEqual(first.trailers, [["T", "1"]])
    await client.send("HEAD / HTTP/1.1\r\n\r\n")
    assert.equal((await client.readResponse("HEAD")).body, "")
  })

  it("sends garbage on connect, resets, and echoes after 101", async () => {
    await using garbage = await startRawBackend({ on: "connect", send: "SSH-2.0\r\n", after: "end" })
    assert.equal(await exchangeToEnd({ port: garbage.port }, ""), "SSH-2.0\r\n")
    await using tunnel = await startRawBackend({
      send: "HTTP/1.1 101 Switching Protocols\r\n\r\n",
      after: "echo",
    })
    using client = await RawClient.connect({ port: tunnel.port })
    await client.send("GET / HTTP/1.1\r\n\r\nearly")
    assert.equal((await client.readResponse()).status, 101)
    assert.equal(await client.readBytes(5), "early")
  })

  it("speaks TLS and over unix sockets", async () => {
    const leaf = await issueCertificate(["a.test"])
    const { own } = await testAuthority()
    await using backend = await startRawBackend(httpAnswer("secret"), {
      tls: { cert: leaf.certificate, key: leaf.key },
    })
    const tls = { servername: "a.test", ca: own.certificate, rejectUnauthorized: true }
    assert.equal((await exchange({ port: backend.port, tls }, "GET / HTTP/1.1\r\n\r\n")).body, "secret")
    const path = `${(await testAuthority()).folder}/socket`
    await using local = await startRawBackend(httpAnswer("unix"), { path })
    assert.equal((await exchange({ path }, "GET / HTTP/1.1\r\n\r\n")).body, "unix")
    assert.equal(local.requestCount, 1)
  })

  it("gives each port once", async () => {
    const ports = await freePorts(20)
    assert.equal(new Set(ports).size, 20)
  })

  it("gives no port that another process was given", async () => {
    const script = `import { freePorts } from ${JSON.stringify(import.meta.resolve("./ports.ts"))}
      console.log((await freePorts(1900)).join())
      process.stdin.resume()`
    const child = spawn(process.execPath, ["--input-type=module", "-e", script], {
      stdio: ["pipe", "pipe", "inherit"],
    })
    const [text] = (await once(child.stdout.setEncoding("utf8"), "data")) as [string]
    const theirs = new Set(text.trim().split(",").map(Number))
    const ours = await freePorts(1900)
    child.stdin.end()
    await once(child, "exit")
    assert.equal(theirs.size, 1900)
    // Of two random choices of 1,900 out of 22,000, some 160 would meet.
    assert.deepEqual(
      ours.filter((port) => theirs.has(port)),
      [],
    )
  })
})

describe("nginx as an edge", { skip: nginxMissing() }, () => {
  it("starts, answers, logs and stops", async () => {
    const port = await freePort()
    const config = `events {} http { server { listen 127.0.0.1:${port}; location / { return 200 "{prefix}"; } } }`
    await using edge = await startNginx(config)
    assert.equal(edge.readPidFile(), edge.pid)
    assert.equal((await exchange({ port }, "GET / HTTP/1.0\r\n\r\n")).body, edge.prefix)
    assert.match((await edge.waitForFile("logs/access.log", /"GET.*/))[0], /GET \/ HTTP\/1.0/)
    edge.signal("SIGQUIT")
    assert.deepEqual(await edge.exit, { code: 0, signal: null })
  })

  it("rejects with the messages when it does not start", async () => {
    await assert.rejects(startNginx("events {}\nnonsense;"), /unknown directive "nonsense" in .*:2/)
  })
})

describe("WebSocket backends", () => {
  it("ws says its name", async () => {
    await using backend = await startEchoBackend("one")
    assert.deepEqual(await talk(backend.port, ["whoami", "hello"]), ["one", "hello"])
  })

  it("python3-websockets echoes", { skip: pythonEchoMissing() }, async () => {
    await using backend = await startPythonEcho()
    assert.deepEqual(await talk(backend.port, ["hello"]), ["hello"])
  })

  it("websocketd echoes", { skip: websocketdMissing() }, async () => {
    await using backend = await startWebsocketd()
    assert.deepEqual(await talk(backend.port, ["hello"]), ["hello"])
  })
})

/** Sends each message after the answer to the one before, and returns the answers. */
function talk(port: number, messages: readonly string[]): Promise<string[]> {
  return new Promise((resolve, reject) => {
    const webSocket = new WebSocket(`ws://127.0.0.1:${port}/`)
    const answers: string[] = []
    webSocket.once("error", reject)
    webSocket.once("open", () => webSocket.send(messages[0] ?? ""))
    webSocket.on("message", (data: Buffer) => {
      answers.push(data.toString("latin1"))
      const next = messages[answers.length]
      if (next === undefined) webSocket.close()
      else webSocket.send(next)
    })
    webSocket.once("close", () => resolve(answers))
  })
}
