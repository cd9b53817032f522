import assert from "node:assert/strict"
import { test } from "node:test"
import { checkTree } from "../../src/check/engine.ts"
import { upstreamWithoutStickiness } from "../../src/check/rules/upstream-without-stickiness.ts"
import { parseTarget } from "../../src/check/target.ts"
import { readTree } from "../../src/check/tree.ts"
import { backendsMet } from "./choices.ts"
import { prove } from "./proof.ts"
import { testRule } from "./rule-cases.ts"

const LOCATION = `location /ws/ {
          proxy_pass http://nodes;
          proxy_http_version 1.1;
          proxy_set_header Upgrade $http_upgrade;
          proxy_set_header Connection "upgrade";
        }`

testRule(upstreamWithoutStickiness, [
  {
    name: "round robin",
    config: `
      upstream nodes {
        # the big one
        server 10.0.0.1:3000;
        server 10.0.0.2:3000 weight=2;
        keepalive 16;
      }
      server { ${LOCATION} }`,
    finds: ['2:16 nodes -- one of 2 servers of "nodes" chosen in turn'],
    fixed: `
      upstream nodes {
        ip_hash;
        # the big one
        server 10.0.0.1:3000;
        server 10.0.0.2:3000 weight=2;
        keepalive 16;
      }
      server { ${LOCATION} }`,
  },
  {
    name: "round robin in one line, with a zone and keepalive in front",
    config: `
      upstream nodes { zone nodes 64k; keepalive 8; server 10.0.0.1:3000; server 10.0.0.2:3000; }
      server { ${LOCATION} }`,
    finds: ["2:16 nodes"],
    fixed: `
      upstream nodes { ip_hash; zone nodes 64k; keepalive 8; server 10.0.0.1:3000; server 10.0.0.2:3000; }
      server { ${LOCATION} }`,
  },
  {
    name: "a spare server",
    config: `
      upstream nodes { server 10.0.0.1:3000; server 10.0.0.2:3000; server 10.0.0.3:3000 backup; }
      server { ${LOCATION} }`,
    finds: ["2:16 nodes -- one of 2 servers"],
  },
  {
    name: "least_conn was chosen by somebody: it is not replaced",
    config: `
      upstream nodes { least_conn; server 10.0.0.1:3000; server 10.0.0.2:3000; }
      server { ${LOCATION} }`,
    finds: ["2:24 least_conn -- chosen by least_conn"],
  },
  {
    name: "random, in a group that stands behind the server",
    config: `
      server { ${LOCATION} }
      upstream nodes { random two; server 10.0.0.1:3000; server 10.0.0.2:3000; }`,
    finds: ["8:24 random -- chosen by random"],
  },
  {
    name: "two locations, one group: one finding",
    config: `
      upstream nodes { server 10.0.0.1:3000; server 10.0.0.2:3000; }
      server {
        location /ws/ { proxy_pass http://nodes; }
        location /socket.io/ { proxy_pass http://nodes; }
      }`,
    finds: ["2:16 nodes -- WebSockets (/ws/, /socket.io/)"],
  },
  {
    name: "ip_hash",
    config: `
      upstream nodes { ip_hash; server 10.0.0.1:3000; server 10.0.0.2:3000; }
      server { ${LOCATION} }`,
  },
  {
    name: "hash and sticky",
    config: `
      upstream nodes { hash $cookie_session consistent; server 10.0.0.1:3000; server 10.0.0.2:3000; }
      upstream more { server 10.0.0.1:3000; server 10.0.0.2:3000; sticky cookie srv_id; }
      server { ${LOCATION} location /cable { proxy_pass http://more; } }`,
  },
  {
    name: "a way of another module",
    config: `
      upstream nodes { fair; server 10.0.0.1:3000; server 10.0.0.2:3000; }
      upstream more { server 10.0.0.1; server 10.0.0.2; balancer_by_lua_file balance.lua; }
      server { ${LOCATION} location /cable { proxy_pass http://more; } }`,
  },
  {
    name: "one server and a spare one",
    config: `
      upstream nodes { server 10.0.0.1:3000; server 10.0.0.2:3000 backup; server 10.0.0.3:3000 down; }
      server { ${LOCATION} }`,
  },
  {
    name: "no location of WebSockets leads there",
    config: `
      upstream app { server 10.0.0.1:3000; server 10.0.0.2:3000; }
      server { location /api/ { proxy_pass http://app; } }`,
  },
])

for (const [what, group] of [
  ["a spare server", "server 10.0.0.1; server 10.0.0.2; server 10.0.0.3 backup;"],
  ["a slow start", "server 10.0.0.1 slow_start=10s; server 10.0.0.2;"],
  ["another way", "random; server 10.0.0.1; server 10.0.0.2;"],
] as const)
  test(`ip_hash does not go with ${what}: nothing is changed`, () => {
    const text = `events {} http { upstream nodes { ${group} } server { ${LOCATION} } }`
    const tree = readTree("nginx.conf", "./", () => ({ text, encoding: "utf8" }))
    const { findings } = checkTree(tree, parseTarget("holdfast"), [upstreamWithoutStickiness])
    assert.deepEqual(
      findings.map(({ fix }) => fix),
      [[]],
    )
  })

const BROKEN = `upstream pool { server {a}; server {b}; }
  server { listen {listen}; location /ws/ { proxy_pass http://pool; proxy_http_version 1.1;
    proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection "upgrade"; } }`

prove(upstreamWithoutStickiness, [
  {
    name: "reconnects go to the servers in turn; with ip_hash to one",
    broken: BROKEN,
    fixed: BROKEN.replace("server {a}", "ip_hash; server {a}"),
    attempt: ({ port }) => backendsMet(port, 4),
    failure: /^(?:a b a b|b a b a)$/,
    success: /^(\w)(?: \1){3}$/,
  },
  {
    name: "so they do with least_conn; with hash by the address to one",
    broken: BROKEN.replace("server {a}", "least_conn; server {a}"),
    fixed: BROKEN.replace("server {a}", "hash $remote_addr consistent; server {a}"),
    attempt: ({ port }) => backendsMet(port, 4),
    failure: /^(?:a b a b|b a b a)$/,
    success: /^(\w)(?: \1){3}$/,
  },
])
