/** Backends whose answers to health checks a test can change, and a Holdfast that checks them. */
import type { TestContext } from "node:test"
import type { Edge } from "../support/edge.ts"
import { holdfastProgram, startHoldfast } from "../support/holdfast.ts"
import { freePort } from "../support/ports.ts"
import {
  type BackendAnswer,
  type BackendRequest,
  httpAnswer,
  type RawBackend,
  startRawBackend,
} from "../support/raw-backend.ts"
import { named, type ProxyUnderTest } from "./backends.ts"

/** Says its name to clients; what it says to checks (of `/check`) is the test's affair. */
export class CheckedBackend {
  readonly name: string
  readonly checks: BackendRequest[] = []
  /** What a check is answered where nothing is left of `answers`; null: 200. */
  answer: string | BackendAnswer | null = null
  /** What the next checks are answered. */
  readonly answers: (string | BackendAnswer)[] = []
  /** Checks are answered when it resolves. */
  gate: Promise<void> | null = null
  #backend: RawBackend | null = null
  #waiters: (() => void)[] = []
  readonly #port: number

  constructor(name: string, port: number) {
    this.name = name
    this.#port = port
  }

  get port(): number {
    return this.#port
  }

  get raw(): RawBackend {
    return this.#backend as RawBackend
  }

  async start(): Promise<void> {
    this.#backend = await startRawBackend((request) => this.#serve(request), { port: this.#port })
  }

  async stop(): Promise<void> {
    await this.#backend?.close()
    this.#backend = null
  }

  /** Resolves when so many checks have come. */
  async asked(count: number): Promise<void> {
    while (this.checks.length < count) await new Promise<void>((resolve) => this.#waiters.push(resolve))
  }

  async #serve(request: BackendRequest): Promise<string | BackendAnswer> {
    if (!request.target.startsWith("/check")) return named(this.name)(request)
    this.checks.push(request)
    for (const waiter of this.#waiters.splice(0)) waiter()
    if (this.gate !== null) await this.gate
    return this.answers.shift() ?? this.answer ?? httpAnswer("fine")
  }
}

export interface CheckedProxy extends ProxyUnderTest {
  readonly named: readonly [CheckedBackend, CheckedBackend]
  /** Puts another configuration in force; `refusal` is what the log says where it is refused. */
  reload(options: CheckedOptions, refusal?: RegExp): Promise<void>
}

export interface CheckedOptions {
  /** The parameters of `health_check`, behind `uri=/check`; null for none. */
  readonly check: string | null
  readonly upstream?: string
  readonly location?: string
  /** More locations. */
  readonly locations?: string
  readonly http?: string
  readonly workers?: number
  /** Parameters of the two servers. */
  readonly server?: string
  /** Environment of the program. */
  readonly env?: Readonly<Record<string, string>>
  /** The servers that are not started. */
  readonly dead?: readonly ("a" | "b")[]
}

/** Starts Holdfast before two backends, `a` and `b`, whose health it checks; all ends with the test. */
export async function checkedProxy(t: TestContext, options: CheckedOptions): Promise<CheckedProxy> {
  const [a, b] = [new CheckedBackend("a", await freePort()), new CheckedBackend("b", await freePort())]
  for (const backend of [a, b])
    if (options.dead?.includes(backend.name as "a" | "b") !== true) await backend.start()
  const port = await freePort()
  const config = (changed: CheckedOptions): string => configOf(changed, port, a, b)
  let edge: Edge | null = null
  t.after(async () => {
    await edge?.stop()
    await a.stop()
    await b.stop()
  })
  const started = await startHoldfast(config(options), options.env === undefined ? {} : { env: options.env })
  edge = started
  return {
    edge: started,
    port,
    backends: [],
    named: [a, b],
    config: () => config(options),
    reload: (changed, refusal) => reload(started, config(changed), refusal),
  }
}

function configOf(options: CheckedOptions, port: number, a: CheckedBackend, b: CheckedBackend): string {
  const { server = "" } = options
  return `${options.workers === undefined ? "" : `worker_processes ${options.workers};`}
    events {}
    http {
      ${options.http ?? ""}
      upstream backend {
        zone backend 64k;
        ${options.upstream ?? ""}
        server 127.0.0.1:${a.port} max_fails=0 ${server};
        server 127.0.0.1:${b.port} max_fails=0 ${server};
      }
      server {
        listen 127.0.0.1:${port};
        server_name checks.test;
        location / {
          proxy_pass http://backend;
          ${options.location ?? ""}
          ${options.check === null ? "" : `health_check uri=/check ${options.check};`}
        }
        ${options.locations ?? ""}
      }
    }`
}

async function reload(edge: Edge, config: string, refusal: RegExp | undefined): Promise<void> {
  const count = (): number => edge.errorLog().split("configuration reloaded\n").length
  const before = count()
  edge.writeConfig(holdfastProgram, config)
  edge.signal("SIGHUP")
  if (refusal !== undefined) return void (await edge.waitForLog(refusal))
  await edge.waitUntil("the reload", () => count() > before || undefined)
}

/** The line that a server became unhealthy. */
export function unhealthy(backend: CheckedBackend, doing: string, match = ""): RegExp {
  return line("warn", "unhealthy", backend, doing, match)
}

export function healthy(backend: CheckedBackend, doing: string, match = ""): RegExp {
  return line("notice", "healthy", backend, doing, match)
}

function line(level: string, word: string, backend: CheckedBackend, doing: string, match: string): RegExp {
  const peer = `127\\.0\\.0\\.1:${backend.port}`
  return new RegExp(
    `\\[${level}\\].* peer is ${word} while ${doing}, health check "${match}" of peer ${peer} in upstream "backend"`,
  )
}
