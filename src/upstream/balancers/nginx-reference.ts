import type { ChildProcess } from "node:child_process"
import { spawn } from "node:child_process"
import { once } from "node:events"
import { existsSync, mkdtempSync, readFileSync, rmSync, watch, writeFileSync } from "node:fs"
import http from "node:http"
import type { AddressInfo } from "node:net"
import net from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { PeerSet } from "../balancer.ts"
import type { PeerOptions } from "../peer.ts"
import { tcpAddress } from "../peer.ts"
import { Upstream } from "../upstream.ts"
import { ownMemory } from "../zone.ts"
import { START_MS } from "./suite.ts"

/** For tests: groups of servers that nginx itself and the balancers here serve, to compare their choices. */

const NGINX = "/usr/sbin/nginx"

/** A reason to skip, where nginx is not installed. */
export const skip = existsSync(NGINX) ? false : `${NGINX} is not installed`

/** One server of a compared group; `alive` says whether something listens there. */
export interface ComparedServer
  extends Partial<Pick<PeerOptions, "weight" | "maxFails" | "backup" | "down">> {
  alive: boolean
}

/** The ways to choose that leave nothing to chance, and how a file says them. */
const DIRECTIVES = {
  round_robin: "",
  ip_hash: "ip_hash;",
  hash: "hash $http_x_key;",
  consistent_hash: "hash $http_x_key consistent;",
  least_conn: "least_conn;",
} as const

export type ComparedMethod = keyof typeof DIRECTIVES

export interface ComparedGroup {
  method: ComparedMethod
  servers: ComparedServer[]
}

/** Long enough that it never ends within a test. */
const FAIL_TIMEOUT_S = 3600

/** nginx before a number of backends, with one location for each group. Stop it with `stop()`. */
export class NginxReference {
  private readonly folder: string
  private readonly groups: ComparedGroup[]
  private readonly backends: http.Server[]
  private readonly agent: http.Agent
  private alivePorts: number[]
  private deadPorts: number[]
  private process: ChildProcess | null

  constructor(groups: ComparedGroup[]) {
    this.folder = mkdtempSync(join(tmpdir(), "holdfast-nginx-"))
    this.groups = groups
    this.backends = []
    this.agent = new http.Agent({ keepAlive: true, maxSockets: 1 })
    this.alivePorts = []
    this.deadPorts = []
    this.process = null
  }

  async start(): Promise<void> {
    const most = Math.max(...this.groups.map((group) => group.servers.length))
    for (let i = 0; i < most; i++) {
      const backend = http.createServer((_, response) => response.end("ok"))
      backend.listen(0, "127.0.0.1")
      await once(backend, "listening")
      this.backends.push(backend)
      this.alivePorts.push(portOf(backend))
    }
    this.deadPorts = await unusedPorts(most)
    const config = join(this.folder, "nginx.conf")
    writeFileSync(config, this.configuration())
    const child = spawn(NGINX, ["-p", this.folder, "-c", config, "-e", join(this.folder, "error.log")], {
      stdio: "ignore",
    })
    this.process = child
    await this.untilListening(child)
  }

  async stop(): Promise<void> {
    this.agent.destroy()
    const child = this.process
    if (child !== null && child.exitCode === null && child.signalCode === null) {
      const gone = once(child, "exit")
      child.kill("SIGTERM")
      await gone
    }
    for (const backend of this.backends) {
      backend.closeAllConnections()
      backend.close()
    }
    rmSync(this.folder, { recursive: true, force: true })
  }

  /** `$upstream_addr` as nginx has it for a request of `client`, with `key` for hash, to the group at `index`: all that it tried. */
  async ask(index: number, client: string, key: string): Promise<string> {
    const request = http.get({
      socketPath: join(this.folder, "nginx.sock"),
      path: `/g${index}/`,
      agent: this.agent,
      headers: { "X-Real-IP": client, "X-Key": key },
    })
    const [response] = (await once(request, "response")) as [http.IncomingMessage]
    response.resume()
    await once(response, "end")
    const tried = response.headers["x-tried"]
    if (typeof tried !== "string") throw new Error(`nginx answered ${response.statusCode} without X-Tried`)
    return tried
  }

