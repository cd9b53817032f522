/** `holdfast probe --hold`: who cuts an idle WebSocket, and after how long. */
import assert from "node:assert/strict"
import { existsSync, readFileSync, writeFileSync } from "node:fs"
import { describe, test } from "node:test"
import { KNOWN_GOODBYES, KNOWN_TIMEOUTS } from "../../src/probe/known-timeouts.ts"
import type { Report } from "../../src/probe/report.ts"
import { haproxyMissing } from "../support/haproxy.ts"
import { HOLDFAST } from "../support/holdfast.ts"
import { nginxMissing } from "../support/nginx.ts"
import { Screen, tmuxMissing } from "../support/tmux.ts"
import { pythonEchoMissing } from "../support/websocket-backends.ts"
import { type ProbeCase, probe, testCases } from "./case.ts"
import {
  after,
  behindHaproxy,
  behindHoldfast,
  behindNginx,
  forgetfulNat,
  heartbeat,
  onIdle,
  pythonBackend,
  wsBackend,
} from "./hold-parts.ts"

const LONG = "proxy_read_timeout 3600s; proxy_send_timeout 3600s;"
const noNginx = nginxMissing()

/** The times that the issue of a cut itself is about: within half a second of what is set. */
function nginxCuts(seconds: number): ProbeCase {
  return {
    mistake: `proxy_read_timeout ${seconds}s`,
    at: "nginx 1.22",
    skip: noNginx,
    stage: async (t) => {
      const url = await behindNginx(t, await wsBackend(t), `proxy_read_timeout ${seconds}s;`)
      return ["--hold", "22s", url]
    },
    cause: "nginx-proxy-read-timeout",
    mend: "proxy_read_timeout 3600s;",
    check: (report) => {
      const idle = idleSeconds(report)
      assert.ok(Math.abs(idle - seconds) <= 0.5, `${idle} s in place of ${seconds} s`)
    },
  }
}

function idleSeconds(report: Report): number {
  const line = report.steps.find(({ id }) => id === "hold")?.details[0] ?? ""
  return Number(/, ([\d.]+) s after the last frame/.exec(line)?.[1])
}

const CASES: readonly ProbeCase[] = [
  nginxCuts(3),
  nginxCuts(7),
  nginxCuts(20),
  {
    mistake: "proxy_read_timeout 2s, and the backend asked beside",
    at: "nginx 1.22",
    skip: noNginx,
    stage: async (t) => {
      const backend = await wsBackend(t)
      const url = await behindNginx(t, backend, "proxy_read_timeout 2s;")
      return ["--hold", "4s", "--backend", `ws://127.0.0.1:${backend}/ws/`, url]
    },
    cause: "nginx-proxy-read-timeout",
    mend: "proxy_read_timeout 3600s;",
    check: (report) => assert.equal(report.diagnoses[0]?.suspects[0]?.certainty, "certain"),
  },
  {
    mistake: "proxy_read_timeout 2s",
    at: "Holdfast",
    stage: async (t) => [
      "--hold",
      "4s",
      await behindHoldfast(t, await wsBackend(t), "proxy_read_timeout 2s;"),
    ],
    cause: "holdfast-proxy-read-timeout",
    mend: "proxy_read_timeout 3600s;",
  },
  {
    mistake: "timeout tunnel 2s",
    at: "HAProxy 2.6",
    skip: haproxyMissing(),
    stage: async (t) => ["--hold", "4s", await behindHaproxy(t, await wsBackend(t), "timeout tunnel 2s")],
    cause: "haproxy-timeout-tunnel",
    mend: "timeout tunnel 1h",
  },
  {
    mistake: "the application ends every connection after 2 s",
    at: "ws behind nginx 1.22",
    skip: noNginx,
    stage: async (t) => {
      const backend = await wsBackend(t, (socket) => after(socket, 2000, () => socket.terminate()))
      return ["--hold", "4s", await behindNginx(t, backend, LONG)]
    },
    cause: "backend-cuts",
    mend: "--backend ws://BACKEND:PORT/ws/",
  },
  {
    mistake: "the application ends idle connections after 2 s, and is asked beside",
    at: "ws behind nginx 1.22",
    skip: noNginx,
    stage: async (t) => {
      const backend = await wsBackend(t, (socket) => onIdle(socket, 2000, () => socket.terminate()))
      const url = await behindNginx(t, backend, LONG)
      return ["--hold", "4s", "--backend", `ws://127.0.0.1:${backend}/ws/`, url]
    },
    cause: "backend-cuts",
    mend: "raise its timeout of 2 s",
    check: (report) => assert.equal(report.diagnoses[0]?.suspects[0]?.certainty, "certain"),
  },
  {
    mistake: "the application says goodbye after 2 s",
    at: "ws",
    severity: "warning",
    stage: async (t) => {
      const backend = await wsBackend(t, (socket) => after(socket, 2000, () => socket.close(1001, "idle")))
      return ["--hold", "4s", `ws://127.0.0.1:${backend}/`]
    },
    cause: "closed-by-server",
    mend: '1001 "idle"',
  },
  {
    mistake: "the application closes with a code of its own, and no reason",
    at: "ws",
    stage: async (t) => {
      const backend = await wsBackend(t, (socket) => after(socket, 2000, () => socket.close(4000)))
      return ["--hold", "4s", `ws://127.0.0.1:${backend}/`]
    },
    cause: "closed-by-server",
    mend: "look for 4000",
  },
  {
    mistake: "graphql-ws gets no connection_init",
    at: "ws",
    stage: async (t) => {
      const backend = await wsBackend(t, (socket) =>
        after(socket, 2000, () => socket.close(4408, "Connection initialisation timeout")),
      )
      return ["--hold", "4s", `ws://127.0.0.1:${backend}/`]
    },
    cause: "closed-by-server",
    mend: "connectionInitWaitTimeout",
  },
  {
    mistake: "a heartbeat of 1 s",
    at: "ws",
    severity: "info",
    stage: async (t) => {
      const backend = await wsBackend(t, (socket) => heartbeat(socket, 1000))
      return ["--hold", "4s", `ws://127.0.0.1:${backend}/`]
    },
    cause: "short-heartbeat",
    mend: "websocket_ping 30s",
  },
  {
    mistake: "ping_interval=1, ping_timeout=1",
    at: "python3-websockets",
    severity: "info",
    skip: pythonEchoMissing(),
    stage: async (t) => ["--hold", "4s", `ws://127.0.0.1:${await pythonBackend(t, 1)}/`],
    cause: "short-heartbeat",
    mend: "ping_interval=20",
  },
  {
    mistake: "a NAT forgets idle connections after 2 s",
    at: "network",
    stage: async (t) => {
      const port = await forgetfulNat(t, await wsBackend(t), 2000)
      return ["--hold", "4s", `ws://127.0.0.1:${port}/`]
    },
    cause: "forgotten-on-the-way",
    mend: "so_keepalive=30s:10s:3;",
  },
  {
    mistake: "Socket.IO, and a client that does not speak it",
    at: "Socket.IO's open packet, by ws",
    severity: "info",
    stage: async (t) => {
      const backend = await wsBackend(t, (socket) => {
        socket.send('0{"sid":"x","upgrades":[],"pingInterval":1000,"pingTimeout":1000}')
        after(socket, 2000, () => socket.close())
      })
      return ["--hold", "4s", `ws://127.0.0.1:${backend}/socket.io/?EIO=4&transport=websocket`]
    },
    cause: "socketio-heartbeat",
    mend: "answers by itself",
  },
]

