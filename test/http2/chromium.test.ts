/** A WebSocket over HTTP/2 in a real browser, by the browser's own account of it. */
import assert from "node:assert/strict"
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { existsSync } from "node:fs"
import { createInterface } from "node:readline"
import { it } from "node:test"
import { type WebSocket as ServerSocket, WebSocket, WebSocketServer } from "ws"
import { issueCertificate } from "../support/certificates.ts"
import { startHoldfast } from "../support/holdfast.ts"
import { freePort } from "../support/ports.ts"
import { makeTempFolder } from "../support/temp.ts"
import { UPGRADE } from "./extended-connect.ts"

const CHROMIUM = "/usr/bin/chromium"
const skip = existsSync(CHROMIUM) ? false : `${CHROMIUM} is not installed (Debian: apt-get install chromium)`

/** What the page does: a socket on the origin that it came from, one message each way, and a close. */
const SCRIPT = `new Promise((resolve, reject) => {
  const socket = new WebSocket("wss://" + location.host + "/ws", ["chat"])
  const seen = []
  socket.onopen = () => socket.send("from the page")
  socket.onmessage = (event) => { seen.push(event.data); socket.close(1000, "done") }
  socket.onerror = () => reject(new Error("the socket failed"))
  socket.onclose = (event) => resolve({
    seen, code: event.code, clean: event.wasClean, protocol: socket.protocol, extensions: socket.extensions,
    page: performance.getEntriesByType("navigation")[0].nextHopProtocol,
  })
})`

interface Message {
  readonly id?: number
  readonly method?: string
  readonly params?: Record<string, unknown>
  readonly result?: Record<string, unknown>
}

/** The few commands of the DevTools protocol that are needed. */
class Browser {
  readonly events: Message[] = []
  readonly #process: ChildProcess
  readonly #socket: WebSocket
  readonly #answers = new Map<number, (result: Record<string, unknown>) => void>()
  readonly #awaited = new Map<string, () => void>()
  #nextId = 0

  private constructor(process: ChildProcess, socket: WebSocket) {
    this.#process = process
    this.#socket = socket
    socket.on("message", (data) => this.#receive(JSON.parse(String(data)) as Message))
  }

  static async start(): Promise<Browser> {
    const profile = makeTempFolder("chromium")
    const flags = ["--headless=new", "--no-sandbox", "--disable-gpu", "--ignore-certificate-errors"]
    const child = spawn(
      CHROMIUM,
      [...flags, "--remote-debugging-port=0", `--user-data-dir=${profile}`, "about:blank"],
      { stdio: ["ignore", "ignore", "pipe"] },
    )
    let endpoint: string | undefined
    for await (const line of createInterface({ input: child.stderr })) {
      endpoint = /^DevTools listening on (\S+)/.exec(line)?.[1]
      if (endpoint !== undefined) break
    }
    child.stderr.resume()
    assert.ok(endpoint !== undefined, "chromium did not start")
    const socket = new WebSocket(endpoint)
    await once(socket, "open")
    return new Browser(child, socket)
  }

  command(method: string, params: object, sessionId?: string): Promise<Record<string, unknown>> {
    const id = ++this.#nextId
    this.#socket.send(JSON.stringify({ id, method, params, sessionId }))
    return new Promise((resolve) => this.#answers.set(id, resolve))
  }

  /** Resolves with the next event of that name. */
  event(method: string): Promise<void> {
    return new Promise((resolve) => this.#awaited.set(method, resolve))
  }

  /** The parameters of the events of that name so far. */
  seen(method: string): Record<string, unknown>[] {
    return this.events.filter((event) => event.method === method).map(({ params }) => params ?? {})
  }

  #receive(message: Message): void {
    if (message.id !== undefined) {
      this.#answers.get(message.id)?.(message.result ?? {})
      return
    }
    this.events.push(message)
    this.#awaited.get(message.method ?? "")?.()
  }

  async close(): Promise<void> {
    const ended = once(this.#process, "close")
    this.#socket.close()
    this.#process.kill("SIGTERM")
    await ended
  }
}

it("Chromium opens a WebSocket in the HTTP/2 connection of its page", {
  skip,
  timeout: 120_000,
}, async () => {
  const backend = new WebSocketServer({ port: 0, host: "127.0.0.1", perMessageDeflate: true })
  await once(backend, "listening")
  backend.on("connection", (socket: ServerSocket) => {
    socket.on("message", (data) => socket.send(`echo: ${String(data)}`))
  })
  const port = await freePort()
  const { certificateFile, keyFile } = await issueCertificate(["localhost"])
  const backendPort = (backend.address() as { port: number }).port
  const edge = await startHoldfast(`worker_processes 1; events { } http {
    log_format l '[$request] $status $http2 $connection'; access_log {prefix}/logs/a.log l;
    server { listen 127.0.0.1:${port} ssl; http2 on; ssl_certificate ${certificateFile}; ssl_certificate_key ${keyFile};
    location / { default_type text/html; return 200 "<!doctype html><title>t</title>"; }
    location /ws { ${UPGRADE} proxy_pass http://127.0.0.1:${backendPort}; } } }`)
  const browser = await Browser.start()
  try {
    const { targetId } = await browser.command("Target.createTarget", { url: "about:blank" })
    const { sessionId } = await browser.command("Target.attachToTarget", { targetId, flatten: true })
    const inPage = (method: string, params: object) => browser.command(method, params, String(sessionId))
    await inPage("Page.enable", {})
    await inPage("Network.enable", {})
    const loaded = browser.event("Page.loadEventFired")
    await inPage("Page.navigate", { url: `https://localhost:${port}/` })
    await loaded
    const evaluated = await inPage("Runtime.evaluate", {
      expression: SCRIPT,
      awaitPromise: true,
      returnByValue: true,
    })
    const { value } = evaluated["result"] as { value: Record<string, unknown> }
    assert.deepEqual(value, {
      seen: ["echo: from the page"],
      code: 1000,
      clean: true,
      protocol: "chat",
      extensions: "permessage-deflate",
      page: "h2",
    })
    // HTTP/1.1 would be a 101, and would have asked with a Sec-WebSocket-Key.
    const [asked] = browser.seen("Network.webSocketWillSendHandshakeRequest")
    const [got] = browser.seen("Network.webSocketHandshakeResponseReceived")
    const response = got?.["response"] as { status: number; headers: Record<string, string> }
    assert.equal(response.status, 200, JSON.stringify({ asked, got }))
    const names = Object.keys(response.headers).map((name) => name.toLowerCase())
    assert.ok(!names.includes("sec-websocket-accept") && !names.includes("upgrade"), names.join(" "))
    // The same connection as the page's, says the server.
    const [log] = await edge.waitForFile("logs/a.log", /[\s\S]*CONNECT.*\n/)
    const page = /\[GET \/ HTTP\/2\.0\] 200 h2 (\d+)/.exec(log)?.[1]
    assert.equal(/\[CONNECT \/ws HTTP\/2\.0\] 200 h2 (\d+)/.exec(log)?.[1], page)
  } finally {
    await browser.close()
    backend.close()
    for (const client of backend.clients) client.terminate()
    await edge.stop()
  }
})
