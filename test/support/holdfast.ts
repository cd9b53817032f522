import { spawn } from "node:child_process"
import { fileURLToPath } from "node:url"
import { type Edge, type EdgeOptions, type EdgeProgram, prependDirectives, startEdge } from "./edge.ts"

/** The program of this checkout. */
export const HOLDFAST = fileURLToPath(new URL("../../bin/holdfast", import.meta.url))

/** Holdfast from this checkout, with every file that it writes below the prefix. */
export const holdfastProgram: EdgeProgram = {
  name: "holdfast",
  command: HOLDFAST,
  prepare(config, prefix) {
    return prependDirectives(config, {
      daemon: "off",
      worker_processes: "1",
      pid: `${prefix}/holdfast.pid`,
      error_log: `${prefix}/error.log info`,
    })
  },
}

/**
 * Starts Holdfast on `config` (`{prefix}` in it stands for the prefix folder) and waits until its pid file
 * is there, which means that all listeners accept. Rejects with its messages when it ends first.
 */
export async function startHoldfast(config: string, options: EdgeOptions = {}): Promise<Edge> {
  return startEdge(holdfastProgram, config, options)
}

/** What a program that ran to its end has left. */
export interface RunResult {
  readonly status: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

export interface RunOptions {
  readonly cwd?: string
  readonly env?: Readonly<Record<string, string>>
  readonly input?: string
}

/** Runs Holdfast to its end, for `-t`, `-T`, `-v`, `-s` and errors at the start. Output is latin1. */
export async function runHoldfast(args: readonly string[], options: RunOptions = {}): Promise<RunResult> {
  return run(HOLDFAST, args, options)
}

/** Runs any program to its end. Rejects only when it cannot be started. */
export function run(command: string, args: readonly string[], options: RunOptions = {}): Promise<RunResult> {
  return new Promise((resolve, reject) => {
    const env = { ...process.env, ...options.env }
    const child = spawn(command, [...args], { cwd: options.cwd, env, stdio: ["pipe", "pipe", "pipe"] })
    let stdout = ""
    let stderr = ""
    child.stdout.setEncoding("latin1").on("data", (text: string) => {
      stdout += text
    })
    child.stderr.setEncoding("latin1").on("data", (text: string) => {
      stderr += text
    })
    // A program that ends without reading its input is no error of the test.
    child.stdin.on("error", () => {})
    child.stdin.end(options.input ?? "", "latin1")
    child.once("error", reject)
    child.once("close", (status, signal) => resolve({ status, signal, stdout, stderr }))
  })
}
