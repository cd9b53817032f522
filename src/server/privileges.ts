/** What only a privileged process may do, and giving the privilege up. */
import { spawnSync } from "node:child_process"
import { HoldfastError } from "../base/error.ts"
import { ALERT, type Logger, WARN } from "../base/logger.ts"
import type { UserSetting } from "../modules/core/main-directives.ts"

/** Who a process may be. */
interface Identity {
  readonly user: number
  readonly group: number
}

/**
 * The rights of the process: those that it was started with, or those of `user`, which it has in ordinary times. All
 * threads have the same, and root stays the saved user: a reload reads keys that only root may read, and a worker that
 * replaces another opens its ports and logs again, as nginx's master process does.
 */
export class Privileges {
  readonly #log: (level: number, text: string) => void
  /** Null: whoever started the program. */
  #identity: Identity | null = null
  #name = ""
  /** How many need the full rights just now. */
  #needs = 0

  constructor(log: (level: number, text: string) => void) {
    this.#log = log
  }

  /**
   * Looks up who `setting` names, and returns the step that becomes it, once nobody needs more. The look-up throws
   * PROCESS in nginx's words. A process that is not privileged stays what it is, with a warning, as nginx does.
   */
  become(setting: UserSetting | undefined): () => void {
    if (setting === undefined) return () => this.#change("", null)
    if (process.getuid?.() !== 0) {
      this.#log(
        WARN,
        'the "user" directive makes sense only if the master process runs with super-user privileges, ignored',
      )
      return () => {}
    }
    const user = userNumber(setting)
    const group =
      setting.group === undefined
        ? identify("-g", setting.user, `getpwnam("${setting.user}") failed`)
        : groupNumber(setting.group)
    return () => this.#change(setting.user, { user, group })
  }

  /** Does `work` with the rights that the program was started with. */
  async regain<T>(work: () => Promise<T>): Promise<T> {
    this.#raise()
    try {
      return await work()
    } finally {
      this.#lower()
    }
  }

  /** The same for what is done at once. */
  regainFor<T>(work: () => T): T {
    this.#raise()
    try {
      return work()
    } finally {
      this.#lower()
    }
  }

  #change(name: string, identity: Identity | null): void {
    this.#name = name
    this.#identity = identity
    if (this.#needs === 0) this.#drop()
  }

  #raise(): void {
    if (this.#needs++ > 0 || this.#identity === null) return
    process.seteuid?.(0)
    process.setegid?.(0)
  }

  #lower(): void {
    if (--this.#needs === 0) this.#drop()
  }

  /** Groups first: whoever is no longer root cannot change them. */
  #drop(): void {
    const identity = this.#identity
    if (identity === null) return
    attempt(`initgroups(${this.#name}, ${identity.group})`, () =>
      (process as ProcessWithGroups).initgroups(this.#name, identity.group),
    )
    attempt(`setegid(${identity.group})`, () => process.setegid?.(identity.group))
    attempt(`seteuid(${identity.user})`, () => process.seteuid?.(identity.user))
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

/** The number of the user that `setting` names. Throws PROCESS in nginx's words. */
export function userNumber(setting: UserSetting): number {
  return identify("-u", setting.user, `getpwnam("${setting.user}") failed`)
}

function identify(option: "-u" | "-g", name: string, failure: string): number {
  const found = spawnSync("id", [option, name], { encoding: "utf8" })
  if (found.status !== 0) throw new HoldfastError("PROCESS", failure)
  return Number(found.stdout.trim())
}

function groupNumber(name: string): number {
  const found = spawnSync("getent", ["group", name], { encoding: "utf8" })
  const number = found.stdout?.split(":")[2]
  if (found.status !== 0 || number === undefined)
    throw new HoldfastError("PROCESS", `getgrnam("${name}") failed`)
  return Number(number)
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
