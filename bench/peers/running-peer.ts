import { type ChildProcess, spawn } from "node:child_process"
import { setTimeout as pause } from "node:timers/promises"
import { issueCertificate } from "../../test/support/certificates.ts"
import { freePort } from "../../test/support/ports.ts"
import { exchange } from "../../test/support/raw-client.ts"
import { makeTempFolder, removeTempFolder } from "../../test/support/temp.ts"
import { Helper } from "../load/programs.ts"
import { processTree } from "../system.ts"
import type { Command, Peer, PeerSetup } from "./peer.ts"

const START_DEADLINE_MS = 20_000
const STOP_DEADLINE_MS = 5_000
const POLL_MS = 2
const MAX_MESSAGE_CHARS = 2000

/** Starts programs to be measured, and sees to it that none is left, whatever happens. */
export class Runner {
  readonly #watchdog = new Helper("watchdog.ts")

  /** Spawns `command`; rejects in `answered` unless it soon answers GET / at `port` with 200. */
  spawn({ command, args, env }: Command, port: number): RunningPeer {
    const child = spawn(command, [...args], {
      stdio: ["ignore", "ignore", "pipe"],
      env: { ...process.env, ...env },
    })
    this.#watchdog.writeLine(`+${child.pid}`)
    child.once("close", () => this.#watchdog.writeLine(`-${child.pid}`))
    return new RunningPeer(child, port)
  }

  /** Starts `peer` in front of a backend and waits until it answers. `stack` ends it and removes its files. */
  async start(
    stack: AsyncDisposableStack,
    peer: Peer,
    backendPort: number,
    workers: number,
  ): Promise<StartedPeer> {
    const setup = await makeSetup(backendPort, workers)
    stack.defer(() => removeTempFolder(setup.folder))
    const command = peer.prepare(setup)
    const start = performance.now()
    const running = stack.use(this.spawn(command, setup.port))
    try {
      await running.answered()
    } catch (error) {
      throw new Error(`${peer.name}: ${error instanceof Error ? error.message : error}`)
    }
    const startMs = performance.now() - start
    return { running, port: setup.port, tlsPort: setup.tlsPort, startMs }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#watchdog[Symbol.asyncDispose]()
  }
}

export interface StartedPeer {
  readonly running: RunningPeer
  readonly port: number
  readonly tlsPort: number
  /** From the start of the process to its first answer, milliseconds. */
  readonly startMs: number
}

/** Ports, a folder and the certificate for one start. The caller removes the folder. */
export async function makeSetup(backendPort: number, workers: number): Promise<PeerSetup> {
  const { certificateFile, keyFile } = await issueCertificate(["localhost", "127.0.0.1"])
  const [port, tlsPort] = [await freePort(), await freePort()]
  const folder = makeTempFolder("bench")
  return { folder, port, tlsPort, backendPort, workers, certificateFile, keyFile }
}

/** A program under measurement. Owns the process and its descendants. */
export class RunningPeer {
  readonly #child: ChildProcess
  readonly #port: number
  readonly #ended: Promise<void>
  #messages = ""
  #hasEnded = false

  constructor(child: ChildProcess, port: number) {
    this.#child = child
    this.#port = port
    child.stderr?.setEncoding("latin1").on("data", (text: string) => {
      this.#messages = (this.#messages + text).slice(-MAX_MESSAGE_CHARS)
    })
    this.#ended = new Promise((resolve) => {
      const end = (): void => {
        this.#hasEnded = true
        resolve()
      }
      child.once("error", (error) => {
        this.#messages += error.message
        end()
      })
      child.once("close", end)
    })
  }

  /** The processes whose CPU time and memory count: all of them. */
  pids(): number[] {
    return processTree(this.#child.pid ?? -1)
  }

  signal(name: NodeJS.Signals): void {
    this.#child.kill(name)
  }

  /** Resolves with the body of the first 200 that `accept` takes. Each try is a new connection. */
  async answered(accept: (body: string) => boolean = () => true): Promise<string> {
    const deadline = performance.now() + START_DEADLINE_MS
    let why: unknown = ""
    while (performance.now() < deadline && !this.#hasEnded) {
      try {
        const request = "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        const { status, body } = await exchange({ port: this.#port }, request)
        if (status === 200 && accept(body)) return body
        why = `status ${status}`
      } catch (error) {
        why = error
      }
      await pause(POLL_MS)
    }
    const [last] = this.#messages.trim().split("\n").slice(-1)
    throw new Error(this.#hasEnded ? `it ended: ${last}` : `no answer in time (${why})`)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#hasEnded) return
    const pids = this.pids()
    this.#child.kill("SIGTERM")
    const timer = setTimeout(() => {
      for (const pid of pids) kill(pid)
    }, STOP_DEADLINE_MS)
    await this.#ended
    clearTimeout(timer)
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL")
  } catch {
    // It has ended by itself.
  }
}
