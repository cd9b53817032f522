import { httpAnswer } from "../support/raw-backend.ts"
import { type ComparisonCase, get, HTTP_1_1 } from "./case.ts"
import type { ClientScript } from "./client-script.ts"

const SEEN = 'return 200 "$remote_addr|$realip_remote_addr|$proxy_add_x_forwarded_for\\n";'
const TRUSTED = "set_real_ip_from 127.0.0.1;"
const NETWORKS = "set_real_ip_from 127.0.0.0/8; set_real_ip_from 10.0.0.0/8; set_real_ip_from 2001:db8::/32;"

/** What the server's own rules make of these fields. */
function seen(
  name: string,
  rules: string,
  headers: string | readonly string[],
  more: Partial<ComparisonCase> = {},
): ComparisonCase {
  const requests = [headers].flat().map((fields) => get("/", fields))
  return {
    name: `realip: ${name}`,
    server: `${rules} location / { ${SEEN} }`,
    send: requests,
    status: requests.map(() => 200),
    ...more,
  }
}

/** The same of X-Forwarded-For, each value in a request of its own. */
function forwarded(name: string, rules: string, values: readonly string[]): ComparisonCase {
  return seen(
    name,
    `${rules} real_ip_header X-Forwarded-For;`,
    values.map((value) => `X-Forwarded-For: ${value}\r\n`),
  )
}

/** What a backend is told. */
function proxied(name: string, server: string, send: ComparisonCase["send"], status = 200): ComparisonCase {
  return { name: `realip: ${name}`, server, backends: { b: httpAnswer("in") }, send, status }
}

const PASS = `${HTTP_1_1} proxy_set_header X-Seen "$remote_addr $realip_remote_addr"; proxy_pass http://{b};`

function fromEach(addresses: readonly string[], request: string): ClientScript {
  return async (wire) => {
    for (const from of addresses) {
      await wire.connect({ from })
      await wire.exchange(request)
    }
  }
}

