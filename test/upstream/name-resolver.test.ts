/** NameResolver by itself, against a name server that the test drives. */
import assert from "node:assert/strict"
import { it, type TestContext } from "node:test"
import { TimerWheel } from "../../src/base/timers.ts"
import {
  FORMAT_ERROR,
  HOST_NOT_FOUND,
  type NameAnswer,
  NameResolver,
  type NameResolverOptions,
  REFUSED,
  resolverError,
  SERVER_FAILURE,
  TIMED_OUT,
  UNIMPLEMENTED,
} from "../../src/upstream/name-resolver.ts"
import { serviceName } from "../../src/upstream/service-lookup.ts"
import { type DnsScript, type DnsServer, startDnsServer } from "../support/dns-server.ts"
import { freePort } from "../support/ports.ts"

interface Bench {
  readonly resolver: NameResolver
  readonly dns: DnsServer
  readonly log: string[]
  /** Milliseconds that the clock is ahead. */
  ahead: number
  ask(name: string, timeoutMs?: number): Promise<NameAnswer | number>
}

async function bench(
  t: TestContext,
  script: DnsScript,
  options: Partial<NameResolverOptions> = {},
): Promise<Bench> {
  const dns = await startDnsServer(script)
  const timers = new TimerWheel(10)
  // The wheel does not keep the process.
  const alive = setInterval(() => {}, 1000)
  t.after(async () => {
    clearInterval(alive)
    timers.close()
    await dns.close()
  })
  const log: string[] = []
  const resolver = new NameResolver({
    servers: [`127.0.0.1:${dns.port}`],
    validMs: undefined,
    ipv4: true,
    ipv6: false,
    timers,
    nowMs: () => 1_000_000_000_000 + made.ahead,
    log: { level: 8, log: (_, text) => log.push(text) },
    ...options,
  })
  const made: Bench = {
    resolver,
    dns,
    log,
    ahead: 0,
    ask: (name, timeoutMs = 20_000) =>
      new Promise((resolve) => {
        resolver.resolve(name, timeoutMs, { onAddresses: resolve, onUnresolved: resolve })
      }),
  }
  return made
}

const one: DnsScript = (_, type) => ({ records: type === "A" ? [{ type, data: "127.0.0.1", ttl: 5 }] : [] })

it("an answer is good for its time, to the end of the last second", async (t) => {
  const { resolver, ask, dns, ...rest } = await bench(t, one)
  void rest
  const answer = (await ask("app.test")) as NameAnswer
  assert.deepEqual(answer, { ipv4: ["127.0.0.1"], ipv6: [], validSecond: 1_000_000_005 })
  assert.equal(resolver.known("App.Test."), answer)
  assert.equal(resolver.known("other.test"), null)
  assert.deepEqual(dns.questions, ["A app.test"])
})

it("afterwards it is asked for again", async (t) => {
  const made = await bench(t, one)
  await made.ask("app.test")
  made.ahead = 5999
  assert.notEqual(made.resolver.known("app.test"), null)
  made.ahead = 6000
  assert.equal(made.resolver.known("app.test"), null)
  await made.ask("app.test")
  assert.equal(made.dns.questions.length, 2)
})

it("valid stands above what the answer says", async (t) => {
  const made = await bench(t, one, { validMs: 60_000 })
  assert.equal(((await made.ask("app.test")) as NameAnswer).validSecond, 1_000_000_060)
})

it("the least of all times counts", async (t) => {
  const script: DnsScript = (_, type) => ({
    records:
      type === "A"
        ? [
            { type, data: "127.0.0.1", ttl: 9 },
            { type, data: "127.0.0.2", ttl: 7 },
          ]
        : [{ type, data: "::1", ttl: 8 }],
  })
  const made = await bench(t, script, { ipv6: true })
  const answer = (await made.ask("app.test")) as NameAnswer
  assert.deepEqual([...answer.ipv4].sort(), ["127.0.0.1", "127.0.0.2"])
  assert.deepEqual(answer.ipv6, ["::1"])
  assert.equal(answer.validSecond, 1_000_000_007)
})

