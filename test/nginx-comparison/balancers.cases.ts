import { headerOf } from "../support/message-reader.ts"
import { type BackendScript, httpAnswer } from "../support/raw-backend.ts"
import { RawClient } from "../support/raw-client.ts"
import { type ComparisonCase, get } from "./case.ts"
import type { ClientScript, Wire } from "./client-script.ts"

/** A backend that says its name, and takes every upgrade to echo. */
function named(name: string): BackendScript {
  const upgraded = `HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\nConnection: Upgrade\r\nX-Backend: ${name}\r\n\r\n`
  return ({ headers }) =>
    headers.some(([key]) => key.toLowerCase() === "upgrade")
      ? { send: upgraded, after: "echo" }
      : httpAnswer(name)
}

const ABC: Readonly<Record<string, BackendScript>> = { a: named("a"), b: named("b"), c: named("c") }

const PROXY = [
  'proxy_http_version 1.1; proxy_set_header Connection "$http_connection";',
  "proxy_set_header Upgrade $http_upgrade; add_header X-Tried $upstream_addr always;",
].join("\n")

type Options = Partial<ComparisonCase> & { readonly settings?: string }

/** Several requests to one upstream; which backends are tried is what counts. */
function balanced(
  name: string,
  upstream: string,
  send: readonly string[] | ClientScript,
  { settings = "", ...rest }: Options = {},
): ComparisonCase {
  return {
    name,
    http: `upstream {id} { ${upstream} }`,
    server: `location / { ${PROXY} proxy_pass http://{id}; ${settings} }`,
    backends: ABC,
    send,
    status: typeof send === "function" ? [] : send.map(() => 200),
    ...rest,
  }
}

/** Requests with keys of their own. */
const KEYED = Array.from({ length: 12 }, (_, i) => get(`/?k=key-${i}`))
/** Requests without one. */
const PLAIN = Array.from({ length: 7 }, (_, i) => get(`/${i}`))
const WITH_LOG = "error_log {prefix}/logs/{id}.err error;"

/** Requests while upgraded connections are held open; each names its backend. */
function whileHolding(held: readonly string[], requests: readonly string[]): ClientScript {
  return async (wire) => {
    const clients: RawClient[] = []
    try {
      for (const target of held) clients.push(await hold(wire, target))
      for (const request of requests) await wire.exchange(request)
    } finally {
      for (const client of clients) client.destroy()
    }
  }
}

async function hold(wire: Wire, target: string): Promise<RawClient> {
  const client = await RawClient.connect({ port: Number(wire.expand("{port}")) })
  await client.send(get(target, "Connection: Upgrade\r\nUpgrade: echo\r\n"))
  const response = await client.readResponse("GET")
  wire.note(`held: ${response.status} ${headerOf(response, "x-backend")} ${headerOf(response, "x-tried")}`)
  return client
}

const HELD = ["/h1", "/h2", "/h3", "/h4"]
const ok = (count: number): number[] => new Array<number>(count).fill(200)

const hashCases: readonly ComparisonCase[] = [
  balanced("hash of three", "hash $arg_k; server {a}; server {b}; server {c};", KEYED),
  balanced("hash of two", "hash $arg_k; server {a}; server {b};", KEYED),
  balanced("hash with weights", "hash $arg_k; server {a} weight=5; server {b}; server {c} weight=2;", KEYED),
  balanced("hash with one down", "hash $arg_k; server {a}; server {b} down; server {c};", KEYED),
  balanced("hash with one dead", "hash $arg_k; server {a}; server {dead}; server {c};", KEYED, {
    settings: WITH_LOG,
  }),
  balanced(
    "hash with one dead that is never judged",
    "hash $arg_k; server {a}; server {dead} max_fails=0 weight=3; server {c};",
    KEYED,
  ),
  balanced("hash that gives up", "hash $arg_k; server {a} weight=100 down; server {b}; server {c};", KEYED),
  balanced("hash of one", "hash $arg_k; server {a};", KEYED.slice(0, 3)),
  balanced("hash with all dead", "hash $arg_k; server {dead}; server {dead};", KEYED.slice(0, 3), {
    status: [502, 502, 502],
    settings: WITH_LOG,
  }),
  balanced("hash of text and variables", 'hash "$host$uri?"; server {a}; server {b}; server {c};', PLAIN),
  balanced(
    "hash of bytes",
    "hash $uri; server {a}; server {b}; server {c};",
    ["/%C3%A4", "/%FF", "/%01x", "/%E2%82%AC"].map((target) => get(target)),
  ),
  balanced("hash of a constant", "hash same; server {a}; server {b}; server {c};", PLAIN),
  balanced("hash of nothing is round-robin", "hash $arg_k; server {a}; server {b}; server {c};", PLAIN),
  balanced("hash of nothing with weights", "hash $arg_k; server {a} weight=3; server {b};", PLAIN),
  balanced("hash goes on after a 500", "hash $arg_k; server {a}; server {b}; server {c};", KEYED, {
    backends: { ...ABC, b: httpAnswer("b", "", "500 Internal Server Error") },
    settings: "proxy_next_upstream http_500;",
  }),
  balanced("hash keeps connections", "hash $arg_k; server {a}; server {b}; keepalive 4;", KEYED, {
    connections: true,
  }),
  balanced(
    "hash: an upgrade goes where requests of its key go",
    "hash $arg_k; server {a}; server {b}; server {c};",
    whileHolding(["/?k=key-0", "/?k=key-1", "/?k=key-2", "/?k=key-3"], KEYED.slice(0, 4)),
    { status: ok(4) },
  ),
  balanced(
    "hash: a full one is left out",
    "hash $arg_k; server {a} max_conns=1; server {b} max_conns=1; server {c};",
    whileHolding(["/?k=key-0", "/?k=key-1", "/?k=key-2"], KEYED.slice(0, 6)),
    { status: ok(6) },
  ),
]

