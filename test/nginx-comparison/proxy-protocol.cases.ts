import { type ComparisonCase, get } from "./case.ts"
import type { ClientScript } from "./client-script.ts"

const LINE = "PROXY TCP4 192.0.2.1 192.0.2.2 1111 2222\r\n"
const SEEN =
  'return 200 "$proxy_protocol_addr|$proxy_protocol_port|$proxy_protocol_server_addr|$proxy_protocol_server_port|$remote_addr\\n";'

/** A connection that begins with these bytes, and a request right behind them. */
function begun(
  name: string,
  bytes: string | readonly string[],
  more: Partial<ComparisonCase> = {},
): ComparisonCase {
  const beginnings = [bytes].flat()
  return {
    name: `PROXY protocol: ${name}`,
    servers: `server { listen {listen} proxy_protocol; location / { ${SEEN} } }`,
    send: each(beginnings, get("/")),
    status: beginnings.map(() => 200),
    ...more,
  }
}

function refused(name: string, beginnings: readonly string[]): ComparisonCase {
  return begun(name, beginnings, { status: beginnings.map(() => 0) })
}

function each(beginnings: readonly string[], request: string): ClientScript {
  return async (wire) => {
    for (const bytes of beginnings) {
      await wire.connect()
      await wire.send(bytes + request)
      await wire.response()
    }
  }
}

interface Binary {
  readonly versionAndCommand?: number
  readonly family?: number
  readonly addresses?: readonly number[]
  readonly tlvs?: readonly number[]
  readonly length?: number
}

const INET = [192, 0, 2, 1, 192, 0, 2, 2, 4, 87, 8, 174]
const INET6 = [
  ...[0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1],
  ...[0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2],
  ...[4, 87, 8, 174],
]

/** A header of version 2. */
function binary({
  versionAndCommand = 0x21,
  family = 0x11,
  addresses = INET,
  tlvs = [],
  length,
}: Binary): string {
  const body = [...addresses, ...tlvs]
  const size = length ?? body.length
  const bytes = [versionAndCommand, family, size >> 8, size & 255, ...body]
  return `\r\n\r\n\0\r\nQUIT\n${String.fromCharCode(...bytes)}`
}

const TCP = (rest: string): string => `PROXY TCP4 ${rest}\r\n`