for (const [code, text] of [
  [FORMAT_ERROR, "Format error"],
  [SERVER_FAILURE, "Server failure"],
  [HOST_NOT_FOUND, "Host not found"],
  [UNIMPLEMENTED, "Unimplemented"],
  [REFUSED, "Operation refused"],
] as const)
  it(`${text}: told, and not kept`, async (t) => {
    const made = await bench(t, () => ({ code }))
    assert.equal(await made.ask("app.test"), code)
    assert.equal(resolverError(code), text)
    assert.equal(made.resolver.size, 0)
  })

it("no answer: each waits for its own time, and the name is forgotten when all have left", async (t) => {
  const made = await bench(t, () => null)
  const long = made.ask("app.test", 400)
  assert.equal(await made.ask("app.test", 50), TIMED_OUT)
  assert.equal(await long, TIMED_OUT)
  assert.equal(made.dns.questions.length, 1)
  assert.equal(resolverError(TIMED_OUT), "Operation timed out")
})

it("an answer that comes after all have left is kept", async (t) => {
  const gate = Promise.withResolvers<void>()
  const made = await bench(t, async (...question) => {
    await gate.promise
    return one(...question)
  })
  assert.equal(await made.ask("app.test", 30), TIMED_OUT)
  gate.resolve()
  assert.notEqual(typeof (await made.ask("app.test")), "number")
  assert.equal(made.dns.questions.length, 1)
})

it("who cancels is not told", async (t) => {
  const made = await bench(t, one)
  let calls = 0
  const waiter = { onAddresses: () => calls++, onUnresolved: () => calls++ }
  made.resolver.resolve("app.test", 20_000, waiter).cancel()
  await made.ask("app.test")
  assert.equal(calls, 0)
})

it("nobody at the name server's port: said in the log", async (t) => {
  const port = await freePort()
  const made = await bench(t, one, { servers: [`127.0.0.1:${port}`] })
  assert.equal(await made.ask("app.test", 100), TIMED_OUT)
  assert.deepEqual(made.log, [
    `recv() failed (111: Connection refused) while resolving, resolver: 127.0.0.1:${port}`,
  ])
})

it("the next name server where one refuses", async (t) => {
  const port = await freePort()
  const made = await bench(t, one)
  const resolver = new NameResolver({
    servers: [`127.0.0.1:${port}`, `127.0.0.1:${made.dns.port}`],
    validMs: undefined,
    ipv4: true,
    ipv6: false,
    timers: new TimerWheel(10),
    nowMs: () => 0,
    log: { level: 0, log: () => {} },
  })
  const answer = await new Promise<NameAnswer | number>((resolve) => {
    resolver.resolve("app.test", 20_000, { onAddresses: resolve, onUnresolved: resolve })
  })
  assert.notEqual(typeof answer, "number")
})

it("names that clients make up do not stay", async (t) => {
  const made = await bench(t, one)
  for (let i = 0; i < 50; i++) await made.ask(`n${i}.test`)
  assert.equal(made.resolver.size, 50)
  made.ahead = 40_000
  for (let i = 0; i < 30; i++) await made.ask(`m${i}.test`)
  assert.ok(made.resolver.size <= 31, String(made.resolver.size))
})

for (const name of ["", ".", "a b.test", "\u00fc.test", `${"x.".repeat(127)}test`, "a..test"])
  it(`no name server is asked for ${JSON.stringify(name.slice(0, 20))}`, async (t) => {
    const made = await bench(t, one)
    assert.equal(await made.ask(name), HOST_NOT_FOUND)
    assert.deepEqual(made.dns.questions, [])
  })

it("the names of services", () => {
  assert.equal(serviceName("http", "app.test"), "_http._tcp.app.test")
  assert.equal(serviceName("_http._tcp", "app.test"), "_http._tcp.app.test")
  assert.equal(serviceName("one.two", "app.test"), "one.two.app.test")
})