const consistentCases: readonly ComparisonCase[] = [
  balanced("hash consistent of one", "hash $arg_k consistent; server {a};", KEYED.slice(0, 3)),
  balanced("hash consistent of nothing", "hash $arg_k consistent; server {a}; server {b};", PLAIN),
  balanced(
    "hash consistent with one that lives",
    "hash $arg_k consistent; server {a}; server {b} down; server {c} down weight=7;",
    KEYED,
  ),
  balanced(
    "hash consistent: a server twice is asked in turn",
    "hash $arg_k consistent; server {a}; server {a};",
    KEYED.slice(0, 4),
  ),
  balanced(
    "hash consistent with all dead",
    "hash $arg_k consistent; server {dead}; server {dead};",
    KEYED.slice(0, 2),
    { status: [502, 502] },
  ),
]

/**
 * Servers where nobody listens, whose names are the same on each edge, so that their points on the ring are, too.
 * All that a request tries is in X-Tried.
 */
function closed(name: string, upstream: string, settings = "proxy_next_upstream off;"): ComparisonCase {
  const requests = Array.from({ length: 24 }, (_, i) => get(`/?k=${i * 7}-${"x".repeat(i)}`))
  return balanced(name, upstream, requests, { settings, status: requests.map(() => 502) })
}

const THREE =
  "server 127.0.0.1:1 max_fails=0; server 127.0.0.1:2 max_fails=0; server 127.0.0.1:3 max_fails=0;"

const closedCases: readonly ComparisonCase[] = [
  closed("the ring of three", `hash $arg_k consistent; ${THREE}`),
  closed("the ring of three, and where it goes on", `hash $arg_k consistent; ${THREE}`, ""),
  closed(
    "the ring by weights",
    `hash $arg_k consistent; ${THREE} server 127.0.0.1:4 max_fails=0 weight=20; server 127.0.0.1:5 weight=3 max_fails=0;`,
    "",
  ),
  closed("the ring with one down", `hash $arg_k consistent; ${THREE} server 127.0.0.1:4 down weight=30;`, ""),
  closed(
    "the ring of failing servers",
    `hash $arg_k consistent; ${THREE.replaceAll("max_fails=0", "max_fails=3")}`,
    "",
  ),
  closed(
    "the ring of servers without port, of IPv6, of unix sockets, and in capitals",
    "hash $arg_k consistent; server 127.0.0.99 max_fails=0; server [::1]:2 max_fails=0; server unix:/none/a.sock max_fails=0; server unix:/none/b.sock max_fails=0; server LocalHost:3 max_fails=0;",
  ),
  closed(
    "the ring with a server twice",
    `hash $arg_k consistent; ${THREE} server 127.0.0.1:2 max_fails=0 weight=4;`,
    "",
  ),
  closed("hash of three, and where it goes on", `hash $arg_k; ${THREE}`, ""),
  closed(
    "hash by weights, and where it goes on",
    `hash $arg_k; ${THREE} server 127.0.0.1:4 max_fails=0 weight=20; server 127.0.0.1:5 weight=3 max_fails=0;`,
    "",
  ),
  closed("hash of failing servers", `hash $arg_k; ${THREE.replaceAll("max_fails=0", "max_fails=3")}`, ""),
]

