/** For tests: locations of a small configuration, built with real logs and counters, and requests to them. */

import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { Socket } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { Position } from "../base/error.ts"
import { ReadBuffer } from "../base/read-buffer.ts"
import { TimerWheel } from "../base/timers.ts"
import { mergedConf } from "../config/merge.ts"
import { rowTable } from "../config/row.ts"
import type { Scope } from "../config/scope.ts"
import { Sources } from "../config/sources.ts"
import { type Reading, readConfiguration } from "../config/walker.ts"
import { HEAD_COMPLETE, RequestHeadParser } from "../http/request-head.ts"
import { RequestHeadParsers } from "../http/request-head-pool.ts"
import { parseTarget } from "../http/target.ts"
import { CounterTable } from "../observe/counters.ts"
import { ErrorLog, LogOrigin } from "../observe/error-log.ts"
import { WorkerHandshakes } from "../observe/handshake-counts.ts"
import { LogFiles } from "../observe/log-file.ts"
import { LogClock } from "../observe/log-time.ts"
import type { Client } from "../runtime/client.ts"
import type { Exchange, TakenConnection } from "../runtime/exchange.ts"
import { Location } from "../runtime/location.ts"
import { LocationTable } from "../runtime/location-table.ts"
import type { BuildContext, Module, WorkerServices } from "../runtime/module.ts"
import { Request } from "../runtime/request.ts"
import { VariableRegistry } from "../runtime/variables.ts"
import { VirtualServer } from "../runtime/virtual-server.ts"
import { access } from "./access.ts"
import { accessLog } from "./access-log.ts"
import { core } from "./core/core.ts"
import { coreVariables } from "./core-variables.ts"
import { errorLog, mainErrorLog } from "./error-log.ts"
import { geo } from "./geo.ts"
import { headers } from "./headers.ts"
import { map } from "./map.ts"
import { splitClients } from "./split-clients.ts"
import { stubStatus } from "./stub-status.ts"
import { upstreamVariables } from "./upstream-variables.ts"

type AnyModule = Module<unknown, unknown>

/** 2026-11-20 12:31:24.567 local time. */
export const FIXTURE_NOW = new Date(2026, 10, 20, 12, 31, 24, 567).getTime()

const HEAD_LIMITS = {
  maxLineBytes: 8192,
  maxHeadBytes: 32768,
  underscoresInHeaders: true,
  ignoreInvalidHeaders: true,
}

/** Keeps what a handler answers. */
export class RecordingExchange implements Exchange {
  request: Request | null = null
  isHeadSent = false
  isComplete = false
  hasEnded = false
  body = ""
  bodyBytesSent = 0
  bytesSent = 0
  requestLength = 0
  producer = null

  sendHead(): void {
    this.isHeadSent = true
  }
  write(chunk: Buffer): boolean {
    this.body += chunk.toString("latin1")
    return true
  }
  flush(): void {}
  end(): void {
    this.hasEnded = true
  }
  abort(): void {}
  sendInformational(): void {}
  readBody(): void {}
  pauseBody(): void {}
  resumeBody(): void {}
  takeOver(): TakenConnection {
    return { stream: this.request?.client.socket as Socket, received: null, close: () => {} }
  }
}

export type ClientPart = Partial<Omit<Client, "socket">>

/** One configuration in a folder of its own, which is the prefix too. */
export class Fixture {
  readonly folder = makeFolder()
  readonly files = new LogFiles()
  readonly counters = new CounterTable(new SharedArrayBuffer(CounterTable.bytes(1)), 0)
  readonly warnings: string[] = []
  readonly reading: Reading
  readonly #modules: AnyModule[]
  readonly #mains: unknown[] = []
  readonly #services: WorkerServices
  #connections = 0

