import { ipHashBehindProxy } from "../../src/check/rules/ip-hash-behind-proxy.ts"
import { backendsOf } from "./choices.ts"
import { prove } from "./proof.ts"
import { testRule } from "./rule-cases.ts"

const POOL = "upstream nodes { ip_hash; server 10.0.0.1:3000; server 10.0.0.2:3000; }"
const LOCATION = "location /ws/ { proxy_pass http://nodes; }"

testRule(ipHashBehindProxy, [
  {
    name: "PROXY protocol comes in, and nobody takes the address from it",
    config: `
      ${POOL}
      server { listen 80 proxy_protocol; ${LOCATION} }`,
    finds: ['2:24 ip_hash -- "listen 80 proxy_protocol" says that clients come through a load balancer'],
  },
  {
    name: "realip is there, but looks at a field",
    config: `
      ${POOL}
      server { listen 80 proxy_protocol; set_real_ip_from 10.0.0.0/8; ${LOCATION} }`,
    finds: ["2:24 ip_hash"],
  },
  {
    name: "realip takes it from the PROXY protocol, as http says",
    config: `
      ${POOL}
      set_real_ip_from 10.0.0.0/8;
      real_ip_header proxy_protocol;
      server { listen 80 proxy_protocol; ${LOCATION} }`,
  },
  {
    name: "the server listens on this machine only",
    config: `
      ${POOL}
      server { listen 127.0.0.1:8080; listen [::1]:8080; listen unix:/run/edge.sock; ${LOCATION} }`,
    finds: ["2:24 ip_hash -- the server listens on this machine only"],
  },
  {
    name: "the same with realip",
    config: `
      ${POOL}
      server { listen 127.0.0.1:8080; set_real_ip_from 127.0.0.1; real_ip_header X-Forwarded-For; ${LOCATION} }`,
  },
  {
    name: "a CDN's field is used elsewhere",
    config: `
      ${POOL}
      server {
        listen 80;
        location /ws/ {
          proxy_pass http://nodes;
          proxy_set_header X-Real-IP $http_cf_connecting_ip;
        }
      }`,
    finds: ["2:24 ip_hash -- line 7 takes the client's address from a field that another proxy sets"],
  },
  {
    name: "so is X-Forwarded-For, in a map; and the choice is hash by the address",
    config: `
      map $http_x_forwarded_for $client { default $remote_addr; ~^(?<first>[^,]+) $first; }
      upstream nodes { hash $binary_remote_addr consistent; server 10.0.0.1:3000; server 10.0.0.2:3000; }
      server { listen 80; ${LOCATION} }`,
    finds: ["3:24 hash -- hash $binary_remote_addr consistent chooses"],
  },
  {
    name: "X-Forwarded-For in the log's format and in what is passed on says nothing",
    config: `
      log_format main '$remote_addr "$http_x_forwarded_for"';
      ${POOL}
      server {
        listen 80;
        proxy_set_header X-Forwarded-For $http_x_forwarded_for;
        ${LOCATION}
      }`,
  },
  {
    name: "an include that is not here may have what brings the addresses back",
    config: `
      include conf.d/more-*.conf;
      ${POOL}
      server { listen 80 proxy_protocol; ${LOCATION} }`,
  },
  {
    name: "hash by something else, one server, no WebSockets",
    config: `
      upstream nodes { hash $cookie_id; server 10.0.0.1:3000; server 10.0.0.2:3000; }
      upstream one { ip_hash; server 10.0.0.1:3000; }
      upstream app { ip_hash; server 10.0.0.1:3000; server 10.0.0.2:3000; }
      server {
        listen 127.0.0.1:8080;
        ${LOCATION}
        location /cable { proxy_pass http://one; }
        location /api/ { proxy_pass http://app; }
      }`,
  },
])

/** One of each of eight networks: ip_hash has not one and the same answer for all of them. */
const NETWORKS = Array.from({ length: 8 }, (_, index) => `203.0.${113 + index}.7`)

const BROKEN = `upstream pool { ip_hash; server {a}; server {b}; }
  server { listen {listen} WRAPPED; location /ws/ { proxy_pass http://pool; proxy_http_version 1.1;
    proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection "upgrade"; } }`

prove(ipHashBehindProxy, [
  {
    name: "clients of a load balancer with the PROXY protocol all meet one server",
    broken: BROKEN.replace("WRAPPED", "proxy_protocol"),
    fixed: BROKEN.replace(
      "WRAPPED;",
      "proxy_protocol; set_real_ip_from 127.0.0.1; real_ip_header proxy_protocol;",
    ),
    attempt: ({ port }) =>
      backendsOf(
        port,
        NETWORKS.map((client) => ({ preface: `PROXY TCP4 ${client} 127.0.0.1 4000 80\r\n` })),
      ),
    failure: /^[ab]$/,
    success: /^a b$/,
  },
  {
    name: "clients of a proxy on the same machine all meet one server",
    broken: BROKEN.replace(" WRAPPED", ""),
    fixed: BROKEN.replace(" WRAPPED;", "; set_real_ip_from 127.0.0.1; real_ip_header X-Forwarded-For;"),
    attempt: ({ port }) =>
      backendsOf(
        port,
        NETWORKS.map((client) => ({ fields: `X-Forwarded-For: ${client}\r\n` })),
      ),
    failure: /^[ab]$/,
    success: /^a b$/,
  },
])
