/** proxy_pass with variables: names that requests bring. What nginx does, too, is in test/nginx-comparison/. */
import assert from "node:assert/strict"
import { spawn } from "node:child_process"
import { once } from "node:events"
import { existsSync, writeFileSync } from "node:fs"
import { userInfo } from "node:os"
import { join } from "node:path"
import { it, type TestContext } from "node:test"
import { startDnsServer } from "../support/dns-server.ts"
import { startHoldfast } from "../support/holdfast.ts"
import { headerOf } from "../support/message-reader.ts"
import { freePort } from "../support/ports.ts"
import { startRawBackend } from "../support/raw-backend.ts"
import { RawClient, type RawResponse } from "../support/raw-client.ts"
import { makeTempFolder } from "../support/temp.ts"
import { named } from "./backends.ts"
import { addresses, startResolvingProxy } from "./name-server.ts"

/** A server of its own for requests whose argument `n` is the name. */
function byArgument(port: number, more = ""): string {
  return `resolver {dns};
    server {
      listen 127.0.0.1:${port};
      location / {
        ${more}
        add_header X-Tried $upstream_addr always;
        proxy_http_version 1.1;
        proxy_set_header Connection $http_connection;
        proxy_set_header Upgrade $http_upgrade;
        proxy_pass http://$arg_n:{port};
      }
    }`
}

const OTHER = "server 127.0.0.3:{port};"

async function send(port: number, name: string, headers = ""): Promise<RawClient> {
  const client = await RawClient.connect({ port })
  await client.send(`GET /?n=${name} HTTP/1.1\r\nHost: a.test\r\n${headers}\r\n`)
  return client
}

async function ask(t: TestContext, port: number, name: string): Promise<RawResponse> {
  const client = await send(port, name)
  t.after(() => client.destroy())
  return client.readResponse("GET")
}

it("many that wait for a name ask once, and the answer is kept for its time", async (t) => {
  const port = await freePort()
  const proxy = await startResolvingProxy(t, {
    upstream: OTHER,
    http: byArgument(port),
    zone: { "app.test": addresses(["127.0.0.1"], 60) },
  })
  const clients = await Promise.all(Array.from({ length: 20 }, () => send(port, "app.test")))
  for (const client of clients) {
    assert.equal(headerOf(await client.readResponse("GET"), "x-backend"), "1")
    client.destroy()
  }
  assert.equal(headerOf(await ask(t, port, "APP.test"), "x-backend"), "1")
  assert.deepEqual([...proxy.dns.questions].sort(), ["A app.test", "AAAA app.test"])
})

it("an address where nobody listens is passed over for the next", async (t) => {
  const port = await freePort()
  await startResolvingProxy(t, {
    upstream: OTHER,
    http: byArgument(port),
    zone: { "app.test": addresses(["127.0.0.9", "127.0.0.2"], 60) },
  })
  const tried = new Set<string>()
  while (tried.size < 2) {
    const response = await ask(t, port, "app.test")
    assert.equal(headerOf(response, "x-backend"), "2")
    tried.add(headerOf(response, "x-tried") ?? "")
  }
  assert.deepEqual([...tried].map((addr) => addr.replaceAll(/:\d+/g, "")).sort(), [
    "127.0.0.2",
    "127.0.0.9, 127.0.0.2",
  ])
})

it("each of several addresses is first at times", async (t) => {
  const port = await freePort()
  await startResolvingProxy(t, {
    upstream: OTHER,
    http: byArgument(port),
    zone: { "app.test": addresses(["127.0.0.1", "127.0.0.2", "127.0.0.3"], 60) },
  })
  const seen = new Set<string>()
  while (seen.size < 3) seen.add(headerOf(await ask(t, port, "app.test"), "x-backend") ?? "")
})

it("a client that leaves while its name is looked for", async (t) => {
  const port = await freePort()
  const proxy = await startResolvingProxy(t, {
    upstream: OTHER,
    http: `error_log {prefix}/info.log info; log_format x '$status $upstream_addr'; access_log {prefix}/logs/x.log x;
      ${byArgument(port, "resolver_timeout 1h;")}`,
    zone: { "app.test": null },
  })
  const client = await send(port, "app.test")
  await proxy.edge.waitUntil("the question", () => proxy.dns.questions.length > 0 || undefined)
  client.destroy()
  const line = await proxy.edge.waitUntil(
    "its log line",
    () => proxy.edge.readFile("logs/x.log") || undefined,
  )
  assert.equal(line, "499 -\n")
  assert.match(proxy.edge.readFile("info.log"), /\[info\] .*client prematurely closed connection, client: /)
  proxy.zone.set("other.test", addresses(["127.0.0.1"]))
  assert.equal(headerOf(await ask(t, port, "other.test"), "x-backend"), "1")
})

