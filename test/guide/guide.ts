import assert from "node:assert/strict"
import { readFileSync } from "node:fs"
import { type ClientOptions, WebSocket } from "ws"
import { type Certificate, issueCertificate, testAuthority } from "../support/certificates.ts"
import type { Edge, EdgeOptions } from "../support/edge.ts"
import { startHoldfast } from "../support/holdfast.ts"
import { startNginx } from "../support/nginx.ts"
import { freePorts } from "../support/ports.ts"
import { exchange, type RawResponse } from "../support/raw-client.ts"

/** The name in the guide. No resolver knows it in the tests: clients are told the address. */
export const HOST = "solvethenetwork.com"

/** A program that can run the guide's configuration. */
export type Starter = (config: string, options?: EdgeOptions) => Promise<Edge>

// HOLDFAST_TEST_EDGE=nginx runs the same tests against nginx itself: do they ask for what nginx does?
export const startEdgeUnderTest: Starter =
  process.env["HOLDFAST_TEST_EDGE"] === "nginx" ? startNginx : startHoldfast

/** What the tests put in place of the guide's addresses. */
export interface GuideBackends {
  /** Ports of 127.0.0.1, for 192.168.10.20:3000 and 192.168.10.21:3000. */
  readonly webSocket?: readonly [number, number]
  /** For 192.168.10.20:8080 and 192.168.10.21:8080. */
  readonly app?: readonly [number, number]
}

export interface GuideOptions extends GuideBackends {
  readonly starter?: Starter
  /** More changes of the configuration's text: each text that is replaced must be there. */
  readonly changes?: Readonly<Record<string, string>>
}

const STATUS_LOCATION = `location /nginx_status {
stub_status;
allow 127.0.0.1;
deny all;
}
`

/** The guide's configuration, running. Owns the edge. */
export class Guide {
  readonly edge: Edge
  readonly httpPort: number
  readonly httpsPort: number
  /** The file with the authority's certificate, and its text. */
  readonly authority: Certificate

  constructor(edge: Edge, ports: readonly number[], authority: Certificate) {
    this.edge = edge
    this.httpPort = ports[0]
    this.httpsPort = ports[1]
    this.authority = authority
  }

  /** Opens a WebSocket of `/ws/` through TLS, verified; resolves once it is open. */
  async connect(options: WebSocketOptions = {}): Promise<WebSocket> {
    const { path = "/ws/", compress = false, localAddress } = options
    // Of the type's fields "servername" is missing, although it is handed on to tls.connect.
    const settings: ClientOptions & { servername: string } = {
      ca: this.authority.certificate,
      servername: HOST,
      rejectUnauthorized: true,
      headers: { Host: HOST },
      perMessageDeflate: compress,
      maxPayload: 64 * 1024 * 1024,
      ...(localAddress === undefined ? {} : { localAddress }),
    }
    const webSocket = new WebSocket(`wss://127.0.0.1:${this.httpsPort}${path}`, settings)
    await new Promise<void>((resolve, reject) => {
      webSocket.once("open", () => resolve())
      webSocket.once("error", reject)
    })
    return webSocket
  }

  /** One request over TLS, verified. `head` is the request without "Host" and the blank line. */
  request(head: string, localAddress?: string): Promise<RawResponse> {
    const tls = { servername: HOST, ca: this.authority.certificate, rejectUnauthorized: true }
    return exchange({ port: this.httpsPort, tls, localAddress }, `${head}\r\nHost: ${HOST}\r\n\r\n`)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.edge.stop()
  }
}

export interface WebSocketOptions {
  readonly path?: string
  /** Offers permessage-deflate. */
  readonly compress?: boolean
  readonly localAddress?: string
}

/**
 * The text of guide.conf with addresses, ports and paths replaced, inside the `http` block that includes it
 * on a real machine. `{prefix}` is left for the edge to fill in.
 */
export async function guideConfig(ports: readonly number[], options: GuideOptions): Promise<string> {
  const leaf = await issueCertificate([HOST])
  const [webSocket1, webSocket2] = options.webSocket ?? (await freePorts(2))
  const [app1, app2] = options.app ?? (await freePorts(2))
  const changes: Record<string, string> = {
    "192.168.10.20:3000": `127.0.0.1:${webSocket1}`,
    "192.168.10.21:3000": `127.0.0.1:${webSocket2}`,
    "192.168.10.20:8080": `127.0.0.1:${app1}`,
    "192.168.10.21:8080": `127.0.0.1:${app2}`,
    "listen 80;": `listen 127.0.0.1:${ports[0]};`,
    "listen 443 ssl;": `listen 127.0.0.1:${ports[1]} ssl;`,
    "/etc/nginx/ssl/solvethenetwork.com.crt": leaf.certificateFile,
    "/etc/nginx/ssl/solvethenetwork.com.key": leaf.keyFile,
    "/var/log/nginx/solvethenetwork_access.log": "{prefix}/logs/access.log",
    "/var/log/nginx/solvethenetwork_error.log": "{prefix}/error.log",
    // The status location of the guide's fifth verification step, in the server that people talk to.
    "# WebSocket endpoint\n": `${STATUS_LOCATION}# WebSocket endpoint\n`,
    ...options.changes,
  }
  let text = readFileSync(new URL("./guide.conf", import.meta.url), "latin1")
  for (const [from, to] of Object.entries(changes)) {
    assert.ok(text.includes(from), `guide.conf has no ${JSON.stringify(from)}`)
    text = text.replaceAll(from, to)
  }
  return `events {}\nhttp {\n${text}}\n`
}

/** Starts the program under test (or `starter`) with the guide's configuration. */
export async function startGuide(options: GuideOptions = {}): Promise<Guide> {
  const ports = await freePorts(2)
  const starter = options.starter ?? startEdgeUnderTest
  const edge = await starter(await guideConfig(ports, options))
  return new Guide(edge, ports, (await testAuthority()).own)
}
