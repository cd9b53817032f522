/** A tunnel through an HTTP proxy: CONNECT, RFC 9110 §9.3.6. */
import type { Socket } from "node:net"
import { HEAD_COMPLETE, HEAD_INCOMPLETE } from "../http/request-head.ts"
import { ResponseHeadParser } from "../http/response-head.ts"
import type { ProxyServer } from "./client-options.ts"
import type { Deadline } from "./deadline.ts"
import { DialError, dialErrorOf } from "./dial-error.ts"
import { type Endpoint, hostPort } from "./endpoint.ts"

const MAX_HEAD_BYTES = 16_384

/** Resolves when `socket` leads to `endpoint`. Throws DialError, with the socket destroyed. */
export function connectThrough(
  socket: Socket,
  endpoint: Endpoint,
  proxy: ProxyServer,
  deadline: Deadline,
): Promise<void> {
  const parser = new ResponseHeadParser(MAX_HEAD_BYTES)
  return new Promise((resolve, reject) => {
    const settle = (): void => {
      disarm()
      // Without a listener of its own it waits, and flows again with the next one.
      socket.off("readable", read).off("error", fail).off("end", ended)
    }
    const fail = (error: unknown): void => {
      settle()
      socket.on("error", () => {}).destroy()
      reject(dialErrorOf("proxy", error, deadline.elapsedMs))
    }
    const refuse = (text: string, code: string): void => {
      fail(new DialError("proxy", text, { code, elapsedMs: deadline.elapsedMs }))
    }
    const ended = (): void => refuse("the proxy closed the connection without an answer", "CLOSED")
    const take = (chunk: Buffer): void => {
      const end = parser.execute(chunk, 0)
      if (parser.state === HEAD_INCOMPLETE) return
      if (parser.state !== HEAD_COMPLETE) return refuse("the proxy's answer is no HTTP", "MALFORMED")
      const { status, statusLine } = parser.head
      if (status < 200 || status > 299) return refuse(`the proxy answered ${statusLine}`, `STATUS_${status}`)
      settle()
      if (end < chunk.length) socket.unshift(chunk.subarray(end))
      resolve()
    }
    const read = (): void => {
      const chunk = socket.read() as Buffer | null
      if (chunk !== null) take(chunk)
    }
    const disarm = deadline.arm(() => refuse("the proxy did not answer in time", "TIMEOUT"))
    socket.on("readable", read).once("error", fail).once("end", ended)
    socket.write(connectRequest(endpoint, proxy), "latin1")
  })
}

function connectRequest({ host, port }: Endpoint, { authorization }: ProxyServer): string {
  const to = hostPort(host, port)
  const credentials = authorization === undefined ? "" : `Proxy-Authorization: ${authorization}\r\n`
  return `CONNECT ${to} HTTP/1.1\r\nHost: ${to}\r\n${credentials}\r\n`
}
