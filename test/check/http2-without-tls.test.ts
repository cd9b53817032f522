import { http2WithoutTls } from "../../src/check/rules/http2-without-tls.ts"
import { openSocket, prove } from "./proof.ts"
import { testRule } from "./rule-cases.ts"

const OLD = "nginx/1.22"
const SOCKET =
  'proxy_pass http://127.0.0.1:3000; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection "upgrade";'
const WS = `location /ws/ { ${SOCKET} }`

testRule(http2WithoutTls, [
  {
    name: "http2 without ssl",
    target: OLD,
    config: `
      server {
        listen 8080 http2;
        ${WS}
      }`,
    finds: ["3:9 listen -- nginx/1.22 takes every connection to it for HTTP/2"],
    fixed: `
      server {
        listen 8080;
        ${WS}
      }`,
  },
  {
    name: "since 1.25.1 it speaks both",
    config: `
      server { listen 80 http2; ${WS} }`,
  },
  {
    name: "the last version that does not",
    target: "nginx/1.25.0",
    config: `
      server { listen 80 default_server http2; ${WS} }`,
    finds: ["2:16 listen -- nginx/1.25.0"],
    fixed: `
      server { listen 80 default_server; ${WS} }`,
  },
  {
    name: "with ssl, or with ssl on",
    target: OLD,
    config: `
      server { listen 443 ssl http2; ${WS} }
      server { listen 444 http2; ssl on; ${WS} }`,
  },
  {
    name: "another server of the same address has it",
    target: OLD,
    config: `
      server { listen 0.0.0.0:80; server_name a; ${WS} }
      server { listen 80 http2; server_name b; }
      server { listen 443 http2; server_name b; ${WS} }
      server { listen 443 ssl; server_name c; }`,
    finds: ["3:16 listen -- (`location /ws/`, line 2)"],
  },
  {
    name: "gRPC beside it is not taken away",
    target: OLD,
    config: `
      server { listen 80 http2; ${WS} location / { grpc_pass grpc://127.0.0.1:50051; } }`,
    finds: ["2:16 listen"],
  },
  {
    name: "no WebSockets",
    target: OLD,
    config: `
      server { listen 80 http2; location / { grpc_pass grpc://127.0.0.1:50051; } }`,
  },
])

prove(http2WithoutTls, [
  {
    name: "a port without TLS that speaks HTTP/2 only",
    broken: `server { listen {listen} http2; location /ws/ { proxy_pass http://{a}; proxy_http_version 1.1;
      proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection "upgrade"; } }`,
    fixed: `server { listen {listen}; location /ws/ { proxy_pass http://{a}; proxy_http_version 1.1;
      proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection "upgrade"; } }`,
    attempt: async ({ port, edge }) => {
      const result = await openSocket(`ws://127.0.0.1:${port}/ws/`)
      if (result !== "open")
        await edge.waitForLog(/invalid connection preface while processing HTTP\/2 connection/)
      return result
    },
    failure: /^failed: Parse Error: Expected HTTP\//,
    success: /^open$/,
  },
])
