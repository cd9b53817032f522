/** What only a privileged process may do, and giving the privilege up. */
import { spawnSync } from "node:child_process"
import { HoldfastError } from "../base/error.ts"
import { ALERT, type Logger, WARN } from "../base/logger.ts"
import type { UserSetting } from "../modules/core/main-directives.ts"

/**
 * Looks up who to become, and returns the step that becomes it, for all threads. The look-up throws PROCESS in
 * nginx's words. A process that is not privileged stays what it is, with a warning, as nginx does.
 */
export function privilegeDrop({ user, group }: UserSetting, log: Logger): () => void {
  if (process.geteuid?.() !== 0) {
    log.log(
      WARN,
      'the "user" directive makes sense only if the master process runs with super-user privileges, ignored',
    )
    return () => {}
  }
  const groupName = group ?? primaryGroup(user)
  return () => {
    attempt(`initgroups(${user}, ${groupName})`, () =>
      (process as ProcessWithGroups).initgroups(user, groupName),
    )
    attempt(`setgid(${groupName})`, () => process.setgid?.(groupName))
    attempt(`setuid(${user})`, () => process.setuid?.(user))
  }
}

/** Documented, but missing in Node's types. */
type ProcessWithGroups = NodeJS.Process & { initgroups(user: string, extraGroup: string | number): void }

function attempt(call: string, act: () => void): void {
  try {
    act()
  } catch (error) {
    throw new HoldfastError("PROCESS", `${call} failed (${(error as Error).message})`)
  }
}

function primaryGroup(user: string): string | number {
  const found = spawnSync("id", ["-g", user], { encoding: "utf8" })
  if (found.status !== 0) throw new HoldfastError("PROCESS", `getpwnam("${user}") failed`)
  return Number(found.stdout.trim())
}

/** Node has no call to set a limit of its own process: util-linux's prlimit does it. */
export function limitOpenFiles(count: number, log: Logger): void {
  const done = spawnSync("prlimit", ["--pid", String(process.pid), `--nofile=${count}:${count}`], {
    encoding: "utf8",
  })
  if (done.status === 0) return
  const reason = done.error?.message ?? done.stderr.trim()
  log.log(ALERT, `setrlimit(RLIMIT_NOFILE, ${count}) failed (${reason})`)
}
