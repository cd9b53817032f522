/** TCP keep-alive towards clients (`listen … so_keepalive`) and towards upstreams (`proxy_socket_keepalive`). */
import assert from "node:assert/strict"
import { readFileSync } from "node:fs"
import { test } from "node:test"
import { receiveHead } from "../faults/byte-streams.ts"
import { startProxy } from "../faults/proxy-under-test.ts"
import { startSocketBackend } from "../faults/socket-backend.ts"
import { issueCertificate } from "../support/certificates.ts"
import { startHoldfast } from "../support/holdfast.ts"
import { freePort } from "../support/ports.ts"
import { RawClient } from "../support/raw-client.ts"
import { closeTunnel, openTunnel } from "../tunnel/open-tunnel.ts"
import { keepaliveOptions } from "./keepalive-options.ts"

function system(name: string): number {
  return Number(readFileSync(`/proc/sys/net/ipv4/tcp_keepalive_${name}`, "latin1"))
}

const [TIME, INTERVAL, PROBES] = [system("time"), system("intvl"), system("probes")]

for (const [parameter, expected] of [
  ["", [false, TIME, INTERVAL, PROBES]],
  ["so_keepalive=off", [false, TIME, INTERVAL, PROBES]],
  ["so_keepalive=on", [true, TIME, INTERVAL, PROBES]],
  ["so_keepalive=30m::10", [true, 1800, INTERVAL, 10]],
  ["so_keepalive=:20s:", [true, TIME, 20, PROBES]],
  ["so_keepalive=1h:15:4", [true, 3600, 15, 4]],
  ["so_keepalive=2m", [true, 120, INTERVAL, PROBES]],
] as const)
  test(`a client's connection with "${parameter}"`, async () => {
    const port = await freePort()
    const server = `server { listen 127.0.0.1:${port} ${parameter}; location / { return 200 ok; } }`
    await using edge = await startHoldfast(`events {} http { access_log off; ${server} }`)
    const client = await RawClient.connect({ port })
    await client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    await client.readResponse()
    assert.deepEqual(await keepaliveOptions(edge.pid, "local", port), [expected])
    client.destroy()
  })

test("a client's connection over TLS, that becomes a tunnel", async () => {
  const port = await freePort()
  await using backend = await startSocketBackend()
  const { certificateFile, keyFile } = await issueCertificate(["localhost"])
  const server = `server { listen 127.0.0.1:${port} ssl so_keepalive=1m:2s:3; ssl_certificate ${certificateFile};
    ssl_certificate_key ${keyFile}; location / { proxy_pass http://127.0.0.1:${backend.port};
      proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection upgrade; } }`
  await using edge = await startHoldfast(`events {} http { access_log off; ${server} }`)
  const client = await RawClient.connect({ port, tls: { rejectUnauthorized: false } })
  await client.send("GET / HTTP/1.1\r\nHost: a\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\n")
  const peer = await backend.next()
  await receiveHead(peer)
  assert.deepEqual(await keepaliveOptions(edge.pid, "local", port), [[true, 60, 2, 3]])
  client.destroy()
  peer.destroy()
})

for (const isTls of [false, true])
  for (const [word, isOn] of [
    ["on", true],
    ["off", false],
  ] as const)
    test(`an upstream's connection with proxy_socket_keepalive ${word}, ${isTls ? "TLS" : "plain"}`, async () => {
      const leaf = isTls ? await issueCertificate(["localhost"]) : undefined
      await using backend = await startSocketBackend(
        leaf === undefined ? undefined : { cert: leaf.certificate, key: leaf.key },
      )
      await using proxy = await startProxy({
        backendPort: isTls ? 0 : backend.port,
        location: `proxy_socket_keepalive ${word};`,
        server: isTls
          ? `location / { proxy_pass https://127.0.0.1:${backend.port}; proxy_socket_keepalive ${word};
               proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection upgrade; }`
          : "",
      })
      const tunnel = await openTunnel(proxy, backend)
      const options = await keepaliveOptions(proxy.edge.pid, "remote", backend.port)
      assert.deepEqual(options, [[isOn, TIME, INTERVAL, PROBES]])
      closeTunnel(tunnel)
    })
