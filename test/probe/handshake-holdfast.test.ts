/** The same mistakes made on Holdfast, whose defaults are those of nginx 1.30, and what its own `websocket on` spares. */
import assert from "node:assert/strict"
import { once } from "node:events"
import { after, test } from "node:test"
import { WebSocket } from "ws"
import type { Edge } from "../support/edge.ts"
import { startHoldfast } from "../support/holdfast.ts"
import { freePort, freePorts } from "../support/ports.ts"
import { startRawBackend } from "../support/raw-backend.ts"
import { pythonEchoMissing, startEchoBackend, startPythonEcho } from "../support/websocket-backends.ts"
import { type ProbeCase, probe, testCases } from "./case.ts"
import { refuseOtherOrigins, startChoosyBackend } from "./choosy-backend.ts"

interface HoldfastCase extends Omit<ProbeCase, "at" | "stage"> {
  /** What stands in `server {}`. */
  readonly server: (at: Ports) => string
  readonly ready?: (url: string) => Promise<void>
}

interface Ports {
  readonly echo: number
  /** python3-websockets. */
  readonly strict: number
  /** Compares Origin with Host. */
  readonly careful: number
  readonly silent: number
  readonly dead: number
}

const HEADERS = 'proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection "upgrade";'

function socket(port: number, directives: string): string {
  return `location /ws/ { proxy_pass http://127.0.0.1:${port}; ${directives} }`
}

const CASES: readonly HoldfastCase[] = [
  {
    mistake: "proxy_pass alone",
    server: ({ echo }) => socket(echo, ""),
    cause: "upgrade-not-forwarded",
    mend: "websocket on;",
  },
  {
    mistake: "proxy_http_version 1.0",
    skip: pythonEchoMissing(),
    server: ({ strict }) => socket(strict, `${HEADERS} proxy_http_version 1.0;`),
    cause: "http-1.0-to-backend",
    mend: "proxy_http_version 1.1;",
  },
  {
    mistake: "headers of the server level lost by a proxy_set_header in the location",
    skip: pythonEchoMissing(),
    server: ({ strict }) => `${HEADERS} ${socket(strict, "proxy_set_header X-Real-IP $remote_addr;")}`,
    cause: "upgrade-not-forwarded",
    mend: "websocket on;",
  },
  {
    mistake: "Host not passed on to an application that compares Origin with it",
    server: ({ careful }) => socket(careful, HEADERS),
    cause: "host-not-forwarded",
    mend: "proxy_set_header Host $http_host;",
  },
  {
    mistake: "the backend is down",
    server: ({ dead }) => socket(dead, HEADERS),
    cause: "backend-down",
    mend: "proxy_pass http://",
  },
  {
    mistake: "the backend does not answer (proxy_read_timeout 1s)",
    server: ({ silent }) => socket(silent, `${HEADERS} proxy_read_timeout 1s;`),
    cause: "backend-silent",
    mend: "proxy_read_timeout 3600s;",
  },
  {
    mistake: "limit_conn 1, and one WebSocket is open",
    server: ({ echo }) => socket(echo, `${HEADERS} limit_conn count 1;`),
    ready: keepOpen,
    cause: "connection-limit",
    mend: "limit_conn sockets 100;",
  },
  {
    mistake: "try_files with index.html for all that is not found",
    server: () => "root {prefix}; location / { try_files $uri /index.html; }",
    cause: "file-in-place-of-socket",
    mend: "location /ws/ {",
  },
]

/** What is a mistake on nginx 1.22 and none here. */
const HEALTHY: readonly (readonly [name: string, server: (at: Ports) => string])[] = [
  [
    "proxy_http_version omitted",
    ({ strict, echo }) => socket(pythonEchoMissing() === false ? strict : echo, HEADERS),
  ],
  ["websocket on, and not a word more", ({ echo }) => socket(echo, "websocket on;")],
  [
    "websocket on beside a proxy_set_header of the location, Origin checked",
    ({ careful }) => socket(careful, "websocket on; proxy_set_header Host $http_host;"),
  ],
]

const open: Array<() => unknown> = []
const staged: { stage?: Promise<readonly number[]> } = {}

after(async () => {
  for (const close of open.reverse()) await close()
})

/** The ports of the servers: those of the cases, then the healthy ones. */
function stage(): Promise<readonly number[]> {
  staged.stage ??= startStage()
  return staged.stage
}

async function startStage(): Promise<readonly number[]> {
  const ports = await startBackends()
  const texts = [...CASES.map(({ server }) => server(ports)), ...HEALTHY.map(([, server]) => server(ports))]
  const own = await freePorts(texts.length)
  const servers = texts.map((text, index) => `server { listen 127.0.0.1:${own[index]}; ${text} }`)
  const zones = "limit_conn_zone $server_port zone=count:1m;"
  const edge: Edge = await startHoldfast(`events {} http { ${zones}\n${servers.join("\n")} }`, {
    files: { "index.html": "<!doctype html><div id=root></div>\n" },
  })
  open.push(() => edge.stop())
  return own
}

async function startBackends(): Promise<Ports> {
  const keep = <T extends { close(): Promise<void> }>(backend: T): T => {
    open.push(() => backend.close())
    return backend
  }
  const echo = keep(await startEchoBackend("one")).port
  return {
    echo,
    strict: pythonEchoMissing() === false ? keep(await startPythonEcho()).port : echo,
    careful: keep(await startChoosyBackend({ decide: refuseOtherOrigins })).port,
    silent: keep(await startRawBackend({ after: "keep" })).port,
    dead: await freePort(),
  }
}

async function keepOpen(url: string): Promise<void> {
  const socket = new WebSocket(url)
  open.push(() => socket.terminate())
  await once(socket, "open")
}

testCases(
  "handshake-holdfast",
  "Handshakes that fail: Holdfast",
  CASES.map((one, index) => ({
    ...one,
    at: "Holdfast",
    stage: async () => {
      const own = await stage()
      const url = `ws://127.0.0.1:${own[index]}/ws/`
      await one.ready?.(url)
      return [url]
    },
  })),
)

for (const [index, [name]] of HEALTHY.entries()) {
  test(`Holdfast: ${name}: healthy, and nothing to be said`, async () => {
    const own = await stage()
    const report = await probe([`ws://127.0.0.1:${own[CASES.length + index]}/ws/`])
    assert.deepEqual(report.diagnoses, [])
  })
}
