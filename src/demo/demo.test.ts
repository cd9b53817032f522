import assert from "node:assert/strict"
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { get } from "node:https"
import { createServer } from "node:net"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { createInterface } from "node:readline"
import { after, before, describe, it } from "node:test"
import { fileURLToPath } from "node:url"
import { WebSocket } from "ws"
import { choosePort } from "./ports.ts"

const MAIN = fileURLToPath(new URL("./main.ts", import.meta.url))
const CHROMIUM = "/usr/bin/chromium"
const DEADLINE_MS = 20_000

/** The demo as `npm start` runs it, and what it printed until it was ready. */
interface RunningDemo {
  readonly child: ChildProcess
  readonly output: string
  readonly host: string
  readonly authorityFile: string
}

async function startDemo(): Promise<RunningDemo> {
  const child = spawn(process.execPath, [MAIN], { stdio: ["ignore", "pipe", "inherit"] })
  let output = ""
  for await (const line of createInterface({ input: child.stdout })) {
    output += `${line}\n`
    if (line.startsWith("Ctrl-C")) break
  }
  const host = /https:\/\/(\S+)\/ws\//.exec(output)?.[1]
  const authorityFile = /--cacert (\S+)/.exec(output)?.[1]
  assert.ok(host !== undefined && authorityFile !== undefined, `no addresses in: ${output}`)
  return { child, output, host, authorityFile }
}

function fetchText(url: string, ca: Buffer): Promise<{ status: number | undefined; text: string }> {
  return new Promise((resolve, reject) => {
    const request = get(url, { ca, agent: false }, async (response) => {
      let text = ""
      for await (const chunk of response) text += String(chunk)
      resolve({ status: response.statusCode, text })
    })
    request.once("error", reject)
  })
}

/** One command over the browser's DevTools protocol. */
function makeCommander(webSocket: WebSocket) {
  let lastId = 0
  return (method: string, params: object, sessionId?: string): Promise<Record<string, unknown>> => {
    const id = ++lastId
    webSocket.send(JSON.stringify({ id, method, params, sessionId }))
    return new Promise((resolve, reject) => {
      const read = (data: Buffer): void => {
        const answer = JSON.parse(data.toString())
        if (answer.id !== id) return
        webSocket.off("message", read)
        if (answer.error === undefined) resolve(answer.result)
        else reject(new Error(`${method}: ${answer.error.message}`))
      }
      webSocket.on("message", read)
    })
  }
}

// Runs in the page: waits for the greeting, says something, waits for the answer, and connects again.
const VISIT = `(async () => {
  const log = document.getElementById("log")
  const until = (ready) => new Promise((resolve) => {
    const check = () => ready() && (observer.disconnect(), resolve())
    const observer = new MutationObserver(check)
    observer.observe(document.body, { subtree: true, childList: true, characterData: true, attributes: true })
    check()
  })
  await until(() => log.textContent.includes(": hello"))
  document.getElementById("text").value = "from the browser"
  document.querySelector("form button").click()
  await until(() => /: from the browser/.test(log.textContent))
  document.getElementById("again").click()
  await until(() => document.getElementById("visits").textContent.startsWith("2 "))
  return [document.body.dataset.state, document.querySelector("b").textContent,
    document.getElementById("backend").textContent, document.getElementById("visits").textContent]
})()`

/** Opens `url` in Chromium without a window, runs `script` there, and gives its result. */
async function visit(url: string, script: string): Promise<unknown> {
  const profile = mkdtempSync(join(tmpdir(), "holdfast-chromium-"))
  const flags = ["--headless=new", "--no-sandbox", "--disable-gpu", "--ignore-certificate-errors"]
  const place = ["--remote-debugging-port=0", `--user-data-dir=${profile}`, "--window-size=800,640"]
  const browser = spawn(CHROMIUM, [...flags, ...place, "about:blank"], {
    stdio: ["ignore", "ignore", "pipe"],
  })
  const ended = once(browser, "close")
  try {
    let endpoint: string | undefined
    for await (const line of createInterface({ input: browser.stderr })) {
      endpoint = /^DevTools listening on (\S+)/.exec(line)?.[1]
      if (endpoint !== undefined) break
    }
    browser.stderr.resume()
    assert.ok(endpoint !== undefined, "chromium did not start")
    const webSocket = new WebSocket(endpoint)
    await once(webSocket, "open")
    const command = makeCommander(webSocket)
    const { targetId } = await command("Target.createTarget", { url: "about:blank" })
    const { sessionId } = await command("Target.attachToTarget", { targetId, flatten: true })
    const inPage = (method: string, params: object) => command(method, params, String(sessionId))
    await inPage("Page.enable", {})
    const loaded = new Promise<void>((resolve) => {
      webSocket.on("message", (data: Buffer) => {
        if (JSON.parse(data.toString()).method === "Page.loadEventFired") resolve()
      })
    })
    await inPage("Page.navigate", { url })
    await loaded
    const parameters = { expression: script, awaitPromise: true, returnByValue: true }
    const { result } = await inPage("Runtime.evaluate", parameters)
    await saveScreenshot(inPage)
    webSocket.close()
    return (result as { value: unknown }).value
  } finally {
    browser.kill("SIGTERM")
    await ended
    rmSync(profile, { recursive: true, force: true, maxRetries: 3 })
  }
}