export const realipCases: readonly ComparisonCase[] = [
  seen("X-Real-IP is the default", TRUSTED, "X-Real-IP: 192.0.2.1\r\n"),
  seen("no rule, no change", "", "X-Real-IP: 192.0.2.1\r\n"),
  seen("no field", TRUSTED, ""),
  seen("a proxy that is not trusted", "set_real_ip_from 10.0.0.0/8;", "X-Real-IP: 192.0.2.1\r\n"),
  seen("the first of two X-Real-IP", TRUSTED, "X-Real-IP: 192.0.2.1\r\nX-Real-IP: 192.0.2.2\r\n"),
  seen("each request of a connection for itself", TRUSTED, [
    "X-Real-IP: 192.0.2.1\r\n",
    "",
    "X-Real-IP: 192.0.2.3\r\n",
  ]),
  seen("some of the clients are trusted", "set_real_ip_from 127.0.0.0/24;", "", {
    send: fromEach(["127.0.0.9", "127.0.1.9"], get("/", "X-Real-IP: 192.0.2.1\r\n")),
    status: [200, 200],
  }),
  seen("a name", "set_real_ip_from localhost;", "X-Real-IP: 192.0.2.1\r\n"),
  forwarded("the last address", TRUSTED, ["192.0.2.1", "192.0.2.1, 192.0.2.2", "192.0.2.1,192.0.2.2"]),
  forwarded("odd separators", TRUSTED, [
    "192.0.2.1 192.0.2.2",
    "192.0.2.1,, ,192.0.2.2",
    "192.0.2.1, 192.0.2.2, ",
    ",192.0.2.2",
    ", 192.0.2.2",
    ",",
    "192.0.2.1,x",
  ]),
  forwarded("what is no address", TRUSTED, [
    "unknown",
    "192.0.2",
    "192.0.2.1.5",
    "192.0.2.256",
    "_hidden",
    "2001:db8::g",
    "192.0.2.1/24",
    "fe80::1%eth0",
  ]),
  forwarded("ports", TRUSTED, [
    "192.0.2.1:8080",
    "192.0.2.1:0",
    "192.0.2.1:65536",
    "192.0.2.1:",
    "[2001:db8::1]:443",
    "[2001:db8::1]",
    "[2001:db8::1",
    "2001:db8::1",
  ]),
  forwarded("an address is written anew", TRUSTED, [
    "010.001.02.3",
    "2001:0DB8:0:0:0:0:0:1",
    "2001:db8:0:0:1:0:0:1",
    "2001:db8:0:1:1:1:1:1",
    "::ffff:192.0.2.1",
    "::192.0.2.1",
    "::1",
    "::",
    "1::",
    "::2:0",
    "::102",
    "::203",
  ]),
  forwarded("recursive: the last that is not trusted", `${NETWORKS} real_ip_recursive on;`, [
    "192.0.2.1, 192.0.2.2, 10.0.0.1",
    "192.0.2.1, 10.0.0.2, 10.0.0.1",
    "192.0.2.1, 2001:db8::7, 10.0.0.1",
    "192.0.2.1, ::ffff:10.0.0.7, 10.0.0.1",
    "192.0.2.1,10.0.0.1",
  ]),
  forwarded("recursive: all are trusted", `${NETWORKS} real_ip_recursive on;`, [
    "10.0.0.3, 10.0.0.2, 10.0.0.1",
  ]),
  forwarded("recursive: something else among them", `${NETWORKS} real_ip_recursive on;`, [
    "192.0.2.1, unknown, 10.0.0.1",
    "unknown",
    ",10.0.0.1",
    "192.0.2.1,, 10.0.0.1",
  ]),
  forwarded("not recursive", NETWORKS, ["192.0.2.1, 10.0.0.2, 10.0.0.1"]),
  seen(
    "two X-Forwarded-For",
    `${NETWORKS} real_ip_header X-Forwarded-For;`,
    "X-Forwarded-For: 192.0.2.1\r\nX-Forwarded-For: 192.0.2.2, 10.0.0.1\r\n",
  ),
  seen(
    "two X-Forwarded-For, recursive",
    `${NETWORKS} real_ip_header X-Forwarded-For; real_ip_recursive on;`,
    [
      "X-Forwarded-For: 192.0.2.1\r\nX-Forwarded-For: 10.0.0.2, 10.0.0.1\r\n",
      "X-Forwarded-For: 192.0.2.1\r\nX-Forwarded-For: 192.0.2.2, 10.0.0.1\r\n",
      "X-Forwarded-For: unknown\r\nX-Forwarded-For: 10.0.0.2, 10.0.0.1\r\n",
      "X-Forwarded-For: 192.0.2.1\r\nX-Forwarded-For: unknown\r\n",
    ],
  ),
  seen("any field", `${TRUSTED} real_ip_header CF-Connecting-IP;`, [
    "CF-Connecting-IP: 192.0.2.1\r\n",
    "cf-connecting-ip: 192.0.2.2\r\n",
    "CF-Connecting-IP: 192.0.2.3\r\nCF-Connecting-IP: 192.0.2.4\r\n",
    "X-Real-IP: 192.0.2.5\r\n",
  ]),
  seen("any field, recursive", `${NETWORKS} real_ip_header X-Chain; real_ip_recursive on;`, [
    "X-Chain: 192.0.2.1, 10.0.0.1\r\n",
    "X-Chain: 192.0.2.1, 10.0.0.1\r\nX-Chain: 192.0.2.7\r\n",
  ]),
  seen(
    "another case of the name makes it a field like any other",
    `${TRUSTED} real_ip_header x-forwarded-for;`,
    "X-Forwarded-For: 192.0.2.1\r\nX-Forwarded-For: 192.0.2.2\r\n",
  ),
  seen("real_ip_header proxy_protocol without the protocol", `${TRUSTED} real_ip_header proxy_protocol;`, ""),
  seen("the client's port", TRUSTED, ["X-Real-IP: 192.0.2.1:77\r\n", "X-Real-IP: 192.0.2.1\r\n"], {
    server: `${TRUSTED} location / { return 200 "[$remote_port]\\n"; }`,
  }),
  seen("$binary_remote_addr", TRUSTED, ["X-Real-IP: 192.0.2.1\r\n", "X-Real-IP: 2001:db8::1\r\n"], {
    http: "log_format {id} '$binary_remote_addr $remote_addr';",
    server: `${TRUSTED} access_log {prefix}/logs/{id}.log {id}; location / { ${SEEN} }`,
  }),
  {
    name: "realip: unix",
    servers: `server { listen unix:{prefix}/{id}.sock; set_real_ip_from unix:; location / { ${SEEN} } }
      server { listen unix:{prefix}/{id}b.sock; ${TRUSTED} location / { ${SEEN} } }`,
    send: async (wire) => {
      for (const path of ["{id}.sock", "{id}b.sock"]) {
        await wire.connect({ path })
        await wire.exchange(get("/", "X-Real-IP: 192.0.2.1\r\n"))
      }
    },
    status: [200, 200],
  },
  proxied(
    "rules of a location come before access",
    `location / { ${TRUSTED} allow 192.0.2.1; deny all; ${PASS} }`,
    get("/", "X-Real-IP: 192.0.2.1\r\n"),
  ),
  proxied(
    "access forbidden by the address that was told",
    `error_log {prefix}/logs/{id}.err error; ${TRUSTED} location / { deny 192.0.2.0/24; ${PASS} }`,
    get("/", "X-Real-IP: 192.0.2.1\r\n"),
    403,
  ),
  proxied(
    "the server's rules come first",
    `${TRUSTED} location / { set_real_ip_from 127.0.0.1; real_ip_header X-Other; ${PASS} }`,
    get("/", "X-Real-IP: 192.0.2.1\r\nX-Other: 192.0.2.2\r\n"),
  ),
  proxied(
    "a location's rules where the server's found nothing",
    `set_real_ip_from 10.0.0.1; location / { set_real_ip_from 127.0.0.1; ${PASS} }`,
    get("/", "X-Real-IP: 192.0.2.1\r\n"),
  ),
  proxied(
    "inherited and replaced",
    `set_real_ip_from 10.0.0.1; real_ip_header X-Other; location / { set_real_ip_from 127.0.0.1; ${PASS} }`,
    get("/", "X-Real-IP: 192.0.2.1\r\nX-Other: 192.0.2.2\r\n"),
  ),
  {
    name: "realip: it stays over an internal redirect, to the log",
    http: "log_format {id} '$remote_addr $realip_remote_addr $uri';",
    server: `access_log {prefix}/logs/{id}.log {id}; error_page 403 /no; ${TRUSTED}
      location / { deny all; } location = /no { allow all; ${SEEN} }`,
    send: get("/", "X-Real-IP: 192.0.2.1\r\n"),
    status: 403,
  },
  {
    name: "realip: ip_hash goes by the address that was told",
    http: "upstream {id} { ip_hash; server {b1}; server {b2}; server {b3}; }",
    server: `${TRUSTED} location / { ${HTTP_1_1} proxy_pass http://{id}; }`,
    backends: { b1: httpAnswer("one"), b2: httpAnswer("two"), b3: httpAnswer("three") },
    send: ["192.0.2.1", "10.20.30.40", "10.20.30.41", "172.16.5.4", "2001:db8::1", "203.0.113.9"].map(
      (address) => get(`/${address}`, `X-Real-IP: ${address}\r\n`),
    ),
    status: [200, 200, 200, 200, 200, 200],
  },
  {
    name: "realip: limits go by the address that was told",
    http: "limit_req_zone $binary_remote_addr zone={id}:1m rate=1r/m;",
    server: `${TRUSTED} location / { limit_req zone={id}; ${PASS} }`,
    backends: { b: httpAnswer("in") },
    send: ["192.0.2.1", "192.0.2.1", "192.0.2.2"].map((address) => get("/", `X-Real-IP: ${address}\r\n`)),
    status: [200, 503, 200],
  },
]
