/** Asks a running program for its status. */
import net from "node:net"
import { errnoText } from "../base/errno.ts"
import { HoldfastError } from "../base/error.ts"
import type { FoundProgram } from "./find-program.ts"

/** How long the whole answer may take, in milliseconds. */
const LIMIT_MS = 10_000
/** An answer has some kilobytes, and some hundred for each thousand of locations or peers. */
const MAX_BYTES = 64 * 1024 * 1024

/** The document as it came. Throws PROCESS with what is in the way; `signal` ends the asking. */
export function ask(program: FoundProgram, signal?: AbortSignal): Promise<string> {
  const { socketPath } = program
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let bytes = 0
    const socket = net.connect({ path: socketPath, ...(signal && { signal }) })
    const fail = (text: string): void => {
      settle()
      reject(new HoldfastError("PROCESS", text))
    }
    const settle = (): void => {
      clearTimeout(limit)
      socket.destroy()
    }
    const limit = setTimeout(
      () => fail(`"${socketPath}" gave no whole answer within ${LIMIT_MS / 1000} seconds`),
      LIMIT_MS,
    )
    socket.on("data", (chunk) => {
      bytes += chunk.length
      if (bytes > MAX_BYTES) fail(`the answer of "${socketPath}" is longer than ${MAX_BYTES} bytes`)
      else chunks.push(chunk)
    })
    socket.once("error", (error: NodeJS.ErrnoException) => fail(connectFailure(program, error)))
    socket.once("end", () => {
      if (bytes === 0) return fail(`"${socketPath}" was closed without an answer: too many ask at a time`)
      settle()
      resolve(Buffer.concat(chunks).toString("utf8"))
    })
  })
}

function connectFailure({ pid, socketPath }: FoundProgram, error: NodeJS.ErrnoException): string {
  const { code } = error
  const runs = pid === undefined ? "" : `process ${pid} runs, but `
  if (code === "ENOENT" && pid !== undefined)
    return `${runs}has no status socket "${socketPath}": its status_socket is off or elsewhere, or it is no Holdfast that has one`
  if (code === "ECONNREFUSED") return `${runs}nobody listens on "${socketPath}"`
  if (code === "EACCES" || code === "EPERM")
    return `${runs}"${socketPath}" is for its owner alone: ask as the user who started the program, or as root`
  return `${runs}connect() to "${socketPath}" failed (${errnoText(error)})`
}
