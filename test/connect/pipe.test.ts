/** `holdfast connect` in a pipe: lines in, messages out, and an end that says how it went. */
import assert from "node:assert/strict"
import { once } from "node:events"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import type { Writable } from "node:stream"
import { describe, test } from "node:test"
import { setTimeout as pause } from "node:timers/promises"
import { HOLDFAST, run } from "../support/holdfast.ts"
import { nginxMissing, startNginx } from "../support/nginx.ts"
import { freePort } from "../support/ports.ts"
import { makeTempFolder } from "../support/temp.ts"
import {
  pythonEchoMissing,
  startEchoBackend,
  startPythonEcho,
  startWebsocketd,
  websocketdMissing,
} from "../support/websocket-backends.ts"
import { connect, eventsOf, serving, Talker } from "./client.ts"

describe("lines are messages", () => {
  test("each line of the input is sent, each message is a line of the output", async (t) => {
    const backend = await startEchoBackend("one")
    t.after(() => backend.close())
    const url = `ws://127.0.0.1:${backend.port}/`
    const { status, stdout, stderr } = await connect([url], "one\ntw\xc3\xb6\r\n\n/ping\nlast")
    assert.deepEqual(
      { status, stdout, stderr },
      { status: 0, stdout: "one\ntw\xc3\xb6\n\n/ping\nlast\n", stderr: "" },
    )
  })

  test("backend: python's websockets", { skip: pythonEchoMissing() }, async (t) => {
    const backend = await startPythonEcho()
    t.after(() => backend.close())
    const { status, stdout } = await connect(["-1", "-x", "hello", `ws://127.0.0.1:${backend.port}/`])
    assert.deepEqual([status, stdout], [0, "hello\n"])
  })

  test("backend: websocketd", { skip: websocketdMissing() }, async (t) => {
    const backend = await startWebsocketd()
    t.after(() => backend.close())
    const { status, stdout } = await connect(["-1", `ws://127.0.0.1:${backend.port}/`], "hello\n")
    assert.deepEqual([status, stdout], [0, "hello\n"])
  })

  test("binary messages are hexadecimal digits, both ways", async (t) => {
    const kinds: boolean[] = []
    const url = await serving(t, (socket) => {
      socket.on("message", (data: Buffer, isBinary) => {
        kinds.push(isBinary)
        socket.send(data, { binary: isBinary })
      })
    })
    const { stdout } = await connect(["--binary", url], "00 ff 7f\ndeadBEEF\n")
    assert.equal(stdout, "00ff7f\ndeadbeef\n")
    assert.deepEqual(kinds, [true, true])
  })

  test("--raw has bytes as they are", async (t) => {
    const url = await serving(t, (socket) => {
      socket.on("message", (data: Buffer) => socket.send(data, { binary: true }))
    })
    const bytes = Buffer.from(Array.from({ length: 256 }, (_, octet) => octet)).toString("latin1")
    const { stdout } = await connect(["--raw", url], bytes)
    assert.equal(stdout, bytes)
  })

  test("with --slash a line may be a command", async (t) => {
    const folder = makeTempFolder("connect")
    const path = join(folder, "bytes")
    writeFileSync(path, Buffer.from([1, 2, 3]))
    const backend = await startEchoBackend("one")
    t.after(() => backend.close())
    const input = `/ping abc\n/binary ca fe\n/file ${path}\n/text \n//x\n/close 4321 enough\n`
    const url = `ws://127.0.0.1:${backend.port}/`
    const { status, stdout, stderr } = await connect(["--slash", "-v", url], input)
    assert.equal(stdout, "cafe\n010203\n\n/x\n")
    assert.match(stderr, /pong "abc" after [\d.]+ ms\n/)
    assert.match(stderr, /closed by us after \d.*: 4321 Application-defined\n/)
    assert.equal(status, 0)
  })
})

