/** For the tests of this folder: a listener with a terminator, and the openssl program as its client. */
import { spawn } from "node:child_process"
import { createPrivateKey } from "node:crypto"
import net from "node:net"
import type { TLSSocket } from "node:tls"
import type { Credential } from "./credentials.ts"
import type { ServerTlsOptions } from "./handshake-server.ts"
import { ServerTls } from "./server-context.ts"
import { type Handshake, type TerminatorHost, TlsTerminator } from "./terminator.ts"
import { UNTUNED } from "./tuning.ts"

/** Of a certificate of test/support. */
export function credentialOf(certificate: {
  readonly certificate: string
  readonly key: string
}): Credential {
  const { asymmetricKeyType } = createPrivateKey(certificate.key)
  return { certificate: certificate.certificate, key: certificate.key, keyType: asymmetricKeyType ?? "" }
}

/** nginx's defaults, but for what `changes` says. */
export function serverTls(changes: Partial<ServerTlsOptions>): ServerTls {
  return new ServerTls(
    {
      credentials: [],
      protocols: new Set(["tlsv1.2", "tlsv1.3"]),
      ciphers: "HIGH:!aNULL:!MD5",
      preferServerCiphers: false,
      ecdhCurve: "auto",
      dhparam: undefined,
      verifyClient: "off",
      verifyDepth: 1,
      clientAuthorities: [],
      crls: [],
      ...UNTUNED,
      sessionTickets: true,
      ticketKey: Buffer.alloc(48, 7),
      sessionTimeoutMs: 300_000,
      sessionCache: null,
      stapling: null,
      rejectHandshake: false,
      bufferSize: 16_384,
      alpnProtocols: ["http/1.1"],
      ...changes,
    },
    () => Date.now(),
  )
}

/** What became of one connection. */
export type Outcome =
  | { readonly kind: "secure"; readonly socket: TLSSocket }
  | { readonly kind: "plain"; readonly socket: net.Socket }
  | { readonly kind: "failed"; readonly level: number; readonly reason: string }

/** A listener on 127.0.0.1 that echoes over TLS and keeps what became of each connection, in order. */
export class TestListener implements TerminatorHost {
  /** The names that were asked for. */
  readonly names: (string | undefined)[] = []
  readonly outcomes: Outcome[] = []
  readonly handshakes: Handshake[] = []
  readonly #server = net.createServer({ allowHalfOpen: true })
  readonly #servers: ReadonlyMap<string, ServerTls>
  #wake: (() => void) | null = null

  /** `servers` by name; "" is the default server. */
  private constructor(servers: ReadonlyMap<string, ServerTls>) {
    this.#servers = servers
    const terminator = new TlsTerminator(this)
    this.#server.on("connection", (socket) => this.handshakes.push(terminator.accept(socket)))
  }

  static async start(servers: Readonly<Record<string, ServerTls>>): Promise<TestListener> {
    const listener = new TestListener(new Map(Object.entries(servers)))
    await new Promise<void>((resolve) => listener.#server.listen(0, "127.0.0.1", resolve))
    return listener
  }

  get port(): number {
    return (this.#server.address() as net.AddressInfo).port
  }

  find(serverName: string | undefined): ServerTls | undefined {
    if (serverName !== undefined) this.names.push(serverName)
    return this.#servers.get(serverName ?? "")
  }

  onSecure(socket: TLSSocket): void {
    socket.on("error", () => {})
    socket.on("data", (chunk) => socket.write(chunk))
    socket.on("end", () => socket.end())
    this.#add({ kind: "secure", socket })
  }

  offersHttp2(): boolean {
    return false
  }

  onPlainHttp(socket: net.Socket): void {
    this.#add({ kind: "plain", socket })
  }

  onFailed(_socket: net.Socket, level: number, reason: string): void {
    this.#add({ kind: "failed", level, reason })
  }

  /** The outcome of the `index`-th connection that has one. */
  async outcome(index: number): Promise<Outcome> {
    while (this.outcomes[index] === undefined)
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    return this.outcomes[index]
  }

  /** The reason why the `index`-th connection failed. */
  async failure(index: number): Promise<string> {
    const outcome = await this.outcome(index)
    return outcome.kind === "failed" ? outcome.reason : outcome.kind
  }

  close(): void {
    this.#server.close()
    for (const outcome of this.outcomes) if (outcome.kind !== "failed") outcome.socket.destroy()
    for (const handshake of this.handshakes) handshake.cancel()
  }

  #add(outcome: Outcome): void {
    this.outcomes.push(outcome)
    this.#wake?.()
    this.#wake = null
  }
}

/** What `openssl s_client` printed. The echo of one line is awaited before it ends, unless the handshake fails. */
export async function sClient(port: number, ...options: string[]): Promise<string> {
  const client = spawn("openssl", ["s_client", "-connect", `127.0.0.1:${port}`, ...options])
  let output = ""
  const take = (chunk: Buffer) => {
    output += chunk.toString("latin1")
    // Standard output and error interleave anywhere.
    if (output.includes("echo\n")) client.stdin.end()
  }
  client.stdout.on("data", take)
  client.stderr.on("data", take)
  client.stdin.on("error", () => {})
  client.stdin.write("echo\n")
  await new Promise((resolve) => client.on("close", resolve))
  return output
}
