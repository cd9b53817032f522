/** The guide's mistakes and others, made on nginx: one server each, in one nginx. */
import assert from "node:assert/strict"
import { after, test } from "node:test"
import { issueCertificate } from "../support/certificates.ts"
import type { Edge } from "../support/edge.ts"
import { nginxMissing, startNginx } from "../support/nginx.ts"
import { freePort, freePorts } from "../support/ports.ts"
import { startRawBackend } from "../support/raw-backend.ts"
import { pythonEchoMissing, startEchoBackend, startPythonEcho } from "../support/websocket-backends.ts"
import { probe, testCases } from "./case.ts"
import { type ChoosyOptions, refuseOtherOrigins, startChoosyBackend } from "./choosy-backend.ts"
import { healthyServer, NGINX_CASES, type Shared } from "./handshake-nginx-cases.ts"

/** All that the cases share; it is stopped at the end. */
interface Stage {
  readonly nginx: Edge
  readonly ports: Shared
  readonly own: readonly number[]
}

const open: Array<() => unknown> = []
const staged: { stage?: Promise<Stage> } = {}

after(async () => {
  for (const close of open.reverse()) await close()
})

function stage(): Promise<Stage> {
  staged.stage ??= startStage()
  return staged.stage
}

async function startStage(): Promise<Stage> {
  const ports = await startBackends()
  const own = await freePorts(NGINX_CASES.length + 1)
  const servers = [...NGINX_CASES.map(({ server }) => server), healthyServer].map((server, index) => {
    const text = server({ ...ports, own: own[index] ?? 0 })
    return `server { ${text.includes("listen 127") ? "" : `listen 127.0.0.1:${own[index]};`} ${text} }`
  })
  const zones =
    "limit_req_zone $server_port zone=rate:1m rate=1r/s; limit_conn_zone $server_port zone=count:1m;"
  const nginx = await startNginx(`events {} http { ${zones}\n${servers.join("\n")} }`, {
    files: { users: "ann:{PLAIN}secret\n", "index.html": "<!doctype html><div id=root></div>\n" },
  })
  open.push(() => nginx.stop())
  return { nginx, ports, own }
}

async function startBackends(): Promise<Shared> {
  const certificate = await issueCertificate(["127.0.0.1"])
  const keep = <T extends { close(): Promise<void> }>(backend: T): T => {
    open.push(() => backend.close())
    return backend
  }
  const echo = keep(await startEchoBackend("one")).port
  const choosy = async (options: ChoosyOptions): Promise<number> =>
    keep(await startChoosyBackend(options)).port
  return {
    echo,
    strict: pythonEchoMissing() === false ? keep(await startPythonEcho()).port : echo,
    secure: await choosy({ certificate }),
    careful: await choosy({ decide: refuseOtherOrigins }),
    chat: await choosy({ subprotocol: "chat" }),
    narrow: await choosy({
      decide: ({ headers }) => (/^upgrade$/i.test(headers.connection ?? "") ? undefined : 400),
    }),
    pathful: await choosy({ decide: ({ url }) => (url === "/ws/" ? undefined : 404) }),
    crashing: await choosy({ decide: () => "reset" }),
    silent: keep(await startRawBackend({ after: "keep" })).port,
    dead: await freePort(),
    certificate: certificate.certificateFile,
    key: certificate.keyFile,
  }
}

const missing = nginxMissing()

testCases(
  "handshake-nginx",
  "Handshakes that fail: nginx",
  NGINX_CASES.map((one, index) => ({
    ...one,
    at: "nginx 1.22",
    skip: missing || one.skip || false,
    stage: async (t) => {
      const { nginx, ports, own } = await stage()
      const url = `ws://127.0.0.1:${own[index]}${one.target ?? "/ws/"}`
      await one.ready?.(url, t)
      const words = one.words?.({ ...ports, own: own[index] ?? 0 }) ?? []
      return [url, ...words.map((word) => word.replace("{config}", nginx.configFile))]
    },
  })),
)

test("the guide's own location: healthy, and nothing to be said", { skip: missing }, async () => {
  const { own } = await stage()
  const report = await probe([`ws://127.0.0.1:${own.at(-1)}/ws/`])
  assert.deepEqual(report.diagnoses, [])
  assert.ok(report.isHealthy)
})

test("nginx's error log has the words by which the verdicts say it can be told", {
  skip: missing,
}, async () => {
  const { nginx } = await stage()
  const log = nginx.errorLog()
  for (const words of [
    "connect() failed (111: Connection refused) while connecting to upstream",
    "recv() failed (104: Connection reset by peer) while reading response header from upstream",
    "upstream timed out (110: Connection timed out) while reading response header from upstream",
    "wrong version number) while SSL handshaking to upstream",
    "upstream prematurely closed connection while reading response header from upstream",
  ])
    assert.ok(log.includes(words), words)
})
