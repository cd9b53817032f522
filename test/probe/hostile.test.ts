/** Servers that mean no good: each probe ends with a verdict, in time and in little memory. */
import assert from "node:assert/strict"
import { spawn } from "node:child_process"
import { createServer, type Socket } from "node:net"
import { describe, type TestContext, test } from "node:test"
import { createServer as createTlsServer } from "node:tls"
import { constants, deflateRawSync } from "node:zlib"
import type { Report } from "../../src/probe/report.ts"
import { acceptKey } from "../../src/websocket/handshake.ts"
import { issueCertificate } from "../support/certificates.ts"
import { HOLDFAST } from "../support/holdfast.ts"
import { listen } from "./broken-servers.ts"

interface Hostile {
  readonly name: string
  /** What it does on a connection, once a request, or over wss: the first bytes, have come. */
  readonly does: (socket: Socket, request: string) => void
  /** What the report must say somewhere. */
  readonly says: RegExp
  /** Nothing is wrong for clients. */
  readonly isHealthy?: boolean
  readonly isSecure?: boolean
  /** A server of HTTP/2 over TLS, and of HTTP/1.1 where no other is offered. */
  readonly isHttp2?: boolean
}

/** With --timeout 1s: no single thing takes longer, and there are this many of them at most. Milliseconds. */
const LIMIT_MS = 20_000
/** Node.js by itself takes 60 to 100 MB. Kilobytes. */
const LIMIT_KB = 300 * 1024

/** Writes what `next` gives, as fast as it is taken. */
function pump(socket: Socket, next: () => Buffer): void {
  const more = (): void => {
    // In turns, so that others are served, too.
    for (let count = 0; count < 64; count++) if (!socket.writable || !socket.write(next())) return
    setImmediate(more)
  }
  socket.on("drain", more)
  more()
}

/** A byte now and then. */
function drip(socket: Socket, bytes: string): void {
  let at = 0
  const timer = setInterval(() => {
    socket.write(Buffer.from([bytes.charCodeAt(at++ % bytes.length)]))
  }, 300)
  socket.on("close", () => clearInterval(timer))
}

function always(text: string | Buffer, size = 65_536): () => Buffer {
  const one = Buffer.from(text)
  const block = Buffer.alloc(Math.max(one.length, size - (size % one.length)), one)
  return () => block
}

/** Accepts the handshake, and then does `then`. */
function upgraded(then: (socket: Socket) => void, extensions = ""): Hostile["does"] {
  return (socket, request) => {
    const key = /^sec-websocket-key: (.*)\r$/im.exec(request)?.[1] ?? ""
    const fields = `Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${acceptKey(key)}\r\n`
    socket.write(`HTTP/1.1 101 Switching Protocols\r\n${fields}${extensions}\r\n`)
    then(socket)
  }
}

/** A server's frame, whole. */
function frame(first: number, payload: Buffer): Buffer {
  const header = Buffer.alloc(10)
  header[0] = first
  header[1] = 127
  header.writeBigUInt64BE(BigInt(payload.length), 2)
  return Buffer.concat([header, payload])
}

const COMPRESSION = "Sec-WebSocket-Extensions: permessage-deflate\r\n"

/** A megabyte that is a gigabyte unpacked. */
function bomb(): Buffer {
  const block = deflateRawSync(Buffer.alloc(64 * 1024 * 1024), { finishFlush: constants.Z_FULL_FLUSH })
  return frame(0xc1, Buffer.concat(Array<Buffer>(16).fill(block)))
}

const PING = Buffer.from([0x89, 0x04, 0x70, 0x69, 0x6e, 0x67])

/** Frames of HTTP/2: empty SETTINGS, those that offer extended CONNECT, GOAWAY for no reason. */
const SETTINGS = Buffer.from("000000040000000000", "hex")
const CONNECT_SETTINGS = Buffer.from("000006040000000000000800000001", "hex")
const GOAWAY = Buffer.from("0000080700000000000000000000000000", "hex")

