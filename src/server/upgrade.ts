/** A new program beside the old one, so that the program can be replaced with its ports open: ngx_exec_new_binary. */
import { spawn } from "node:child_process"

/** Names, for the new program, who started it and which addresses it holds already. */
const VARIABLE = "HOLDFAST_UPGRADE"

/** What a program knows of the one that it is to replace. */
export interface OldProgram {
  readonly pid: number
  /** Keys of the addresses that it listens on: they are in use, and may be shared all the same. */
  readonly addresses: ReadonlySet<string>
}

/** Who started this program as its successor; undefined where nobody did. Takes it out of `environment`. */
export function takeOldProgram(environment: NodeJS.ProcessEnv): OldProgram | undefined {
  const text = environment[VARIABLE]
  delete environment[VARIABLE]
  if (text === undefined) return undefined
  const [pid, ...addresses] = text.split(" ")
  return { pid: Number(pid), addresses: new Set(addresses.map((key) => decodeURIComponent(key))) }
}

/**
 * Starts this program anew, as it is on disk now: the same arguments, standard input, output and error. It writes
 * a pid file of its own. `onEnd` is told, once, how it ended, or why it could not be started; its number is
 * undefined then.
 */
export function startNewProgram(
  addresses: readonly string[],
  onEnd: (how: string) => void,
): number | undefined {
  const own = [String(process.pid), ...addresses.map((key) => encodeURIComponent(key))]
  const child = spawn(process.execPath, [...process.execArgv, ...process.argv.slice(1)], {
    stdio: "inherit",
    env: { ...process.env, [VARIABLE]: own.join(" ") },
  })
  child.once("error", (error) => {
    if (child.pid === undefined) onEnd(`could not be started: ${error.message}`)
  })
  child.once("exit", (code, signal) =>
    onEnd(signal === null ? `exited with code ${code}` : `exited on signal ${signal}`),
  )
  return child.pid
}
