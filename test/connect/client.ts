/** `holdfast connect` as a program of its own. */
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process"
import { once } from "node:events"
import type { TestContext } from "node:test"
import type { WebSocket, WebSocketServer } from "ws"
import { HOLDFAST, type RunResult, run } from "../support/holdfast.ts"

/** Runs it to its end with `input`. */
export function connect(args: readonly string[], input = ""): Promise<RunResult> {
  return run(HOLDFAST, ["connect", ...args], { input })
}

/** One that is talked to while it runs; it is ended with the test. */
export class Talker {
  readonly child: ChildProcessWithoutNullStreams
  stdout = ""
  stderr = ""
  readonly #exit: Promise<number | null>
  #wake = (): void => {}

  constructor(t: TestContext, args: readonly string[]) {
    this.child = spawn(HOLDFAST, ["connect", ...args])
    this.child.stdout.setEncoding("utf8").on("data", (text: string) => {
      this.stdout += text
      this.#wake()
    })
    this.child.stderr.setEncoding("utf8").on("data", (text: string) => {
      this.stderr += text
      this.#wake()
    })
    this.child.stdin.on("error", () => {})
    this.#exit = once(this.child, "close").then(([code]) => code as number | null)
    t.after(async () => {
      this.child.kill("SIGKILL")
      await this.#exit
    })
  }

  write(text: string): void {
    this.child.stdin.write(text)
  }

  /** Resolves with the exit status. */
  get exit(): Promise<number | null> {
    return this.#exit
  }

  /** Waits until both outputs together match; rejects when the program ends before. */
  async waitFor(pattern: RegExp): Promise<void> {
    const ended = this.#exit.then(() => {
      throw new Error(`it ended without ${pattern}:\n${this.stdout}\n${this.stderr}`)
    })
    // Of interest only while something is waited for.
    ended.catch(() => {})
    while (!pattern.test(this.stdout + this.stderr)) {
      const output = new Promise<void>((resolve) => {
        this.#wake = resolve
      })
      await Promise.race([output, ended])
    }
  }
}

/** The lines of --json. */
export function eventsOf(stdout: string): Record<string, unknown>[] {
  const lines = stdout.split("\n").filter((line) => line !== "")
  return lines.map((line) => JSON.parse(line) as Record<string, unknown>)
}

/** A server by ws that does with a connection what `serve` does; it is ended with the test. Returns its URL. */
export async function serving(
  t: TestContext,
  serve: (socket: WebSocket) => void,
  options: { readonly port?: number } = {},
): Promise<string> {
  const { WebSocketServer } = await import("ws")
  const server: WebSocketServer = new WebSocketServer({ host: "127.0.0.1", port: options.port ?? 0 })
  await once(server, "listening")
  server.on("connection", (socket) => {
    // Broken connections are part of what is tested.
    socket.on("error", () => {})
    serve(socket)
  })
  t.after(() => {
    for (const client of server.clients) client.terminate()
    server.close()
  })
  const address = server.address()
  return `ws://127.0.0.1:${typeof address === "object" && address !== null ? address.port : 0}/`
}
