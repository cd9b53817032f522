/**
 * Whole configurations as people have them. A folder below `sites/` is the picture of a machine's file system: /etc/nginx,
 * /var/www … It is copied below a temporary root, and only this is changed in its configuration files: absolute paths
 * get the root in front, ports of `listen` and addresses of backends become free ones of this machine.
 */
import assert from "node:assert/strict"
import { createHash, randomBytes } from "node:crypto"
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { describe, test } from "node:test"
import { fileURLToPath } from "node:url"
import { WebSocket } from "ws"
import { issueCertificate, testAuthority } from "../support/certificates.ts"
import { type DnsReply, type DnsType, startDnsServer } from "../support/dns-server.ts"
import { type Edge, type EdgeProgram, startEdge } from "../support/edge.ts"
import { holdfastProgram, runHoldfast } from "../support/holdfast.ts"
import { nginxMissing, nginxProgram } from "../support/nginx.ts"
import { freePort } from "../support/ports.ts"
import { RawClient, type RawResponse } from "../support/raw-client.ts"
import { makeTempFolder, removeTempFolder } from "../support/temp.ts"
import { Backend, type BackendOptions, type Seen } from "./backend.ts"

const HERE = fileURLToPath(new URL(".", import.meta.url))
/** A directive, to its end, whose paths are those of files; and a socket's path, wherever it stands. */
const FILES =
  /(?<=^|[{;])\s*(?:root|alias|include|(?:proxy_)?ssl_\w+|access_log|auth_basic_user_file|\w+_temp_path|if\s+\(!?-[fdex]|set)\s[^;{]*|unix:\/[^\s;]+/gm
/** Folders of a machine that a configuration may name. */
const ROOTED = /(?<=[\s"'=:]|unix:\/\/)\/(?=(?:etc|var|usr|srv|run|opt|home|data|app|tmp)\/)/g

export interface SiteOptions {
  /** As written in the configuration ("127.0.0.1:3000", "/run/puma.sock"), and the names of the backends there. */
  readonly backends: Readonly<Record<string, string>>
  /** Answers of a backend's own, by its name. */
  readonly answers?: Readonly<Record<string, NonNullable<BackendOptions["answer"]>>>
  /** Names of the certificate that each `ssl_certificate` gets. Default: all of `server_name`. */
  readonly names?: readonly string[]
  /** The name server that a `resolver` names, as written, and the addresses that it knows names by. */
  readonly nameServer?: { readonly written: string; readonly hosts: Readonly<Record<string, string>> }
  /** Why Debian's nginx cannot run it; otherwise the same is seen on both. */
  readonly notOnNginx?: string
}

export interface Ask {
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
  /** The client's own address, such as 127.0.0.9. */
  readonly from?: string
  /** Bytes to send first: a PROXY header. */
  readonly before?: string
  readonly cert?: { readonly cert: string; readonly key: string }
}

/** An answer, read to its end. */
export interface Answer {
  readonly status: number
  readonly body: string
  readonly raw: RawResponse
  /** The value of a field, several joined by ", "; "" where there is none. */
  header(name: string): string
  /** What the backend saw. */
  readonly seen: Seen
}

/** A WebSocket that was opened, tried with an echo both ways, and closed. */
export interface Conversation {
  readonly protocol: string
  readonly headers: Readonly<Record<string, string>>
  /** What the backend saw of the handshake. */
  readonly seen: Seen
}

/** One configuration, running on one edge. */
export class Site {
  readonly root: string
  readonly edge: Edge
  readonly #ports: ReadonlyMap<string, number>

  constructor(root: string, edge: Edge, ports: ReadonlyMap<string, number>) {
    this.root = root
    this.edge = edge
    this.#ports = ports
  }

  /** The port that stands for the one that is written. */
  port(written: string): number {
    const port = this.#ports.get(written)
    if (port === undefined) throw new Error(`nothing listens on ${written}`)
    return port
  }

  /** Writes this machine's ports in a URL as those of the configuration; 80 and 443 are left out. */
  asWritten(text: string): string {
    let result = text
    for (const [written, port] of this.#ports) {
      const shown = written === "80" || written === "443" ? "" : `:${written}`
      result = result.replaceAll(`:${port}`, shown)
    }
    return result
  }

  /** Sends a request to `url` and reads its answer. */
  async get(url: string, ask: Ask = {}): Promise<Answer> {
    const { hostname, port, protocol, pathname, search } = new URL(url)
    const isTls = protocol === "https:"
    const client = await RawClient.connect({
      port: this.port(port || (isTls ? "443" : "80")),
      ...(ask.from !== undefined && { localAddress: ask.from }),
      ...(isTls && { tls: { servername: hostname, ...ask.cert } }),
    })
    try {
      const fields: Record<string, string> = { Host: hostname, Connection: "close", ...ask.headers }
      if (ask.body !== undefined) fields["Content-Length"] = String(ask.body.length)
      const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value}\r\n`)
      const method = ask.method ?? "GET"
      const head = `${method} ${pathname}${search} HTTP/1.1\r\n${lines.join("")}\r\n`
      await client.send(`${ask.before ?? ""}${head}${ask.body ?? ""}`)
      return answerOf(await client.readResponse(method))
    } finally {
      client.destroy()
    }
  }

  /** Opens a WebSocket at `url` and sees its messages come back, a text and a binary one. */
  async socket(url: string, ask: Ask & { readonly protocols?: string[] } = {}): Promise<Conversation> {
    const webSocket = this.#open(url, ask)
    const headers: Record<string, string> = {}
    webSocket.on("upgrade", (response) => {
      for (const [name, value] of Object.entries(response.headers)) headers[name] = String(value)
    })
    const messages = readMessages(webSocket)
    const seen = JSON.parse((await messages.next()).toString()) as Seen
    webSocket.send("hello, there")
    assert.equal((await messages.next()).toString(), "hello, there")
    const binary = randomBytes(70_000)
    webSocket.send(binary)
    assert.equal(digest(await messages.next()), digest(binary))
    const closed = new Promise<number>((resolve) => webSocket.once("close", resolve))
    webSocket.close(1000)
    assert.equal(await closed, 1000)
    return { protocol: webSocket.protocol, headers, seen }
  }

  /** The status that a handshake is refused with. */
  refusal(url: string, ask: Ask = {}): Promise<number> {
    const webSocket = this.#open(url, ask)
    return new Promise((resolve, reject) => {
      webSocket.on("unexpected-response", (_request, response) => {
        response.destroy()
        resolve(response.statusCode ?? 0)
      })
      webSocket.on("open", () => {
        webSocket.terminate()
        resolve(101)
      })
      webSocket.on("error", reject)
    })
  }

  #open(url: string, ask: Ask & { readonly protocols?: string[] }): WebSocket {
    const { hostname, port, protocol, pathname, search } = new URL(url)
    const isTls = protocol === "wss:"
    const own = this.port(port || (isTls ? "443" : "80"))
    return new WebSocket(`${protocol}//127.0.0.1:${own}${pathname}${search}`, ask.protocols ?? [], {
      headers: { Host: hostname, ...ask.headers },
      ...(ask.from !== undefined && { localAddress: ask.from }),
      ...(isTls && { servername: hostname, rejectUnauthorized: false, ...ask.cert }),
    })
  }
}

/** Runs `check` with the configuration of `sites/<name>` on Holdfast, and on nginx where that can run it. */
export function site(name: string, options: SiteOptions, check: (site: Site) => Promise<void>): void {
  describe(name, () => {
    test("holdfast -t, and what it is there for", () => run(holdfastProgram, name, options, check))
    const why = options.notOnNginx ?? nginxMissing()
    test("the same on nginx", { skip: why }, () => run(nginxProgram, name, options, check))
  })
}

async function run(
  program: EdgeProgram,
  name: string,
  options: SiteOptions,
  check: (site: Site) => Promise<void>,
): Promise<void> {
  const root = makeTempFolder(name)
  const backends: Backend[] = []
  const hosts = options.nameServer?.hosts ?? {}
  const dns = await startDnsServer((host, type) => answerTo(hosts[host], type))
  try {
    const image = new Image(root, name)
    const ports = await image.prepare(options, dns.port)
    for (const [written, backend] of Object.entries(options.backends)) {
      const running = new Backend(backend, { ...answerOption(options, backend) })
      await running.listen(image.addressOf(written))
      backends.push(running)
    }
    const config = image.mainFile()
    if (program === holdfastProgram) await checkSyntax(root, config)
    // The edge writes its completed copy of the main file beside it, so that relative includes are found.
    const edge = await startEdge(program, config, { prefix: join(root, "etc/nginx") })
    try {
      await check(new Site(root, edge, ports))
    } finally {
      await edge.stop()
    }
  } finally {
    for (const backend of backends) await backend.close()
    await dns.close()
    removeTempFolder(root)
  }
}

function answerTo(address: string | undefined, type: DnsType): DnsReply {
  if (address === undefined) return { code: NAME_ERROR }
  return { records: type === "A" ? [{ type, data: address }] : [] }
}

/** RCODE 3: there is no such name. RFC 1035 §4.1.1. */
const NAME_ERROR = 3

function answerOption(options: SiteOptions, backend: string): BackendOptions {
  const answer = options.answers?.[backend]
  return answer === undefined ? {} : { answer }
}

async function checkSyntax(root: string, config: string): Promise<void> {
  const file = join(root, "etc/nginx/syntax-check.conf")
  writeFileSync(file, holdfastProgram.prepare(config, join(root, "etc/nginx")), "latin1")
  const { status, stderr } = await runHoldfast(["-t", "-c", file, "-p", join(root, "etc/nginx")])
  assert.equal(status, 0, stderr)
  assert.match(stderr, /test is successful/)
}

/** The file system of a site below its temporary root. */
class Image {
  readonly #root: string
  readonly #addresses = new Map<string, { port: number } | { path: string }>()
  /** What takes the place of an address, by what is written. */
  readonly #replaced = new Map<string, string>()

  constructor(root: string, name: string) {
    this.#root = root
    cpSync(join(HERE, "common"), root, { recursive: true })
    cpSync(join(HERE, "sites", name), root, { recursive: true })
    for (const folder of [
      "etc/nginx/logs",
      "var/log/nginx",
      "run",
      "var/run",
      "var/cache/nginx",
      "var/www",
      "tmp",
    ])
      mkdirSync(join(root, folder), { recursive: true })
  }

  addressOf(written: string): { port: number } | { path: string } {
    return this.#addresses.get(written) as { port: number } | { path: string }
  }

  /** The main file, but for what the tests set themselves (pid, error log, user). */
  mainFile(): string {
    const text = readFileSync(join(this.#root, "etc/nginx/nginx.conf"), "latin1")
    return text.replaceAll(/^\s*(?:user|pid|error_log|worker_processes|daemon)\s[^;]*;/gm, (line) =>
      line.replaceAll(/[^\n]/g, ""),
    )
  }

  /** Makes all that is to be changed; the ports, by those that were written. */
  async prepare(options: SiteOptions, dnsPort: number): Promise<Map<string, number>> {
    const { backends, names, nameServer } = options
    for (const written of Object.keys(backends)) {
      if (written.startsWith("/")) {
        this.#addresses.set(written, { path: this.#root + written })
        continue
      }
      const port = await freePort()
      this.#addresses.set(written, { port })
      const host = written.slice(0, written.lastIndexOf(":"))
      const isResolved = nameServer?.hosts[host] !== undefined
      this.#replaced.set(written, `${isResolved ? host : "127.0.0.1"}:${port}`)
    }
    if (nameServer !== undefined) this.#replaced.set(nameServer.written, `127.0.0.1:${dnsPort}`)
    const ports = new Map<string, number>()
    const files = configurationFiles(join(this.#root, "etc"))
    for (const file of files) {
      const text = readFileSync(file, "latin1")
      for (const [, port] of text.matchAll(LISTEN))
        if (!ports.has(port as string)) ports.set(port as string, await freePort())
    }
    const certificateNames = new Set(names)
    for (const file of files) {
      const text = this.#changed(readFileSync(file, "latin1"), ports)
      writeFileSync(file, text, "latin1")
      if (names === undefined) for (const name of serverNames(text)) certificateNames.add(name)
    }
    for (const file of files)
      await this.#makeCertificates(readFileSync(file, "latin1"), [...certificateNames])
    return ports
  }

  #changed(text: string, ports: ReadonlyMap<string, number>): string {
    let result = text.replaceAll(
      LISTEN,
      (line, port: string) => line.slice(0, -port.length) + ports.get(port),
    )
    for (const [written, own] of this.#replaced) result = replaceAddress(result, written, own)
    // One server that proxies to another of the same file.
    for (const [port, own] of ports) result = replaceAddress(result, `127.0.0.1:${port}`, `127.0.0.1:${own}`)
    return result.replaceAll(FILES, (part) => part.replaceAll(ROOTED, `${this.#root}/`))
  }

  /** Files that the configuration names and nobody commits: certificates, keys, authorities. */
  async #makeCertificates(text: string, names: readonly string[]): Promise<void> {
    const own = await issueCertificate(names.length === 0 ? ["localhost"] : names)
    const authority = (await testAuthority()).own.certificate
    for (const [, directive, path] of text.matchAll(CERTIFICATE)) {
      const file = (path as string).startsWith("/")
        ? (path as string)
        : join(this.#root, "etc/nginx", path as string)
      if (existsSync(file)) continue
      mkdirSync(dirname(file), { recursive: true })
      const isKey = directive === "ssl_certificate_key"
      const isOwn = directive === "ssl_certificate"
      writeFileSync(file, isKey ? own.key : isOwn ? own.certificate : authority, "latin1")
    }
  }
}

/** Up to the port of a `listen`. */
const LISTEN = /^\s*listen\s+(?:[^\s;]*:)?(\d+)(?=[\s;])/gm
const CERTIFICATE =
  /^\s*(ssl_certificate|ssl_certificate_key|ssl_trusted_certificate|ssl_client_certificate|proxy_ssl_trusted_certificate)\s+"?([^\s;"$]+)"?;/gm

function configurationFiles(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !/\.(?:pem|crt|key|html)$/.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
}

function serverNames(text: string): string[] {
  return [...text.matchAll(/^\s*server_name\s+([^;]+);/gm)]
    .flatMap(([, names]) => (names as string).trim().split(/\s+/))
    .filter((name) => /^(?:\*\.)?[a-z0-9-]+(?:\.[a-z0-9-]+)+$/i.test(name))
}

/** Only whole addresses: "app:80" does not stand for the beginning of "app:8080". */
function replaceAddress(text: string, written: string, own: string): string {
  const escaped = written.replaceAll(/[.[\]]/g, "\\$&")
  return text.replaceAll(new RegExp(`(?<![\\w.-])${escaped}(?![\\d])`, "g"), own)
}

function answerOf(raw: RawResponse): Answer {
  const header = (name: string): string =>
    raw.headers
      .filter(([key]) => key.toLowerCase() === name.toLowerCase())
      .map(([, value]) => value)
      .join(", ")
  return {
    status: raw.status,
    body: raw.body,
    raw,
    header,
    get seen(): Seen {
      return JSON.parse(raw.body) as Seen
    },
  }
}

/** The messages of a WebSocket one by one; rejects when it ends first. */
function readMessages(webSocket: WebSocket): { next(): Promise<Buffer> } {
  const come: Buffer[] = []
  let wake: (() => void) | null = null
  let failure: Error | null = null
  const tell = (): void => wake?.()
  webSocket.on("message", (data: Buffer) => {
    come.push(data)
    tell()
  })
  webSocket.on("error", (error) => {
    failure = error
    tell()
  })
  webSocket.on("close", (code) => {
    failure ??= new Error(`closed with ${code}`)
    tell()
  })
  return {
    async next(): Promise<Buffer> {
      while (come.length === 0) {
        if (failure !== null) throw failure
        await new Promise<void>((resolve) => {
          wake = resolve
        })
      }
      return come.shift() as Buffer
    },
  }
}

function digest(data: Buffer): string {
  return createHash("sha256").update(data).digest("hex")
}
