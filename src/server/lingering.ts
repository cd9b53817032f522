import type { Socket } from "node:net"
import type { Timer, TimerWheel } from "../base/timers.ts"
import type { CoreSettings } from "../runtime/location.ts"

/**
 * Ends our side and reads on for a while: closing with bytes unread would make the system reset the connection,
 * and the client could lose the answer. ngx_http_set_lingering_close. Owns the socket from here on.
 */
export class Lingering {
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
