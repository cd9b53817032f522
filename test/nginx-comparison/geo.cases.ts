import { type ComparisonCase, get } from "./case.ts"
import type { Wire } from "./client-script.ts"

/** The values of addresses in the argument `ip`. */
function located(
  name: string,
  lines: string,
  addresses: readonly string[],
  more: Partial<ComparisonCase> = {},
): ComparisonCase {
  return {
    name: `geo: ${name}`,
    http: `geo $arg_ip $g{id} { ${lines} }`,
    server: 'return 200 "$arg_ip [$g{id}]\\n";',
    send: addresses.map((address) => get(`/?ip=${address}`)),
    status: addresses.map(() => 200),
    ...more,
  }
}

/** The value of the client's own address for requests with these fields. */
function own(name: string, lines: string, fields: readonly string[], from = "127.0.0.1"): ComparisonCase {
  return {
    name: `geo: ${name}`,
    http: `geo $g{id} { ${lines} }`,
    server: 'return 200 "$remote_addr [$g{id}]\\n";',
    send: async (wire: Wire) => {
      await wire.connect({ from })
      for (const field of fields) await wire.exchange(get("/", field))
    },
    status: fields.map(() => 200),
  }
}

const forwarded = (value: string): string => `X-Forwarded-For: ${value}\r\n`

const NESTED =
  "default d; 10.0.0.0/8 eight; 10.1.0.0/16 sixteen; 10.1.2.0/24 twentyfour; 10.1.2.3 host; 10.1.2.128/25 half; 192.0.2.0/31 pair;"

const IPV4 = [
  "10.0.0.0",
  "10.255.255.255",
  "11.0.0.0",
  "9.255.255.255",
  "10.1.0.1",
  "10.1.2.4",
  "10.1.2.3",
  "10.1.2.127",
  "10.1.2.128",
  "10.2.2.3",
  "192.0.2.0",
  "192.0.2.1",
  "192.0.2.2",
  "0.0.0.0",
  "255.255.255.255",
  "::ffff:10.1.2.3",
  "::ffff:9.9.9.9",
  "::10.1.2.3",
  "2001:db8::1",
  "",
  "name.test",
  "10.1.2.3:80",
  "[::1]",
  "10.1.2",
  "unix:",
]

const PROXIES =
  "proxy 127.0.0.0/24; proxy 10.0.0.0/8; proxy ::1; default d; 192.0.2.1 one; 192.0.2.2 two; 10.0.0.1 ten; 2001:db8::1 six;"

const FORWARDED = [
  "",
  forwarded("192.0.2.1"),
  forwarded("192.0.2.1, 192.0.2.2"),
  forwarded("192.0.2.1, 10.0.0.1"),
  forwarded("192.0.2.1,192.0.2.2 , "),
  forwarded("192.0.2.1:1234"),
  forwarded("[2001:db8::1]:1234"),
  forwarded("2001:db8::1"),
  forwarded("192.0.2.1") + forwarded("10.0.0.1"),
  forwarded("192.0.2.1") + forwarded("192.0.2.2"),
  forwarded("192.0.2.2") + forwarded("192.0.2.1, 10.0.0.1, 10.2.3.4"),
  forwarded("unknown"),
  forwarded("192.0.2.1, unknown"),
  forwarded("unknown, 10.0.0.1"),
  forwarded(""),
]

