/** Reads a configuration and builds everything of it, as `-t`, the start and each reload do. */
import { lookup } from "node:dns/promises"
import { availableParallelism } from "node:os"
import { HoldfastError } from "../base/error.ts"
import { mergedConf } from "../config/merge.ts"
import { Sources } from "../config/sources.ts"
import type { Reading } from "../config/walker.ts"
import { type EnvironmentSetting, mainDirectives, type UserSetting } from "../modules/core/main-directives.ts"
import { createTempPaths, tempPathsOf } from "../runtime/temp-path.ts"
import { MAX_WORKERS } from "../upstream/zone.ts"
import { buildGeneration, disposeGeneration, type Generation } from "./generation.ts"
import type { ConfigurationPayload } from "./messages.ts"
import { userNumber } from "./privileges.ts"
import { read } from "./read.ts"
import type { Services } from "./services.ts"
import { statusPathOf } from "./status-path.ts"

export interface CheckRequest {
  readonly file: string
  readonly prefix: string
  readonly parameter: string
  readonly services: Services
  readonly number: number
  readonly memory: Map<string, SharedArrayBuffer>
  /** Takes warnings in nginx's form, with file and line. */
  readonly onWarning: (text: string) => void
}

/** A configuration that holds. */
export interface Checked {
  readonly generation: Generation
  readonly payload: ConfigurationPayload
  readonly workers: number
  readonly pidPath: string
  /** Of the status socket; null: there is to be none. */
  readonly statusPath: string | null
  readonly user: UserSetting | undefined
  readonly openFiles: number | undefined
  readonly environment: readonly EnvironmentSetting[]
  readonly isDaemon: boolean
  /** The files that were read, in order, for `-T`. */
  readonly sources: Sources
  /** Gives back what this thread's own building of it took. To be called once, when it is in force no more. */
  readonly dispose: () => void
}

/** Throws the first HoldfastError. */
export async function checkConfiguration(request: CheckRequest): Promise<Checked> {
  const { file, prefix, parameter, services, number, memory } = request
  const sources = new Sources()
  const reading = read({
    sources,
    file,
    prefix,
    parameter,
    warn: (message, { file, line }) => request.onWarning(`${message} in ${file}:${line}`),
  })
  const hosts = await resolveHosts(reading)
  services.hosts = hosts
  const { result: generation, release } = services.logFiles.lease(() =>
    buildGeneration(reading, { number, prefix, services, previous: null, onWarning: request.onWarning }),
  )
  // ngx_event_init_conf. A file that was cut off in the middle must not close every port.
  if (reading.main.blocks("events").length === 0) {
    release()
    throw new HoldfastError("DIRECTIVE", 'no "events" section in configuration')
  }
  const conf = mergedConf(reading.main, mainDirectives, reading.defaults)
  try {
    makeTempFolders(reading, conf.user)
  } catch (error) {
    release()
    throw error
  }
  const workers = conf.master_process
    ? conf.worker_processes === "auto"
      ? Math.min(availableParallelism(), MAX_WORKERS)
      : conf.worker_processes
    : 1
  const pidPath = conf.pid ?? `${prefix}logs/holdfast.pid`
  return {
    generation,
    payload: { number, file, prefix, parameter, record: sources.record, hosts, memory },
    workers,
    pidPath,
    statusPath: conf.status_socket === undefined ? statusPathOf(pidPath) : conf.status_socket,
    user: conf.user,
    openFiles: conf.worker_rlimit_nofile,
    environment: conf.env,
    isDaemon: conf.daemon,
    sources,
    dispose: () => {
      disposeGeneration(generation)
      release()
    },
  }
}

/** The folders for temporary files that the configuration names, as the user's who will write to them. */
function makeTempFolders(reading: Reading, user: UserSetting | undefined): void {
  const directive = reading.main.blocks("http")[0]?.directive
  if (directive === undefined || directive === null) return
  const paths = tempPathsOf(reading.context(directive, reading.main))
  const owner =
    user !== undefined && process.geteuid?.() === 0 && paths.size > 0 ? userNumber(user) : undefined
  createTempPaths(paths.values(), owner)
}

/** Names that cannot be resolved are left out: whoever needs one says so at its line. */
async function resolveHosts(reading: Reading): Promise<Map<string, readonly string[]>> {
  const hosts = new Map<string, readonly string[]>()
  const resolve = async (host: string): Promise<void> => {
    try {
      const found = await lookup(host, { all: true })
      hosts.set(host, [...new Set(found.map(({ address }) => address))])
    } catch {
      // No entry: "host not found" is said where the name stands.
    }
  }
  await Promise.all([...reading.hosts.keys()].map(resolve))
  return hosts
}