  /** The group at `index` as one of ours, with the same addresses. */
  build(index: number): Upstream {
    const group = this.groups[index]
    const peers = group.servers.map((server, i): PeerOptions => {
      const address = tcpAddress("127.0.0.1", this.portAt(server, i))
      return {
        address,
        server: address.name,
        weight: server.weight ?? 1,
        maxConns: 0,
        maxFails: server.maxFails ?? 1,
        failTimeoutMs: FAIL_TIMEOUT_S * 1000,
        backup: server.backup ?? false,
        down: server.down ?? false,
      }
    })
    return new Upstream({
      name: `g${index}`,
      peers,
      method: group.method,
      keepalive: undefined,
      memory: ownMemory(),
      drainMs: null,
    })
  }

  /** What `upstream`, one of ours from `build`, would try for such a request, written as nginx does. */
  simulate(upstream: Upstream, clientAddress: string, hashKey: string): string {
    const tried = new PeerSet()
    const names: string[] = []
    for (let tries = upstream.tries; ; ) {
      const peer = upstream.pick({ clientAddress, hashKey, boundTo: "", nowMs: START_MS }, tried)
      names.push(peer === undefined ? upstream.name : peer.address.name)
      if (peer === undefined) break
      const alive = this.alivePorts.includes(peer.address.port)
      peer.release(alive ? "ok" : "failed", START_MS)
      tries--
      if (alive || tries <= 0) break
    }
    return names.join(", ")
  }

  private portAt(server: ComparedServer, i: number): number {
    return server.alive ? this.alivePorts[i] : this.deadPorts[i]
  }

  private configuration(): string {
    const upstreams = this.groups.map((group, index) => {
      const servers = group.servers.map((server, i) => {
        const words = [`127.0.0.1:${this.portAt(server, i)}`, `fail_timeout=${FAIL_TIMEOUT_S}s`]
        if (server.weight !== undefined) words.push(`weight=${server.weight}`)
        if (server.maxFails !== undefined) words.push(`max_fails=${server.maxFails}`)
        if (server.backup === true) words.push("backup")
        if (server.down === true) words.push("down")
        return `server ${words.join(" ")};`
      })
      return `upstream g${index} { ${DIRECTIVES[group.method]} ${servers.join(" ")} }`
    })
    const locations = this.groups.map((_, index) => `location /g${index}/ { proxy_pass http://g${index}; }`)
    const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(
      (name) => `${name}_temp_path tmp;`,
    )
    return `
      daemon off; master_process off; worker_processes 1; pid nginx.pid; error_log error.log;
      events { worker_connections 256; }
      http {
        access_log off; ${temporary.join(" ")}
        set_real_ip_from unix:; real_ip_header X-Real-IP;
        keepalive_requests 1000000;
        add_header X-Tried $upstream_addr always;
        ${upstreams.join("\n")}
        server { listen unix:nginx.sock; ${locations.join("\n")} }
      }
    `.replaceAll("unix:nginx.sock", `unix:${join(this.folder, "nginx.sock")}`)
  }

  /** nginx writes its pid file once its sockets listen. */
  private async untilListening(child: ChildProcess): Promise<void> {
    const pid = join(this.folder, "nginx.pid")
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const watcher = watch(this.folder, () => {
      if (existsSync(pid)) resolve()
    })
    if (existsSync(pid)) resolve()
    child.once("error", reject)
    child.once("exit", () => reject(new Error(`nginx ended:\n${this.errorLog()}`)))
    try {
      await promise
    } finally {
      watcher.close()
    }
  }

  private errorLog(): string {
    const path = join(this.folder, "error.log")
    return existsSync(path) ? readFileSync(path, "latin1") : ""
  }
}

function portOf(server: net.Server | http.Server): number {
  return (server.address() as AddressInfo).port
}

/** Ports on which nothing listens: they were free a moment ago, all at once. */
async function unusedPorts(count: number): Promise<number[]> {
  const servers: net.Server[] = []
  for (let i = 0; i < count; i++) {
    const server = net.createServer()
    server.listen(0, "127.0.0.1")
    await once(server, "listening")
    servers.push(server)
  }
  const ports = servers.map(portOf)
  for (const server of servers) {
    server.close()
    await once(server, "close")
  }
  return ports
}