const TIMEOUTS = new URL("../../docs/probe/timeouts.md", import.meta.url)

/** The table of known timeouts, for people. */
function timeoutsPage(): string {
  const rows = KNOWN_TIMEOUTS.map(({ name, defaultMs, isCustom, counts, isQuiet, source }) => {
    const time = `${defaultMs / 1000} s${isCustom === true ? " (no default; often set)" : ""}`
    const basis = counts === "idle" ? "since the last bytes" : "since the handshake"
    return `| ${name} | ${time} | ${basis}${isQuiet === true ? ", without a word" : ""} | ${source} |`
  })
  const goodbyes = KNOWN_GOODBYES.map(({ codes, reason, afterMs, title, source }) => {
    const time = afterMs === undefined ? "" : `, after ${afterMs / 1000} s`
    return `| Close ${codes.join(" or ")}, reason \`${reason.source.replaceAll("|", "\\|")}\`${time} | ${title} | ${source} |`
  })
  return `# Who cuts a WebSocket, and after how long

What \`holdfast probe --hold\` compares a cut with. Written by the tests.

## Without a Close frame

| who | after | counted | documented |
|---|---|---|---|
${rows.join("\n")}

## With a Close frame

| how it is said | who says it | documented |
|---|---|---|
${goodbyes.join("\n")}
`
}

test("the page of known timeouts", () => {
  if (process.env["UPDATE_GOLDEN"] !== undefined) writeFileSync(TIMEOUTS, timeoutsPage())
  const old = existsSync(TIMEOUTS) ? readFileSync(TIMEOUTS, "utf8") : ""
  assert.equal(old, timeoutsPage(), "run the tests with UPDATE_GOLDEN=1")
})

describe("--hold", { concurrency: 8 }, () => {
  testCases("hold", "probe --hold: how long an idle WebSocket lives", CASES)

  test("long timeouts give no diagnosis", { skip: noNginx }, async (t) => {
    const report = await probe(["--hold", "2s", await behindNginx(t, await wsBackend(t), LONG)])
    assert.deepEqual(report.diagnoses, [])
    assert.match(holdSummary(report), /^open after 2\.0 s idle$/)
  })

  test("a server's own pings keep a socket open, and are told", { skip: noNginx }, async (t) => {
    const backend = await wsBackend(t, (socket) => {
      const timer = setInterval(() => socket.ping(), 300)
      socket.on("close", () => clearInterval(timer))
    })
    const report = await probe(["--hold", "3s", await behindNginx(t, backend, "proxy_read_timeout 1s;")])
    assert.deepEqual(report.diagnoses, [])
    assert.match(holdSummary(report), /^open after 3\.0 s idle, the server pings every 0\.3 s/)
  })

  test("a terminal shows the seconds", { skip: tmuxMissing() }, async (t) => {
    const url = `ws://127.0.0.1:${await wsBackend(t)}/`
    const screen = await Screen.start(t, `${HOLDFAST} probe --hold 3s ${url}`)
    await screen.waitFor(/^\.\.\. +hold +[12] s of 3\.0 s$/m)
    await screen.waitFor(/^ok +hold +open after 3\.0 s idle$[\s\S]*\(exit 0\)/m)
  })

  test("pings that were too rare are tried again, more often", { skip: noNginx }, async (t) => {
    const url = await behindNginx(t, await wsBackend(t), "proxy_read_timeout 1s;")
    const report = await probe(["--hold", "8s", url])
    assert.match(holdSummary(report), /^cut after 1\.0 s idle \(FIN\); a ping every 0\.3 s keeps it open$/)
  })
})

function holdSummary(report: Report): string {
  return report.steps.find(({ id }) => id === "hold")?.summary ?? ""
}