it("a tunnel to a name", async (t) => {
  const port = await freePort()
  await startResolvingProxy(t, {
    upstream: OTHER,
    http: byArgument(port),
    zone: { "app.test": addresses(["127.0.0.2"], 60) },
  })
  const client = await send(port, "app.test", "Connection: Upgrade\r\nUpgrade: echo\r\n")
  t.after(() => client.destroy())
  assert.equal((await client.readResponse("GET")).status, 101)
  await client.send("hello")
  assert.equal(await client.readBytes(5), "hello")
})

it("a name server on IPv6, and answers over TCP", async (t) => {
  const port = await freePort()
  const backend = await startRawBackend(named("six"), { host: "::1" })
  const dns = await startDnsServer(
    (_, type) => ({ isTruncated: true, records: type === "AAAA" ? [{ type, data: "::1" }] : [] }),
    "::1",
  )
  t.after(async () => {
    await backend.close()
    await dns.close()
  })
  const edge = await startHoldfast(`events {}
    http {
      server {
        listen 127.0.0.1:${port};
        resolver [::1]:${dns.port} status_zone=names;
        location / { set $n app.test; proxy_pass http://$n:${backend.port}; add_header X-Tried $upstream_addr; }
      }
    }`)
  t.after(() => edge.stop())
  const response = await ask(t, port, "")
  assert.equal(headerOf(response, "x-tried"), `[::1]:${backend.port}`)
  assert.ok(dns.questions.includes("AAAA app.test over TCP"))
})

const DNSMASQ = "/usr/sbin/dnsmasq"

it("dnsmasq, whose files change", {
  skip: !existsSync(DNSMASQ) && "dnsmasq-base is not installed",
}, async (t) => {
  const [port, dnsPort] = [await freePort(), await freePort()]
  const backend = await startRawBackend(named("one"))
  const folder = makeTempFolder("dnsmasq")
  const hosts = join(folder, "hosts")
  writeFileSync(hosts, "127.0.0.1 app.test\n::1 app.test\n")
  const options = [
    "--keep-in-foreground",
    "--no-resolv",
    "--conf-file=/dev/null",
    "--no-hosts",
    "--pid-file=",
  ]
  const place = [`--port=${dnsPort}`, "--listen-address=127.0.0.1", "--bind-interfaces", "--local=/test/"]
  const records = [
    `--addn-hosts=${hosts}`,
    "--local-ttl=1",
    "--cname=alias.test,app.test",
    `--srv-host=_web._tcp.app.test,app.test,${backend.port}`,
    "--log-facility=-",
    // Started by root it would be someone else, who may not read the file.
    `--user=${userInfo().username}`,
  ]
  const dnsmasq = spawn(DNSMASQ, [...options, ...place, ...records])
  const ended = once(dnsmasq, "exit")
  t.after(async () => {
    dnsmasq.kill()
    await ended
    await backend.close()
  })
  let text = ""
  for (const stream of [dnsmasq.stdout, dnsmasq.stderr])
    stream.on("data", (chunk: Buffer) => {
      text += chunk
    })
  const edge = await startHoldfast(`events {}
    http {
      resolver 127.0.0.1:${dnsPort} ipv6=off;
      upstream web { zone web 64k; server app.test service=web resolve; }
      server {
        listen 127.0.0.1:${port};
        location / { proxy_pass http://$arg_n.test:${backend.port}; }
        location /web { proxy_pass http://web; }
      }
    }`)
  t.after(() => edge.stop())
  const name = async (path: string): Promise<string> => {
    const client = await RawClient.connect({ port })
    await client.send(`GET ${path} HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n`)
    const response = await client.readResponse("GET")
    client.destroy()
    return headerOf(response, "x-backend") ?? String(response.status)
  }
  const until = async (path: string, expected: string): Promise<void> => {
    const deadline = performance.now() + 30_000
    while ((await name(path)) !== expected) {
      assert.ok(performance.now() < deadline, `${path} is not ${expected}; dnsmasq says: ${text}`)
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  }
  await until("/?n=app", "one")
  await until("/?n=alias", "one")
  await until("/?n=other", "502")
  await until("/web", "one")
  writeFileSync(hosts, "127.0.0.1 other.test\n")
  dnsmasq.kill("SIGHUP")
  await until("/?n=other", "one")
  await until("/?n=app", "502")
  await until("/web", "502")
})
