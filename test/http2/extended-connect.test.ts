import assert from "node:assert/strict"
import { once } from "node:events"
import { constants } from "node:http2"
import { describe, it } from "node:test"
import { patternOf, receive, sendPattern } from "../faults/byte-streams.ts"
import { freePort } from "../support/ports.ts"
import { BINARY, CLOSE, frameBytes, PING, PONG, TEXT } from "../websocket/frame-socket.ts"
import { answerOf, closed, connectStream, Http2Proxy, switching, UPGRADE } from "./extended-connect.ts"

const { NGHTTP2_CANCEL, NGHTTP2_NO_ERROR } = constants

describe("a WebSocket over HTTP/2", () => {
  it("is a handshake of HTTP/1.1 to the backend, as the location says, and a 200 to the client", async () => {
    await using proxy = await Http2Proxy.start()
    const session = await proxy.session()
    assert.equal(session.remoteSettings.enableConnectProtocol, true)
    const { answer, peer, head } = await proxy.ask(session, {
      "sec-websocket-protocol": "chat, superchat",
      "sec-websocket-extensions": "permessage-deflate",
      origin: "http://a.test",
      cookie: "a=1",
    })
    const lines = head.split("\r\n")
    assert.equal(lines[0], "GET /chat?room=1 HTTP/1.1")
    for (const line of ["Upgrade: websocket", "Connection: upgrade", "Host: a.test"])
      assert.equal(lines.filter((other) => other.toLowerCase() === line.toLowerCase()).length, 1, line)
    assert.match(head, /^Sec-WebSocket-Key: [\w+/]{22}==\r$/m)
    for (const line of [
      "sec-websocket-version: 13",
      "sec-websocket-protocol: chat, superchat",
      "origin: http://a.test",
      "cookie: a=1",
      "sec-websocket-extensions: permessage-deflate",
    ])
      assert.ok(lines.includes(line), line)
    assert.doesNotMatch(head, /Transfer-Encoding|Content-Length|:protocol/i)
    peer.write(
      switching(
        head,
        "Sec-WebSocket-Protocol: chat\r\nSec-WebSocket-Extensions: permessage-deflate\r\nX-A: 1\r\n",
      ),
    )
    const fields = await answer
    assert.equal(fields?.[":status"], 200)
    assert.equal(fields?.["sec-websocket-protocol"], "chat")
    assert.equal(fields?.["sec-websocket-extensions"], "permessage-deflate")
    assert.equal(fields?.["x-a"], "1")
    for (const name of ["upgrade", "connection", "sec-websocket-accept", "content-length"])
      assert.equal(fields?.[name], undefined, name)
  })

  it("carries frames both ways, and many of them in one connection", async () => {
    await using proxy = await Http2Proxy.start()
    const session = await proxy.session()
    const all = await Promise.all(Array.from({ length: 20 }, () => proxy.open(session)))
    for (const [at, { client }] of all.entries()) client.send({ opcode: TEXT, payload: `up ${at}` })
    for (const [at, { backend }] of all.entries()) {
      // Which backend connection is whose is told by what comes.
      const text = await backend.nextText()
      assert.match(text, /^up \d+$/, `tunnel ${at}`)
      backend.send({ opcode: TEXT, payload: `down ${text}` })
    }
    for (const { client } of all) assert.match(await client.nextText(), /^down up \d+$/)
  })

  it("goes on while requests come and go in the same connection", async () => {
    await using proxy = await Http2Proxy.start({ server: "location /own { return 200 own; }" })
    const session = await proxy.session()
    const { client, backend } = await proxy.open(session)
    for (let round = 0; round < 3; round++) {
      const request = session.request({ ":path": "/own" })
      request.resume()
      const [head] = await once(request, "response")
      assert.equal(head[":status"], 200)
      await closed(request)
      client.send({ opcode: TEXT, payload: "still" })
      assert.equal(await backend.nextText(), "still")
    }
  })

  it("needs no proxy_set_header under `websocket on`", async () => {
    await using proxy = await Http2Proxy.start({ location: "websocket on;" })
    const { client, backend } = await proxy.open(await proxy.session())
    client.send({ opcode: TEXT, payload: "hi" })
    assert.equal(await backend.nextText(), "hi")
  })

  it("passes a Close from each side on, and ends the stream cleanly", async () => {
    await using proxy = await Http2Proxy.start()
    const { client, backend, stream } = await proxy.open(await proxy.session())
    client.sendClose(1000)
    assert.equal(await backend.nextCloseCode(), 1000)
    backend.sendClose(1000)
    assert.equal(await client.nextCloseCode(), 1000)
    backend.socket.end()
    assert.equal(await client.ended(), "end")
    stream.end()
    assert.equal(await backend.ended(), "end")
    assert.equal(await closed(stream), NGHTTP2_NO_ERROR)
  })

  it("passes half-close on, the client's first", async () => {
    await using proxy = await Http2Proxy.start()
    const { client, backend, stream } = await proxy.open(await proxy.session())
    stream.end()
    assert.equal(await backend.ended(), "end")
    backend.send({ opcode: TEXT, payload: "one more" })
    assert.equal(await client.nextText(), "one more")
    backend.socket.end()
    assert.equal(await client.ended(), "end")
    assert.equal(await closed(stream), NGHTTP2_NO_ERROR)
  })

  it("moves much data both ways at once, whole", async () => {
    await using proxy = await Http2Proxy.start({ location: `${UPGRADE} websocket_protocol_errors pass;` })
    const session = await proxy.session()
    const { stream, answer, peer, head } = await proxy.ask(session)
    peer.write(switching(head), "latin1")
    await answer
    const bytes = 3_000_001
    // One binary frame each way holds it all.
    const header = Buffer.from([0x82, 0x7f, 0, 0, 0, 0, 0, 0x2d, 0xc6, 0xc1])
    peer.write(header)
    const masked = Buffer.concat([header, Buffer.alloc(4)])
    masked[1] = 0xff
    stream.write(masked)
    await receive(stream, header.length)
    await receive(peer, masked.length)
    const results = await Promise.all([
      receive(stream, bytes),
      receive(peer, bytes),
      sendPattern(peer, bytes, 1),
      sendPattern(stream, bytes, 2),
    ])
    assert.deepEqual(results[0], patternOf(bytes, 1))
    assert.deepEqual(results[1], patternOf(bytes, 2))
  })

  it("holds the backend back while the client takes nothing", async () => {
    await using proxy = await Http2Proxy.start({ server: "location /own { return 200; }" })
    const session = await proxy.session()
    const { stream, answer, peer, head } = await proxy.ask(session)
    peer.write(switching(head), "latin1")
    await answer
    stream.pause()
    const frame = frameBytes({ opcode: BINARY, payload: Buffer.alloc(65_536) }, false)
    const total = 400
    let written = 0
    const push = (): void => {
      while (written < total) {
        written++
        if (!peer.write(frame)) return
      }
    }
    peer.on("drain", push)
    push()
    // Many turns of the proxy's: what it and the kernel hold is far less than the 26 MB that wait.
    for (let round = 0; round < 50; round++) {
      const request = session.request({ ":path": "/own" })
      request.resume()
      await once(request, "response")
    }
    assert.ok(written < total / 2, `${written} frames were taken`)
    assert.equal((await receive(stream, total * frame.length)).bytes, total * frame.length)
  })
})