export const geoCases: readonly ComparisonCase[] = [
  located("networks in networks", NESTED, IPV4),
  located("the order does not count", "10.1.2.3 host; 10.1.0.0/16 sixteen; 10.0.0.0/8 eight; default d;", [
    "10.1.2.3",
    "10.1.1.1",
    "10.2.2.2",
    "1.1.1.1",
  ]),
  located("without default", "10.0.0.0/8 eight;", ["10.0.0.1", "1.1.1.1", "", "::1"]),
  located("an empty block", "", ["10.0.0.1", "::1", ""]),
  located("default for both families", "default d;", ["10.0.0.1", "::1", "x"]),
  located("a network of all of IPv4", "0.0.0.0/0 four; ::/0 six;", ["10.0.0.1", "::1", "x"]),
  located("what is no address", "255.255.255.255 none; default d;", [
    "255.255.255.255",
    "x",
    "",
    "::1",
    "1.1.1.1",
  ]),
  located(
    "IPv6",
    "default d; 2001:db8::/32 doc; 2001:db8:1::/48 one; 2001:db8:1::1 host; ::1 loop; fe80::/10 local; ::ffff:0:0/96 mapped;",
    [
      "2001:db8::",
      "2001:DB8:ffff::1",
      "2001:db8:1::2",
      "2001:db8:1::1",
      "2001:db8:0001:0:0:0:0:1",
      "2001:db9::",
      "::1",
      "febf::1",
      "fec0::1",
      "fe80::1%25eth0",
      "::ffff:1.2.3.4",
      "1.2.3.4",
    ],
  ),
  located(
    "networks that are deleted",
    "default d; 10.0.0.0/8 eight; 10.1.0.0/16 sixteen; 10.1.1.0/24 more; delete 10.1.0.0/16; delete 172.16.0.0/12; 2001:db8::/32 six; delete 2001:db8::/32;",
    ["10.1.1.1", "10.1.2.1", "10.2.1.1", "2001:db8::1"],
  ),
  located("the default deleted, and set again", "default d; delete 0.0.0.0/0; 10.0.0.0/8 eight; ::/0 six;", [
    "1.1.1.1",
    "10.0.0.1",
    "::1",
  ]),
  located("a network twice", "10.0.0.0/8 one; 10.0.0.0/8 two; default a; default b;", [
    "10.0.0.1",
    "1.1.1.1",
    "::1",
  ]),
  located("bits below the prefix", "10.1.2.3/8 eight; 2001:db8::1/32 six; default d;", [
    "10.9.9.9",
    "2001:db8:5::",
    "1.1.1.1",
  ]),
  located("values are texts", "10.0.0.0/8 $remote_addr; default 'a $1 b';", ["10.0.0.1", "1.1.1.1"]),
  located("an empty value", '10.0.0.0/8 ""; default d;', ["10.0.0.1", "1.1.1.1"]),
  located("includes", "default d; include {id}-one.geo;", ["10.0.0.1", "10.1.0.1", "1.1.1.1"], {
    files: {
      "{id}-one.geo": "10.0.0.0/8 one;\n# a comment\ninclude inner.geo;",
      "inner.geo": "10.1.0.0/16 two;\n",
    },
  }),
  located(
    "ranges",
    "ranges; default d; 10.0.0.0-10.0.0.255 net; 10.0.1.0-10.3.255.255 wide; 10.5.0.5-10.5.0.5 host; 1.0.0.0-1.255.255.254 one;",
    [
      "9.255.255.255",
      "10.0.0.0",
      "10.0.0.255",
      "10.0.1.0",
      "10.1.77.3",
      "10.3.255.255",
      "10.4.0.0",
      "10.5.0.4",
      "10.5.0.5",
      "10.5.0.6",
      "1.0.0.0",
      "1.255.255.254",
      "1.255.255.255",
      "255.255.255.255",
      "::ffff:10.0.0.7",
      "::1",
      "",
      "x",
    ],
  ),
  located(
    "ranges in ranges",
    "ranges; 10.0.0.0-10.0.0.100 outer; 10.0.0.10-10.0.0.20 inner; 10.0.0.0-10.0.0.5 start; 10.0.0.90-10.0.0.100 end; 10.0.0.15-10.0.0.15 core; 10.0.0.200-10.0.0.210 apart;",
    [
      "10.0.0.0",
      "10.0.0.5",
      "10.0.0.6",
      "10.0.0.9",
      "10.0.0.10",
      "10.0.0.14",
      "10.0.0.15",
      "10.0.0.16",
      "10.0.0.20",
      "10.0.0.21",
      "10.0.0.89",
      "10.0.0.90",
      "10.0.0.100",
      "10.0.0.101",
      "10.0.0.205",
    ],
  ),
  located(
    "ranges deleted, twice, and defaults",
    "ranges; default a; default b; 10.0.0.0-10.0.255.255 one; 10.0.0.0-10.0.255.255 two; 11.0.0.0-11.5.255.255 gone; delete 11.0.0.0-11.5.255.255; 12.0.0.0-12.0.0.9 stays; delete 12.0.0.0-12.0.0.5;",
    ["10.0.1.1", "11.3.1.1", "12.0.0.3", "1.1.1.1"],
  ),
  located("ranges with an include", "ranges; default d; include {id}.ranges;", ["10.0.0.1", "10.0.0.3"], {
    files: { "{id}.ranges": "10.0.0.0-10.0.0.1 a;\n10.0.0.2-10.0.0.3 b;\n" },
  }),
  own("the client's address", "default d; 127.0.0.1 one; 127.0.0.0/8 loop;", ["", forwarded("10.0.0.1")]),
  own("another address of the client", "default d; 127.0.0.1 one; 127.0.0.0/8 loop;", [""], "127.0.0.9"),
  own("proxies", PROXIES, FORWARDED),
  own("proxies, recursively", `proxy_recursive; ${PROXIES}`, FORWARDED),
  own("a client that is no proxy", PROXIES, FORWARDED.slice(0, 4), "127.0.1.1"),
  own(
    "proxies and ranges",
    "ranges; proxy 127.0.0.1; default d; 192.0.2.1-192.0.2.9 doc;",
    FORWARDED.slice(0, 4),
  ),
  located("proxies of another variable", `proxy_recursive; ${PROXIES}`, [], {
    send: ["10.9.9.9", "192.0.2.2", "x"].map((address) =>
      get(`/?ip=${address}`, forwarded("192.0.2.1, 10.0.0.1")),
    ),
    status: [200, 200, 200],
  }),
  {
    name: "geo: a client on IPv6",
    http: "geo $g{id} { default d; ::1 loop; 127.0.0.1 four; }",
    servers: 'server { listen [::1]:{port}; return 200 "$g{id}\\n"; }',
    send: async (wire) => {
      await wire.connect({ host: "::1" })
      await wire.exchange(get("/"))
    },
    status: 200,
  },
  {
    name: "geo: a client on a unix socket",
    http: "geo $g{id} { default d; 255.255.255.255 socket; proxy 0.0.0.0/0; } geo $r{id} { ranges; default r; 1.1.1.1-2.2.2.2 x; }",
    servers: 'server { listen unix:{prefix}/{id}.sock; return 200 "$g{id} $r{id}\\n"; }',
    send: async (wire) => {
      await wire.connect({ path: "{id}.sock" })
      await wire.exchange(get("/", forwarded("192.0.2.1")))
    },
    status: 200,
  },
  {
    name: "geo: in maps and rules",
    http: 'geo $g{id} { default 0; 127.0.0.1 1; } map "$g{id}$arg_k" $m{id} { 1x yes; default no; }',
    server: 'return 200 "$m{id}\\n";',
    send: [get("/?k=x"), get("/")],
    status: [200, 200],
  },
]
