import { createSocket } from "node:dgram"
import { once } from "node:events"
import { staleDns } from "../../src/check/rules/stale-dns.ts"
import { type OwnBackend, openSocket, prove, type Stage } from "./proof.ts"
import { testRule } from "./rule-cases.ts"

testRule(staleDns, [
  {
    name: "a container's name in proxy_pass",
    config: `
      server { location /ws/ { proxy_pass http://backend:3000; } }`,
    finds: ['2:43 http://backend:3000 -- "backend" is looked up once, when the configuration is read'],
  },
  {
    name: "a bare name is a group that another file has",
    config: `
      server { location /chat/ { proxy_pass http://backend; proxy_set_header Upgrade $http_upgrade; } }`,
  },
  {
    name: "names in a group: one of a cluster, one of the world",
    config: `
      upstream nodes {
        server app-1.default.svc:3000;
        server app.example.com:3000 weight=2;
        server 10.0.0.3:3000;
        server localhost:3000;
        server unix:/run/app.sock;
      }
      server { location /ws/ { proxy_pass http://nodes; } }`,
    finds: ["3:16 app-1.default.svc:3000", "4:16 app.example.com:3000"],
  },
  {
    name: "resolve",
    config: `
      resolver 127.0.0.11;
      upstream nodes { zone nodes 64k; server app:3000 resolve; }
      server { location /ws/ { proxy_pass http://nodes; } }`,
  },
  {
    name: "variables and a resolver",
    config: `
      resolver 127.0.0.11;
      server { location /ws/ { set $backend app:3000; proxy_pass http://$backend; } }`,
  },
  {
    name: "variables without a resolver",
    config: `
      server {
        set $backend http://app.example.com:3000;
        location /ws/ { proxy_pass $backend; }
      }`,
    finds: [
      '4:36 $backend -- Requests end with 502: proxy_pass has variables, so "app.example.com" is looked up for each request',
    ],
  },
  {
    name: "a variable behind the host does it, too, and localhost is a name like others",
    config: `
      server {
        location /ws/ { proxy_pass http://localhost:3000$request_uri; }
        location ~ ^/api/(.*)$ { proxy_pass http://app:3000/$1$is_args$args; }
      }`,
    finds: [
      '3:36 http://localhost:3000$request_uri -- "localhost"',
      '4:45 http://app:3000/$1$is_args$args -- "app"',
    ],
  },
  {
    name: "variables that come to addresses and groups",
    config: `
      upstream blue { server 10.0.0.1:3000; }
      map $cookie_colour $colour { default blue; green 10.0.0.2:3000; }
      server {
        set $address 10.0.0.1;
        location /ws/ { proxy_pass http://$colour; }
        location /a { proxy_pass http://$address:3000; }
        location /b { proxy_pass http://127.0.0.1:3000$request_uri; }
        location ~ ^/port/(\\d+) { proxy_pass http://127.0.0.1:$1; }
        location /c { proxy_pass http://[::1]:3000$request_uri; }
      }`,
  },
  {
    name: "one value of a map is no group",
    config: `
      upstream blue { server 10.0.0.1:3000; }
      map $cookie_colour $colour { default blue; green green; }
      server { location /ws/ { proxy_pass http://$colour; } }`,
    finds: ['4:43 http://$colour -- Some requests end with 502: proxy_pass has variables, so "green"'],
  },
  {
    name: "a fixed URL elsewhere has the same host, or a group may: it is found there",
    config: `
      upstream blue.local { server 10.0.0.1:3000; }
      server {
        location /ws/ { proxy_pass http://$cookie_colour.local; }
        location /api/ { proxy_pass http://app.example.com; }
        location /v/ { proxy_pass http://app.example.com$request_uri; }
      }`,
  },
  {
    name: "a part of the name is known, and that is enough",
    config: `
      server {
        location ~ ^/(?<name>[a-z]+)/ws { proxy_pass http://$name.default.svc.cluster.local:3000; }
      }`,
    finds: [
      "3:54 http://$name.default.svc.cluster.local:3000 -- no resolver defined to resolve $name.default.svc.cluster.local",
    ],
  },
  {
    name: "what a request brings is not known here",
    config: `
      server {
        location /ws/ { proxy_pass http://$arg_backend; }
        location /hub { proxy_pass http://10.0.$arg_net.$arg_host; }
        location /cable { proxy_pass https://$host$request_uri; }
        location ~ ^/to/([^/]+)/ { set $to $1; proxy_pass http://$to; }
      }`,
  },
  {
    name: "a part of a configuration: the resolver may stand elsewhere",
    config: `
      include conf.d/more-*.conf;
      server { location /ws/ { set $backend app:3000; proxy_pass http://$backend; } }`,
  },
  {
    name: "a name, but no WebSockets",
    config: `
      server { location /api/ { proxy_pass http://backend:3000; } }`,
  },
])

async function openOrLog({ edge, port }: Stage): Promise<string> {
  const seen = await openSocket(`ws://127.0.0.1:${port}/ws/`)
  if (seen === "open") return seen
  const [line] = await edge.waitForLog(/no resolver defined to resolve [\w.]+/)
  return `${seen}: ${line}`
}

const BROKEN = `server { listen {listen}; set $backend backend.test;
  location /ws/ { proxy_pass http://$backend; proxy_http_version 1.1;
    proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection "upgrade"; } }`

/** The same with the port of {a}. */
const WITH_PORT = BROKEN.replace("//$backend", "//$backend:$port").replace(
  "location",
  "set $address {a}; if ($address ~ :(.*)) { set $port $1; } location",
)

/** A name server that says of every name: 127.0.0.1. */
async function startNameServer(): Promise<OwnBackend> {
  const socket = createSocket("udp4")
  socket.on("message", (query, { port, address }) => {
    const question = query.subarray(12, query.indexOf(0, 12) + 5)
    // An answer without errors, one question, one record; the record's name is the question's, TTL 60 s.
    const head = Buffer.from([query[0] ?? 0, query[1] ?? 0, 0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0])
    const record = Buffer.from([0xc0, 0x0c, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 127, 0, 0, 1])
    socket.send(Buffer.concat([head, question, record]), port, address)
  })
  socket.bind(0, "127.0.0.1")
  await once(socket, "listening")
  const close = (): Promise<void> => new Promise((resolve) => socket.close(() => resolve()))
  return { port: socket.address().port, [Symbol.asyncDispose]: close }
}

prove(staleDns, [
  {
    name: "a resolver finds it",
    broken: WITH_PORT,
    fixed: `resolver {own} ipv6=off; ${WITH_PORT}`,
    startOwn: startNameServer,
    attempt: openOrLog,
    failure: /^refused with 502: no resolver defined to resolve backend\.test$/,
    success: /^open$/,
  },
  {
    name: "a name by a variable and no resolver: 502; with a group of that name it opens",
    broken: BROKEN,
    fixed: `upstream backend.test { server {a}; } ${BROKEN}`,
    attempt: openOrLog,
    failure: /^refused with 502: no resolver defined to resolve backend\.test$/,
    success: /^open$/,
  },
  {
    name: "not even localhost",
    broken: BROKEN.replace("$backend;", "localhost$request_uri;"),
    fixed: BROKEN.replace("$backend;", "{a}$request_uri;"),
    attempt: openOrLog,
    failure: /^refused with 502: no resolver defined to resolve localhost$/,
    success: /^open$/,
  },
])