  /** `text` is the main file; `-e` is error.log in the folder. Throws what reading throws. */
  constructor(text: string) {
    this.#modules = [
      core,
      errorLog,
      access,
      stubStatus,
      headers,
      accessLog,
      coreVariables,
      upstreamVariables,
      map,
      geo,
      splitClients,
    ] as unknown as AnyModule[]
    const variables = new VariableRegistry()
    this.#modules.forEach((module, index) => {
      module.index = index
      if (module.variables !== undefined) variables.add(module.variables)
    })
    const file = `${this.folder}f.conf`
    writeFileSync(file, text, "latin1")
    this.reading = readConfiguration({
      rows: rowTable(this.#modules.map((module) => module.directives)),
      sources: new Sources(),
      file,
      prefix: this.folder,
      parameter: null,
      variables,
      warn: (message: string, position: Position) => this.warnings.push(`${message}:${position.line}`),
    })
    const origin = new LogOrigin(33, 33, () => FIXTURE_NOW)
    this.#services = {
      workerIndex: 0,
      errorLogPath: "error.log",
      readBuffer: new ReadBuffer(),
      timers: new TimerWheel(),
      counters: this.counters,
      headParsers: new RequestHeadParsers(),
      clock: new LogClock(() => FIXTURE_NOW),
      handshakes: new WorkerHandshakes(() => FIXTURE_NOW),
      tunnels: { add: () => {}, delete: () => {}, drainPeer: () => {} },
      nowMs: () => FIXTURE_NOW,
      httpDate: () => "",
      logFile: (path, options) => this.files.open(path, options),
      errorLog: (path, level) => new ErrorLog(this.files.open(path), level, origin),
      sharedMemory: (_name, bytes) => new SharedArrayBuffer(bytes),
      localMemory: (_name, bytes) => new SharedArrayBuffer(bytes),
      addresses: () => undefined,
    }
    const http = this.reading.main.blocks("http")[0]
    if (http !== undefined)
      for (const module of this.#modules)
        this.#mains[module.index] = module.buildMain?.(this.#conf(module, http), this.#context(http))
  }

  /** Builds the first server, or its location `pattern`. */
  location(pattern = ""): Location {
    const server = this.reading.main.blocks("http")[0].blocks("server")[0]
    const scope =
      pattern === ""
        ? server
        : server.blocks("location").find((block) => block.directive?.args[0].text === pattern)
    if (scope === undefined) throw new Error(`no location ${pattern}`)
    const location = new Location("prefix", pattern, null, false, scope, new LocationTable())
    for (const module of this.#modules) {
      const inner = (): Location => location
      const context = { ...this.#context(scope), location, inner }
      location.built[module.index] = module.buildLocation?.(this.#conf(module, scope), context)
    }
    location.settings = location.built[core.index] as Location["settings"]
    location.logger = location.built[errorLog.index] as Location["logger"]
    return location
  }

  /** A request to `location` with the head `head`; `client` says what differs from a plain local one. */
  request(location: Location, head: string, client: ClientPart = {}): Request {
    const parser = new RequestHeadParser(HEAD_LIMITS)
    parser.execute(Buffer.from(head, "latin1"), 0)
    if (parser.state !== HEAD_COMPLETE) throw new Error(parser.errorReason)
    const target = parseTarget(parser.head.method, parser.head.target, true)
    if (target === undefined) throw new Error("bad target")
    const server = new VirtualServer("example.com", location, new LocationTable(), {
      head: HEAD_LIMITS,
      clientHeaderTimeoutMs: 1,
      mergeSlashes: true,
    })
    const exchange = new RecordingExchange()
    const request = new Request(this.client(client), parser.head, exchange, server, target, performance.now())
    exchange.request = request
    request.host = target.host === "" ? parser.head.hostName : target.host
    return request
  }

  client(part: ClientPart = {}): Client {
    return {
      number: ++this.#connections,
      address: "127.0.0.1",
      port: 40000,
      serverAddress: "127.0.0.1",
      serverPort: 8080,
      proxyHeader: null,
      socket: new Socket(),
      tls: null,
      startMs: performance.now(),
      clock: this.#services.clock,
      requests: 1,
      isPipelined: false,
      ...part,
    }
  }

  #conf(module: AnyModule, scope: Scope): unknown {
    return mergedConf(scope, module.directives, this.reading.defaults)
  }

  #context(scope: Scope): BuildContext {
    const { main, defaults } = this.reading
    return {
      generation: 1,
      mainLog: mainErrorLog(main, this.#services, this.folder),
      defaults,
      services: this.#services,
      scope,
      main: <M>(module: { index: number }) => this.#mains[module.index] as M,
      previousMain: () => undefined,
      blame: (directive) => this.reading.context(directive, scope),
      directiveOf: () => undefined,
      prefix: this.folder,
    }
  }
}

/** A new folder, there until the process exits. */
function makeFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "holdfast-modules-"))
  process.once("exit", () => rmSync(folder, { recursive: true, force: true }))
  process.setMaxListeners(0)
  return `${folder}/`
}
