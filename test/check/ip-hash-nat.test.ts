import { ipHashNat } from "../../src/check/rules/ip-hash-nat.ts"
import { backendsOf } from "./choices.ts"
import { prove } from "./proof.ts"
import { testRule } from "./rule-cases.ts"

const LOCATION = "location /ws/ { proxy_pass http://nodes; }"
const FOUR = "server 10.0.0.1; server 10.0.0.2; server 10.0.0.3; server 10.0.0.4;"

testRule(ipHashNat, [
  {
    name: "four servers",
    config: `
      upstream nodes { ip_hash; ${FOUR} }
      server { ${LOCATION} }`,
    finds: ['2:24 ip_hash -- all meet the same one of the 4 servers of "nodes"'],
  },
  {
    name: "four servers and keepalive, before there was sticky",
    target: "nginx/1.22",
    config: `
      upstream nodes {
        ${FOUR}
        ip_hash;
        keepalive 4;
      }
      server { ${LOCATION} }`,
    finds: ["4:9 ip_hash"],
  },
  {
    name: "two servers, as most have",
    config: `
      upstream nodes { ip_hash; server 10.0.0.1; server 10.0.0.2; }
      server { ${LOCATION} }`,
  },
  {
    name: "four, of which one is down",
    config: `
      upstream nodes { ip_hash; server 10.0.0.1; server 10.0.0.2; server 10.0.0.3; server 10.0.0.4 down; }
      server { ${LOCATION} }`,
  },
  {
    name: "hash by the whole address, and a cookie",
    config: `
      upstream nodes { hash $remote_addr consistent; ${FOUR} }
      upstream more { ip_hash; ${FOUR} sticky cookie srv_id; }
      server { ${LOCATION} location /cable { proxy_pass http://more; } }`,
  },
  {
    name: "no location of WebSockets leads there",
    config: `
      upstream app { ip_hash; ${FOUR} }
      server { location /api/ { proxy_pass http://app; } }`,
  },
])

const BROKEN = `upstream pool { ip_hash; server {a}; server {b}; server {a}; server {b}; }
  server { listen {listen}; location /ws/ { proxy_pass http://pool; proxy_http_version 1.1;
    proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection "upgrade"; } }`

prove(ipHashNat, [
  {
    name: "addresses of one network all meet one server",
    broken: BROKEN,
    fixed: BROKEN.replace("ip_hash", "hash $remote_addr consistent"),
    attempt: ({ port }) =>
      backendsOf(
        port,
        Array.from({ length: 16 }, (_, index) => ({ localAddress: `127.0.0.${index + 1}` })),
      ),
    failure: /^[ab]$/,
    success: /^a b$/,
  },
])
