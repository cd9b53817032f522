import assert from "node:assert/strict"
import { test } from "node:test"
import { startHoldfast } from "../test/support/holdfast.ts"
import { nginxMissing, startNginx } from "../test/support/nginx.ts"
import { freePort } from "../test/support/ports.ts"
import { exchange } from "../test/support/raw-client.ts"
import { Helper } from "./load/programs.ts"
import type { PeerSetup } from "./peers/peer.ts"
import { type Extent, locations, peers, servers } from "./workloads/growth-configuration.ts"

async function setupOf(backendPort: number): Promise<PeerSetup> {
  const port = await freePort()
  return { folder: "{prefix}", port, tlsPort: 0, backendPort, workers: 1, certificateFile: "", keyFile: "" }
}

async function ask(port: number, target: string): Promise<{ status: number; body: string }> {
  const slash = target.indexOf("/")
  const [host, path] = [target.slice(0, slash), target.slice(slash)]
  return await exchange({ port }, `GET ${path} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`)
}

const EXTENTS: readonly [name: string, extent: Extent][] = [
  ["servers", servers(30, false)],
  ["wildcard servers", servers(30, true)],
  ["locations", locations(100)],
]
const PROGRAMS = [
  { name: "holdfast", missing: false, start: startHoldfast },
  { name: "nginx", missing: nginxMissing(), start: startNginx },
] as const

for (const { name, missing, start } of PROGRAMS) {
  for (const [what, { targets, configuration }] of EXTENTS)
    test(`${name}: each target meets one of the ${what} of its own`, { skip: missing }, async () => {
      const setup = await setupOf(9)
      let answers = 0
      const config = configuration(setup).replaceAll(
        "proxy_pass http://backend;",
        () => `return 200 "${answers++}";`,
      )
      await using _edge = await start(config)
      const bodies = new Set<string>()
      for (const target of targets) bodies.add((await ask(setup.port, target)).body)
      bodies.add((await ask(setup.port, "localhost/")).body)
      assert.equal(bodies.size, targets.length + 1)
    })

  test(`${name}: all peers of an upstream are the backend`, { skip: missing }, async () => {
    await using backend = new Helper("backend.ts", { addresses: 300 })
    const setup = await setupOf(Number(await backend.readLine()))
    const { configuration } = peers(300, "")
    await using _edge = await start(configuration(setup))
    for (let request = 0; request < 300; request++)
      assert.equal((await ask(setup.port, "localhost/")).body, "Hello, world\n")
  })
}
