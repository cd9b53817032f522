/** What the load generators have in common: how they are told what to do, and how they connect. */
import { connect as connectTcp, type Socket } from "node:net"
import { connect as connectTls, createSecureContext, type SecureContext } from "node:tls"

export const HOST = "127.0.0.1"
const READ_BUFFER_BYTES = 65536

/** The loopback address of this index: 127.0.0.1, 127.0.0.2 … 127.0.1.1. Linux answers for all of 127.0.0.0/8. */
export function loopbackAddress(index: number): string {
  return `127.0.${Math.floor(index / 250)}.${1 + (index % 250)}`
}

/** The options that the parent gave as JSON. */
export function readOptions<T>(): T {
  return JSON.parse(process.argv[2] ?? "{}") as T
}

/** Obeys lines on standard input with one line of answer each, in turn; ends with standard input. */
export function obey(handle: (words: string[]) => Promise<string | number>): void {
  let rest = ""
  let turn = Promise.resolve()
  process.stdin.setEncoding("latin1").on("data", (text: string) => {
    const lines = (rest + text).split("\n")
    rest = lines.pop() ?? ""
    for (const line of lines)
      turn = turn.then(async () => console.log(String(await handle(line.split(" "))))).catch(fail)
  })
  process.stdin.on("end", () => process.exit(0))
}

/** Ends the program: a figure that failures are part of would be none. */
export function fail(why: unknown): never {
  console.error(`${process.argv[1]?.split("/").at(-1)}: ${why instanceof Error ? why.message : why}`)
  process.exit(1)
}

export interface Connector {
  /**
   * Connects; `onBytes` sees what comes, in a buffer that is its own only until it returns. Without TLS all
   * connections read into one buffer. `localAddress`: where from; not over TLS.
   */
  open(
    onConnect: (socket: Socket) => void,
    onBytes: (chunk: Buffer, socket: Socket) => void,
    localAddress?: string,
  ): Socket
}

/** Connections to `port`, over TLS if wanted: full handshakes unless `session` gives one to resume. */
export function connector(port: number, tls: boolean, session: () => Buffer | undefined): Connector {
  return tls ? tlsConnector(port, session) : tcpConnector(port)
}

function tcpConnector(port: number): Connector {
  const buffer = Buffer.allocUnsafeSlow(READ_BUFFER_BYTES)
  return {
    open(onConnect, onBytes, localAddress) {
      const socket: Socket = connectTcp({
        port,
        host: HOST,
        localAddress,
        noDelay: true,
        onread: {
          buffer,
          callback(bytes) {
            onBytes(buffer.subarray(0, bytes), socket)
            return true
          },
        },
      })
      socket.once("connect", () => onConnect(socket))
      return socket
    },
  }
}

function tlsConnector(port: number, session: () => Buffer | undefined): Connector {
  const secureContext: SecureContext = createSecureContext()
  return {
    open(onConnect, onBytes) {
      const socket = connectTls({
        port,
        host: HOST,
        servername: "localhost",
        secureContext,
        session: session(),
        // Who the peer is was decided by who started it.
        rejectUnauthorized: false,
        checkServerIdentity: () => undefined,
      })
      socket.setNoDelay(true)
      socket.once("secureConnect", () => onConnect(socket))
      socket.on("data", (chunk: Buffer) => onBytes(chunk, socket))
      return socket
    },
  }
}
