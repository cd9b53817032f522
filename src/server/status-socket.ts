/** The unix socket that `holdfast status` asks: each connection gets one document, and is closed. */
import { once } from "node:events"
import { chmodSync, lstatSync, mkdtempSync, renameSync, rmSync } from "node:fs"
import net from "node:net"
import { dirname, join } from "node:path"
import { errnoText } from "../base/errno.ts"
import { MAX_SOCKET_PATH_BYTES } from "../modules/core/listen.ts"
import { inodeOf, systemPath } from "./listen-socket.ts"

/** Connections that are answered at a time; more are closed without a word. */
const MAX_CONNECTIONS = 16
/** How long a client has to take its answer, the making of it included. */
const CLIENT_LIMIT_MS = 5000
/** How long a socket that is there has to accept before it counts as somebody's. */
const PROBE_LIMIT_MS = 1000

export interface StatusSocketHost {
  /** The document. May reject. */
  answer(): Promise<string>
  warn(text: string): void
}

export class StatusSocket {
  readonly #host: StatusSocketHost
  #server: net.Server | null = null
  /** Where it is; "" while there is none. */
  #path = ""
  #inode: string | undefined
  #isEnded = false
  /** The document that is being made: whoever asks meanwhile gets the same. */
  #answer: Promise<string> | null = null

  constructor(host: StatusSocketHost) {
    this.#host = host
  }

  /**
   * Has the socket at `path` (latin1), or nowhere (null). One that is there already stays; what cannot be done is a
   * warning. With the rights that the path needs.
   */
  async place(path: string | null): Promise<void> {
    if (path === this.#path && this.#isThere()) return
    this.#close()
    if (path === null) return
    const reason = await this.#open(path)
    if (reason !== undefined) this.#host.warn(`no status socket at "${path}": ${reason}`)
  }

  /** Gives the socket another name, while another program has its own at this one's place. */
  moveTo(path: string): void {
    if (this.#path === "" || !this.#isThere()) return
    try {
      renameSync(systemPath(this.#path), systemPath(path))
      this.#path = path
    } catch (error) {
      this.#host.warn(
        `rename() ${this.#path} to ${path} failed (${errnoText(error as NodeJS.ErrnoException)})`,
      )
    }
  }

  /** The path that it has now; "" while there is none. */
  get path(): string {
    return this.#path
  }

  /** There will be none any more. */
  end(): void {
    this.#isEnded = true
    this.#close()
  }

  /** Whether what is at the path is ours still. */
  #isThere(): boolean {
    return this.#inode !== undefined && inodeOf(this.#path) === this.#inode
  }

  #close(): void {
    this.#server?.close()
    this.#server = null
    if (this.#isThere()) remove(this.#path)
    this.#path = ""
    this.#inode = undefined
  }

  /** Returns the reason where it cannot be. */
  async #open(path: string): Promise<string | undefined> {
    if (path.length > MAX_SOCKET_PATH_BYTES)
      return `the path has ${path.length} bytes, that of a unix socket ${MAX_SOCKET_PATH_BYTES} at most: status_socket names another`
    try {
      const obstacle = await obstacleAt(systemPath(path))
      if (obstacle === undefined) await this.#listen(path)
      return obstacle
    } catch (error) {
      return this.#isEnded ? undefined : errnoText(error as NodeJS.ErrnoException)
    }
  }

  /**
   * Made in a folder that nobody else may enter, and moved to its place with its mode: there is no moment in which
   * others may connect, and a socket that nobody listens on any more is replaced in one step.
   */
  async #listen(path: string): Promise<void> {
    const folder = mkdtempSync(join(dirname(systemPath(path)), ".s-"))
    const unfinished = join(folder, "s")
    const server = net.createServer((socket) => this.#serve(socket))
    server.maxConnections = MAX_CONNECTIONS
    try {
      server.listen(unfinished)
      await once(server, "listening")
      server.on("error", (error) =>
        this.#host.warn(`accept() of the status socket failed (${error.message})`),
      )
      chmodSync(unfinished, 0o600)
      if (this.#isEnded) throw new Error("the program ends")
      renameSync(unfinished, systemPath(path))
    } catch (error) {
      server.close()
      throw error
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
    this.#server = server
    this.#path = path
    this.#inode = inodeOf(path)
  }

  #serve(socket: net.Socket): void {
    const limit = setTimeout(() => socket.destroy(), CLIENT_LIMIT_MS)
    socket.on("error", () => {})
    socket.once("close", () => clearTimeout(limit))
    // Whatever it says is no question.
    socket.resume()
    this.#answer ??= this.#host.answer().finally(() => {
      this.#answer = null
    })
    this.#answer.then(
      // What the system has is the client's, whether it reads it or not.
      (text) => socket.end(text, () => socket.destroy()),
      (error: Error) => {
        this.#host.warn(`no status could be told: ${error.message}`)
        socket.destroy()
      },
    )
  }
}

function remove(path: string): void {
  try {
    rmSync(systemPath(path), { force: true })
  } catch {
    // A process that gave its privileges up may not be allowed to: it stays, as after an end by force.
  }
}

/** Why there can be no socket at `path`; undefined where there can: nothing is there, or one that nobody has. */
async function obstacleAt(path: string): Promise<string | undefined> {
  const found = lstatSync(path, { throwIfNoEntry: false })
  if (found === undefined) return undefined
  if (!found.isSocket()) return "a file that is no socket is there"
  return (await isListening(path)) ? "another process listens there" : undefined
}

function isListening(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect(path)
    const settle = (isTaken: boolean): void => {
      clearTimeout(limit)
      socket.destroy()
      resolve(isTaken)
    }
    const limit = setTimeout(() => settle(true), PROBE_LIMIT_MS)
    socket.once("connect", () => settle(true))
    socket.once("error", ({ code }: NodeJS.ErrnoException) =>
      settle(code !== "ECONNREFUSED" && code !== "ENOENT"),
    )
  })
}
