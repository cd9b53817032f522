/** That what a rule claims is true: the failure is seen on a real nginx with a real client, and gone with the fix. */
import assert from "node:assert/strict"
import { describe, test } from "node:test"
import { WebSocket } from "ws"
import { checkTree } from "../../src/check/engine.ts"
import type { Rule } from "../../src/check/rule.ts"
import { parseTarget } from "../../src/check/target.ts"
import { readTree } from "../../src/check/tree.ts"
import type { Edge, EdgeProgram } from "../support/edge.ts"
import { startEdge } from "../support/edge.ts"
import { holdfastProgram } from "../support/holdfast.ts"
import { nginxMissing, nginxProgram } from "../support/nginx.ts"
import { freePort } from "../support/ports.ts"
import { type EchoBackend, startEchoBackend, startPythonEcho } from "../support/websocket-backends.ts"

/** A running edge with its backends, for an attempt. */
export interface Stage {
  readonly edge: Edge
  /** Of `{listen}`, `{listen2}`: without the address. */
  readonly port: number
  readonly port2: number
  /** `{a}` and `{b}` in the configuration, by the `ws` library; `{python}` is one by python3-websockets, which keeps to the RFC. */
  readonly backends: readonly [EchoBackend, EchoBackend]
}

export interface Proof {
  readonly name: string
  /** What stands in `http`, or a whole configuration. `{listen}`, `{listen2}`, `{a}`, `{b}`, `{python}` are addresses, `{port}` is {listen}'s port alone, `{prefix}` a folder. */
  readonly broken: string
  readonly fixed: string
  /** What a client does, and in words what it saw. */
  attempt(stage: Stage): Promise<string>
  /** What it sees of the broken configuration, and of the fixed one. */
  readonly failure: RegExp
  readonly success: RegExp
  /** Starts a backend of the proof's own: `{own}` is its address. */
  startOwn?(): Promise<OwnBackend>
  /** Also shown on Holdfast. Default: only where the rule finds it in a file for Holdfast, too. */
  readonly onHoldfast?: boolean
}

/** A server on 127.0.0.1 that one proof needs. */
export interface OwnBackend {
  readonly port: number
  [Symbol.asyncDispose](): Promise<void>
}

const NGINX = "nginx/1.22"

export function prove(rule: Rule, proofs: readonly Proof[]): void {
  describe(`${rule.id} on nginx`, { skip: nginxMissing() }, () => {
    for (const proof of proofs) {
      test(proof.name, async () => {
        assert.ok(fires(rule, proof.broken, NGINX), "the rule does not find it")
        assert.ok(!fires(rule, proof.fixed, NGINX), "the rule finds it in the fixed one, too")
        assert.match(await outcome(nginxProgram, proof.broken, proof), proof.failure)
        assert.match(await outcome(nginxProgram, proof.fixed, proof), proof.success)
      })
      if (proof.onHoldfast ?? fires(rule, proof.broken, "holdfast"))
        test(`${proof.name}, on holdfast`, async () => {
          assert.match(await outcome(holdfastProgram, proof.broken, proof), proof.failure)
          assert.match(await outcome(holdfastProgram, proof.fixed, proof), proof.success)
        })
    }
  })
}

function fires(rule: Rule, config: string, target: string): boolean {
  const text = placed(config, {
    listen: 10_001,
    listen2: 10_002,
    a: 10_003,
    b: 10_004,
    python: 10_005,
    own: 10_006,
  })
  const tree = readTree("nginx.conf", "./", () => ({ text, encoding: "utf8" }))
  return checkTree(tree, parseTarget(target), [rule]).findings.some(({ ruleId }) => ruleId === rule.id)
}

/** A whole configuration, with addresses in place of their names. */
function placed(config: string, ports: Readonly<Record<string, number>>): string {
  const text = /^\s*http\s*\{/m.test(config) ? config : `events {} http {${config}}\n`
  return text
    .replaceAll(/\{(listen2?|a|b|python|own)\}/g, (_, name: string) => `127.0.0.1:${ports[name]}`)
    .replaceAll("{port}", String(ports["listen"]))
}

async function outcome(program: EdgeProgram, config: string, proof: Proof): Promise<string> {
  await using a = await startEchoBackend("a")
  await using b = await startEchoBackend("b")
  const [port, port2] = [await freePort(), await freePort()]
  // A program of its own, and slow to start: only where it is asked for.
  await using python = config.includes("{python}") ? await startPythonEcho() : null
  await using own = (await proof.startOwn?.()) ?? null
  const ports = {
    ...{ listen: port, listen2: port2, a: a.port, b: b.port },
    ...{ python: python?.port ?? 0, own: own?.port ?? 0 },
  }
  const text = placed(config, ports)
  await using edge = await startEdge(program, text, {})
  return await proof.attempt({ edge, port, port2, backends: [a, b] })
}

/** Opens a WebSocket and echoes: "open", or "refused with 400", or what else became of it. */
export function openSocket(url: string, headers: Readonly<Record<string, string>> = {}): Promise<string> {
  const webSocket = new WebSocket(url, { headers, rejectUnauthorized: false })
  return new Promise((resolve) => {
    const settle = (text: string): void => {
      webSocket.terminate()
      resolve(text)
    }
    webSocket.on("open", () => webSocket.send("hello"))
    webSocket.on("message", (data) => settle(data.toString() === "hello" ? "open" : "garbled"))
    webSocket.on("unexpected-response", (request, response) => {
      request.destroy()
      settle(`refused with ${response.statusCode}`)
    })
    webSocket.on("error", (error) => settle(`failed: ${error.message}`))
  })
}

/** Opens a WebSocket, is silent, and says how it ended and after how many whole seconds. */
export function holdSocket(url: string): Promise<string> {
  const webSocket = new WebSocket(url, { rejectUnauthorized: false })
  return new Promise((resolve) => {
    let openedMs = 0
    webSocket.on("open", () => {
      openedMs = performance.now()
    })
    webSocket.on("close", (code) =>
      resolve(`closed with ${code} after ${Math.floor((performance.now() - openedMs) / 1000)} s`),
    )
    webSocket.on("error", () => {})
  })
}
