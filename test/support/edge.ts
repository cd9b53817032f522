import { type ChildProcess, spawn } from "node:child_process"
import { mkdirSync, readFileSync, utimesSync, watch, writeFileSync } from "node:fs"
import { join } from "node:path"
import { makeTempFolder, removeTempFolder } from "./temp.ts"

/** How a program ended: its exit code, or the signal that ended it. */
export interface ExitStatus {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

export interface EdgeOptions {
  /** The prefix folder; made by the caller, who also removes it. Without it a temporary one is made. */
  readonly prefix?: string
  /** More arguments for the command line, after `-c` and `-p`. */
  readonly args?: readonly string[]
  /** More environment variables. */
  readonly env?: Readonly<Record<string, string>>
  /** Resolve when standard error or the error log matches this, instead of when the pid file is there. */
  readonly waitFor?: RegExp
  /** Files to write below the prefix before the start: path to content (latin1). */
  readonly files?: Readonly<Record<string, string>>
  /** How long a start, a log line or a stop may take before it counts as failed. Milliseconds. */
  readonly deadlineMs?: number
}

/** What differs between the programs under test. */
export interface EdgeProgram {
  readonly name: string
  readonly command: string
  /** Completes the configuration; must not add lines, so that line numbers in messages stay. */
  prepare(config: string, prefix: string): string
}

const DEFAULT_DEADLINE_MS = 15_000

/**
 * A running edge (Holdfast or nginx) with its own prefix folder. The pid file's appearance means that all
 * listeners accept. Owns the process, and the prefix folder unless the caller gave one.
 */
export class Edge {
  readonly name: string
  readonly prefix: string
  readonly configFile: string
  readonly errorLogFile: string
  /** Resolves when the process has ended; never rejects. */
  readonly exit: Promise<ExitStatus>
  readonly #child: ChildProcess
  readonly #ownsPrefix: boolean
  readonly #deadlineMs: number
  readonly #killOnExit: () => void
  #stdout = ""
  #stderr = ""
  #exited: ExitStatus | undefined = undefined
  #onStderr: (() => void) | undefined = undefined

