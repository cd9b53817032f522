import type { Socket } from "node:net"
import type { Timer, TimerWheel } from "../base/timers.ts"
import type { CoreSettings } from "../runtime/location.ts"

/**
 * Closes `socket` once all that was written has gone out, or lingers where the client may still be sending. A
 * client that takes nothing is closed after send_timeout. `settings`: undefined before any request.
 */
export function closeGracefully(
  socket: Socket,
  timers: TimerWheel,
  settings: CoreSettings | undefined,
  mayHaveMore: boolean,
): void {
  if (
    settings !== undefined &&
    (settings.lingeringClose === "always" || (settings.lingeringClose === "on" && mayHaveMore))
  ) {
    new Lingering(socket, timers, settings)
    return
  }
  if (socket.writableLength > 0) {
    const timer = timers.timer(() => socket.destroy())
    timer.start(settings?.sendTimeoutMs ?? UNKNOWN_SEND_TIMEOUT_MS)
    socket.once("close", () => timer.stop())
  }
  socket.resume()
  socket.destroySoon()
}

/** send_timeout's default, for a connection without a request. */
const UNKNOWN_SEND_TIMEOUT_MS = 60_000

/**
 * Ends our side and reads on for a while: closing with bytes unread would make the system reset the connection,
 * and the client could lose the answer. ngx_http_set_lingering_close. Owns the socket from here on.
 */
class Lingering {
  readonly #socket: Socket
  readonly #quiet: Timer
  readonly #longest: Timer

  constructor(socket: Socket, timers: TimerWheel, settings: CoreSettings) {
    this.#socket = socket
    this.#quiet = timers.timer(() => this.#end())
    this.#longest = timers.timer(() => this.#end())
    this.#quiet.start(settings.lingeringTimeoutMs)
    this.#longest.start(settings.lingeringTimeMs)
    socket.on("data", () => this.#quiet.start(settings.lingeringTimeoutMs))
    socket.on("end", () => this.#end())
    socket.on("close", () => this.#stop())
    socket.end()
    socket.resume()
  }

  #end(): void {
    this.#stop()
    this.#socket.destroy()
  }

  #stop(): void {
    this.#quiet.stop()
    this.#longest.stop()
  }
}