/** For a look at the page: HOLDFAST_DEMO_SCREENSHOT names a PNG file to write. */
async function saveScreenshot(inPage: (method: string, params: object) => Promise<Record<string, unknown>>) {
  const file = process.env["HOLDFAST_DEMO_SCREENSHOT"]
  if (file === undefined) return
  const { data } = await inPage("Page.captureScreenshot", { format: "png" })
  writeFileSync(file, Buffer.from(String(data), "base64"))
}

describe("npm start", { timeout: 3 * DEADLINE_MS }, () => {
  let demo: RunningDemo
  before(async () => {
    demo = await startDemo()
  })
  after(() => demo.child.kill("SIGKILL"))

  it("serves the page of an application backend and the status over its own certificate", async () => {
    const ca = readFileSync(demo.authorityFile)
    const page = await fetchText(`https://${demo.host}/`, ca)
    assert.equal(page.status, 200)
    assert.match(page.text, /<b>app-[12]<\/b>/)
    const status = await fetchText(`https://${demo.host}/nginx_status`, ca)
    assert.match(status.text, /^Active connections: \d+ \n/)
  })

  it("relays WebSockets to one backend, which says its name", async () => {
    const names: string[] = []
    for (let visits = 0; visits < 3; visits++) {
      const webSocket = new WebSocket(`wss://${demo.host}/ws/`, { ca: readFileSync(demo.authorityFile) })
      const [greeting] = (await once(webSocket, "message")) as [Buffer]
      names.push(greeting.toString())
      webSocket.send("what?")
      const [answer] = (await once(webSocket, "message")) as [Buffer]
      assert.equal(answer.toString(), greeting.toString().replace("hello", "what?"))
      webSocket.close()
      await once(webSocket, "close")
    }
    assert.match(names[0], /^ws-[12]: hello$/)
    assert.deepEqual(new Set(names).size, 1)
  })

  const skip = existsSync(CHROMIUM)
    ? false
    : `${CHROMIUM} is not installed (Debian: apt-get install chromium)`
  it("shows in a browser which backends answered", { skip }, async () => {
    const [state, page, backend, visits] = (await visit(`https://${demo.host}/`, VISIT)) as string[]
    assert.equal(state, "open")
    assert.match(page, /^app-[12]$/)
    assert.match(backend, /^ws-[12]$/)
    assert.equal(visits, "2 connections, 1 backend")
  })

  it("ends all of it on Ctrl-C", async () => {
    demo.child.kill("SIGINT")
    const [code, signal] = await once(demo.child, "exit")
    assert.deepEqual([code, signal], [0, null])
    assert.equal(existsSync(dirname(demo.authorityFile)), false)
    await assert.rejects(fetchText(`https://${demo.host}/`, Buffer.alloc(0)), { code: "ECONNREFUSED" })
  })
})

describe("choosePort", () => {
  it("takes another port where the wanted one is taken, and says so", async () => {
    const server = createServer()
    server.listen(0, "127.0.0.1")
    await once(server, "listening")
    const address = server.address()
    assert.ok(typeof address === "object" && address !== null)
    const taken = await choosePort(address.port)
    assert.equal(taken.isWanted, false)
    assert.notEqual(taken.port, address.port)
    server.close()
    await once(server, "close")
    assert.deepEqual(await choosePort(address.port), { port: address.port, isWanted: true })
  })
})
