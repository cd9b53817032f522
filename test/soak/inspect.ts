import { readdirSync, readFileSync } from "node:fs"
import { connect } from "node:net"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import type { ThreadMeasure, ThreadPorts } from "./inspector.ts"

/** The environment of a program whose threads are to be asked; their sockets are made in `folder`. */
export function inspectedEnvironment(folder: string): Record<string, string> {
  const inspector = new URL("./inspector.ts", import.meta.url).href
  return {
    NODE_OPTIONS: `--import=${inspector} --disable-warning=ExperimentalWarning`,
    SOAK_FOLDER: folder,
    // Translating the sources anew in each thread is no part of what is looked at.
    NODE_COMPILE_CACHE: fileURLToPath(new URL("../../node_modules/.cache/holdfast", import.meta.url)),
  }
}

export function measureThreads(folder: string): Promise<ThreadMeasure[]> {
  return askThreads<ThreadMeasure>(folder, "measure")
}

export function acceptedPorts(folder: string): Promise<ThreadPorts[]> {
  return askThreads<ThreadPorts>(folder, "ports")
}

async function askThreads<Answer>(folder: string, command: string): Promise<Answer[]> {
  const sockets = readdirSync(folder).filter((name) => name.endsWith(".inspect"))
  const answers = await Promise.all(sockets.map((name) => ask(join(folder, name), command)))
  return answers.filter((text) => text !== "").map((text) => JSON.parse(text) as Answer)
}

/** "" where the thread is no longer there. */
function ask(path: string, command: string): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(path)
    let text = ""
    socket.setEncoding("latin1").on("data", (part: string) => {
      text += part
    })
    socket.on("error", () => {})
    socket.on("close", () => resolve(text))
    socket.write(command)
  })
}

/** Resident memory of a process, bytes. */
export function residentBytes(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, "latin1")
  return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1] ?? 0) * 1024
}
