/** SIGUSR2 and SIGWINCH: the program is replaced by another with its ports open. */
import assert from "node:assert/strict"
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { connect } from "node:net"
import { join } from "node:path"
import { test } from "node:test"
import { receive } from "../faults/byte-streams.ts"
import { type ProxySetup, type ProxyUnderTest, proxyConfig, startProxy } from "../faults/proxy-under-test.ts"
import { type SocketBackend, startSocketBackend } from "../faults/socket-backend.ts"
import { holdfastProgram, runHoldfast } from "../support/holdfast.ts"
import { freePort } from "../support/ports.ts"
import { exchange } from "../support/raw-client.ts"
import { makeTempFolder } from "../support/temp.ts"
import { closeTunnel, openTunnel } from "../tunnel/open-tunnel.ts"

const GET = "GET /who HTTP/1.0\r\n\r\n"

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 3000; tries++) {
    if (await holds()) return
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
  throw new Error(`${what} did not come`)
}

class Upgrade {
  readonly proxy: ProxyUnderTest
  readonly #setup: (who: string) => ProxySetup

  constructor(proxy: ProxyUnderTest, setup: (who: string) => ProxySetup) {
    this.proxy = proxy
    this.#setup = setup
  }

  async writeConfig(who: string): Promise<void> {
    const { edge, port, statusPort } = this.proxy
    edge.writeConfig(holdfastProgram, await proxyConfig(this.#setup(who), port, statusPort))
  }

  /** The process in the pid file. */
  pid(): number | undefined {
    return this.proxy.edge.readPidFile()
  }

  oldPid(): string {
    return this.proxy.edge.readFile("holdfast.pid.oldbin")
  }

  /** Starts the new program; resolves with its number when it accepts. */
  async start(): Promise<number> {
    const old = this.pid()
    process.kill(old ?? 0, "SIGUSR2")
    await this.proxy.edge.waitUntil("the new pid file", () => {
      const pid = this.pid()
      return pid !== undefined && pid !== old ? true : undefined
    })
    return this.pid() ?? 0
  }

  /** Connections that were lost in the moment in which a listening socket closes: the kernel resets them. */
  resets = 0

  async who(): Promise<string> {
    for (;;)
      try {
        return (await exchange({ port: this.proxy.port }, GET)).body
      } catch (error) {
        if (!/ECONNRESET/.test((error as Error).message)) throw error
        this.resets++
      }
  }

  /** Who answers, of many connections. */
  async all(): Promise<string> {
    const found = new Set<string>()
    for (let i = 0; i < 40; i++) found.add(await this.who())
    return [...found].sort().join()
  }
}

type Context = { after(end: () => Promise<void>): void }

async function startUpgrade(t: Context, backend: SocketBackend | null, more = ""): Promise<Upgrade> {
  const setup = (who: string): ProxySetup => ({
    backendPort: backend?.port ?? 0,
    main: "worker_processes 2;",
    server: `location = /who { return 200 ${who}; } ${more}`,
  })
  const proxy = await startProxy(setup("old"))
  const upgrade = new Upgrade(proxy, setup)
  t.after(async () => {
    const pid = upgrade.pid()
    if (pid !== undefined && pid !== proxy.edge.pid && isAlive(pid)) {
      process.kill(pid, "SIGTERM")
      await until("the end of the new program", () => !isAlive(pid))
    }
    await proxy.edge.stop()
  })
  return upgrade
}

test("the new program takes over without a refused connection, and tunnels of the old one live on", async (t) => {
  await using backend = await startSocketBackend()
  const upgrade = await startUpgrade(t, backend)
  const { edge } = upgrade.proxy
  const tunnel = await openTunnel(upgrade.proxy, backend)
  await upgrade.writeConfig("new")
  const answers = { count: 0, isOver: false }
  const load = (async () => {
    while (!answers.isOver) {
      assert.match(await upgrade.who(), /^(old|new)$/)
      answers.count++
    }
  })()
  const pid = await upgrade.start()
  assert.notEqual(pid, edge.pid)
  assert.equal(upgrade.oldPid(), `${edge.pid}\n`)
  assert.match(edge.errorLog(), /\[notice\] .*changing binary\n/)
  assert.equal(await upgrade.all(), "new,old")
  process.kill(edge.pid, "SIGWINCH")
  await until("the new one alone", async () => (await upgrade.all()) === "new")
  answers.isOver = true
  await load
  t.diagnostic(`${answers.count} requests while it changed, ${upgrade.resets} connections were reset`)
  // One for each listening socket that closes, at the worst.
  assert.ok(upgrade.resets <= 4, `${upgrade.resets} resets`)
  for (const [from, to] of [
    [tunnel.client, tunnel.peer],
    [tunnel.peer, tunnel.client],
  ] as const) {
    from.write("ping")
    assert.equal((await receive(to, 4)).bytes, 4)
  }
  process.kill(edge.pid, "SIGQUIT")
  await edge.waitForLog(/gracefully shutting down/)
  assert.ok(isAlive(edge.pid))
  closeTunnel(tunnel)
  await until("the end of the old program", () => !isAlive(edge.pid))
  assert.ok(!existsSync(join(edge.prefix, "holdfast.pid.oldbin")))
  assert.equal(upgrade.pid(), pid)
  assert.equal(await upgrade.all(), "new")
  // The new one is a program like any other: it can be replaced in turn.
  await upgrade.writeConfig("newer")
  const third = await upgrade.start()
  process.kill(pid, "SIGQUIT")
  await until("the end of the second program", () => !isAlive(pid))
  assert.equal(await upgrade.all(), "newer")
  process.kill(third, "SIGTERM")
  await until("the end of the third program", () => !isAlive(third))
  assert.equal(upgrade.pid(), undefined)
})

test("the old program goes on where the new one is not wanted", async (t) => {
  const upgrade = await startUpgrade(t, null)
  const { edge } = upgrade.proxy
  await upgrade.writeConfig("new")
  const pid = await upgrade.start()
  process.kill(edge.pid, "SIGWINCH")
  await until("the new one alone", async () => (await upgrade.all()) === "new")
  // It does not read the configuration, which is its successor's.
  process.kill(edge.pid, "SIGHUP")
  await until("both", async () => (await upgrade.all()) === "new,old")
  process.kill(pid, "SIGQUIT")
  await edge.waitForLog(new RegExp(`\\[notice\\] .*new binary process ${pid} exited with code 0\\n`))
  assert.equal(upgrade.pid(), edge.pid)
  assert.equal(upgrade.oldPid(), "")
  assert.equal(await upgrade.all(), "old")
  process.kill(edge.pid, "SIGHUP")
  await edge.waitForLog(/configuration reloaded/)
  assert.equal(await upgrade.all(), "new")
})

test("a new program that dies while the old one accepts nothing has it accept again", async (t) => {
  const upgrade = await startUpgrade(t, null)
  const { edge } = upgrade.proxy
  await upgrade.writeConfig("new")
  const pid = await upgrade.start()
  process.kill(edge.pid, "SIGWINCH")
  await until("the new one alone", async () => (await upgrade.all()) === "new")
  process.kill(pid, "SIGKILL")
  await edge.waitForLog(new RegExp(`new binary process ${pid} exited on signal SIGKILL\\n`))
  await until("the old one again", async () => (await upgrade.who().catch(() => "")) === "old")
  assert.equal(upgrade.pid(), edge.pid)
})

test("a new program that cannot start leaves the old one as it was", async (t) => {
  const upgrade = await startUpgrade(t, null)
  const { edge } = upgrade.proxy
  edge.writeConfig(holdfastProgram, "nonsense on;")
  process.kill(edge.pid, "SIGUSR2")
  await edge.waitForLog(/\[emerg\] .*unknown directive "nonsense"/)
  await edge.waitForLog(/\[notice\] .*new binary process \d+ exited with code 1\n/)
  await edge.waitUntil("the pid file", () => (upgrade.pid() === edge.pid ? true : undefined))
  assert.equal(await upgrade.all(), "old")
})

test("there are two programs at most", async (t) => {
  const upgrade = await startUpgrade(t, null)
  const { edge } = upgrade.proxy
  const pid = await upgrade.start()
  const ignored = /\[crit\] \d+#\d+: the changing binary signal is ignored: you should shutdown or terminate/g
  process.kill(edge.pid, "SIGUSR2")
  await edge.waitForLog(ignored)
  process.kill(pid, "SIGUSR2")
  await edge.waitUntil("the second refusal", () => edge.errorLog().match(ignored)?.length === 2 || undefined)
  assert.equal(upgrade.pid(), pid)
  assert.equal(upgrade.oldPid(), `${edge.pid}\n`)
})

test("a unix socket is taken over, and is given back", async (t) => {
  const upgrade = await startUpgrade(t, null, "listen unix:{prefix}/web.sock;")
  const { edge } = upgrade.proxy
  const path = join(edge.prefix, "web.sock")
  const who = async (): Promise<string> => {
    const socket = connect(path)
    let text = ""
    socket.setEncoding("latin1").on("data", (more: string) => {
      text += more
    })
    socket.write(GET)
    await new Promise((resolve, reject) => socket.once("error", reject).once("close", resolve))
    return text.split("\r\n\r\n")[1] ?? ""
  }
  assert.equal(await who(), "old")
  await upgrade.writeConfig("new")
  const pid = await upgrade.start()
  assert.equal(await who(), "new")
  process.kill(pid, "SIGTERM")
  await edge.waitForLog(/new binary process \d+ exited with code 0\n/)
  await until("the old one again", async () => (await who().catch(() => "")) === "old")
  const next = await upgrade.start()
  process.kill(edge.pid, "SIGTERM")
  await until("the end of the old program", () => !isAlive(edge.pid))
  assert.equal(await who(), "new")
  process.kill(next, "SIGTERM")
  await until("the end of the new program", () => !isAlive(next))
  assert.ok(!existsSync(path))
})

test("without an upgrade SIGWINCH closes the ports, keeps tunnels, and SIGHUP opens the ports again", async (t) => {
  await using backend = await startSocketBackend()
  const upgrade = await startUpgrade(t, backend)
  const { proxy } = upgrade
  const tunnel = await openTunnel(proxy, backend)
  const idle = await proxy.connectSocket()
  const ended = receive(idle)
  proxy.edge.signal("SIGWINCH")
  assert.equal((await ended).bytes, 0)
  idle.destroy()
  await until("closed ports", () =>
    upgrade.who().then(
      () => false,
      () => true,
    ),
  )
  tunnel.client.write("ping")
  assert.equal((await receive(tunnel.peer, 4)).bytes, 4)
  await upgrade.writeConfig("new")
  proxy.edge.signal("SIGHUP")
  await proxy.edge.waitForLog(/configuration reloaded/)
  assert.equal(await upgrade.all(), "new")
  // Connections are kept for further requests as before.
  const client = await proxy.connect()
  for (let i = 0; i < 2; i++) {
    await client.send("GET /who HTTP/1.1\r\nHost: a\r\n\r\n")
    assert.match((await client.readResponse()).rawHead, /^Connection: keep-alive\r$/m)
  }
  client.destroy()
  tunnel.client.write("ping")
  assert.equal((await receive(tunnel.peer, 4)).bytes, 4)
  closeTunnel(tunnel)
})

test("a daemon, whose terminal is gone, is replaced as well", async (t) => {
  const port = await freePort()
  const prefix = makeTempFolder("daemon")
  mkdirSync(join(prefix, "logs"))
  const [file, pidFile] = [join(prefix, "a.conf"), join(prefix, "a.pid")]
  const write = (text: string, more = ""): void =>
    writeFileSync(
      file,
      `daemon on; pid ${pidFile}; events {} http { access_log off; ${more}
       server { listen 127.0.0.1:${port}; location / { return 200 ${text}; } } }`,
    )
  const pid = (): number => (existsSync(pidFile) ? Number(readFileSync(pidFile, "latin1")) : 0)
  t.after(async () => {
    const last = pid()
    if (last === 0) return
    process.kill(last, "SIGTERM")
    await until("the end", () => !isAlive(last))
  })
  write("old")
  const { status, stderr } = await runHoldfast(["-p", prefix, "-c", file])
  assert.deepEqual([status, stderr], [0, ""])
  const old = pid()
  write("bad", "nonsense on;")
  process.kill(old, "SIGUSR2")
  const log = (): string => readFileSync(join(prefix, "logs/error.log"), "latin1")
  await until("the failure", () => /unknown directive "nonsense"/.test(log()))
  await until("the old pid file", () => pid() === old)
  write("new")
  process.kill(old, "SIGUSR2")
  await until("the new pid file", () => pid() !== old && pid() !== 0)
  process.kill(old, "SIGQUIT")
  await until("the end of the old program", () => !isAlive(old))
  assert.equal((await exchange({ port }, GET)).body, "new")
})

test("whoever gets in while the ports close is served", async (t) => {
  const upgrade = await startUpgrade(t, null)
  const { edge } = upgrade.proxy
  const load = { isOver: false, answers: 0 }
  t.after(async () => {
    load.isOver = true
  })
  const client = async (): Promise<void> => {
    while (!load.isOver) {
      const answer = await upgrade.who().catch((error: Error) => error.message)
      // Refused while all is closed; a connection that was accepted has its answer.
      if (answer === "old") load.answers++
      else assert.match(answer, /ECONNREFUSED/)
    }
  }
  const clients = [client(), client()]
  for (let round = 1; round <= 10; round++) {
    const answers = load.answers
    await until("answers", () => load.answers > answers + 5)
    edge.signal("SIGWINCH")
    // Of two signals that wait the one with the lower number would come first.
    await edge.waitUntil("the signal", () => edge.errorLog().split("SIGWINCH").length > round || undefined)
    edge.signal("SIGHUP")
    await edge.waitUntil("the reload", () =>
      edge.errorLog().split("configuration reloaded").length > round ? true : undefined,
    )
  }
  load.isOver = true
  await Promise.all(clients)
  t.diagnostic(`${load.answers} answers, ${upgrade.resets} connections were reset`)
  assert.ok(!/\[alert\]/.test(edge.errorLog()), edge.errorLog())
})
