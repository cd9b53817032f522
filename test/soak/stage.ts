/** What a soak runs with: certificates, backends, the proxy, the clients. */
import { X509Certificate } from "node:crypto"
import { existsSync, readFileSync, writeFileSync } from "node:fs"
import { createServer, type Server } from "node:net"
import { join } from "node:path"
import { setTimeout as pause } from "node:timers/promises"
import { type Certificate, testAuthority } from "../support/certificates.ts"
import { type Edge, startEdge } from "../support/edge.ts"
import { holdfastProgram } from "../support/holdfast.ts"
import { freePort } from "../support/ports.ts"
import { makeTempFolder, removeTempFolder } from "../support/temp.ts"
import type { BackendCommand, BackendState } from "./backend.ts"
import { Child } from "./child.ts"
import type { ClientCommand, ClientState, Opened } from "./client.ts"
import {
  type Breakage,
  configurationText,
  firstSetup,
  type Setup,
  type Surroundings,
} from "./configuration.ts"
import { inspectedEnvironment } from "./inspect.ts"
import type { SoakOptions } from "./options.ts"
import type { ProbeTarget } from "./probe.ts"

const BACKEND_PROCESSES = 2
const PORTS_EACH = 2
const CERTIFICATES = 3
const START_DEADLINE_MS = 60_000
const LOG_LOOK_MS = 5

/** Owns all processes, and the folder. */
export class Stage {
  readonly options: SoakOptions
  readonly where: Surroundings
  readonly edge: Edge
  readonly first: Setup
  readonly #backends: readonly Child[]
  readonly #client: Child
  readonly #certificates: readonly Certificate[]
  readonly #ca: string
  readonly #taken: Server
  #logOffset = 0

  private constructor(
    options: SoakOptions,
    where: Surroundings,
    edge: Edge,
    parts: { backends: Child[]; client: Child; certificates: Certificate[]; ca: string; taken: Server },
  ) {
    this.options = options
    this.where = where
    this.edge = edge
    this.first = firstSetup(where)
    this.#backends = parts.backends
    this.#client = parts.client
    this.#certificates = parts.certificates
    this.#ca = parts.ca
    this.#taken = parts.taken
  }

  static async build(options: SoakOptions): Promise<Stage> {
    const authority = await testAuthority()
    const certificates = await Promise.all(
      Array.from({ length: CERTIFICATES }, (_unused, at) =>
        authority.issue({ names: ["soak.test", `number-${at}.test`] }),
      ),
    )
    const taken = createServer()
    await new Promise<void>((resolve) => taken.listen(0, "127.0.0.1", () => resolve()))
    const bytes = String(options.messageBytes)
    const backends = Array.from(
      { length: BACKEND_PROCESSES },
      () => new Child("./backend.ts", [String(PORTS_EACH), bytes]),
    )
    try {
      const ports = await Promise.all(backends.map((child) => child.ask<number[]>({ type: "listen" })))
      const where: Surroundings = {
        port: await freePort(),
        isTls: options.tls,
        workers: options.workers,
        backendPorts: ports.flat(),
        certificates: CERTIFICATES,
        takenPort: (taken.address() as { port: number }).port,
      }
      const edge = await startProxy(where, certificates[0] as Certificate)
      const caFile = options.tls ? authority.own.certificateFile : ""
      const client = new Child("./client.ts", [String(where.port), bytes, caFile])
      const ca = authority.own.certificate
      return new Stage(options, where, edge, { backends, client, certificates, ca, taken })
    } catch (error) {
      // A child that is left would keep this process from ending.
      await endBackends(backends, taken)
      throw error
    }
  }

  get target(): ProbeTarget {
    return { port: this.where.port, ca: this.where.isTls ? this.#ca : undefined, folder: this.edge.prefix }
  }

  /** SHA-256 of one of the certificates, as a client sees it; "" over plain TCP. */
  fingerprint(certificate: number): string {
    if (!this.where.isTls) return ""
    return new X509Certificate((this.#certificates[certificate] as Certificate).certificate).fingerprint256
  }

  client<Result = void>(command: ClientCommand): Promise<Result> {
    return this.#client.ask<Result>(command)
  }

  open(count: number): Promise<Opened[]> {
    return this.client<Opened[]>({ type: "open", count })
  }

  /** Opens one tunnel and ends the oldest of those that need not stay to the end. */
  replace(): Promise<Opened> {
    return this.client<Opened>({ type: "replace", keep: this.options.tunnels })
  }

  clientState(): Promise<ClientState> {
    return this.client<ClientState>({ type: "state" })
  }

  async backends<Result = void>(command: BackendCommand): Promise<Result[]> {
    return Promise.all(this.#backends.map((backend) => backend.ask<Result>(command)))
  }

  backendStates(): Promise<BackendState[]> {
    return this.backends<BackendState>({ type: "state" })
  }

  /** Writes the files of `setup`, broken where a breakage is given, and asks for a reload. */
  reload(setup: Setup, breakage?: Breakage): void {
    if (breakage === undefined)
      installCertificate(this.edge.prefix, this.#certificates[setup.certificate] as Certificate)
    this.edge.writeConfig(holdfastProgram, configurationText(setup, this.where, breakage))
    this.#logOffset = this.#errorLog().length
    this.edge.signal("SIGHUP")
  }

  /** Whether the error log has a line, written since the last reload was asked for, that matches in time. */
  async logged(pattern: RegExp, deadlineMs: number): Promise<boolean> {
    const end = performance.now() + deadlineMs
    for (;;) {
      if (pattern.test(this.logSinceReload())) return true
      if (performance.now() > end || this.edge.exited !== undefined) return false
      await pause(LOG_LOOK_MS)
    }
  }

  logSinceReload(): string {
    return this.#errorLog().subarray(this.#logOffset).toString("latin1")
  }

  #errorLog(): Buffer {
    return existsSync(this.edge.errorLogFile) ? readFileSync(this.edge.errorLogFile) : Buffer.alloc(0)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#client[Symbol.asyncDispose]()
    await this.edge.stop()
    await endBackends(this.#backends, this.#taken)
    removeTempFolder(this.edge.prefix)
  }
}

function installCertificate(prefix: string, { certificate, key }: Certificate): void {
  writeFileSync(join(prefix, "server.crt"), certificate)
  writeFileSync(join(prefix, "server.key"), key)
}

function startProxy(where: Surroundings, certificate: Certificate): Promise<Edge> {
  const prefix = makeTempFolder("soak")
  installCertificate(prefix, certificate)
  return startEdge(holdfastProgram, configurationText(firstSetup(where), where), {
    prefix,
    env: inspectedEnvironment(prefix),
    deadlineMs: START_DEADLINE_MS,
  })
}

async function endBackends(backends: readonly Child[], taken: Server): Promise<void> {
  for (const backend of backends) await backend[Symbol.asyncDispose]()
  await new Promise<void>((resolve) => taken.close(() => resolve()))
}
