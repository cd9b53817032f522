/**
 * Loaded into the program with `--import`, so into each of its worker threads too: takes commands over a unix
 * socket per thread in the folder HOLDFAST_TEST_FAULTS. See `faults.ts` for the commands.
 */
import { existsSync, rmSync, writeFileSync } from "node:fs"
import { createServer } from "node:net"
import { join } from "node:path"
import { queryObjects } from "node:v8"
import { isMainThread, threadId } from "node:worker_threads"

const folder = process.env.HOLDFAST_TEST_FAULTS
if (!isMainThread && folder !== undefined) {
  if (existsSync(join(folder, "poison"))) process.exit(1)
  waitWhileSlow(folder)
  listen(join(folder, `${threadId}.sock`))
}

/** Says that the thread has come so far, and holds it there for as long as it is told to. */
function waitWhileSlow(folder: string): void {
  if (!existsSync(join(folder, "slow"))) return
  writeFileSync(join(folder, `${threadId}.waiting`), "")
  const nap = new Int32Array(new SharedArrayBuffer(4))
  while (existsSync(join(folder, "slow"))) Atomics.wait(nap, 0, 0, 5)
}

function listen(path: string): void {
  rmSync(path, { force: true })
  const server = createServer((socket) => {
    socket.setEncoding("latin1")
    socket.once("data", async (command: string) => socket.end(await obey(command), () => act(command)))
    socket.on("error", () => {})
    socket.unref()
  })
  server.listen(path).unref()
}

/** Live objects that hold the servers of one listening address. */
async function countServerNames(): Promise<number> {
  const { ServerNames } = await import("../../src/runtime/server-names.ts")
  return queryObjects(ServerNames, { format: "count" })
}

async function obey(command: string): Promise<string> {
  if (command === "names") return String(await countServerNames())
  if (command === "sockets")
    return String(process.getActiveResourcesInfo().filter((name) => name === "TCPSocketWrap").length)
  return "ok"
}

function act(command: string): void {
  const [word, argument] = command.split(" ")
  const count = Number(argument ?? 1)
  if (word === "throw")
    for (let i = 0; i < count; i++)
      setImmediate(() => {
        throw new Error(`fault ${i}`)
      })
  if (word === "reject") void Promise.reject(new Error("fault"))
  if (word === "exit") process.exit(count)
  if (word === "heap") exhaustHeap()
  if (word === "block") block(count)
}

function exhaustHeap(): void {
  const kept: unknown[] = []
  setInterval(() => {
    for (let i = 0; i < 100_000; i++) kept.push({ i, text: `text ${i}` })
  }, 1)
}

function block(ms: number): void {
  const end = performance.now() + ms
  while (performance.now() < end);
}