describe("a WebSocket over HTTP/2 that is refused", () => {
  it("gets the backend's answer as it is", async () => {
    await using proxy = await Http2Proxy.start()
    const { stream, answer, peer } = await proxy.ask(await proxy.session())
    peer.write("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\nX-A: 1\r\n\r\nno")
    const fields = await answer
    assert.equal(fields?.[":status"], 403)
    assert.equal(fields?.["x-a"], "1")
    assert.equal((await receive(stream)).bytes, 2)
    assert.equal(await closed(stream), NGHTTP2_NO_ERROR)
  })

  it("never gets a 200 that opens nothing", async () => {
    await using proxy = await Http2Proxy.start()
    const { answer, peer } = await proxy.ask(await proxy.session())
    peer.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
    assert.equal((await answer)?.[":status"], 502)
    await proxy.edge.waitForLog(/the answer to a WebSocket over HTTP\/2 was 200, not 101/)
  })

  it("gets 502 for a wrong Sec-WebSocket-Accept", async () => {
    await using proxy = await Http2Proxy.start()
    const { answer, peer, head } = await proxy.ask(await proxy.session())
    peer.write(switching(head).replace(/Accept: ..../, "Accept: AAAA"))
    assert.equal((await answer)?.[":status"], 502)
    await proxy.edge.waitForLog(/upstream sent invalid header .*Sec-WebSocket-Accept is "AAAA/)
  })

  it("gets 501 for another protocol, 502 without a backend, 404 where nothing is", async () => {
    await using proxy = await Http2Proxy.start({
      server: "location /none { return 404; } location /ok { return 200; }",
    })
    const session = await proxy.session()
    const status = async (fields: Record<string, string>): Promise<unknown> =>
      (await answerOf(connectStream(session, fields)))?.[":status"]
    assert.equal(await status({ ":protocol": "connect-udp" }), 501)
    assert.equal(await status({ ":path": "/none" }), 404)
    assert.equal(await status({ ":path": "/ok" }), 502)
    await proxy.backend.close()
    assert.equal(await status({}), 502)
  })

  it("is not offered with http2_extended_connect off", async () => {
    await using proxy = await Http2Proxy.start({ server: "http2_extended_connect off;" })
    const session = await proxy.session()
    assert.equal(session.remoteSettings.enableConnectProtocol, false)
  })
})

describe("a WebSocket over HTTP/2 that ends otherwise", () => {
  it("is reset by the client: the backend sees it", async () => {
    await using proxy = await Http2Proxy.start()
    const { stream, backend } = await proxy.open(await proxy.session())
    stream.close(NGHTTP2_CANCEL)
    assert.notEqual(await backend.ended(), "")
  })

  it("loses its connection: the backend sees it", async () => {
    await using proxy = await Http2Proxy.start()
    const session = await proxy.session()
    const { backend } = await proxy.open(session)
    session.destroy()
    assert.notEqual(await backend.ended(), "")
  })

  it("loses its backend: the stream is reset, the connection stays", async () => {
    await using proxy = await Http2Proxy.start({ server: "location /own { return 200 own; }" })
    const session = await proxy.session()
    const { stream, peer } = await proxy.open(session)
    peer.resetAndDestroy()
    assert.equal(await closed(stream), NGHTTP2_CANCEL)
    const request = session.request({ ":path": "/own" })
    request.resume()
    const [head] = await once(request, "response")
    assert.equal(head[":status"], 200)
  })

  it("is idle for too long", async () => {
    await using proxy = await Http2Proxy.start({ location: `${UPGRADE} proxy_read_timeout 300ms;` })
    const { stream, backend } = await proxy.open(await proxy.session())
    assert.equal(await closed(stream), NGHTTP2_CANCEL)
    assert.notEqual(await backend.ended(), "")
    await proxy.edge.waitForLog(/upstream timed out \(110: Connection timed out\) while proxying upgraded/)
  })

  it("gets pings of the proxy's own, and answers them", async () => {
    await using proxy = await Http2Proxy.start({ location: `${UPGRADE} websocket_ping 100ms timeout=5s;` })
    const { client, backend } = await proxy.open(await proxy.session())
    const ping = await client.next()
    assert.equal(ping?.opcode, PING)
    client.send({ opcode: PONG, payload: ping?.payload ?? "" })
    client.send({ opcode: TEXT, payload: "after" })
    assert.equal(await backend.nextText(), "after")
  })

  it("has its line in the access log at its end, with its bytes", async () => {
    await using proxy = await Http2Proxy.start({
      http: `log_format l '[$status] [$request] [$http2] $request_method $connection_requests up=$upstream_status'; access_log {prefix}/logs/a.log l;`,
    })
    const { client, backend, stream } = await proxy.open(await proxy.session())
    client.send({ opcode: TEXT, payload: "x" })
    await backend.nextText()
    assert.equal(proxy.edge.readFile("logs/a.log"), "")
    backend.socket.end()
    await client.ended()
    stream.end()
    const [line] = await proxy.edge.waitForFile("logs/a.log", /.*\n/)
    assert.equal(line, "[200] [CONNECT /chat?room=1 HTTP/2.0] [h2c] GET 1 up=101\n")
  })
})

describe("while the program changes", () => {
  it("a reload keeps WebSockets, and new requests get the new configuration", async () => {
    await using proxy = await Http2Proxy.start({ server: "location /own { return 200 old; }" })
    const session = await proxy.session()
    const { client, backend } = await proxy.open(session)
    const holdfast = { name: "holdfast", command: "", prepare: prepareLike(proxy) }
    proxy.edge.writeConfig(holdfast, proxy.configuration({ server: "location /own { return 201; }" }))
    proxy.edge.signal("SIGHUP")
    await proxy.edge.waitForLog(/reconfiguring[\s\S]*$/)
    await untilStatus(session, 201)
    client.send({ opcode: TEXT, payload: "still here" })
    assert.equal(await backend.nextText(), "still here")
  })

  it("a reload that takes the address away keeps WebSockets, and says so with a GOAWAY", async () => {
    await using proxy = await Http2Proxy.start()
    const session = await proxy.session()
    const goaway = once(session, "goaway")
    const { client, backend, stream } = await proxy.open(session)
    const port = await freePort()
    const holdfast = { name: "holdfast", command: "", prepare: prepareLike(proxy) }
    proxy.edge.writeConfig(holdfast, `events { } http { server { listen 127.0.0.1:${port}; } }`)
    proxy.edge.signal("SIGHUP")
    await goaway
    client.send({ opcode: TEXT, payload: "still here" })
    assert.equal(await backend.nextText(), "still here")
    backend.socket.end()
    stream.end()
    assert.equal(await closed(stream), NGHTTP2_NO_ERROR)
  })

  it("SIGQUIT says goodbye in each WebSocket, and a GOAWAY cuts none", async () => {
    await using proxy = await Http2Proxy.start({ main: "worker_shutdown_timeout 5s;" })
    const session = await proxy.session()
    const goaway = once(session, "goaway")
    const { client, backend, stream } = await proxy.open(session)
    proxy.edge.signal("SIGQUIT")
    const [code] = await goaway
    assert.equal(code, NGHTTP2_NO_ERROR)
    assert.equal(await client.nextCloseCode(), 1001)
    client.send({ opcode: TEXT, payload: "last words" })
    assert.equal(await backend.nextText(), "last words")
    client.sendClose(1001)
    assert.equal((await backend.next())?.opcode, CLOSE)
    backend.sendClose(1001)
    assert.equal(await client.ended(), "end")
    stream.end()
    backend.socket.end()
    assert.deepEqual(await proxy.edge.exit, { code: 0, signal: null })
  })

  it("SIGQUIT ends connections that wait with a GOAWAY, and lets requests end", async () => {
    await using proxy = await Http2Proxy.start({ server: "location /own { return 200 own; }" })
    const idle = await proxy.session()
    await untilStatus(idle, 200)
    const busy = await proxy.session()
    const request = busy.request({ ":path": "/slow" })
    const response = once(request, "response")
    const peer = await proxy.backend.next()
    const goaways = [once(idle, "goaway"), once(busy, "goaway")]
    proxy.edge.signal("SIGQUIT")
    await Promise.all(goaways)
    peer.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
    const [head] = await response
    assert.equal(head[":status"], 200)
    assert.equal((await receive(request)).bytes, 2)
    assert.deepEqual(await proxy.edge.exit, { code: 0, signal: null })
  })
})

async function untilStatus(
  session: Awaited<ReturnType<Http2Proxy["session"]>>,
  status: number,
): Promise<void> {
  for (;;) {
    const request = session.request({ ":path": "/own" })
    request.resume()
    const [head] = await once(request, "response")
    await closed(request)
    if (head[":status"] === status) return
  }
}

/** The main directives that the first configuration was completed with. */
function prepareLike(proxy: Http2Proxy): (config: string, prefix: string) => string {
  return (config, prefix) =>
    `daemon off; worker_processes 1; pid ${prefix}/holdfast.pid; error_log ${proxy.edge.errorLogFile} info; ${config}`
}
