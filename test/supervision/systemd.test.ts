import assert from "node:assert/strict"
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { test } from "node:test"
import { holdfastProgram, startHoldfast } from "../support/holdfast.ts"
import { freePort } from "../support/ports.ts"
import { exchange } from "../support/raw-client.ts"
import { makeTempFolder } from "../support/temp.ts"

/** Prints each datagram that comes to the socket at argv[1] as a line of JSON; "ready" first. */
const RECEIVER = `
import json, socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
print("ready", flush=True)
while True:
    print(json.dumps(s.recv(4096).decode()), flush=True)
`

/** systemd's end of NOTIFY_SOCKET. */
class Receiver {
  readonly path: string
  readonly #child: ChildProcess
  readonly #lines: string[] = []
  #text = ""
  #onLine: (() => void) | null = null

  constructor() {
    const folder = makeTempFolder("notify")
    this.path = join(folder, "notify.sock")
    writeFileSync(join(folder, "receiver.py"), RECEIVER)
    const args = [join(folder, "receiver.py"), this.path]
    this.#child = spawn("/usr/bin/python3", args, { stdio: ["ignore", "pipe", "inherit"] })
    this.#child.stdout?.setEncoding("utf8").on("data", (text: string) => {
      const lines = (this.#text + text).split("\n")
      this.#text = lines.pop() ?? ""
      this.#lines.push(...lines)
      this.#onLine?.()
    })
  }

  /** The next line; messages that only ask whether those before have arrived do not count. */
  async next(): Promise<string> {
    for (;;) {
      const line = this.#lines.shift()
      if (line === undefined)
        await new Promise<void>((resolve) => {
          this.#onLine = resolve
        })
      else if (!line.includes("BARRIER=1")) return line.startsWith('"') ? JSON.parse(line) : line
    }
  }

  async end(): Promise<void> {
    this.#child.kill()
    await once(this.#child, "exit")
  }
}

function config(port: number): string {
  return `events {} http { server { listen 127.0.0.1:${port}; location / { return 200 ok; } } }`
}

test("systemd is told when all listeners accept, of reloads, and of the end", async (t) => {
  const receiver = new Receiver()
  t.after(() => receiver.end())
  assert.equal(await receiver.next(), "ready")
  const port = await freePort()
  const edge = await startHoldfast(config(port), { env: { NOTIFY_SOCKET: receiver.path } })
  t.after(() => edge.stop().then(() => {}))
  assert.equal(await receiver.next(), "READY=1")
  assert.equal((await exchange({ port }, "GET / HTTP/1.0\r\n\r\n")).body, "ok")
  for (const text of [config(port), "nonsense on;"]) {
    edge.writeConfig(holdfastProgram, text)
    edge.signal("SIGHUP")
    assert.match(await receiver.next(), /^RELOADING=1\nMONOTONIC_USEC=\d+$/)
    assert.equal(await receiver.next(), "READY=1")
  }
  assert.match(edge.errorLog(), /configuration reloaded\n[\s\S]*unknown directive/)
  edge.writeConfig(holdfastProgram, config(port))
  edge.signal("SIGUSR2")
  const [, pid = ""] = /^READY=1\nMAINPID=(\d+)$/.exec(await receiver.next()) ?? []
  assert.equal(Number(pid), edge.readPidFile())
  process.kill(Number(pid), "SIGTERM")
  assert.equal(await receiver.next(), "STOPPING=1")
  await edge.waitForLog(/new binary process \d+ exited with code 0/)
  edge.signal("SIGQUIT")
  assert.equal(await receiver.next(), "STOPPING=1")
  assert.deepEqual(await edge.exit, { code: 0, signal: null })
})

test("trouble in telling it is said once, and nothing else comes of it", async (t) => {
  const port = await freePort()
  const edge = await startHoldfast(config(port), { env: { NOTIFY_SOCKET: "/no/such/folder/notify.sock" } })
  t.after(() => edge.stop().then(() => {}))
  await edge.waitForLog(/\[warn\] \d+#\d+: systemd-notify failed: .*No such file or directory/)
  edge.signal("SIGHUP")
  await edge.waitForLog(/configuration reloaded/)
  assert.equal((await exchange({ port }, "GET / HTTP/1.0\r\n\r\n")).body, "ok")
  edge.signal("SIGQUIT")
  assert.deepEqual(await edge.exit, { code: 0, signal: null })
  assert.equal(edge.errorLog().match(/systemd-notify failed/g)?.length, 1)
})
