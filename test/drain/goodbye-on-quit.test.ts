import assert from "node:assert/strict"
import { test } from "node:test"
import { issueCertificate, testAuthority } from "../support/certificates.ts"
import { startHoldfast } from "../support/holdfast.ts"
import { freePort } from "../support/ports.ts"
import { RawClient } from "../support/raw-client.ts"
import { histogram, largeMessages, openTunnels, startDrainBackend, startTraffic, unclean } from "./tunnels.ts"

const TUNNELS = 1000
const WINDOW_MS = 10_000
/** Every so many-th tunnel has messages of 1 MiB in fragments in both directions. */
const STREAM_EACH = 50

function config(port: number, tlsPort: number, backendPort: number, pair: string): string {
  return `worker_processes 2;
  worker_shutdown_timeout 10s;
  events { worker_connections 8000; }
  http {
    upstream backend { server 127.0.0.1:${backendPort}; }
    access_log {prefix}/logs/access.log;
    server {
      listen 127.0.0.1:${port};
      listen 127.0.0.1:${tlsPort} ssl;
      ${pair}
      location / { proxy_pass http://backend; }
      location /ws/ {
        proxy_pass http://backend;
        proxy_http_version 1.1;
        proxy_set_header Upgrade $http_upgrade;
        proxy_set_header Connection "upgrade";
      }
    }
  }`
}

test("SIGQUIT says goodbye to 1,000 tunnels, spread over the time that there is", async (t) => {
  const leaf = await issueCertificate(["drain.test"])
  const ca = (await testAuthority()).own.certificate
  await using backend = await startDrainBackend()
  const [port, tlsPort] = [await freePort(), await freePort()]
  const pair = `ssl_certificate ${leaf.certificateFile}; ssl_certificate_key ${leaf.keyFile};`
  await using edge = await startHoldfast(config(port, tlsPort, backend.port, pair), { deadlineMs: 30_000 })
  const clients = [
    ...(await openTunnels(port, TUNNELS / 2)),
    ...(await openTunnels(tlsPort, TUNNELS / 2, ca)),
  ]
  const traffic = await Promise.all([
    startTraffic(clients, STREAM_EACH),
    startTraffic(backend.endpoints, STREAM_EACH),
  ])
  t.after(() => {
    for (const pacer of traffic) pacer.stop()
    for (const client of clients) client.destroy()
  })
  const slow = backend.nextSlow()
  using inFlight = await RawClient.connect({ port })
  await inFlight.send("GET /slow HTTP/1.1\r\nHost: drain.test\r\n\r\n")
  const answering = await slow

  const startMs = performance.now()
  edge.signal("SIGQUIT")
  await edge.waitForLog(/gracefully shutting down/)
  const farewells = Promise.all(clients.map((client) => client.farewell))
  await Promise.race(clients.map((client) => client.farewell))
  await assert.rejects(RawClient.connect({ port }), /ECONNREFUSED/, "new connections are refused")
  assert.ok(clients.filter((client) => client.isOpen).length > TUNNELS / 2, "before most goodbyes are said")
  answering.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
  const answer = await inFlight.readResponse()
  assert.equal(answer.body, "ok")
  assert.match(answer.rawHead, /\r\nConnection: close\r\n/)

  const buckets = histogram(await farewells, startMs, WINDOW_MS)
  t.diagnostic(`goodbyes in each second: ${buckets.join(" ")}`)
  assert.deepEqual(unclean(await farewells), {}, "at the clients")
  const atBackends = await Promise.all(backend.endpoints.map((endpoint) => endpoint.farewell))
  assert.equal(atBackends.length, TUNNELS)
  assert.deepEqual(unclean(atBackends), {}, "at the backends")
  t.diagnostic(`at clients: ${largeMessages(await farewells)}`)
  t.diagnostic(`at backends: ${largeMessages(atBackends)}`)
  for (const ends of [await farewells, atBackends]) assert.ok(ends.some((end) => end.largeMessages > 0))
  // A part of the window is left for the closing handshakes of the last ones.
  assert.ok(Math.max(...buckets) <= TUNNELS / 3, "no tenth of the window has more than a third")
  assert.ok(buckets[0] !== 0 && (buckets[6] as number) > 0, "they are spread over most of the window")
  assert.deepEqual(await edge.exit, { code: 0, signal: null })
})
