/** Files of all sizes to clients of all speeds: what is sent, what is kept in memory, what stays open. */
import assert from "node:assert/strict"
import { createHash } from "node:crypto"
import { once } from "node:events"
import {
  appendFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs"
import { connect as connectHttp2 } from "node:http2"
import type { Socket } from "node:net"
import { join } from "node:path"
import { after, before, describe, it } from "node:test"
import { issueCertificate } from "../support/certificates.ts"
import type { Edge } from "../support/edge.ts"
import { run, startHoldfast } from "../support/holdfast.ts"
import { freePorts } from "../support/ports.ts"
import { RawClient } from "../support/raw-client.ts"
import { makeTempFolder, removeTempFolder } from "../support/temp.ts"

const MEGABYTE = 1024 * 1024
const LARGE_BYTES = 200 * MEGABYTE
/** What a process may grow by while it sends: much less than the file. */
const MEMORY_BYTES = 48 * MEGABYTE

let edge: Edge
let folder: string
let port: number
let tlsPort: number

before(async () => {
  folder = makeTempFolder("static")
  for (const [name, bytes] of [
    ["large", LARGE_BYTES],
    ["middle", 3 * MEGABYTE],
    ["shrinks", 64 * MEGABYTE],
  ] as const)
    writePattern(join(folder, name), bytes)
  writeFileSync(join(folder, "small"), "0123456789")
  mkdirSync(join(folder, "sub"))
  assert.equal((await run("mkfifo", [join(folder, "pipe")])).status, 0)
  ;[port, tlsPort] = (await freePorts(2)) as [number, number]
  const leaf = await issueCertificate(["a.test"])
  edge = await startHoldfast(`events { }
http {
  log_format l '$request_uri $status $body_bytes_sent $request_completion';
  access_log {prefix}/logs/access.log l;
  server {
    listen 127.0.0.1:${port};
    listen 127.0.0.1:${tlsPort} ssl;
    ssl_certificate ${leaf.certificateFile};
    ssl_certificate_key ${leaf.keyFile};
    http2 on;
    root ${folder};
    location /limited/ { alias ${folder}/; limit_rate 100m; }
    location /zipped/ { alias ${folder}/; gzip on; gzip_types *; }
  }
}`)
})

after(async () => {
  await edge.stop()
  removeTempFolder(folder)
})

/** Bytes that tell at which place they are. */
function writePattern(file: string, bytes: number): void {
  const piece = Buffer.allocUnsafe(MEGABYTE)
  writeFileSync(file, "")
  for (let at = 0; at < bytes; at += MEGABYTE) {
    for (let i = 0; i < MEGABYTE; i += 4) piece.writeUInt32LE(at + i, i)
    appendFileSync(file, piece)
  }
}

function get(path: string, headers = ""): string {
  return `GET ${path} HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n${headers}\r\n`
}

function digest(bytes: string | Buffer): string {
  return createHash("sha256")
    .update(bytes as string, "latin1")
    .digest("hex")
}

/** The files below the folder that the process has open. */
function openFiles(): string[] {
  const links = readdirSync(`/proc/${edge.pid}/fd`).map((name) => {
    try {
      return readlinkSync(`/proc/${edge.pid}/fd/${name}`)
    } catch {
      return ""
    }
  })
  return links.filter((target) => target.startsWith(folder))
}

function residentBytes(): number {
  const line = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${edge.pid}/status`, "latin1"))
  return Number(line?.[1]) * 1024
}

/** Reads `bytes`, or all there is to the end; returns how many came. */
function drain(socket: Socket, bytes = Number.POSITIVE_INFINITY): Promise<number> {
  return new Promise((resolve) => {
    let count = 0
    const take = (chunk: Buffer): void => {
      count += chunk.length
      if (count >= bytes) finish()
    }
    const finish = (): void => {
      socket.pause()
      socket.off("data", take)
      for (const end of ["end", "error", "close"]) socket.off(end, finish)
      resolve(count)
    }
    socket.on("data", take)
    for (const end of ["end", "error", "close"]) socket.on(end, finish)
    socket.resume()
  })
}

async function connect(isTls = false): Promise<Socket> {
  const client = await RawClient.connect(isTls ? { port: tlsPort, tls: {} } : { port })
  client.socket.removeAllListeners("data")
  client.socket.pause()
  return client.socket
}

describe("files", () => {
  for (const isTls of [false, true])
    for (const path of ["/middle", "/limited/middle"])
      it(`${path} comes byte for byte, ${isTls ? "TLS" : "plain"}`, async () => {
        const client = await RawClient.connect(isTls ? { port: tlsPort, tls: {} } : { port })
        await client.send(get(path))
        const response = await client.readResponse("GET")
        assert.equal(response.status, 200)
        assert.equal(digest(response.body), digest(readFileSync(join(folder, "middle"))))
        assert.deepEqual(openFiles(), [])
      })

  it("comes over HTTP/2, whole and in parts", async () => {
    const session = connectHttp2(`https://127.0.0.1:${tlsPort}`, { rejectUnauthorized: false })
    const whole = readFileSync(join(folder, "middle"))
    for (const [range, status, expected] of [
      [undefined, 200, whole],
      ["bytes=1000000-2999999", 206, whole.subarray(1_000_000, 3_000_000)],
    ] as const) {
      const stream = session.request({ ":path": "/middle", ...(range === undefined ? {} : { range }) })
      const [headers] = (await once(stream, "response")) as [Record<string, unknown>]
      const pieces: Buffer[] = []
      for await (const piece of stream) pieces.push(piece as Buffer)
      assert.equal(headers[":status"], status)
      assert.equal(digest(Buffer.concat(pieces)), digest(expected))
    }
    session.close()
    await once(session, "close")
    assert.deepEqual(openFiles(), [])
  })

  it("parts of a large file come in their order", async () => {
    const client = await RawClient.connect({ port })
    await client.send(get("/middle", "Range: bytes=2000000-2999999,0-0,1000000-1100000\r\n"))
    const { status, body, headers } = await client.readResponse("GET")
    const type = headers.find(([name]) => name === "Content-Type")?.[1] ?? ""
    const boundary = /^multipart\/byteranges; boundary=(\d{20})$/.exec(type)?.[1]
    const whole = readFileSync(join(folder, "middle"), "latin1")
    const part = (start: number, end: number): string =>
      `\r\n--${boundary}\r\nContent-Type: text/plain\r\nContent-Range: bytes ${start}-${end}/${whole.length}\r\n\r\n${whole.slice(start, end + 1)}`
    assert.equal(status, 206)
    assert.equal(
      digest(body),
      digest(
        `${part(2_000_000, 2_999_999)}${part(0, 0)}${part(1_000_000, 1_100_000)}\r\n--${boundary}--\r\n`,
      ),
    )
  })

  for (const isTls of [false, true])
    it(`${LARGE_BYTES} bytes to a client that stops now and then take little memory, ${isTls ? "TLS" : "plain"}`, async () => {
      const socket = await connect(isTls)
      const start = residentBytes()
      socket.write(get("/large"))
      let grown = 0
      let bytes = 0
      for (let step = 0; step < 10; step++) {
        bytes += await drain(socket, 5 * MEGABYTE)
        await askSmall()
        grown = Math.max(grown, residentBytes() - start)
      }
      bytes += await drain(socket)
      assert.ok(bytes > LARGE_BYTES)
      assert.ok(grown < MEMORY_BYTES, `memory grew by ${grown}`)
      assert.deepEqual(openFiles(), [])
    })

  for (const path of ["/large", "/limited/large", "/zipped/large"])
    it(`a client that leaves in the middle of ${path} leaves no file open`, async () => {
      const socket = await connect()
      socket.write(get(`${path}?left`))
      await drain(socket, MEGABYTE)
      assert.equal(openFiles().length, 1)
      socket.resetAndDestroy()
      await edge.waitForFile("logs/access.log", new RegExp(`^${path}\\?left 200 \\d+ $`, "m"))
      await closesFiles()
    })

  it("a file that becomes shorter while it is sent cuts the answer", async () => {
    const socket = await connect()
    socket.write(get("/shrinks"))
    const first = await drain(socket, MEGABYTE)
    truncateSync(join(folder, "shrinks"), 2 * MEGABYTE)
    const rest = await drain(socket)
    assert.ok(first + rest < 64 * MEGABYTE)
    await edge.waitForLog(
      /\[alert\] .* pread\(\) read only 0 of \d+ from ".*\/shrinks" while sending response to client, client: 127\.0\.0\.1/,
    )
    assert.deepEqual(openFiles(), [])
  })

  it("a pipe is no file, and nobody waits for its other end", async () => {
    const client = await RawClient.connect({ port })
    await client.send(get("/pipe"))
    assert.equal((await client.readResponse("GET")).status, 404)
    await edge.waitForLog(/\[crit\] .* ".*\/pipe" is not a regular file, client/)
    assert.deepEqual(openFiles(), [])
  })

  it("requests one behind the other get their files in that order", async () => {
    const client = await RawClient.connect({ port })
    const request = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: a.test\r\n\r\n`
    await client.send(request("/middle") + request("/small") + request("/sub") + request("/small"))
    const lengths: number[] = []
    for (let i = 0; i < 4; i++) lengths.push((await client.readResponse("GET")).body.length)
    assert.deepEqual([lengths[0], lengths[1], lengths[3]], [3 * MEGABYTE, 10, 10])
    client.destroy()
  })
})

/** A read that is under way when the client leaves ends before its file is closed: a few requests later at most. */
async function closesFiles(): Promise<void> {
  for (let i = 0; i < 100 && openFiles().length > 0; i++) await askSmall()
  assert.deepEqual(openFiles(), [])
}

/** A request of its own: what went before it has been seen to. */
async function askSmall(): Promise<void> {
  const client = await RawClient.connect({ port })
  await client.send(get("/small"))
  assert.equal((await client.readResponse("GET")).body, "0123456789")
}
