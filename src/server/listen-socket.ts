/** How a listening socket is opened: what the system is asked, and unix sockets that take a path over. */
import { readFileSync, renameSync, rmSync, statSync } from "node:fs"
import net from "node:net"
import { errnoText } from "../base/errno.ts"
import { HoldfastError } from "../base/error.ts"
import { toSystemPath } from "../config/sources.ts"
import { type Keepalive, type Listen, MAX_SOCKET_PATH_BYTES } from "../modules/core/listen.ts"

/** The backlog that nginx asks for. */
const DEFAULT_BACKLOG = 511

/** How the system is asked; `isExclusive` for the supervisor's look whether an address is free. */
export function listenOptions(listen: Listen, isExclusive = false): net.ListenOptions {
  const backlog = listen.backlog ?? DEFAULT_BACKLOG
  if (listen.path !== "")
    return { path: systemPath(listen.path), backlog, readableAll: true, writableAll: true }
  return {
    host: listen.host,
    port: listen.port,
    backlog,
    exclusive: true,
    ipv6Only: listen.host.includes(":") && listen.ipv6Only,
    reusePort: !isExclusive,
  }
}

/**
 * Listens with `server`; `done` is called when it accepts. A unix socket is made under another name and moved to
 * its path: an older one that is there (of a worker that died, of the program that this one replaces) is taken
 * over without a moment in which there is none, and libuv, which removes the name that it was given as it closes,
 * does not remove what is there by then. Whether the path was free is for the supervisor to find out.
 */
export function listenOn(server: net.Server, listen: Listen, done: () => void): void {
  const options = listenOptions(listen)
  const { path } = options
  const unfinished = `${path}.${process.pid}`
  if (path === undefined || Buffer.byteLength(unfinished) > MAX_SOCKET_PATH_BYTES) {
    server.listen(options, done)
    return
  }
  rmSync(unfinished, { force: true })
  server.listen({ ...options, path: unfinished }, () => {
    try {
      renameSync(unfinished, path)
      done()
    } catch (error) {
      server.emit("error", error)
    }
  })
}

/** A path of the configuration as the calls for sockets want it, which take no bytes. */
export function systemPath(path: string): string {
  return Buffer.from(path, "latin1").toString("utf8")
}

/** Undefined when `listen` could be listened on just now by somebody who shares it with nobody. */
function bindError(listen: Listen): Promise<NodeJS.ErrnoException | undefined> {
  return new Promise((resolve) => {
    const server = net.createServer()
    server.once("error", resolve)
    server.listen(listenOptions(listen, true), () => server.close(() => resolve(undefined)))
  })
}

/** How often an address in use is tried again, as nginx does. */
const BIND_TRIES = 5
const BIND_RETRY_MS = 500

/**
 * Refuses addresses that another program has: workers share theirs, so that they would not notice. `onBusy` is
 * told each time that an address is in use. Throws LISTEN in nginx's words.
 */
export async function probeAddresses(
  listens: readonly Listen[],
  onBusy: (message: string) => void,
): Promise<void> {
  for (let tries = BIND_TRIES; ; tries--) {
    let isBusy = false
    for (const listen of listens) {
      const error = await bindError(listen)
      if (error === undefined) continue
      const message = `bind() to ${listen.key} failed (${errnoText(error)})`
      if (error.code !== "EADDRINUSE") throw new HoldfastError("LISTEN", message)
      onBusy(message)
      isBusy = true
    }
    if (!isBusy) return
    if (tries <= 1) throw new HoldfastError("LISTEN", "still could not bind()")
    await new Promise((resolve) => setTimeout(resolve, BIND_RETRY_MS))
  }
}

/** Paths of unix sockets that this program listens on: it removes them, but not what another has put there since. */
export class SocketPaths {
  readonly #inodes = new Map<string, string>()

  /** The sockets at these paths are ours; those at others that were are removed. */
  own(paths: ReadonlySet<string>): void {
    for (const path of this.#inodes.keys()) if (!paths.has(path)) this.#remove(path)
    for (const path of paths) {
      const inode = inodeOf(path)
      if (inode !== undefined) this.#inodes.set(path, inode)
    }
  }

  removeAll(): void {
    this.own(new Set())
  }

  #remove(path: string): void {
    const inode = this.#inodes.get(path)
    this.#inodes.delete(path)
    if (inode !== inodeOf(path)) return
    try {
      rmSync(toSystemPath(path), { force: true })
    } catch {
      // A process that gave its privileges up may not be allowed to: it stays, as after an end by force.
    }
  }
}

/** Names what is at the path of a unix socket now; undefined where there is no socket. */
export function inodeOf(path: string): string | undefined {
  const found = statSync(toSystemPath(path), { throwIfNoEntry: false })
  return found?.isSocket() ? `${found.dev}:${found.ino}` : undefined
}

/** The system's times of TCP keep-alive, in milliseconds, and its number of probes. tcp(7). */
export interface KeepaliveTimes {
  readonly idleMs: number
  readonly intervalMs: number
  readonly count: number
}

/** Those of Linux, or the usual ones (RFC 1122 §4.2.3.6). */
export function systemKeepalive(): KeepaliveTimes {
  return {
    idleMs: sysctl("tcp_keepalive_time", 7200) * 1000,
    intervalMs: sysctl("tcp_keepalive_intvl", 75) * 1000,
    count: sysctl("tcp_keepalive_probes", 9),
  }
}

function sysctl(name: string, usual: number): number {
  try {
    return Number(readFileSync(`/proc/sys/net/ipv4/${name}`, "latin1")) || usual
  } catch {
    return usual
  }
}

/** Sets `so_keepalive` on an accepted connection: where Node is given only a part, it has a mind of its own. */
export function setKeepalive(socket: net.Socket, keepalive: Keepalive, system: KeepaliveTimes): void {
  socket.setKeepAlive(
    keepalive.isOn,
    keepalive.idleMs ?? system.idleMs,
    keepalive.intervalMs ?? system.intervalMs,
    keepalive.count ?? system.count,
  )
}
