/** Folders of temporary files: whose they are, where they are, and what becomes of one that cannot be written to. */
import assert from "node:assert/strict"
import { spawnSync } from "node:child_process"
import { chmodSync, mkdirSync, readdirSync, readFileSync, statSync } from "node:fs"
import { join } from "node:path"
import { test } from "node:test"
import { startHoldfast } from "../support/holdfast.ts"
import { freePort } from "../support/ports.ts"
import { RawClient } from "../support/raw-client.ts"
import { makeTempFolder } from "../support/temp.ts"
import { receive, receiveHead, sendPattern } from "./byte-streams.ts"
import { startProxy } from "./proxy-under-test.ts"
import { SMALL_ANSWER, startSocketBackend } from "./socket-backend.ts"
import { ANSWER_BYTES, BODIES, BYTES, GET, HEAD, openTempFiles, POST, until } from "./temp-files.ts"

const notRoot = process.getuid?.() === 0 ? false : "only root may become somebody else"

/** The effective user of each thread. */
function usersOf(pid: number): number[] {
  return readdirSync(`/proc/${pid}/task`).map((thread) => {
    const status = readFileSync(`/proc/${pid}/task/${thread}/status`, "latin1")
    return Number(/^Uid:\t\d+\t(\d+)/m.exec(status)?.[1])
  })
}

test("the folders are those of the user that the workers are", { skip: notRoot }, async () => {
  const prefix = makeTempFolder("user")
  chmodSync(prefix, 0o755)
  await using backend = await startSocketBackend()
  const port = await freePort()
  await using edge = await startHoldfast(
    `user nobody; events {} http { access_log off; ${BODIES} client_body_in_file_only on;
      server { listen 127.0.0.1:${port}; location / { proxy_pass http://127.0.0.1:${backend.port}; } } }`,
    { prefix },
  )
  const nobody = Number(spawnSync("id", ["-u", "nobody"], { encoding: "utf8" }).stdout)
  // Nothing tells when a thread has changed its user.
  while (!usersOf(edge.pid).every((user) => user === nobody))
    await new Promise((resolve) => setTimeout(resolve, 5))
  const client = await RawClient.connect({ port })
  await client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody")
  const peer = await backend.next()
  await receiveHead(peer)
  assert.equal(statSync(join(prefix, "bodies")).uid, nobody)
  assert.equal(statSync(join(prefix, "bodies", "1", "00", "0000000001")).uid, nobody)
  peer.write(SMALL_ANSWER)
  assert.equal((await client.readResponse()).status, 200)
  client.destroy()
})

/** A small file system of its own; undefined where this may not be mounted. */
function mountSmall(): string | undefined {
  const folder = join(makeTempFolder("small"), "disk")
  mkdirSync(folder)
  const mounted = spawnSync("mount", ["-t", "tmpfs", "-o", "size=1m", "tmpfs", folder])
  return mounted.status === 0 ? folder : undefined
}

test("a disk that is full: [crit], 500, and nothing is left", async (t) => {
  const disk = mountSmall()
  if (disk === undefined) return t.skip("needs the right to mount a small file system")
  try {
    await using backend = await startSocketBackend()
    await using proxy = await startProxy({
      backendPort: backend.port,
      http: `client_body_temp_path ${disk}/bodies; proxy_temp_path ${disk}/answers; client_max_body_size 0;`,
    })
    const client = await proxy.connectSocket()
    client.write(POST)
    void sendPattern(client, BYTES, 1)
    assert.match(await receiveHead(client), /^HTTP\/1\.1 500 /)
    await proxy.edge.waitForLog(/\[crit\] .*pwritev\(\) "[^"]*" failed \(28: No space left on device\)/)
    client.destroy()
    const slow = await proxy.connectSocket()
    slow.write(GET)
    const peer = await backend.next()
    await receiveHead(peer)
    peer.write(HEAD)
    void sendPattern(peer, ANSWER_BYTES, 1)
    await proxy.edge.waitForLog(
      /pwritev\(\) "[^"]*answers[^"]*" failed \(28: No space left on device\) while reading upstream/,
    )
    assert.ok((await receive(slow)).bytes < ANSWER_BYTES)
    await until(proxy, () => openTempFiles(proxy.edge.pid).length === 0, "the end of the files")
    slow.destroy()
  } finally {
    spawnSync("umount", [disk])
  }
})

test("without a path of its own and with a prefix that is not to be written to, files go to the user's own folder", async () => {
  await using backend = await startSocketBackend()
  const temp = makeTempFolder("tmp")
  const prefix = makeTempFolder("prefix")
  const port = await freePort()
  // A file stands where the folder would be made.
  await using edge = await startHoldfast(
    `events {} http { access_log off; server { listen 127.0.0.1:${port}; client_body_in_file_only on;
      location / { proxy_pass http://127.0.0.1:${backend.port}; } } }`,
    { prefix, files: { client_body_temp: "" }, env: { TMPDIR: temp } },
  )
  const client = await RawClient.connect({ port })
  await client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody")
  const peer = await backend.next()
  await receiveHead(peer)
  const folder = join(temp, `holdfast-${process.geteuid?.()}`, "client_body_temp")
  assert.deepEqual(readdirSync(folder), ["0000000001"])
  assert.equal(statSync(join(folder, "..")).mode & 0o777, 0o700)
  peer.write(SMALL_ANSWER)
  assert.equal((await client.readResponse()).status, 200)
  await edge.waitForLog(/a client request body is buffered to a temporary file/)
  client.destroy()
})
