import { once } from "node:events"
import { connect as connectTcp } from "node:net"
import { connect as connectTls, TLSSocket } from "node:tls"
import { acceptedPorts } from "./inspect.ts"

/** What a new connection sees. */
export interface Seen {
  /** What `/generation` answers. */
  readonly number: number
  /** SHA-256 of the server's certificate; "" over plain TCP. */
  readonly fingerprint: string
}

/** The proxy as asked from outside. */
export interface ProbeTarget {
  readonly port: number
  /** The authority's certificate, or undefined for plain TCP. */
  readonly ca: string | undefined
  /** Where the proxy's threads answer. */
  readonly folder: string
}

const AT_ONCE = 4
const REQUEST = "GET /generation HTTP/1.1\r\nHost: soak.test\r\nConnection: close\r\n\r\n"

/** What each worker shows to a connection opened just now: by thread. Not all of `workers` may have got one. */
export async function lookOnce({ port, ca, folder }: ProbeTarget): Promise<Map<number, Seen>> {
  const seen = new Map<number, Seen>()
  await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      const { localPort, ...what } = await look(port, ca)
      seen.set(localPort, what)
    }),
  )
  const byThread = new Map<number, Seen>()
  for (const { threadId, ports, isMainThread } of await acceptedPorts(folder)) {
    if (isMainThread) continue
    for (const port of ports.slice(-AT_ONCE * 2)) {
      const what = seen.get(port)
      if (what !== undefined) byThread.set(threadId, what)
    }
  }
  return byThread
}

async function look(port: number, ca: string | undefined): Promise<Seen & { readonly localPort: number }> {
  const tcp = connectTcp({ port, host: "127.0.0.1", noDelay: true })
  const socket = ca === undefined ? tcp : connectTls({ socket: tcp, ca, servername: "soak.test" })
  socket.write(REQUEST)
  let answer = ""
  let localPort = 0
  let fingerprint = ""
  tcp.once("connect", () => {
    localPort = tcp.localPort ?? 0
  })
  socket.setEncoding("latin1").on("data", (text: string) => {
    if (answer === "" && socket instanceof TLSSocket) fingerprint = socket.getPeerCertificate().fingerprint256
    answer += text
  })
  await once(socket, "close")
  const number = /^HTTP\/1\.1 200 .*\r\n\r\n(\d+)$/s.exec(answer)?.[1]
  if (number === undefined) throw new Error(`/generation answered ${JSON.stringify(answer)}`)
  return { number: Number(number), fingerprint, localPort }
}
