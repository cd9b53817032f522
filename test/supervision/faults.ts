/** A program whose worker threads can be made to fail from outside. */
import { chmodSync, existsSync, readdirSync, rmSync, writeFileSync } from "node:fs"
import { connect } from "node:net"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { type ProxySetup, type ProxyUnderTest, startProxy } from "../faults/proxy-under-test.ts"
import { makeTempFolder } from "../support/temp.ts"

const PRELOADED = fileURLToPath(new URL("./faults-in-workers.ts", import.meta.url))

export type Fault =
  /** Errors that nobody handles. */
  | `throw ${number}`
  | "reject"
  /** Memory runs out. */
  | "heap"
  /** The event loop stands still for so many milliseconds. */
  | `block ${number}`
  | `exit ${number}`

export class Faults {
  /** To be given to the program's environment. */
  readonly env: Readonly<Record<string, string>>
  readonly #folder: string

  /** `nodeOptions`: more options of Node for the program. */
  constructor(nodeOptions = "") {
    this.#folder = makeTempFolder("faults")
    // The program may give its privileges up.
    chmodSync(this.#folder, 0o777)
    this.env = { NODE_OPTIONS: `--import=${PRELOADED} ${nodeOptions}`, HOLDFAST_TEST_FAULTS: this.#folder }
  }

  /** Numbers of the threads that were started so far, those that have ended among them. */
  threads(): number[] {
    const files = existsSync(this.#folder) ? readdirSync(this.#folder) : []
    const sockets = files.filter((file) => file.endsWith(".sock"))
    return sockets.map((file) => Number.parseInt(file, 10)).sort((a, b) => a - b)
  }

  /** Numbers of the threads that run. */
  async living(): Promise<number[]> {
    const living: number[] = []
    for (const thread of this.threads()) if (await this.isAlive(thread)) living.push(thread)
    return living
  }

  async isAlive(thread: number): Promise<boolean> {
    return this.#say(thread, "sockets").then(
      () => true,
      () => false,
    )
  }

  /** How many TCP connections the thread has open. */
  async sockets(thread: number): Promise<number> {
    return Number(await this.#say(thread, "sockets"))
  }

  /** How many addresses the generations name that the thread still has in memory. */
  async addresses(thread: number): Promise<number> {
    return Number(await this.#say(thread, "names"))
  }

  /** Whether workers that are started from now on die at once. */
  set isPoisoned(isPoisoned: boolean) {
    this.#set("poison", isPoisoned)
  }

  /** Whether workers that are started wait before they do anything. */
  set isSlow(isSlow: boolean) {
    this.#set("slow", isSlow)
  }

  #set(word: string, isOn: boolean): void {
    const file = join(this.#folder, word)
    if (isOn) writeFileSync(file, "")
    else rmSync(file, { force: true })
  }

  /** Resolves when the thread waits. */
  async waiting(thread: number): Promise<void> {
    while (!existsSync(join(this.#folder, `${thread}.waiting`)))
      await new Promise((resolve) => setTimeout(resolve, 5))
  }

  async inject(thread: number, fault: Fault): Promise<void> {
    await this.#say(thread, fault)
  }

  /** Resolves with the number of a thread that was started after `before`. */
  async nextThread(before: number): Promise<number> {
    for (;;) {
      const found = this.threads().find((thread) => thread > before)
      if (found !== undefined && (await this.isAlive(found))) return found
      await new Promise((resolve) => setImmediate(resolve))
    }
  }

  #say(thread: number, command: string): Promise<string> {
    return new Promise((resolve, reject) => {
      let answer = ""
      const socket = connect(join(this.#folder, `${thread}.sock`))
      socket.setEncoding("latin1").on("data", (text: string) => {
        answer += text
      })
      socket.once("error", reject)
      socket.once("close", () => (answer === "" ? reject(new Error("no answer")) : resolve(answer)))
      socket.write(command)
    })
  }
}

export interface FaultyProxy {
  readonly faults: Faults
  readonly proxy: ProxyUnderTest
}

export async function startFaultyProxy(setup: ProxySetup, nodeOptions = ""): Promise<FaultyProxy> {
  const faults = new Faults(nodeOptions)
  return { faults, proxy: await startProxy({ ...setup, env: faults.env }) }
}