  constructor(program: EdgeProgram, config: string, options: EdgeOptions) {
    this.name = program.name
    this.prefix = options.prefix ?? makeTempFolder(program.name)
    this.#ownsPrefix = options.prefix === undefined
    this.#deadlineMs = options.deadlineMs ?? DEFAULT_DEADLINE_MS
    this.configFile = join(this.prefix, `${program.name}.conf`)
    this.errorLogFile = join(this.prefix, "error.log")
    mkdirSync(join(this.prefix, "logs"), { recursive: true })
    for (const [path, content] of Object.entries(options.files ?? {})) writeBelow(this.prefix, path, content)
    this.writeConfig(program, config)
    const args = ["-c", this.configFile, "-p", this.prefix, ...(options.args ?? [])]
    const env = { ...process.env, ...options.env }
    this.#child = spawn(program.command, args, { stdio: ["ignore", "pipe", "pipe"], env })
    // Not SIGKILL: a master killed by force would leave its workers behind.
    this.#killOnExit = () => this.#child.kill("SIGTERM")
    process.setMaxListeners(0)
    process.once("exit", this.#killOnExit)
    this.#collectOutput()
    this.exit = this.#watchExit()
  }

  /** The pid of the process that was started. */
  get pid(): number {
    return this.#child.pid ?? -1
  }

  /** All of standard output so far, as latin1. */
  get stdout(): string {
    return this.#stdout
  }

  /** All of standard error so far, as latin1. */
  get stderr(): string {
    return this.#stderr
  }

  /** How the process ended, or undefined while it runs. */
  get exited(): ExitStatus | undefined {
    return this.#exited
  }

  /** Completes `config` as at the start and puts it in place of the configuration file, for a reload. */
  writeConfig(program: EdgeProgram, config: string): void {
    const text = program.prepare(config.replaceAll("{prefix}", this.prefix), this.prefix)
    writeFileSync(this.configFile, text, "latin1")
  }

  /** The error log's text so far; empty when there is none. */
  errorLog(): string {
    return this.readFile("error.log")
  }

  /** A file below the prefix as latin1; empty when there is none. */
  readFile(path: string): string {
    try {
      return readFileSync(join(this.prefix, path), "latin1")
    } catch (error) {
      // Not asked for before: it may be renamed at any moment.
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return ""
      throw error
    }
  }

  /** The pid file's content, or undefined while it is not there or not whole. */
  readPidFile(): number | undefined {
    const text = this.readFile(`${this.name}.pid`)
    return /^\d+\n$/.test(text) ? Number(text) : undefined
  }

  /**
   * Waits until the error log (or standard error) matches, and returns the match. Rejects, with all of the
   * log in the message, when the process ends first or the deadline passes.
   */
  async waitForLog(pattern: RegExp): Promise<RegExpMatchArray> {
    return this.waitUntil(`log line ${pattern}`, () => {
      const text = this.errorLog() + this.#stderr
      return text.match(pattern) ?? undefined
    })
  }

  /** As `waitForLog`, for any file below the prefix. */
  async waitForFile(path: string, pattern: RegExp): Promise<RegExpMatchArray> {
    return this.waitUntil(`${pattern} in ${path}`, () => this.readFile(path).match(pattern) ?? undefined)
  }

  /** Waits until `probe` returns something; it is asked after every change in the prefix's folders. */
  async waitUntil<T>(what: string, probe: () => T | undefined): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const watchers = [this.prefix, join(this.prefix, "logs")].map((folder) => watch(folder, () => check()))
      const deadline = setTimeout(() => fail("did not come in time"), this.#deadlineMs)
      const previous = this.#onStderr
      const settle = (): void => {
        for (const watcher of watchers) watcher.close()
        clearTimeout(deadline)
        this.#onStderr = previous
      }
      const fail = (why: string): void => {
        settle()
        reject(new Error(`${this.name}: ${what} ${why}\n${this.#stderr}${this.errorLog()}`))
      }
      const check = (): void => {
        const found = probe()
        if (found === undefined) return
        settle()
        resolve(found)
      }
      this.#onStderr = () => {
        previous?.()
        check()
      }
      this.exit.then((status) => {
        check()
        fail(`did not come before the end (${status.signal ?? status.code})`)
      })
      check()
    })
  }

  signal(name: NodeJS.Signals): void {
    this.#child.kill(name)
  }

  /** Sends `signal`, waits for the end, removes the folder that it made. An end by force is an error. */
  async stop(signal: NodeJS.Signals = "SIGTERM"): Promise<ExitStatus> {
    if (this.#exited === undefined) this.#child.kill(signal)
    let forced = false
    const deadline = setTimeout(() => {
      forced = true
      this.#child.kill("SIGKILL")
    }, this.#deadlineMs)
    const status = await this.exit
    clearTimeout(deadline)
    const log = forced ? this.#stderr + this.errorLog() : ""
    if (this.#ownsPrefix) removeTempFolder(this.prefix)
    if (forced) throw new Error(`${this.name} did not end on ${signal}\n${log}`)
    return status
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }

  #collectOutput(): void {
    this.#child.stdout?.setEncoding("latin1").on("data", (text: string) => {
      this.#stdout += text
      this.#onStderr?.()
    })
    this.#child.stderr?.setEncoding("latin1").on("data", (text: string) => {
      this.#stderr += text
      this.#onStderr?.()
    })
  }

  #watchExit(): Promise<ExitStatus> {
    return new Promise((resolve) => {
      const end = (code: number | null, signal: NodeJS.Signals | null): void => {
        process.off("exit", this.#killOnExit)
        this.#exited = { code, signal }
        resolve(this.#exited)
      }
      this.#child.once("error", (error) => {
        this.#stderr += `${error.message}\n`
        end(127, null)
      })
      // "close" comes after all output has been read, so that a message of the last moment is not lost.
      this.#child.once("close", end)
    })
  }
}

/** Starts an edge and waits until it accepts. Rejects with its messages when it ends first. */
export async function startEdge(program: EdgeProgram, config: string, options: EdgeOptions): Promise<Edge> {
  const edge = new Edge(program, config, options)
  try {
    if (options.waitFor !== undefined) await edge.waitForLog(options.waitFor)
    else await edge.waitUntil("pid file", () => edge.readPidFile())
    return edge
  } catch (error) {
    await edge.stop()
    throw error
  }
}

/** Puts `directives` at the head of a configuration, on its first line. Those that it has itself are left out. */
export function prependDirectives(config: string, directives: Readonly<Record<string, string>>): string {
  let head = ""
  for (const [name, value] of Object.entries(directives)) {
    if (!hasMainDirective(config, name)) head += `${name} ${value}; `
  }
  return head + config
}

/** Whether `name` stands in a configuration outside of all blocks. Good enough for the tests' own texts. */
export function hasMainDirective(config: string, name: string): boolean {
  let depth = 0
  for (const part of config.replaceAll(/#.*$/gm, "").split(/([{};])/)) {
    if (part === "{") depth++
    else if (part === "}") depth--
    else if (depth === 0 && part.trim().split(/\s/)[0] === name) return true
  }
  return false
}

/** The time of all files and their folders, in seconds: what is made of it is the same on each edge. */
const WRITTEN_SECONDS = 1_600_000_000

function writeBelow(prefix: string, path: string, content: string): void {
  const file = join(prefix, path)
  mkdirSync(join(file, ".."), { recursive: true })
  writeFileSync(file, content, "latin1")
  for (let at = file; at.length > prefix.length; at = join(at, ".."))
    utimesSync(at, WRITTEN_SECONDS, WRITTEN_SECONDS)
}
