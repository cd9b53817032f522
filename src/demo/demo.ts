import { type ChildProcess, spawn } from "node:child_process"
import { existsSync, mkdirSync, mkdtempSync, realpathSync, rmSync, watch, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { type DemoBackend, startAppBackend, startWebSocketBackend } from "./backends.ts"
import { makeCertificates } from "./certificates.ts"
import { guideConfiguration } from "./guide.conf.ts"
import { type ChosenPort, choosePort } from "./ports.ts"

const PROGRAM = fileURLToPath(new URL("../../bin/holdfast", import.meta.url))

/** Ports that the demo would like to have; 0 means any. */
export interface WantedPorts {
  readonly http: number
  readonly https: number
}

/**
 * The running demo: backends in this process, Holdfast in a child, and their files in a temporary folder.
 * Owns all three.
 */
export class Demo {
  /** Certificates, configuration, logs and pid file. */
  readonly folder: string
  readonly http: ChosenPort
  readonly https: ChosenPort
  /** Resolves with the exit code when Holdfast has ended, wanted or not. */
  readonly ended: Promise<number>
  readonly #backends: readonly DemoBackend[]
  readonly #child: ChildProcess

  private constructor(folder: string, ports: [ChosenPort, ChosenPort], backends: readonly DemoBackend[]) {
    this.folder = folder
    this.http = ports[0]
    this.https = ports[1]
    this.#backends = backends
    const args = ["-c", this.configFile, "-p", folder, "-g", "daemon off;"]
    this.#child = spawn(PROGRAM, args, { stdio: ["ignore", "inherit", "inherit"] })
    this.ended = new Promise((resolve) => {
      this.#child.once("error", (error) => {
        console.error(`holdfast does not start: ${error.message}`)
        resolve(127)
      })
      this.#child.once("exit", (code) => resolve(code ?? 1))
    })
  }

  /** Starts all of it and resolves once the proxy accepts. Rejects, with nothing left behind, when it cannot. */
  static async start(wanted: WantedPorts): Promise<Demo> {
    const backends = await Promise.all([
      startWebSocketBackend("ws-1"),
      startWebSocketBackend("ws-2"),
      startAppBackend("app-1"),
      startAppBackend("app-2"),
    ])
    try {
      const http = await choosePort(wanted.http)
      const https = await choosePort(wanted.https)
      const folder = await prepareFolder(configure(http, https, backends))
      const demo = new Demo(folder, [http, https], backends)
      if (await demo.#becomesReady()) return demo
      await demo.stop()
      throw new Error("holdfast ended before it was ready; its messages are above")
    } catch (error) {
      await Promise.all(backends.map((backend) => backend.close()))
      throw error
    }
  }

  get configFile(): string {
    return join(this.folder, "holdfast.conf")
  }

  /** The certificate that clients are to trust, a PEM file. */
  get authorityFile(): string {
    return join(this.folder, "ca.crt")
  }

  /** Ends Holdfast (at once with `force`) and the backends, and removes the folder. May be called again. */
  async stop(force = false): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      this.#child.kill(force ? "SIGKILL" : "SIGTERM")
      await this.ended
    }
    await Promise.all(this.#backends.map((backend) => backend.close()))
    rmSync(this.folder, { recursive: true, force: true })
  }

  /** Waits for the pid file, which is there once every listener listens; false when the program ends first. */
  #becomesReady(): Promise<boolean> {
    return new Promise((resolve) => {
      const settle = (isReady: boolean): void => {
        watcher.close()
        resolve(isReady)
      }
      const check = (): void => {
        if (existsSync(join(this.folder, "holdfast.pid"))) settle(true)
      }
      const watcher = watch(this.folder, check)
      this.ended.then(() => settle(false))
      check()
    })
  }
}

/** The guide's configuration for these ports and backends: two of WebSockets, then two of the application. */
function configure(http: ChosenPort, https: ChosenPort, backends: readonly DemoBackend[]): string {
  const [webSocket1, webSocket2, app1, app2] = backends.map(({ address }) => address)
  return guideConfiguration({
    httpPort: http.port,
    httpsPort: https.port,
    webSocketBackends: [webSocket1, webSocket2],
    appBackends: [app1, app2],
  })
}

/** Makes the temporary folder with certificates and configuration; readable by this user alone. */
async function prepareFolder(configuration: string): Promise<string> {
  const certificates = await makeCertificates(["localhost", "127.0.0.1", "::1"])
  const folder = mkdtempSync(join(realpathSync(tmpdir()), "holdfast-demo-"))
  mkdirSync(join(folder, "logs"))
  writeFileSync(join(folder, "ca.crt"), certificates.authority)
  writeFileSync(join(folder, "server.crt"), certificates.certificate)
  writeFileSync(join(folder, "server.key"), certificates.key, { mode: 0o600 })
  writeFileSync(join(folder, "holdfast.conf"), configuration)
  return folder
}
