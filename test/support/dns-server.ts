/** A name server whose answers a test decides, on UDP and TCP. RFC 1035, RFC 3596, RFC 2782. */
import { createSocket, type Socket as UdpSocket } from "node:dgram"
import { createServer, type Server, type Socket } from "node:net"
import { freePort } from "./ports.ts"

const TYPES = { A: 1, CNAME: 5, AAAA: 28, SRV: 33 } as const
export type DnsType = keyof typeof TYPES

/** `data`: an address, a name, or `priority weight port target`. */
export interface DnsRecord {
  readonly type: DnsType
  readonly data: string
  /** In seconds; 60 where left out. */
  readonly ttl?: number
  /** Whose record it is; left out, that of the question. */
  readonly name?: string
}

export interface DnsReply {
  /** RCODE; 0 where left out. */
  readonly code?: number
  readonly records?: readonly DnsRecord[]
  /** Over UDP only the flag goes out: the client is to ask over TCP. */
  readonly isTruncated?: boolean
}

/** Null: no answer at all. */
export type DnsScript = (name: string, type: DnsType) => DnsReply | null | Promise<DnsReply | null>

export interface DnsServer {
  readonly port: number
  /** What was asked so far: `A name`, and `A name over TCP`. */
  readonly questions: readonly string[]
  close(): Promise<void>
}

/** Starts one; `host` may be `::1`. */
export async function startDnsServer(script: DnsScript, host = "127.0.0.1"): Promise<DnsServer> {
  const port = await freePort()
  const questions: string[] = []
  const udp = createSocket(host.includes(":") ? "udp6" : "udp4")
  udp.on("message", async (query, from) => {
    const reply = await answer(query, script, questions, false)
    if (reply !== null) udp.send(reply, from.port, from.address)
  })
  await new Promise<void>((resolve) => udp.bind(port, host, resolve))
  const sockets = new Set<Socket>()
  const tcp = createServer((socket) => {
    sockets.add(socket)
    socket.on("error", () => {})
    socket.on("close", () => sockets.delete(socket))
    serveTcp(socket, script, questions)
  })
  await new Promise<void>((resolve) => tcp.listen(port, host, resolve))
  return { port, questions, close: () => closeAll(udp, tcp, sockets) }
}

async function closeAll(udp: UdpSocket, tcp: Server, sockets: ReadonlySet<Socket>): Promise<void> {
  await new Promise<void>((resolve) => udp.close(() => resolve()))
  for (const socket of sockets) socket.destroy()
  await new Promise<void>((resolve) => tcp.close(() => resolve()))
}

function serveTcp(socket: Socket, script: DnsScript, questions: string[]): void {
  let pending = Buffer.alloc(0)
  socket.on("data", async (chunk: Buffer) => {
    pending = Buffer.concat([pending, chunk])
    while (pending.length >= 2 && pending.length >= 2 + pending.readUInt16BE(0)) {
      const length = pending.readUInt16BE(0)
      const query = pending.subarray(2, 2 + length)
      pending = pending.subarray(2 + length)
      const reply = await answer(query, script, questions, true)
      if (reply !== null) socket.write(Buffer.concat([uint16(reply.length), reply]))
    }
  })
}

async function answer(
  query: Buffer,
  script: DnsScript,
  questions: string[],
  isTcp: boolean,
): Promise<Buffer | null> {
  const labels: string[] = []
  let at = 12
  while (query[at] !== 0) {
    const length = query[at] as number
    labels.push(query.toString("latin1", at + 1, at + 1 + length))
    at += length + 1
  }
  const name = labels.join(".").toLowerCase()
  const code = query.readUInt16BE(at + 1)
  const type = (Object.keys(TYPES) as DnsType[]).find((key) => TYPES[key] === code) ?? "A"
  questions.push(`${type} ${name}${isTcp ? " over TCP" : ""}`)
  const reply = await script(name, type)
  if (reply === null) return null
  const isCut = reply.isTruncated === true && !isTcp
  const records = isCut ? [] : (reply.records ?? [])
  const head = Buffer.alloc(12)
  query.copy(head, 0, 0, 2)
  // QR, RD, RA; TC.
  head.writeUInt16BE(0x8180 | (isCut ? 0x0200 : 0) | (reply.code ?? 0), 2)
  head.writeUInt16BE(1, 4)
  head.writeUInt16BE(records.length, 6)
  const question = query.subarray(12, at + 5)
  return Buffer.concat([head, question, ...records.map((record) => encode(record, name))])
}

function encode({ type, data, ttl = 60, name }: DnsRecord, asked: string): Buffer {
  const value = dataOf(type, data)
  const fixed = Buffer.alloc(10)
  fixed.writeUInt16BE(TYPES[type], 0)
  fixed.writeUInt16BE(1, 2)
  fixed.writeUInt32BE(ttl, 4)
  fixed.writeUInt16BE(value.length, 8)
  return Buffer.concat([encodeName(name ?? asked), fixed, value])
}

function dataOf(type: DnsType, data: string): Buffer {
  if (type === "A") return Buffer.from(data.split(".").map(Number))
  if (type === "AAAA") return ipv6Bytes(data)
  if (type === "CNAME") return encodeName(data)
  const [priority, weight, port, target] = data.split(" ")
  return Buffer.concat([
    ...[priority, weight, port].map((text) => uint16(Number(text))),
    encodeName(target as string),
  ])
}

function ipv6Bytes(text: string): Buffer {
  const [left = "", right = ""] = text.split("::")
  const groups = (part: string): number[] =>
    part === "" ? [] : part.split(":").map((group) => Number.parseInt(group, 16))
  const before = groups(left)
  const after = groups(right)
  const all = [...before, ...new Array(8 - before.length - after.length).fill(0), ...after]
  return Buffer.concat(all.map(uint16))
}

function encodeName(name: string): Buffer {
  const labels = name.split(".").filter((label) => label !== "")
  return Buffer.concat([
    ...labels.map((label) => Buffer.from([label.length, ...Buffer.from(label, "latin1")])),
    Buffer.from([0]),
  ])
}

function uint16(value: number): Buffer {
  const bytes = Buffer.alloc(2)
  bytes.writeUInt16BE(value)
  return bytes
}
