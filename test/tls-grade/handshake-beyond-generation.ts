/**
 * Does a handshake with each server of a configuration, lets go of the generation, and prints what of it is still in
 * memory while the TLS sockets are.
 */
import { once } from "node:events"
import { type AddressInfo, connect as connectTcp, createServer, type Socket } from "node:net"
import { setTimeout as pause } from "node:timers/promises"
import { connect, type TLSSocket } from "node:tls"
import { ssl } from "../../src/modules/ssl.ts"
import { disposeGeneration, type Generation } from "../../src/server/generation.ts"
import type { ServerTls } from "../../src/tls/server-context.ts"
import { GenerationBuilder } from "../reload/generation-builder.ts"

const [file = "", prefix = ""] = process.argv.slice(2)
const builder = new GenerationBuilder(file, prefix)
const refs = new Map<string, WeakRef<object>>()
const listener = createServer({ pauseOnConnect: true }).listen(0, "127.0.0.1")
await once(listener, "listening")
const { port } = listener.address() as AddressInfo

async function handshake(tls: ServerTls, name: string): Promise<readonly [TLSSocket, TLSSocket]> {
  const raw = connectTcp(port, "127.0.0.1")
  const [accepted] = (await once(listener, "connection")) as [Socket]
  const server = tls.serverFor(accepted, name)
  if (typeof server === "string") throw new Error(server)
  const client = connect({ socket: raw, servername: name, requestOCSP: true, rejectUnauthorized: false })
  const done = new Promise<TLSSocket>((onSecure, onTlsError) => {
    server.begin(accepted, { offersHttp2: false, onSecure, onTlsError })
  })
  return [await done, client]
}

/** In a function of its own: no variable of the program's body may hold the generation. */
async function open(): Promise<(readonly [TLSSocket, TLSSocket])[]> {
  const generation: Generation = await builder.build(1, null)
  refs.set("generation", new WeakRef(generation))
  const [address] = generation.addresses.values()
  const kept: (readonly [TLSSocket, TLSSocket])[] = []
  for (const name of ["variable.test", "stapled.test", "plain.test"]) {
    const server = address?.names.find(name, null)
    const tls = server?.location.of(ssl)
    if (server === undefined || tls === undefined) throw new Error(name)
    refs.set(`${name}: server`, new WeakRef(server))
    refs.set(`${name}: location`, new WeakRef(server.location))
    kept.push(await handshake(tls, name))
  }
  disposeGeneration(generation)
  return kept
}

const kept = await open()
for (let round = 0; round < 3; round++) {
  await pause(1)
  globalThis.gc?.()
}
const held = [...refs].filter(([, ref]) => ref.deref() !== undefined).map(([name]) => name)
const echoes: string[] = []
for (const [server, client] of kept) {
  server.write("still there")
  const [chunk] = (await once(client, "data")) as [Buffer]
  echoes.push(chunk.toString())
}
console.log(JSON.stringify({ held, echoes }))
process.exit()