const leastConnCases: readonly ComparisonCase[] = [
  balanced("least_conn without connections", "least_conn; server {a}; server {b}; server {c};", PLAIN),
  balanced(
    "least_conn with weights",
    "least_conn; server {a} weight=4; server {b}; server {c} weight=2;",
    PLAIN,
  ),
  balanced("least_conn with one dead", "least_conn; server {dead}; server {b}; server {c};", PLAIN, {
    settings: WITH_LOG,
  }),
  balanced("least_conn with one down", "least_conn; server {a} down; server {b}; server {c};", PLAIN),
  balanced(
    "least_conn and backups",
    "least_conn; server {dead}; server {b} backup; server {c} backup;",
    PLAIN,
  ),
  balanced("least_conn of one", "least_conn; server {a};", PLAIN.slice(0, 2)),
  balanced("least_conn with all dead", "least_conn; server {dead}; server {dead};", PLAIN.slice(0, 3), {
    status: [502, 502, 502],
    settings: WITH_LOG,
  }),
  balanced("least_conn counts tunnels", "least_conn; server {a}; server {b};", whileHolding(HELD, PLAIN), {
    status: ok(7),
  }),
  balanced(
    "least_conn counts three tunnels",
    "least_conn; server {a}; server {b};",
    whileHolding(HELD.slice(0, 3), PLAIN),
    { status: ok(7) },
  ),
  balanced(
    "least_conn counts tunnels by weight",
    "least_conn; server {a} weight=3; server {b}; server {c} weight=2;",
    whileHolding([...HELD, "/h5"], PLAIN),
    { status: ok(7) },
  ),
  balanced(
    "least_conn and max_conns",
    "least_conn; server {a} max_conns=1; server {b} max_conns=1; server {c};",
    whileHolding([...HELD, "/h5"], PLAIN),
    { status: ok(7) },
  ),
]

const randomCases: readonly ComparisonCase[] = [
  balanced("random with one that lives", "random; server {a} down; server {b};", PLAIN),
  balanced("random two with one that lives", "random two; server {a} down; server {b};", PLAIN),
  balanced("random two least_conn of one", "random two least_conn; server {c};", PLAIN.slice(0, 2)),
  balanced("random with all down", "random; server {a} down; server {b} down;", PLAIN.slice(0, 2), {
    status: [502, 502],
    settings: WITH_LOG,
  }),
]

const parameterCases: readonly ComparisonCase[] = [
  balanced(
    "max_conns: the full are left out",
    "server {a} max_conns=1; server {b} max_conns=2; server {c};",
    whileHolding([...HELD, "/h5"], PLAIN),
    { status: ok(7) },
  ),
  balanced(
    "max_conns: all full",
    "server {a} max_conns=1; server {b} max_conns=1;",
    whileHolding(["/h1", "/h2"], PLAIN.slice(0, 2)),
    { status: [502, 502], settings: WITH_LOG },
  ),
  balanced(
    "max_conns: all full, but for a backup",
    "server {a} max_conns=1; server {b} max_conns=1; server {c} backup;",
    whileHolding(["/h1", "/h2"], PLAIN.slice(0, 3)),
    { status: ok(3) },
  ),
  balanced("max_conns of one alone", "server {a} max_conns=1;", whileHolding(["/h1"], PLAIN.slice(0, 2)), {
    status: [502, 502],
  }),
  balanced("max_conns of 0 is no limit", "server {a} max_conns=0;", whileHolding(HELD, PLAIN.slice(0, 1)), {
    status: ok(1),
  }),
  balanced(
    "max_conns: connections that are kept do not count",
    "server {a} max_conns=1; keepalive 4;",
    PLAIN.slice(0, 3),
    { connections: true },
  ),
  balanced(
    "ip_hash: a full one is left out",
    "ip_hash; server {a} max_conns=1; server {b} max_conns=1; server {c} max_conns=1;",
    whileHolding(["/h1", "/h2"], PLAIN.slice(0, 2)),
    { status: ok(2) },
  ),
  balanced("all down", "server {a} down; server {b} down;", PLAIN.slice(0, 2), {
    status: [502, 502],
    settings: WITH_LOG,
  }),
  balanced("down and a backup", "server {a} down; server {b} backup;", PLAIN.slice(0, 2)),
  balanced(
    "a backup that is down",
    "server {dead}; server {b} backup down; server {c} backup;",
    PLAIN.slice(0, 3),
  ),
  balanced(
    "backups by weight",
    "server {dead} max_fails=0; server {b} backup weight=3; server {c} backup;",
    PLAIN,
  ),
  balanced("max_fails=3", "server {dead} max_fails=3; server {b};", PLAIN),
  balanced("max_fails=2 with weight", "server {dead} max_fails=2 weight=6; server {b};", PLAIN),
  balanced("the last of several methods counts", "ip_hash; hash $arg_k; server {a}; server {b};", KEYED),
  balanced(
    "a method that takes backups after one that does not",
    "hash $arg_k; least_conn; server {dead}; server {b} backup;",
    PLAIN.slice(0, 3),
  ),
  balanced("the servers above their method", "server {a}; server {b}; server {c}; hash $arg_k;", KEYED),
]

export const balancerCases: readonly ComparisonCase[] = [
  ...hashCases,
  ...consistentCases,
  ...closedCases,
  ...leastConnCases,
  ...randomCases,
  ...parameterCases,
]
