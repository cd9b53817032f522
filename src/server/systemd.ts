/** Tells systemd how the program is doing, where it asks to be told: sd_notify(3), `Type=notify`. */
import { execFile } from "node:child_process"

/** How long the program that carries a message may take. */
const SEND_LIMIT_MS = 5000

export class SystemdNotifier {
  readonly #isAsked: boolean
  readonly #onError: (text: string) => void
  #isErrorTold = false
  /** Messages arrive in their order. */
  #sending: Promise<void> = Promise.resolve()

  /** `environment`: NOTIFY_SOCKET in it means that somebody listens. `onError` is told of trouble once. */
  constructor(environment: NodeJS.ProcessEnv, onError: (text: string) => void) {
    this.#isAsked = (environment.NOTIFY_SOCKET ?? "") !== ""
    this.#onError = onError
  }

  /** All listeners accept. `mainPid`: where another process than the one that systemd started is in charge now. */
  ready(mainPid?: number): void {
    this.#send(mainPid === undefined ? ["READY=1"] : ["READY=1", `MAINPID=${mainPid}`])
  }

  /** A reload begins; `ready` is to follow. */
  reloading(): void {
    this.#send(["RELOADING=1", `MONOTONIC_USEC=${process.hrtime.bigint() / 1000n}`])
  }

  stopping(): void {
    this.#send(["STOPPING=1"])
  }

  /** Node has no datagram sockets in the file system: systemd's own program has. */
  #send(variables: readonly string[]): void {
    if (!this.#isAsked) return
    this.#sending = this.#sending.then(
      () =>
        new Promise((resolve) => {
          execFile("systemd-notify", [...variables], { timeout: SEND_LIMIT_MS }, (error, _stdout, stderr) => {
            if (error !== null) this.#failed(stderr.trim() || error.message)
            resolve()
          })
        }),
    )
  }

  #failed(reason: string): void {
    if (this.#isErrorTold) return
    this.#isErrorTold = true
    this.#onError(`systemd-notify failed: ${reason.replaceAll("\n", " | ")}`)
  }
}
