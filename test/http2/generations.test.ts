/** WebSockets over HTTP/2 outlive the configurations that they began under, and keep none of them in memory. */
import assert from "node:assert/strict"
import { once } from "node:events"
import { type ClientHttp2Session, connect } from "node:http2"
import { it } from "node:test"
import { startSocketBackend } from "../faults/socket-backend.ts"
import { inspectedEnvironment, measureThreads } from "../soak/inspect.ts"
import { startHoldfast } from "../support/holdfast.ts"
import { freePort } from "../support/ports.ts"
import { makeTempFolder } from "../support/temp.ts"
import { TEXT } from "../websocket/frame-socket.ts"
import { closed, Http2Proxy, type OpenWebSocket } from "./extended-connect.ts"

const RELOADS = 8

/** How many configurations the worker has in memory. */
async function generations(folder: string): Promise<number> {
  await measureThreads(folder)
  const threads = await measureThreads(folder)
  const worker = threads.find(({ isMainThread }) => !isMainThread)
  assert.ok(worker)
  return worker.serverNames
}

it("a generation is freed although WebSockets of it live on, on addresses that stay and on one that goes", async () => {
  const prefix = makeTempFolder("generations")
  const backend = await startSocketBackend()
  const [port, other] = [await freePort(), await freePort()]
  const options = {
    http: `log_format l '$status $connection_requests $request_time'; access_log {prefix}/logs/a.log l;`,
  }
  const proxy = new Http2Proxy(
    await startHoldfast("events { }", {
      prefix,
      env: inspectedEnvironment(prefix),
    }),
    backend,
    port,
    options,
  )
  await using _proxy = proxy
  const holdfast = {
    name: "holdfast",
    command: "",
    prepare: (config: string) =>
      `daemon off; worker_processes 1; pid ${prefix}/holdfast.pid; error_log ${prefix}/error.log info; ${config}`,
  }
  const reload = async (number: number, extra = ""): Promise<void> => {
    const server = `location /own { return 200 "generation ${number}"; }`
    const text = proxy.configuration({ ...options, server, listen: extra })
    proxy.edge.writeConfig(holdfast, text)
    proxy.edge.signal("SIGHUP")
  }
  // The first one listens on a second address as well, which the next ones do not.
  await reload(0, `; listen 127.0.0.1:${other}`)
  const gone = await untilListens(other)
  const left = await proxy.open(gone)
  const session = await proxy.session()
  const goaway = once(gone, "goaway")
  const all: OpenWebSocket[] = [left]
  for (let number = 1; number <= RELOADS; number++) {
    await reload(number)
    for (;;) {
      const request = session.request({ ":path": "/own" })
      let text = ""
      request.on("data", (chunk: Buffer) => {
        text += chunk.toString()
      })
      await closed(request)
      if (text === `generation ${number}`) break
    }
    all.push(await proxy.open(session))
  }
  await goaway
  assert.equal(await generations(prefix), 1)
  for (const [at, { client, backend: end }] of all.entries()) {
    client.send({ opcode: TEXT, payload: `still ${at}` })
    assert.equal(await end.nextText(), `still ${at}`)
  }
  gone.destroy()
})

/** A session on `port` as soon as somebody listens there. */
async function untilListens(port: number): Promise<ClientHttp2Session> {
  for (;;) {
    const session = connect(`http://127.0.0.1:${port}`)
    session.on("error", () => {})
    const isOpen = await new Promise<boolean>((resolve) => {
      session.once("remoteSettings", () => resolve(true))
      session.once("close", () => resolve(false))
    })
    if (isOpen) return session
  }
}
