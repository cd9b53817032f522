import { spawn } from "node:child_process"
import { existsSync, writeFileSync } from "node:fs"
import { connect } from "node:net"
import { join } from "node:path"
import { makeTempFolder, removeTempFolder } from "./temp.ts"

const HAPROXY = "/usr/sbin/haproxy"

/** Why nothing can be tried on HAProxy here, or false when it can: made for node:test's `skip`. */
export function haproxyMissing(): string | false {
  return existsSync(HAPROXY) ? false : `${HAPROXY} is not installed (Debian: apt-get install haproxy)`
}

/** A running HAProxy. */
export interface Haproxy {
  stop(): Promise<void>
}

const DEADLINE_MS = 15_000

/**
 * Starts Debian's HAProxy on `config` (`{prefix}` in it stands for a temporary folder) and waits until `port` of it
 * accepts. `files`: what to write below that folder before, as latin1.
 */
export async function startHaproxy(
  config: string,
  port: number,
  files: Readonly<Record<string, string>> = {},
): Promise<Haproxy> {
  const prefix = makeTempFolder("haproxy")
  for (const [name, text] of Object.entries(files)) writeFileSync(join(prefix, name), text, "latin1")
  const file = join(prefix, "haproxy.cfg")
  writeFileSync(file, config.replaceAll("{prefix}", prefix), "latin1")
  // -db: in the foreground, one process.
  const child = spawn(HAPROXY, ["-db", "-f", file], { stdio: ["ignore", "ignore", "pipe"] })
  let messages = ""
  child.stderr.setEncoding("latin1").on("data", (text: string) => {
    messages += text
  })
  const killOnExit = (): void => void child.kill("SIGKILL")
  process.once("exit", killOnExit)
  const exit = new Promise<void>((resolve) => child.once("close", () => resolve()))
  const stop = async (): Promise<void> => {
    child.kill("SIGKILL")
    await exit
    process.off("exit", killOnExit)
    removeTempFolder(prefix)
  }
  const deadline = Date.now() + DEADLINE_MS
  while (!(await accepts(port))) {
    if (child.exitCode === null && Date.now() < deadline) continue
    await stop()
    throw new Error(`HAProxy does not run:\n${messages}`)
  }
  return { stop }
}

/** HAProxy says nothing when it is ready: the port is asked, at most fifty times a second. */
function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1")
    socket.once("connect", () => {
      socket.destroy()
      resolve(true)
    })
    socket.once("error", () => setTimeout(resolve, 20, false))
  })
}
