import assert from "node:assert/strict"
import { test } from "node:test"
import { issueCertificate, testAuthority } from "../support/certificates.ts"
import type { Edge } from "../support/edge.ts"
import { holdfastProgram, startHoldfast } from "../support/holdfast.ts"
import { freePort } from "../support/ports.ts"
import { histogram, largeMessages, openTunnels, startDrainBackend, startTraffic, unclean } from "./tunnels.ts"

const TUNNELS = 1000
const STAYING = 20
const WINDOW_MS = 10_000
/** Every so many-th tunnel has messages of 1 MiB in fragments in both directions. */
const STREAM_EACH = 50

function config(ports: { plain: number; tls: number }, backends: readonly number[], pair: string): string {
  return `worker_processes 2;
  events { worker_connections 8000; }
  http {
    upstream backend { ${backends.map((port) => `server 127.0.0.1:${port};`).join(" ")} drain close after=10s; }
    access_log {prefix}/logs/access.log;
    server {
      listen 127.0.0.1:${ports.plain};
      listen 127.0.0.1:${ports.tls} ssl;
      ${pair}
      location /ws/ {
        proxy_pass http://backend;
        proxy_http_version 1.1;
        proxy_set_header Upgrade $http_upgrade;
        proxy_set_header Connection "upgrade";
      }
    }
  }`
}

/** Puts `text` in force; resolves when it is. */
async function reload(edge: Edge, text: string): Promise<void> {
  const done = (): number => edge.errorLog().match(/configuration reloaded/g)?.length ?? 0
  const before = done()
  edge.writeConfig(holdfastProgram, text)
  edge.signal("SIGHUP")
  await edge.waitUntil("a reload", () => done() > before || undefined)
}

test("tunnels to a removed peer get their goodbye, spread over the time of `drain close`", async (t) => {
  const leaf = await issueCertificate(["drain.test"])
  const ca = (await testAuthority()).own.certificate
  await using removed = await startDrainBackend()
  await using staying = await startDrainBackend()
  const ports = { plain: await freePort(), tls: await freePort() }
  const pair = `ssl_certificate ${leaf.certificateFile}; ssl_certificate_key ${leaf.keyFile};`
  const withPeers = (...peers: readonly number[]): string => config(ports, peers, pair)
  // One peer at a time, so that it is known whose each tunnel is.
  await using edge = await startHoldfast(withPeers(removed.port), { deadlineMs: 30_000 })
  const clients = [
    ...(await openTunnels(ports.plain, TUNNELS / 2)),
    ...(await openTunnels(ports.tls, TUNNELS / 2, ca)),
  ]
  await reload(edge, withPeers(removed.port, staying.port))
  const others = await openTunnels(ports.tls, STAYING * 2, ca)
  assert.equal(removed.endpoints.length + staying.endpoints.length, TUNNELS + STAYING * 2)
  const all = [...clients, ...others]
  const backends = [...removed.endpoints, ...staying.endpoints]
  const traffic = await Promise.all([startTraffic(all, STREAM_EACH), startTraffic(backends, STREAM_EACH)])
  t.after(() => {
    for (const pacer of traffic) pacer.stop()
    for (const client of all) client.destroy()
  })

  const startMs = performance.now()
  await reload(edge, withPeers(staying.port))
  const stayed = staying.endpoints.length
  const farewells = await Promise.all(clients.map((client) => client.farewell))
  const buckets = histogram(farewells, startMs, WINDOW_MS)
  t.diagnostic(`goodbyes in each second: ${buckets.join(" ")}`)
  assert.deepEqual(unclean(farewells), {}, "at the clients")
  const atPeer = await Promise.all(removed.endpoints.map((end) => end.farewell))
  assert.deepEqual(unclean(atPeer), {}, "at the peer")
  t.diagnostic(`at clients: ${largeMessages(farewells)}`)
  t.diagnostic(`at the peer: ${largeMessages(atPeer)}`)
  for (const ends of [farewells, atPeer]) assert.ok(ends.some((end) => end.largeMessages > 0))
  assert.ok(Math.max(...buckets) <= TUNNELS / 3, "no tenth of the window has more than a third")
  assert.ok((buckets[0] as number) + (buckets[1] as number) > 0, "the first fifth is not empty")
  assert.ok((buckets[8] as number) + (buckets[9] as number) > 0, "the last fifth is not empty")

  assert.equal(staying.endpoints.filter((end) => end.isOpen).length, stayed, "the other peer's tunnels stay")
  assert.equal(others.filter((client) => client.isOpen).length, stayed)
  const [newcomer] = await openTunnels(ports.tls, 1, ca)
  t.after(() => newcomer?.destroy())
  assert.equal(staying.endpoints.length, stayed + 1, "new tunnels go to the peer that is left")
})