describe("the end", () => {
  test("of the input closes with 1000, which the peer sees; --wait waits before", async (t) => {
    const codes: number[] = []
    const url = await serving(t, (socket) => {
      socket.on("close", (code) => codes.push(code))
      socket.on("message", () =>
        setTimeout(() => socket.send("a late answer", () => socket.close(1000)), 100),
      )
    })
    const [atOnce, later] = await Promise.all([connect([url], "x\n"), connect(["-w", "20s", url], "x\n")])
    assert.deepEqual([atOnce.stdout, atOnce.status], ["", 0])
    assert.deepEqual([later.stdout, later.status], ["a late answer\n", 0])
    assert.deepEqual(codes, [1000, 1000])
  })

  const CLOSES = [
    [1000, 0, ""],
    [1001, 0, 'holdfast connect: closed by the peer after T: 1001 Going Away "as you say"\n'],
    [1011, 1, 'holdfast connect: closed by the peer after T: 1011 Internal Error "as you say"\n'],
    [4400, 1, 'holdfast connect: closed by the peer after T: 4400 Application-defined "as you say"\n'],
  ] as const
  for (const [code, expected, text] of CLOSES)
    test(`a Close ${code} of the peer: exit ${expected}`, async (t) => {
      const backend = await startEchoBackend("one")
      t.after(() => backend.close())
      const { status, stderr } = await connect(["-nx", `close ${code}`, `ws://127.0.0.1:${backend.port}/`])
      assert.equal(status, expected)
      assert.equal(stderr.replace(/after [\d.]+ m?s/, "after T"), text)
    })

  test("a cut is 1006, and says so", async (t) => {
    const url = await serving(t, (socket) => void socket.on("message", () => socket.terminate()))
    const { status, stderr } = await connect(["-nx", "x", url])
    assert.equal(status, 1)
    assert.match(
      stderr,
      /^holdfast connect: cut after .* without a Close frame, by .*: 1006 Abnormal Closure\n/,
    )
  })

  test("a cut by nginx's proxy_read_timeout is one", { skip: nginxMissing() }, async (t) => {
    const port = await freePort()
    const backend = await startEchoBackend("one")
    t.after(() => backend.close())
    const edge = await startNginx(`events {}
http {
  server {
    listen 127.0.0.1:${port};
    location / {
      proxy_pass http://127.0.0.1:${backend.port};
      proxy_http_version 1.1;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection "upgrade";
      proxy_read_timeout 1s;
    }
  }
}
`)
    t.after(() => edge.stop())
    const { status, stdout } = await connect(["-n", "--json", "-x", "hello", `ws://127.0.0.1:${port}/`])
    const [open, , close] = eventsOf(stdout)
    assert.equal(status, 1)
    assert.match(String(open?.["server"]), /^nginx/)
    assert.deepEqual([close?.["code"], close?.["by"]], [1006, "nobody"])
    assert.ok(Number(close?.["idleMs"]) >= 900, `${close?.["idleMs"]}`)
  })

  test("--one-message waits no longer than --wait, and fails then", async (t) => {
    const url = await serving(t, () => {})
    const { status, stderr } = await connect(["-1", "-w", "100ms", url])
    assert.equal(status, 1)
    assert.equal(stderr, "holdfast connect: no message came within 100 ms\n")
  })

  test("SIGINT closes with 1000, a second one ends it at once", async (t) => {
    const codes: number[] = []
    const url = await serving(t, (socket) => void socket.on("close", (code) => codes.push(code)))
    const talker = new Talker(t, ["-v", url])
    await talker.waitFor(/connected/)
    talker.child.kill("SIGINT")
    assert.equal(await talker.exit, 0)
    assert.deepEqual(codes, [1000])
    const deaf = await serving(t, (socket) => socket.pause())
    const waiting = new Talker(t, ["-v", "--timeout", "60s", deaf])
    await waiting.waitFor(/connected/)
    waiting.child.kill("SIGINT")
    while (waiting.child.exitCode === null) {
      waiting.child.kill("SIGINT")
      await Promise.race([waiting.exit, new Promise((resolve) => setTimeout(resolve, 20))])
    }
    assert.equal(await waiting.exit, 1)
  })
})

