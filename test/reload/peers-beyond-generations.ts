/**
 * Opens connections to upstreams as requests of one generation do, hands them over as a tunnel takes them, replaces
 * the generation, and prints what of it is still in memory, beside an echo that went over each connection.
 */
import { setTimeout as pause } from "node:timers/promises"
import { HEAD_COMPLETE, RequestHeadParser } from "../../src/http/request-head.ts"
import { parseTarget } from "../../src/http/target.ts"
import { certificateFault } from "../../src/modules/proxy/connect.ts"
import { PeerLease, type TunnelEnds } from "../../src/modules/proxy/peer-lease.ts"
import { proxy } from "../../src/modules/proxy/proxy.ts"
import type { ProxySettings } from "../../src/modules/proxy/settings.ts"
import type { Client } from "../../src/runtime/client.ts"
import type { Exchange } from "../../src/runtime/exchange.ts"
import type { Location } from "../../src/runtime/location.ts"
import { Request } from "../../src/runtime/request.ts"
import type { VirtualServer } from "../../src/runtime/virtual-server.ts"
import { disposeGeneration, type Generation } from "../../src/server/generation.ts"
import { CHOSEN } from "../../src/upstream/peer-wait.ts"
import { RecordingOwner } from "../../src/upstream/recording-owner.ts"
import { GenerationBuilder } from "./generation-builder.ts"

const [file = "", prefix = ""] = process.argv.slice(2)
const builder = new GenerationBuilder(file, prefix)

/** What must be gone, by name. */
const refs = new Map<string, WeakRef<object>>()

function requestTo(server: VirtualServer, location: Location): Request {
  const parser = new RequestHeadParser(server.headLimits)
  parser.execute(Buffer.from(`GET ${location.pattern} HTTP/1.1\r\nHost: a\r\n\r\n`), 0)
  const target = parseTarget(parser.head.method, parser.head.target, true)
  if (parser.state !== HEAD_COMPLETE || target === undefined) throw new Error("bad request")
  const client = { address: "127.0.0.1" } as Client
  const request = new Request(client, parser.head, {} as Exchange, server, target, 0)
  request.location = location
  return request
}

interface Kept {
  readonly name: string
  readonly ends: TunnelEnds
}

/** A request that opens a connection; with `isReused` one more, which takes that from the pool. */
async function open(server: VirtualServer, location: Location, isReused: boolean): Promise<Kept> {
  const settings = location.of(proxy) as ProxySettings
  const target = { method: "GET", scheme: settings.scheme, host: "localhost", uri: "/" }
  const group = settings.group
  if (group === null) throw new Error("no group")
  const request = requestTo(server, location)
  const ignored = { onPeerChoice: () => {} }
  let lease = new PeerLease(request, settings, target, group, ignored)
  const owner = new RecordingOwner()
  if (lease.choose() !== CHOSEN) throw new Error("no peer")
  lease.connect(owner)
  await owner.until("connect")
  const connection = lease.connection as NonNullable<typeof lease.connection>
  const fault = certificateFault(request, settings, target, connection)
  if (fault !== undefined) throw new Error(fault)
  connection.write("first")
  await owner.untilBytes(5)
  if (isReused) {
    lease.giveBack("ok", true, 5, "")
    lease = new PeerLease(request, settings, target, group, ignored)
    if (lease.choose() !== CHOSEN || !lease.takeKept(new RecordingOwner())) throw new Error("nothing kept")
  }
  const name = `${location.pattern} ${isReused ? "reused" : "new"}`
  const parts = { request, settings, group, pool: group.pool, sessions: group.tlsSessions, lease, location }
  for (const [part, held] of Object.entries(parts)) refs.set(`${name}: ${part}`, new WeakRef(held))
  return { name, ends: lease.handOver() }
}

/** In a function of its own: no variable of the program's body may hold the generation. */
async function openAll(generation: Generation): Promise<Kept[]> {
  refs.set("generation", new WeakRef(generation))
  const [address] = generation.addresses.values()
  const server = address?.names.default as VirtualServer
  const kept: Kept[] = []
  for (const location of server.locations.all())
    for (const isReused of [false, true]) kept.push(await open(server, location, isReused))
  return kept
}

async function replace(old: Generation): Promise<Generation> {
  const next = await builder.build(2, old)
  disposeGeneration(old)
  return next
}

async function start(): Promise<{ kept: Kept[]; current: Generation }> {
  const first = await builder.build(1, null)
  const kept = await openAll(first)
  return { kept, current: await replace(first) }
}

async function echo({ ends }: Kept): Promise<string> {
  const owner = new RecordingOwner()
  ends.connection.owner = owner
  ends.connection.write("still there")
  await owner.untilBytes(11)
  return owner.text
}

const { kept, current } = await start()
for (const { ends } of kept) ends.connection.owner = null
for (let round = 0; round < 3; round++) {
  await pause(1)
  globalThis.gc?.()
}
const held = [...refs].filter(([, ref]) => ref.deref() !== undefined).map(([name]) => name)
const echoes: Record<string, string> = {}
for (const one of kept) echoes[one.name] = await echo(one)
const connections = kept.map(({ ends }) => ends.peer.connections)
for (const { ends } of kept) ends.peer.release("ok", Date.now())
const left = kept.map(({ ends }) => ends.peer.connections)
console.log(JSON.stringify({ held, echoes, connections, left, number: current.number }))
process.exit()
