/** HAProxy before a backend, for the cases in which it is the one that is wrong. */
import type { TestContext } from "node:test"
import { startHaproxy } from "../support/haproxy.ts"
import { freePort } from "../support/ports.ts"
import { startEchoBackend } from "../support/websocket-backends.ts"

export interface Setup {
  readonly global?: string
  readonly defaults?: string
  /** Lines of the frontend, before its default_backend. */
  readonly frontend?: string
  /** Lines of the backend, before its server. */
  readonly backend?: string
  /** A whole line "server …" of it, with PORT for the port; plain where it is left out. */
  readonly server?: string
  /** More sections. */
  readonly more?: string
  /** After the address of bind. */
  readonly bind?: string
  /** Of the backend; an echo server's where it is left out. */
  readonly port?: number
  /** What stands below {prefix}. */
  readonly files?: Readonly<Record<string, string>>
}

/** The URL of a socket behind HAProxy; all is stopped by `t.after`. */
export async function haproxyUrl(t: TestContext, setup: Setup = {}): Promise<string> {
  const port = await freePort()
  const backend = setup.port ?? (await echoPort(t))
  const haproxy = await startHaproxy(configOf(setup, port, backend), port, setup.files)
  t.after(() => haproxy.stop())
  return `ws://127.0.0.1:${port}/ws/`
}

export async function echoPort(t: TestContext): Promise<number> {
  const backend = await startEchoBackend("one")
  t.after(() => backend.close())
  return backend.port
}

function configOf(setup: Setup, port: number, backend: number): string {
  return `global
  ${setup.global ?? ""}
defaults
  mode http
  retries 0
  timeout connect 2s
  timeout client 30s
  timeout server 30s
  timeout tunnel 1h
  ${setup.defaults ?? ""}
frontend edge
  bind 127.0.0.1:${port} ${setup.bind ?? ""}
  ${setup.frontend ?? ""}
  default_backend sockets
backend sockets
  ${setup.backend ?? ""}
  ${(setup.server ?? "server s1 127.0.0.1:PORT").replace("PORT", String(backend))}
${setup.more ?? ""}
`
}