const HOSTILE: readonly Hostile[] = [
  {
    name: "endless header fields",
    does: (socket) => {
      socket.write("HTTP/1.1 101 Switching Protocols\r\n")
      pump(socket, always("X-Field: 0123456789abcdef\r\n"))
    },
    says: /header fields/,
  },
  {
    name: "a head, a byte now and then",
    does: (socket) => drip(socket, "HTTP/1.1 101 Switching Protocols "),
    says: /does not open/,
  },
  {
    name: "a body, a byte now and then",
    does: (socket) => {
      socket.write("HTTP/1.1 500 Oops\r\nContent-Length: 100000\r\n\r\n")
      drip(socket, "oops ")
    },
    says: /500 Oops/,
  },
  {
    name: "an endless body",
    does: (socket) => {
      socket.write("HTTP/1.1 500 Oops\r\n\r\n")
      pump(socket, always("oops "))
    },
    says: /500 Oops/,
  },
  {
    name: "endless informational responses",
    does: (socket) => pump(socket, always("HTTP/1.1 103 Early Hints\r\n\r\n")),
    says: /does not open/,
  },
  { name: "a TLS handshake that stops", does: () => {}, says: /TLS/, isSecure: true },
  {
    name: "bytes that are no frames",
    does: upgraded((socket) => pump(socket, always("\x7f\x33garbage"))),
    says: /garbage-frames/,
  },
  {
    name: "a message that is a gigabyte unpacked",
    does: upgraded((socket) => socket.write(bomb()), COMPRESSION),
    says: /of more than 4 MB, unpacked/,
    isHealthy: true,
  },
  {
    name: "endless fragments",
    does: upgraded((socket) => {
      socket.write(Buffer.from([0x01, 0x00]))
      pump(socket, always(Buffer.from([0x00, 0x01, 0x61])))
    }),
    says: /more than 10,000 fragments/,
    isHealthy: true,
  },
  {
    name: "endless messages",
    does: upgraded((socket) => pump(socket, always(frame(0x82, Buffer.alloc(50_000))))),
    says: /message-flood/,
    isHealthy: true,
  },
  {
    name: "endless pings, and nothing is read",
    does: upgraded((socket) => {
      socket.pause()
      pump(socket, always(PING))
    }),
    says: /ping-flood/,
    isHealthy: true,
  },
  {
    name: "a frame, a byte now and then",
    does: upgraded((socket) => drip(socket, "\x81\x7e\x20\x00aaaaaaaa")),
    says: /no-pong/,
    isHealthy: true,
  },
  {
    name: "an answer to nothing, and no end",
    does: upgraded(() => {}),
    says: /nothing comes through it/,
  },
  {
    name: "endless SETTINGS of HTTP/2",
    does: (socket) => pump(socket, always(SETTINGS)),
    says: /HTTP\/2/,
    isHttp2: true,
  },
  {
    name: "HTTP/2 that says goodbye at once",
    does: (socket) => socket.end(Buffer.concat([CONNECT_SETTINGS, GOAWAY])),
    says: /extended-connect-broken/,
    isHttp2: true,
  },
  {
    name: "a reset inside a frame",
    does: upgraded((socket) => {
      socket.write(Buffer.from("\x81\x7e\x20\x00aaaa", "latin1"), () => socket.resetAndDestroy())
    }),
    says: /ends at once, without a Close/,
  },
]

// Most of their time is spent on waiting for what does not come.
describe("hostile servers", { concurrency: 4 }, () => {
  for (const one of HOSTILE)
    test(one.name, async (t) => {
      const port = await start(t, one)
      const isTls = one.isSecure === true || one.isHttp2 === true
      const url = `${isTls ? "wss" : "ws"}://127.0.0.1:${port}/`
      const { report, status, maxRssKb } = await measured([url, "--insecure", "--timeout", "1s", "--json"])
      const text = JSON.stringify(report, null, 2)
      assert.equal(status, one.isHealthy === true ? 0 : 1, text)
      assert.match(text, one.says)
      assert.ok(report.tookMs < LIMIT_MS, `it took ${report.tookMs} ms\n${text}`)
      assert.ok(maxRssKb < LIMIT_KB, `it took ${maxRssKb} KB\n${text}`)
    })
})

async function start(t: TestContext, { does, isSecure, isHttp2 }: Hostile): Promise<number> {
  const serve = (socket: Socket): void => {
    let request = ""
    const take = (chunk: Buffer): void => {
      request += chunk.toString("latin1")
      if (isSecure !== true && !request.includes("\r\n\r\n")) return
      socket.off("data", take)
      socket.on("data", () => {})
      if (isHttp2 === true && !request.startsWith("PRI ")) upgraded(() => {})(socket, request)
      else does(socket, request)
    }
    socket.on("data", take).on("error", () => {})
  }
  if (isHttp2 !== true) return listen(t, createServer(serve))
  const { certificate, key } = await issueCertificate(["localhost"])
  return listen(t, createTlsServer({ cert: certificate, key, ALPNProtocols: ["h2", "http/1.1"] }, serve))
}

interface Measured {
  readonly report: Report
  readonly status: number | null
  readonly maxRssKb: number
}

/** Written to the fourth channel when the program ends. */
const REPORT_MEMORY = `import { writeSync } from "node:fs"
process.on("exit", () => writeSync(3, String(process.resourceUsage().maxRSS)))`

/** Runs `holdfast probe`, and asks for the most memory that it ever had. */
function measured(words: readonly string[]): Promise<Measured> {
  const options = `--import=data:text/javascript,${encodeURIComponent(REPORT_MEMORY)}`
  return new Promise((resolve, reject) => {
    const child = spawn(HOLDFAST, ["probe", ...words], {
      env: { ...process.env, NODE_OPTIONS: options },
      stdio: ["ignore", "pipe", "inherit", "pipe"],
    })
    const texts = ["", "", "", ""]
    for (const index of [1, 3])
      child.stdio[index]?.on("data", (chunk: Buffer) => {
        texts[index] += chunk.toString("utf8")
      })
    child.once("error", reject)
    child.once("close", (status) => {
      const report = JSON.parse(texts[1] ?? "") as Report
      resolve({ report, status, maxRssKb: Number(texts[3]) })
    })
  })
}
