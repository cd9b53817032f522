/** Finds a running program: its pid file, and the socket that it tells its status on. */
import { readFileSync } from "node:fs"
import { resolve } from "node:path"
import { errnoText } from "../base/errno.ts"
import { HoldfastError } from "../base/error.ts"
import { readConfiguration } from "../check/input.ts"
import { statusPathOf } from "../server/status-path.ts"

/** How the program is named. */
export type ProgramName =
  | { readonly by: "configuration"; readonly file: string; readonly prefix: string }
  | { readonly by: "pid"; readonly pidPath: string }
  | { readonly by: "socket"; readonly socketPath: string }

export interface FoundProgram {
  /** Undefined where only the socket is known. */
  readonly pid: number | undefined
  readonly socketPath: string
}

/** Throws PROCESS where none runs, or none that can be asked; FILE and SYNTAX where the configuration cannot be read. */
export function findProgram(name: ProgramName): FoundProgram {
  if (name.by === "socket") return { pid: undefined, socketPath: name.socketPath }
  if (name.by === "pid") return { pid: livingProcess(name.pidPath), socketPath: statusPathOf(name.pidPath) }
  const { pidPath, socketPath } = pathsOf(name.file, name.prefix)
  const pid = livingProcess(pidPath)
  if (socketPath === null)
    throw new HoldfastError("PROCESS", `process ${pid} runs, but status_socket is off in ${name.file}`)
  return { pid, socketPath }
}

/**
 * What a configuration says of both paths. It is read as `holdfast check` reads, not built: a configuration with an
 * error, which a reload has refused, is one more reason to ask.
 */
function pathsOf(file: string, prefix: string): { pidPath: string; socketPath: string | null } {
  const { root } = readConfiguration(file)
  const last = (name: string): string | undefined => root.own(name).at(-1)?.args[0]
  const pidPath = resolve(prefix, last("pid") ?? "logs/holdfast.pid")
  const socket = last("status_socket")
  if (socket === "off") return { pidPath, socketPath: null }
  return { pidPath, socketPath: socket === undefined ? statusPathOf(pidPath) : resolve(prefix, socket) }
}

/** The process of a pid file. */
function livingProcess(pidPath: string): number {
  let text: string
  try {
    text = readFileSync(pidPath, "latin1").trim()
  } catch (error) {
    const reason = errnoText(error as NodeJS.ErrnoException)
    throw new HoldfastError("PROCESS", `nothing runs: open() "${pidPath}" failed (${reason})`)
  }
  const pid = Number(text)
  if (!Number.isInteger(pid) || pid <= 0)
    throw new HoldfastError("PROCESS", `"${pidPath}" has no process number`)
  if (!isAlive(pid))
    throw new HoldfastError(
      "PROCESS",
      `nothing runs: "${pidPath}" is left over from process ${pid}, which has ended`,
    )
  return pid
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM"
  }
}
