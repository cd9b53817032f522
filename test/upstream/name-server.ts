/** Groups whose servers are resolved at run time: a name server, backends on several addresses, an edge before them. */
import { createHash } from "node:crypto"
import type { TestContext } from "node:test"
import { type DnsRecord, type DnsServer, startDnsServer } from "../support/dns-server.ts"
import type { Edge } from "../support/edge.ts"
import { holdfastProgram, startHoldfast } from "../support/holdfast.ts"
import { headerOf } from "../support/message-reader.ts"
import { freePort } from "../support/ports.ts"
import { type BackendScript, type RawBackend, startRawBackend } from "../support/raw-backend.ts"
import { RawClient, type RawResponse } from "../support/raw-client.ts"
import { named } from "./backends.ts"

/** What a name has: records, or the code of a failure, or null for silence. */
export type Zone = Map<string, readonly DnsRecord[] | number | null>

export interface ResolvingProxy {
  readonly edge: Edge
  readonly port: number
  readonly dns: DnsServer
  /** To be changed by the test. */
  readonly zone: Zone
  /** The port of all backends: they listen on 127.0.0.1, .2 and .3, and say `1`, `2`, `3`. */
  readonly backendPort: number
  /** The configuration with these lines in its group. */
  config(upstream: string): string
}

export interface ResolvingOptions {
  /** The group's lines. `{dns}` is the name server, `{port}` the backends' port. */
  readonly upstream: string
  readonly zone?: Readonly<Record<string, readonly DnsRecord[] | number | null>>
  readonly http?: string
  readonly location?: string
  readonly workers?: number
  readonly env?: Readonly<Record<string, string>>
}

/** Says its name, takes upgrades to echo, and WebSockets. */
function talking(name: string): BackendScript {
  const plain = named(name)
  return (request) => {
    const key = request.headers.find(([field]) => field.toLowerCase() === "sec-websocket-key")?.[1]
    if (key === undefined) return plain(request)
    const accept = createHash("sha1").update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest("base64")
    return {
      send: `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
      after: "echo",
    }
  }
}

/** `A` records of these addresses. */
export function addresses(list: readonly string[], ttl = 1): readonly DnsRecord[] {
  return list.map((data) => ({ type: "A", data, ttl }))
}

export async function startResolvingProxy(
  t: TestContext,
  options: ResolvingOptions,
): Promise<ResolvingProxy> {
  const zone: Zone = new Map(Object.entries(options.zone ?? {}))
  const dns = await startDnsServer((name, type) => {
    const entry = zone.get(name)
    if (entry === null) return null
    if (entry === undefined) return { code: 3 }
    if (typeof entry === "number") return { code: entry }
    return { records: entry.filter((record) => record.type === type) }
  })
  t.after(() => dns.close())
  const backendPort = await freePort()
  const backends: RawBackend[] = []
  for (const i of [1, 2, 3])
    backends.push(await startRawBackend(talking(String(i)), { host: `127.0.0.${i}`, port: backendPort }))
  t.after(async () => {
    for (const backend of backends) await backend.close()
  })
  const port = await freePort()
  const fill = (text: string): string =>
    text.replaceAll("{dns}", `127.0.0.1:${dns.port}`).replaceAll("{port}", String(backendPort))
  const config = (upstream: string): string =>
    fill(`worker_processes ${options.workers ?? 1};
      events {}
      http {
        ${options.http ?? ""}
        upstream backend { zone backend 64k; ${upstream} }
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
  const edge = await startHoldfast(config(options.upstream), { env: options.env ?? {} })
  t.after(() => edge.stop())
  return { edge, port, dns, zone, backendPort, config }
}

/** One request on a connection of its own. */
export async function ask(proxy: ResolvingProxy, target = "/"): Promise<RawResponse> {
  const client = await RawClient.connect({ port: proxy.port })
  try {
    await client.send(`GET ${target} HTTP/1.1\r\nHost: a.test\r\n\r\n`)
    return await client.readResponse("GET")
  } finally {
    client.destroy()
  }
}

/** The name of the backend that answers, or the status where none does. */
export async function nameOf(proxy: ResolvingProxy, target = "/"): Promise<string> {
  const response = await ask(proxy, target)
  return headerOf(response, "x-backend") ?? String(response.status)
}

/** Which backends answer these requests, each once, in order. */
export async function namesOf(proxy: ResolvingProxy, count: number): Promise<string> {
  const names = new Set<string>()
  for (let i = 0; i < count; i++) names.add(await nameOf(proxy))
  return [...names].sort().join(" ")
}

/** Asks until `count` requests in a row are answered by these backends, and by each of them. */
export async function untilNames(proxy: ResolvingProxy, expected: string, count = 6): Promise<void> {
  const deadline = performance.now() + 30_000
  for (;;) {
    const seen = await namesOf(proxy, count)
    if (seen === expected) return
    if (performance.now() > deadline) throw new Error(`${seen} answers, not ${expected}`)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

/** Puts these lines into the group and waits until they are in force. */
export async function reload(proxy: ResolvingProxy, upstream: string): Promise<void> {
  const count = (): number => proxy.edge.errorLog().split("configuration reloaded\n").length
  const before = count()
  proxy.edge.writeConfig(holdfastProgram, proxy.config(upstream))
  proxy.edge.signal("SIGHUP")
  await proxy.edge.waitUntil("the reload", () => count() > before || undefined)
}

/** Opens a tunnel; it ends with the test. */
export async function tunnel(
  t: TestContext,
  proxy: ResolvingProxy,
): Promise<{ client: RawClient; name: string }> {
  const client = await RawClient.connect({ port: proxy.port })
  t.after(() => client.destroy())
  await client.send("GET / HTTP/1.1\r\nHost: a.test\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
  const response = await client.readResponse("GET")
  return { client, name: headerOf(response, "x-backend") ?? String(response.status) }
}

/** Opens a WebSocket; it ends with the test. */
export async function webSocket(t: TestContext, proxy: ResolvingProxy): Promise<{ client: RawClient }> {
  const client = await RawClient.connect({ port: proxy.port })
  t.after(() => client.destroy())
  await client.send(
    "GET /ws HTTP/1.1\r\nHost: a.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
  )
  const response = await client.readResponse("GET")
  if (response.status !== 101) throw new Error(`no handshake: ${response.status}`)
  return { client }
}
