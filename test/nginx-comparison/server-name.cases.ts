import type { ComparisonCase } from "./case.ts"

const block = (names: string, mark: string): string =>
  `server { listen {listen}; server_name ${names}; return 200 "${mark} name=$server_name host=$host\\n"; }\n`

const SERVERS =
  block("first.test", "first") +
  block("exact.test www.exact.test", "exact") +
  block("*.exact.test", "leading") +
  block("exact.*", "trailing") +
  block("*.long.exact.test", "longer leading") +
  block(".dot.test", "dot") +
  block("~^(?<sub>[a-z]+)\\d+\\.re\\.test$", "regex $sub") +
  block("~\\.re\\.test$", "second regex") +
  block('""', "no name") +
  block("UPPER.Test", "upper") +
  block("192.0.2.1", "address")

/** Which of the servers above answers for the Host. */
function named(name: string, host: string): ComparisonCase {
  return { name, servers: SERVERS, send: `GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`, status: 200 }
}

export const serverNameCases: readonly ComparisonCase[] = [
  named("an unknown name goes to the first server", "nobody.test"),
  named("an exact name", "exact.test"),
  named("an exact name wins over a wildcard", "www.exact.test"),
  named("a wildcard at the front", "sub.exact.test"),
  named("a wildcard at the front takes several labels", "a.b.exact.test"),
  named("the longer wildcard at the front", "a.long.exact.test"),
  named("a wildcard does not take the name itself", "long.exact.test"),
  named("a wildcard at the end", "exact.other"),
  named("a wildcard at the end takes several labels", "exact.other.more"),
  named("a name with a dot in front: the name itself", "dot.test"),
  named("a name with a dot in front: below it", "x.dot.test"),
  named("a name with a dot in front: not a longer word", "xdot.test"),
  named("a regular expression with a capture", "abc12.re.test"),
  named("regular expressions in order", "12abc.re.test"),
  named("case does not count in the request", "EXACT.Test"),
  named("case does not count in the configuration", "upper.test"),
  named("a regular expression meets the name in lower case", "ABC12.RE.test"),
  named("the port is cut off", "exact.test:9999"),
  named("a trailing dot is cut off", "exact.test."),
  named("a trailing dot before the port is cut off", "exact.test.:80"),
  named("an address as a name", "192.0.2.1"),
  named("an IPv6 address is no name here", "[::1]:8080"),
  named("a name with an underscore", "a_b.exact.test"),
  {
    name: "no Host goes to the server with the empty name",
    servers: SERVERS,
    send: "GET / HTTP/1.0\r\n\r\n",
    status: 200,
  },
  {
    name: "default_server beside the first",
    servers: `server { listen {listen}; server_name a; return 200 "a\\n"; }
      server { listen {listen} default_server; server_name b; return 200 "b $host\\n"; }`,
    send: [
      "GET / HTTP/1.1\r\nHost: zzz\r\n\r\n",
      "GET / HTTP/1.0\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    ],
    status: [200, 200, 200],
  },
  {
    name: "$host without Host is the server's first name",
    server: 'server_name main.test other; return 200 "[$host] [$http_host] [$server_name]\\n";',
    send: "GET / HTTP/1.0\r\n\r\n",
    status: 200,
  },
  {
    name: "the same name on two ports is two servers",
    servers: `server { listen {listen}; server_name a; return 200 "one $server_port\\n"; }
      server { listen {listen2}; server_name a; return 200 "two $server_port\\n"; }`,
    send: async (wire) => {
      await wire.exchange("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
      await wire.connect({ port: 2 })
      await wire.exchange("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    },
    status: [200, 200],
  },
  {
    name: "one server on two ports",
    servers: 'server { listen {listen}; listen {listen2}; return 200 "$server_addr:$server_port\\n"; }',
    send: async (wire) => {
      await wire.exchange("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
      await wire.connect({ port: 2 })
      await wire.exchange("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    },
    status: [200, 200],
  },
  {
    name: "an address of its own wins over the wildcard address",
    servers: `server { listen {port}; server_name a; return 200 "any\\n"; }
      server { listen {listen}; server_name b; return 200 "own\\n"; }`,
    send: async (wire) => {
      await wire.exchange("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
      await wire.connect({ host: "127.0.0.2" })
      await wire.exchange("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    },
    status: [200, 200],
  },
  {
    name: "a listener on IPv6",
    servers: 'server { listen [::1]:{port}; return 200 "$remote_addr $server_addr $host\\n"; }',
    send: async (wire) => {
      await wire.connect({ host: "::1" })
      await wire.exchange("GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n")
    },
    status: 200,
  },
  {
    name: "a listener on a unix socket",
    servers:
      'server { listen unix:{prefix}/{id}.sock; return 200 "[$remote_addr] [$server_addr] [$server_port] [$remote_port]\\n"; }',
    send: async (wire) => {
      await wire.connect({ path: "{id}.sock" })
      await wire.exchange("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    },
    status: 200,
  },
  {
    name: "a server is chosen anew for each request of a connection",
    servers: SERVERS,
    send: ["GET / HTTP/1.1\r\nHost: exact.test\r\n\r\n", "GET / HTTP/1.1\r\nHost: upper.test\r\n\r\n"],
    status: [200, 200],
  },
]