describe("input that cannot be sent", () => {
  const CASES = [
    [
      [],
      "ok\n\xff\xfe\n",
      "line 2 of the input: not UTF-8: it cannot be a text message (RFC 6455 §5.6); --binary or --raw sends bytes",
    ],
    [["--binary"], "zz\n", 'line 1 of the input: "z" is no hexadecimal digit'],
    [
      ["--slash"],
      "/nothing\n",
      "line 1 of the input: there is no command /nothing; /help lists them, // sends a line that begins with a slash",
    ],
    [["--max-message", "10"], "x".repeat(11), "line 1 of the input is longer than --max-message allows"],
  ] as const
  for (const [args, input, text] of CASES)
    test(text.slice(0, 60), async (t) => {
      const backend = await startEchoBackend("one")
      t.after(() => backend.close())
      const { status, stderr } = await connect([...args, `ws://127.0.0.1:${backend.port}/`], input)
      assert.equal(status, 1)
      assert.equal(Buffer.from(stderr, "latin1").toString("utf8"), `holdfast connect: ${text}\n`)
    })
})

describe("much", () => {
  const LINE = "x".repeat(9999)
  const LINES = 4000

  test("input is read no faster than it can be sent", async (t) => {
    let read = 0
    let release: () => void = () => {}
    const url = await serving(t, (socket) => {
      socket.on("message", (data: Buffer) => {
        read += data.length
      })
      socket.pause()
      release = () => socket.resume()
    })
    const { child, exit } = new Talker(t, [url])
    let written = 0
    const write = (): boolean => {
      written++
      return child.stdin.write(`${LINE}\n`)
    }
    while (written < LINES && (write() || (await drains(child.stdin)))) {}
    assert.ok(written < LINES, "all lines were taken by a client that cannot send them")
    release()
    child.stdin.end()
    assert.equal(await exit, 0)
    assert.equal(read, written * LINE.length)
  })

  test("a slow reader of the output slows the peer", async (t) => {
    let sent = 0
    const url = await serving(t, (socket) => {
      const more = (): void => {
        if (sent === LINES) return socket.close(1000)
        sent++
        socket.send(LINE, more)
      }
      more()
    })
    const talker = new Talker(t, ["-nv", url])
    talker.child.stdout.pause()
    await talker.waitFor(/connected/)
    // Until nothing moves any more: what the client and the system hold is bounded.
    for (let before = -1; before < sent; await pause(300)) before = sent
    assert.ok(sent < LINES, "all was taken by a client that cannot write it")
    talker.child.stdout.resume()
    assert.equal(await talker.exit, 0)
    assert.equal(talker.stdout.length, LINES * (LINE.length + 1))
  })

  test("a slow reader gets what the peer has sent before its Close, however long it takes", async (t) => {
    const url = await serving(t, (socket) => {
      socket.on("message", () => {
        for (let index = 0; index < LINES / 2; index++) socket.send(LINE)
      })
    })
    const talker = new Talker(t, ["--timeout", "1s", "-v", url])
    talker.child.stdout.pause()
    talker.child.stdin.end("x\n")
    await talker.waitFor(/connected/)
    // Twice as long as a peer that says nothing would be given.
    await pause(2500)
    talker.child.stdout.resume()
    assert.equal(await talker.exit, 0)
    assert.equal(talker.stdout.length, (LINES / 2) * (LINE.length + 1))
  })

  test("whoever reads a line only ends it quietly", async (t) => {
    const url = await serving(t, (socket) => {
      const timer = setInterval(() => socket.send("tick"), 5)
      socket.on("close", () => clearInterval(timer))
    })
    const line = `"${HOLDFAST}" connect -n ${url} | head -n 1; echo done`
    const { stdout, stderr } = await run("/bin/sh", ["-c", line])
    assert.deepEqual([stdout, stderr], ["tick\ndone\n", ""])
  })
})

/** Whether `input` takes more within a while: where nobody reads it never does. */
async function drains(input: Writable): Promise<boolean> {
  const signal = AbortSignal.timeout(500)
  return once(input, "drain", { signal }).then(
    () => true,
    () => false,
  )
}
