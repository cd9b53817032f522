/** Temporary files of bodies, as seen from outside. */
import assert from "node:assert/strict"
import { readdirSync, readlinkSync } from "node:fs"
import { join } from "node:path"
import { type ProxyUnderTest, startProxy } from "./proxy-under-test.ts"
import { type SocketBackend, startSocketBackend } from "./socket-backend.ts"

export const BYTES = 8_000_000
/** More than all sockets on the way hold. */
export const ANSWER_BYTES = 64_000_000
export const BODIES = "client_body_temp_path {prefix}/bodies 1 2;"
export const ANSWERS = "proxy_temp_path {prefix}/answers 1 2;"

/** All files below a folder of the prefix. */
export function filesIn(proxy: ProxyUnderTest, folder: string): string[] {
  const entries = readdirSync(join(proxy.edge.prefix, folder), { recursive: true, withFileTypes: true })
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
}

/** The files below the prefix that the process has open, by the names that they have or had. */
export function openTempFiles(pid: number): string[] {
  const folder = `/proc/${pid}/fd`
  const paths: string[] = []
  for (const fd of readdirSync(folder)) {
    try {
      paths.push(readlinkSync(join(folder, fd)))
    } catch {
      // Closed by now.
    }
  }
  return paths.filter((path) => /\/(bodies|answers)\//.test(path))
}

/** Asks until it is as wanted; the proxy's status page is what passes the time. */
export async function until(proxy: ProxyUnderTest, isSo: () => boolean, what: string): Promise<void> {
  for (let i = 0; i < 2000; i++) {
    if (isSo()) return
    await proxy.status()
  }
  assert.fail(`${what} did not come: ${openTempFiles(proxy.edge.pid).join(" ")}`)
}

export async function untilClosed(proxy: ProxyUnderTest): Promise<void> {
  await until(proxy, () => openTempFiles(proxy.edge.pid).length === 0, "the end of the files")
  for (const folder of ["bodies", "answers"]) assert.deepEqual(filesIn(proxy, folder), [])
}

export async function withProxy(
  location: string,
  run: (proxy: ProxyUnderTest, backend: SocketBackend) => Promise<void>,
): Promise<void> {
  await using backend = await startSocketBackend()
  await using proxy = await startProxy({
    backendPort: backend.port,
    peer: "max_conns=1",
    http: `${BODIES} ${ANSWERS} client_max_body_size 0;`,
    location,
  })
  await run(proxy, backend)
}

export const POST = `POST /up HTTP/1.1\r\nHost: a\r\nContent-Length: ${BYTES}\r\n\r\n`
export const GET = "GET /down HTTP/1.1\r\nHost: a\r\n\r\n"
export const HEAD = `HTTP/1.1 200 OK\r\nContent-Length: ${ANSWER_BYTES}\r\n\r\n`
