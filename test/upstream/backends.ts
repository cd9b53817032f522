/** Backends that say their names, an edge before them, and what a client sees of which answered. */
import type { TestContext } from "node:test"
import type { Edge } from "../support/edge.ts"
import { startHoldfast } from "../support/holdfast.ts"
import { headerOf } from "../support/message-reader.ts"
import { freePort } from "../support/ports.ts"
import {
  type BackendAnswer,
  type BackendRequest,
  type BackendScript,
  httpAnswer,
  type RawBackend,
  startRawBackend,
} from "../support/raw-backend.ts"
import { RawClient, type RawResponse } from "../support/raw-client.ts"

/** Says its name; takes an upgrade to echo; `?new=x` begins a session of the server's own, in a cookie `session`. */
export function named(name: string): (request: BackendRequest) => string | BackendAnswer {
  return ({ headers, target }) => {
    const session = /[?&]new=(\w+)/.exec(target)?.[1]
    const cookie = session === undefined ? "" : `Set-Cookie: session=${session}\r\n`
    if (headers.some(([key]) => key.toLowerCase() === "upgrade"))
      return {
        send: `HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\nConnection: Upgrade\r\nX-Backend: ${name}\r\n${cookie}\r\n`,
        after: "echo",
      }
    return httpAnswer(name, `X-Backend: ${name}\r\n${cookie}`)
  }
}

export interface ProxyUnderTest {
  readonly edge: Edge
  readonly port: number
  readonly backends: readonly RawBackend[]
  /** The configuration with these lines in its group: for a reload. */
  config(upstream: string): string
}

export interface ProxyOptions {
  /** The lines of the group; `{a}`, `{b}`, `{c}` are the backends' addresses, `{dead}` one where nobody is. */
  readonly upstream: string
  readonly http?: string
  readonly location?: string
  readonly workers?: number
  readonly scripts?: readonly BackendScript[]
}

/** Starts Holdfast before three backends; all ends with the test. */
export async function startProxy(t: TestContext, options: ProxyOptions): Promise<ProxyUnderTest> {
  const scripts = options.scripts ?? ["a", "b", "c"].map(named)
  const backends: RawBackend[] = []
  for (const script of scripts) backends.push(await startRawBackend(script))
  const [port, dead] = [await freePort(), await freePort()]
  const fill = (text: string): string =>
    text
      .replaceAll("{dead}", `127.0.0.1:${dead}`)
      .replace(/\{([abc])\}/g, (_, letter: string) => `127.0.0.1:${backends["abc".indexOf(letter)]?.port}`)
  const config = (upstream: string): string =>
    fill(`${options.workers === undefined ? "" : `worker_processes ${options.workers};`}
      events {}
      http {
        ${options.http ?? ""}
        upstream backend { ${upstream} }
        server {
          listen 127.0.0.1:${port};
          location / {
            proxy_http_version 1.1;
            proxy_set_header Connection $http_connection;
            proxy_set_header Upgrade $http_upgrade;
            add_header X-Tried $upstream_addr always;
            ${options.location ?? ""}
            proxy_pass http://backend;
          }
        }
      }`)
  const edge = await startHoldfast(config(options.upstream))
  t.after(async () => {
    await edge.stop()
    for (const backend of backends) await backend.close()
  })
  return { edge, port, backends, config }
}

/** One request on a connection of its own. `headers` are lines with their CRLF. */
export async function ask(proxy: ProxyUnderTest, target: string, headers = ""): Promise<RawResponse> {
  const client = await RawClient.connect({ port: proxy.port })
  try {
    await client.send(`GET ${target} HTTP/1.1\r\nHost: a.test\r\n${headers}\r\n`)
    return await client.readResponse("GET")
  } finally {
    client.destroy()
  }
}

/** The name of the backend that answers, or the status where none does. */
export async function nameOf(proxy: ProxyUnderTest, target: string, headers = ""): Promise<string> {
  const response = await ask(proxy, target, headers)
  return headerOf(response, "x-backend") ?? String(response.status)
}

export interface OpenTunnel {
  readonly client: RawClient
  readonly response: RawResponse
  readonly name: string
}

/** Opens a tunnel; it ends with the test. */
export async function upgrade(
  t: TestContext,
  proxy: ProxyUnderTest,
  target: string,
  headers = "",
): Promise<OpenTunnel> {
  const client = await RawClient.connect({ port: proxy.port })
  t.after(() => client.destroy())
  await client.send(
    `GET ${target} HTTP/1.1\r\nHost: a.test\r\nConnection: Upgrade\r\nUpgrade: echo\r\n${headers}\r\n`,
  )
  const response = await client.readResponse("GET")
  return { client, response, name: headerOf(response, "x-backend") ?? String(response.status) }
}

/** The values of all fields of that name. */
export function fields(response: RawResponse, name: string): string[] {
  return response.headers.filter(([key]) => key.toLowerCase() === name).map(([, value]) => value)
}