export const proxyProtocolCases: readonly ComparisonCase[] = [
  begun("version 1", LINE),
  begun("version 1, IPv6", "PROXY TCP6 2001:db8::1 2001:db8::2 1111 2222\r\n"),
  begun("version 1, unknown", [
    "PROXY UNKNOWN\r\n",
    "PROXY UNKNOWN ff:: ::1 1 2\r\n",
    "PROXY UNKNOWNx\n\r\n",
  ]),
  begun("version 1: addresses and ports are not looked at closely", [
    TCP("1.2.3 ::ffff 0 65535"),
    TCP(" 1.2.3.4 00080 1"),
    "PROXY TCP6 192.0.2.1 192.0.2.2 1 2\r\n",
    TCP("ABCDEF.:1 192.0.2.2 1 2"),
  ]),
  refused("version 1, broken", [
    TCP("192.0.2.1 192.0.2.2 1111 65536"),
    TCP("192.0.2.1 192.0.2.2 1111 -1"),
    TCP("192.0.2.1 192.0.2.2 1111"),
    TCP("192.0.2.1 192.0.2.2 1111 "),
    TCP("192.0.2.1 192.0.2.2 1111 2222 3"),
    TCP("192.0.2.1  192.0.2.2 1111 2222"),
    TCP("localhost 192.0.2.2 1111 2222"),
    "PROXY TCP4 192.0.2.1 192.0.2.2 1111 2222\n",
    "PROXY TCP4 192.0.2.1 192.0.2.2 1111 2222\r\r\n",
    "PROXY TCP5 192.0.2.1 192.0.2.2 1111 2222\r\n",
    "PROXY UDP4 192.0.2.1 192.0.2.2 1111 2222\r\n",
    "proxy TCP4 192.0.2.1 192.0.2.2 1111 2222\r\n",
    "PROXY\tTCP4 192.0.2.1 192.0.2.2 1111 2222\r\n",
    " PROXY TCP4 192.0.2.1 192.0.2.2 1111 2222\r\n",
  ]),
  refused("none", [""]),
  begun("version 2", binary({})),
  begun("version 2, IPv6", binary({ family: 0x21, addresses: INET6 })),
  begun("version 2, TLVs are passed over", binary({ tlvs: [1, 0, 2, 104, 50, 4, 0, 1, 0] })),
  begun("version 2, broken TLVs are nobody's affair", binary({ tlvs: [1, 0, 99] })),
  begun("version 2 without addresses: LOCAL, a datagram, another family", [
    binary({ versionAndCommand: 0x20 }),
    binary({ versionAndCommand: 0x20, family: 0, addresses: [] }),
    binary({ versionAndCommand: 0x22 }),
    binary({ family: 0x12 }),
    binary({ family: 0x31 }),
    binary({ family: 0x01, addresses: [] }),
  ]),
  refused("version 2, broken", [
    binary({ versionAndCommand: 0x11 }),
    binary({ versionAndCommand: 0x31 }),
    binary({ length: 65_535 }),
    binary({ addresses: INET.slice(0, 8) }),
    binary({ family: 0x21 }),
    "\r\n\r\n\0\r\nQUIX\n\x21\x11\0\0",
  ]),
  begun("two requests", LINE, {
    send: async (wire) => {
      await wire.send(LINE + get("/"))
      await wire.response()
      await wire.exchange(get("/"))
      await wire.probe()
    },
    status: [200, 200],
  }),
  begun("the request follows later", LINE, {
    send: async (wire) => {
      await wire.sendPieces([LINE, get("/")])
      await wire.response()
    },
  }),
  begun("a second header is a bad request", LINE + LINE, { status: 400 }),
  begun("without the protocol its variables have no value", "", {
    servers: `server { listen {listen}; location / { ${SEEN} } }`,
  }),
  begun("a connection that should have none", LINE, {
    servers: `server { listen {listen}; location / { ${SEEN} } }`,
    status: 400,
  }),
  begun("one listen of an address says it for all", LINE, {
    servers: `server { listen {listen}; server_name other; location / { ${SEEN} } }
      server { listen {listen} proxy_protocol; server_name a.test; location / { ${SEEN} } }`,
  }),
  begun(
    "with realip",
    [LINE, "PROXY TCP4 bad 192.0.2.2 1 2\r\n", "PROXY TCP4 1.2.3 192.0.2.2 1 2\r\n", "PROXY UNKNOWN\r\n"],
    {
      servers: `server { listen {listen} proxy_protocol; set_real_ip_from 127.0.0.1; real_ip_header proxy_protocol;
      location / { return 200 "$remote_addr|$realip_remote_addr\\n"; } }`,
      status: [200, 200, 200, 200],
    },
  ),
  begun("with realip: the port", LINE, {
    servers: `server { listen {listen} proxy_protocol; set_real_ip_from 127.0.0.1; real_ip_header proxy_protocol;
      location / { return 200 "$remote_addr:$remote_port\\n"; } }`,
  }),
  begun("with realip, not trusted", LINE, {
    servers: `server { listen {listen} proxy_protocol; set_real_ip_from 10.0.0.1; real_ip_header proxy_protocol;
      location / { return 200 "$remote_addr\\n"; } }`,
  }),
  begun("the server's own address stays", LINE, {
    servers: `server { listen {listen} proxy_protocol; location / { return 200 "$server_addr:$server_port\\n"; } }`,
  }),
  begun("plain HTTP on a TLS port", LINE, {
    servers: `server { listen {listen} ssl proxy_protocol; ssl_certificate {crt:a.test}; ssl_certificate_key {key:a.test};
      location / { ${SEEN} } }`,
    status: 400,
  }),
  {
    name: "PROXY protocol: on a unix socket",
    servers: `server { listen unix:{prefix}/{id}.sock proxy_protocol; set_real_ip_from unix:; real_ip_header proxy_protocol; location / { ${SEEN} } }`,
    send: async (wire) => {
      await wire.connect({ path: "{id}.sock" })
      await wire.send(LINE + get("/"))
      await wire.response()
    },
    status: 200,
  },
]
