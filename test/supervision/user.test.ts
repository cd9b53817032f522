/** `user` in a program that root started: who the threads are, and what still works that only root may do. */
import assert from "node:assert/strict"
import {
  chmodSync,
  chownSync,
  copyFileSync,
  existsSync,
  readdirSync,
  readFileSync,
  renameSync,
} from "node:fs"
import { createServer } from "node:net"
import { join } from "node:path"
import { test } from "node:test"
import { setTimeout as pause } from "node:timers/promises"
import { connect as connectTls } from "node:tls"
import { testAuthority } from "../support/certificates.ts"
import type { Edge } from "../support/edge.ts"
import { holdfastProgram, run, startHoldfast } from "../support/holdfast.ts"
import { freePort } from "../support/ports.ts"
import { exchange } from "../support/raw-client.ts"
import { makeTempFolder } from "../support/temp.ts"
import { Faults } from "./faults.ts"

const skip = process.getuid?.() === 0 ? false : "only root may become somebody else"

function makePrefix(): string {
  const prefix = makeTempFolder("user")
  chmodSync(prefix, 0o755)
  return prefix
}

/** Real, effective, saved and file system user of each thread. */
function usersOf(pid: number): string[] {
  return readdirSync(`/proc/${pid}/task`).map((thread) => {
    const status = readFileSync(`/proc/${pid}/task/${thread}/status`, "latin1")
    return /^Uid:\t(.*)$/m.exec(status)?.[1] ?? ""
  })
}

/** Asks until it is so: nothing tells when a thread has changed its user. */
async function waitUntilAllAre(edge: Edge, user: string): Promise<void> {
  const number = (await run("id", ["-u", user])).stdout.trim()
  const deadline = Date.now() + 10_000
  for (;;) {
    const users = usersOf(edge.pid)
    const isSo = (ids: string): boolean => ids === ["0", number, "0", number].join("\t")
    if (users.every(isSo)) return
    if (Date.now() > deadline) throw new Error(`the threads are ${[...new Set(users)].join(" and ")}`)
    await pause(10)
  }
}

/** A port that only root may open. */
async function lowPort(): Promise<number> {
  for (let port = 1023; port > 600; port--) {
    const server = createServer()
    const isFree = await new Promise<boolean>((resolve) => {
      server.once("error", () => resolve(false))
      server.listen({ port, host: "127.0.0.1", exclusive: true }, () => server.close(() => resolve(true)))
    })
    if (isFree) return port
  }
  throw new Error("no low port is free")
}

async function get(port: number): Promise<string> {
  return (await exchange({ port }, "GET / HTTP/1.0\r\n\r\n")).body
}

test("a reload reads a key that only root may read, and the threads are the user's again", {
  skip,
}, async () => {
  const prefix = makePrefix()
  const [first, second] = await Promise.all(
    ["one.test", "two.test"].map(async (name) => (await testAuthority()).issue({ names: [name] })),
  )
  const install = (leaf: { certificateFile: string; keyFile: string } | undefined): void => {
    assert.ok(leaf !== undefined)
    copyFileSync(leaf.certificateFile, join(prefix, "site.crt"))
    copyFileSync(leaf.keyFile, join(prefix, "site.key"))
    chownSync(join(prefix, "site.key"), 0, 0)
    chmodSync(join(prefix, "site.key"), 0o600)
  }
  install(first)
  const port = await freePort()
  const config = `user nobody; worker_processes 2; events {} http { access_log off;
    server { listen 127.0.0.1:${port} ssl; ssl_certificate ${prefix}/site.crt; ssl_certificate_key ${prefix}/site.key; return 200 ok; } }`
  await using edge = await startHoldfast(config, { prefix })
  await waitUntilAllAre(edge, "nobody")
  assert.equal(await certificateName(port), "one.test")
  install(second)
  edge.signal("SIGHUP")
  await edge.waitForLog(/configuration reloaded|\[emerg\]/)
  assert.doesNotMatch(edge.errorLog(), /\[emerg\]/)
  assert.equal(await certificateName(port), "two.test")
  await waitUntilAllAre(edge, "nobody")
})

