import { readdirSync, readFileSync } from "node:fs"
import { connect, type Socket } from "node:net"
import { connect as connectTls } from "node:tls"
import { startEdgeUnderTest } from "../guide/guide.ts"
import { issueCertificate } from "../support/certificates.ts"
import type { Edge } from "../support/edge.ts"
import { freePort } from "../support/ports.ts"
import { exchange, RawClient, type RawTarget } from "../support/raw-client.ts"

export interface ProxySetup {
  /** Where `location /` goes; 0 for none. */
  readonly backendPort: number
  /** Directives in each context; `{prefix}` stands for the prefix folder. */
  readonly main?: string
  readonly events?: string
  readonly http?: string
  readonly server?: string
  readonly location?: string
  /** Parameters of the backend in its upstream block, and other directives there. */
  readonly peer?: string
  readonly upstream?: string
  /** The server speaks TLS. */
  readonly isTls?: boolean
  readonly env?: Readonly<Record<string, string>>
}

/** The numbers of stub_status. */
export interface Status {
  readonly active: number
  readonly accepts: number
  readonly handled: number
  readonly requests: number
  readonly reading: number
  readonly writing: number
  readonly waiting: number
}

const UPGRADE = `proxy_http_version 1.1;
proxy_set_header Upgrade $http_upgrade;
proxy_set_header Connection $http_connection;`

/** What an access log line has, in this order and parted by bars. */
export const LOG_FIELDS =
  "$request|$status|$bytes_sent|$upstream_status|$upstream_bytes_received|$upstream_bytes_sent|$request_completion"

/** One proxy in front of one backend, with its access log and its status page. Owns the edge. */
export class ProxyUnderTest {
  readonly edge: Edge
  readonly port: number
  readonly statusPort: number
  readonly isTls: boolean

  constructor(edge: Edge, port: number, statusPort: number, isTls: boolean) {
    this.edge = edge
    this.port = port
    this.statusPort = statusPort
    this.isTls = isTls
  }

  get target(): RawTarget {
    return this.isTls ? { port: this.port, tls: { rejectUnauthorized: false } } : { port: this.port }
  }

  connect(deadlineMs?: number): Promise<RawClient> {
    return RawClient.connect(this.target, deadlineMs)
  }

  /** A connected socket that nobody reads yet. */
  connectSocket(): Promise<Socket> {
    return new Promise((resolve, reject) => {
      const options = { port: this.port, host: "127.0.0.1", allowHalfOpen: true, noDelay: true }
      const socket = this.isTls ? connectTls({ ...options, rejectUnauthorized: false }) : connect(options)
      socket.once("error", reject)
      socket.once(this.isTls ? "secureConnect" : "connect", () => {
        socket.off("error", reject)
        socket.on("error", () => {})
        socket.pause()
        resolve(socket)
      })
    })
  }

  /** Opens a tunnel up to the sent head; the answer is not read. */
  async startUpgrade(path = "/", more = ""): Promise<Socket> {
    const socket = await this.connectSocket()
    socket.write(upgradeRequest(path) + more, "latin1")
    return socket
  }

  /** The numbers now; the connection that asks is one of the active and of the writing ones. */
  async status(): Promise<Status> {
    const { body } = await exchange({ port: this.statusPort }, "GET / HTTP/1.0\r\n\r\n")
    const numbers = (body.match(/\d+/g) ?? []).map(Number)
    const [active = 0, accepts = 0, handled = 0, requests = 0, reading = 0, writing = 0, waiting = 0] =
      numbers
    return { active, accepts, handled, requests, reading, writing, waiting }
  }

  /** Asks until the numbers are as wanted: connections end a moment after their peers saw the end. */
  async waitForStatus(ready: (status: Status) => boolean): Promise<Status> {
    const deadline = Date.now() + 10_000
    for (;;) {
      const status = await this.status()
      if (ready(status)) return status
      if (Date.now() > deadline) throw new Error(`the status stays ${JSON.stringify(status)}`)
    }
  }

  /** Waits for a line of the access log and returns its fields, by the names in LOG_FIELDS. */
  async accessLine(pattern: RegExp): Promise<LogLine> {
    const [line] = await this.edge.waitForFile(
      "logs/access.log",
      new RegExp(`^.*(?:${pattern.source}).*$`, "m"),
    )
    return parseLine(line)
  }

  /** All lines of the access log so far. */
  accessLines(): LogLine[] {
    const text = this.edge.readFile("logs/access.log")
    return text
      .split("\n")
      .filter((line) => line !== "")
      .map(parseLine)
  }

  /** Resident memory of the process in bytes. */
  residentBytes(): number {
    const text = readFileSync(`/proc/${this.edge.pid}/status`, "latin1")
    return Number(/VmRSS:\s+(\d+) kB/.exec(text)?.[1] ?? 0) * 1024
  }

  /** Open descriptors of the process. */
  openFiles(): number {
    return readdirSync(`/proc/${this.edge.pid}/fd`).length
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.edge.stop()
  }
}

export interface LogLine {
  readonly request: string
  readonly status: number
  readonly bytesSent: number
  readonly upstreamStatus: string
  readonly upstreamBytesReceived: number
  readonly upstreamBytesSent: number
  readonly completion: string
}

function parseLine(line: string): LogLine {
  const [request = "", status, sent, upstreamStatus = "", received, upstreamSent, completion = ""] =
    line.split("|")
  return {
    request,
    status: Number(status),
    bytesSent: Number(sent),
    upstreamStatus,
    upstreamBytesReceived: Number(received),
    upstreamBytesSent: Number(upstreamSent),
    completion,
  }
}

export function upgradeRequest(path: string): string {
  return `GET ${path} HTTP/1.1\r\nHost: a\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\n`
}

/** The configuration's text. The ports must be free. */
export async function proxyConfig(setup: ProxySetup, port: number, statusPort: number): Promise<string> {
  const { main = "", events = "", http = "", server = "", location = "", peer = "", upstream = "" } = setup
  let listen = `listen 127.0.0.1:${port};`
  if (setup.isTls) {
    const leaf = await issueCertificate(["localhost"])
    listen = `listen 127.0.0.1:${port} ssl; ssl_certificate ${leaf.certificateFile}; ssl_certificate_key ${leaf.keyFile};`
  }
  const hasBackend = setup.backendPort !== 0
  const group = hasBackend
    ? `upstream backend { server 127.0.0.1:${setup.backendPort} ${peer}; ${upstream} }`
    : ""
  const pass = hasBackend ? `location / { proxy_pass http://backend; ${UPGRADE} ${location} }` : ""
  return `${main} events { ${events} } http {
    log_format test '${LOG_FIELDS}'; access_log {prefix}/logs/access.log test;
    ${http} ${group}
    server { ${listen} ${server} ${pass} }
    server { listen 127.0.0.1:${statusPort}; access_log off; location / { stub_status; } }
  }`
}

export async function startProxy(setup: ProxySetup): Promise<ProxyUnderTest> {
  const [port, statusPort] = [await freePort(), await freePort()]
  const config = await proxyConfig(setup, port, statusPort)
  const edge = await startEdgeUnderTest(config, setup.env === undefined ? {} : { env: setup.env })
  return new ProxyUnderTest(edge, port, statusPort, setup.isTls === true)
}