test("a worker that dies is replaced on a port that only root may open, with root's log", {
  skip,
}, async () => {
  const prefix = makePrefix()
  const faults = new Faults()
  const port = await lowPort()
  const config = `user nobody; events {} http { server { listen 127.0.0.1:${port}; return 200 ok; } }`
  await using edge = await startHoldfast(config, { prefix, env: faults.env })
  await waitUntilAllAre(edge, "nobody")
  assert.equal(await get(port), "ok")
  await faults.inject(1, "exit 1")
  await faults.nextThread(1)
  await edge.waitUntil("the next worker", () =>
    /start worker thread 2/.test(edge.errorLog()) ? true : undefined,
  )
  await waitUntilAnswer(port)
  await waitUntilAllAre(edge, "nobody")
})

test("a reload opens a further port that only root may open", { skip }, async () => {
  const prefix = makePrefix()
  const [port, low] = [await freePort(), await lowPort()]
  const config = (listen: string): string =>
    `user nobody; worker_processes 2; events {} http { access_log off; server { ${listen} return 200 ok; } }`
  await using edge = await startHoldfast(config(`listen 127.0.0.1:${port};`), { prefix })
  await waitUntilAllAre(edge, "nobody")
  edge.writeConfig(holdfastProgram, config(`listen 127.0.0.1:${port}; listen 127.0.0.1:${low};`))
  edge.signal("SIGHUP")
  await edge.waitForLog(/configuration reloaded|\[emerg\]/)
  assert.equal(await get(low), "ok")
  await waitUntilAllAre(edge, "nobody")
})

test("SIGUSR1 makes logs again in a folder that the user may not write", { skip }, async () => {
  const prefix = makePrefix()
  const port = await freePort()
  await using edge = await startHoldfast(
    `user nobody; worker_processes 2; events {} http { server { listen 127.0.0.1:${port}; return 200 ok; } }`,
    { prefix },
  )
  await waitUntilAllAre(edge, "nobody")
  await get(port)
  await edge.waitForFile("logs/access.log", /"GET/)
  renameSync(join(prefix, "logs/access.log"), join(prefix, "logs/access.log.1"))
  edge.signal("SIGUSR1")
  await edge.waitUntil("the new log", () => existsSync(join(prefix, "logs/access.log")) || undefined)
  await waitUntilAllAre(edge, "nobody")
  await get(port)
  await edge.waitForFile("logs/access.log", /"GET/)
  assert.doesNotMatch(edge.errorLog(), /\[(emerg|alert)\]/)
})

test("the pid file goes at the end though the user may not remove it; a reload changes the user", {
  skip,
}, async () => {
  const prefix = makePrefix()
  const port = await freePort()
  const config = (user: string): string =>
    `user ${user}; events {} http { access_log off; server { listen 127.0.0.1:${port}; return 200 ok; } }`
  const edge = await startHoldfast(config("nobody"), { prefix })
  await waitUntilAllAre(edge, "nobody")
  edge.writeConfig(holdfastProgram, config("daemon"))
  edge.signal("SIGHUP")
  await edge.waitForLog(/configuration reloaded|\[emerg\]/)
  await waitUntilAllAre(edge, "daemon")
  const pidFile = join(prefix, "holdfast.pid")
  assert.ok(existsSync(pidFile))
  edge.signal("SIGTERM")
  assert.deepEqual(await edge.exit, { code: 0, signal: null })
  assert.equal(existsSync(pidFile), false)
  await edge.stop()
})

async function waitUntilAnswer(port: number): Promise<void> {
  for (;;) {
    const answer = await get(port).catch(() => "")
    if (answer === "ok") return
  }
}

function certificateName(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connectTls({ port, host: "127.0.0.1", rejectUnauthorized: false }, () => {
      resolve(String(socket.getPeerCertificate().subject.CN))
      socket.destroy()
    })
    socket.on("error", reject)
  })
}
