import { websocketPlainPort } from "../../src/check/rules/websocket-plain-port.ts"
import { TestAuthority } from "../support/certificates.ts"
import { openSocket, prove } from "./proof.ts"
import { testRule } from "./rule-cases.ts"

const SOCKET =
  'proxy_pass http://127.0.0.1:3000; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection "upgrade";'
const WS = `location /ws/ { ${SOCKET} }`

testRule(websocketPlainPort, [
  {
    name: "one server for both ports",
    config: `
      server {
        listen 80;
        listen 443 ssl;
        ${WS}
      }`,
    finds: [
      "3:9 listen -- `listen 80` takes WebSockets (`location /ws/`, line 5) unencrypted, although the same name has TLS (line 4)",
    ],
  },
  {
    name: "two servers of one name",
    config: `
      server { listen [::]:80; server_name example.com; ${WS} }
      server { listen 443 ssl; server_name www.example.com example.com; ${WS} }`,
    finds: ["2:16 listen -- the same name has TLS (line 3)"],
  },
  {
    name: "a name that a wildcard covers, TLS by ssl on",
    config: `
      server { server_name chat.example.com; listen 0.0.0.0:8080; ${WS} }
      server { listen 443; ssl on; server_name *.example.com; }`,
    finds: ["2:46 listen"],
  },
  {
    name: "another name has TLS",
    config: `
      server { listen 80; server_name chat.example.com; ${WS} }
      server { listen 80; server_name chat.lan; ${WS} }
      server { listen 80 default_server; ${WS} }
      server { listen 443 ssl; server_name example.com; }`,
    finds: ["2:16 listen -- for chat.example.com unencrypted; other names"],
  },
  {
    name: "port 80 redirects",
    config: `
      server { listen 80; server_name example.com; return 301 https://$host$request_uri; }
      server { listen 443 ssl; server_name example.com; ${WS} }`,
  },
  {
    name: "port 80 redirects under a condition",
    config: `
      server {
        listen 80; listen 443 ssl;
        if ($scheme = http) { return 301 https://$host$request_uri; }
        ${WS}
      }
      server {
        listen 80; listen 443 ssl;
        location /ws/ { if ($https = "") { return 403; } ${SOCKET} }
      }`,
  },
  {
    name: "nothing has TLS",
    config: `
      server { listen 80; server_name example.com; ${WS} }`,
  },
  {
    name: "private addresses",
    config: `
      server {
        listen 127.0.0.1:80; listen 10.1.2.3:80; listen 172.20.0.1:80; listen 192.168.0.1;
        listen [::1]:80; listen [fd00::1]:80; listen unix:/run/nginx.sock; listen localhost:8080;
        listen 443 ssl;
        ${WS}
      }`,
  },
  {
    name: "TLS ends in front",
    config: `
      map $http_x_forwarded_proto $proto { default $http_x_forwarded_proto; "" $scheme; }
      server { listen 80; listen 443 ssl; ${WS} }`,
  },
  {
    name: "proxy_protocol",
    config: `
      server { listen 80 proxy_protocol; listen 443 ssl proxy_protocol; ${WS} }`,
  },
  {
    name: "another server of the address has ssl",
    config: `
      server { listen 443; server_name example.com; ${WS} }
      server { listen 0.0.0.0:443 ssl; server_name www.example.com; ${WS} }`,
  },
  {
    name: "a certificate that no port uses",
    config: `
      server {
        listen 443;
        ssl_certificate a.crt; ssl_certificate_key a.key;
        ${WS}
      }
      server { listen 8080; ssl_certificate a.crt; ${WS} }`,
    finds: [
      "3:9 listen -- The certificate of line 4 is not used: `listen 443` has no `ssl`",
      "7:16 listen -- The certificate of line 7 is not used",
    ],
  },
  {
    name: "no WebSockets on the plain port",
    config: `
      server { listen 80; server_name example.com; location / { proxy_pass http://127.0.0.1:3000; } }
      server { listen 443 ssl; server_name example.com; ${WS} }`,
  },
])

const authority = await TestAuthority.create()
const { certificateFile, keyFile } = await authority.issue({ names: ["localhost", "127.0.0.1"] })
const TLS = `ssl_certificate ${certificateFile}; ssl_certificate_key ${keyFile};`
const LOCATION = `location /ws/ { proxy_pass http://{a}; proxy_http_version 1.1;
  proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection "upgrade"; }`

prove(websocketPlainPort, [
  {
    name: "ws:// and wss:// both open, and with a redirect wss:// alone",
    broken: `server { listen {port}; listen {listen2} ssl; ${TLS} ${LOCATION} }`,
    fixed: `server { listen {port}; return 301 https://$host$request_uri; }
      server { listen {listen2} ssl; ${TLS} ${LOCATION} }`,
    attempt: async ({ port, port2 }) =>
      `ws: ${await openSocket(`ws://127.0.0.1:${port}/ws/`)}, wss: ${await openSocket(`wss://127.0.0.1:${port2}/ws/`)}`,
    failure: /^ws: open, wss: open$/,
    success: /^ws: refused with 301, wss: open$/,
  },
  {
    name: "a certificate that no port uses",
    broken: `server { listen {port}; ${TLS} ${LOCATION} }`,
    fixed: `server { listen {port} ssl; ${TLS} ${LOCATION} }`,
    attempt: async ({ port, edge }) => {
      const result = await openSocket(`wss://127.0.0.1:${port}/ws/`)
      if (result !== "open" && edge.name === "nginx")
        await edge.waitForFile("logs/access.log", /"\\x16\\x03\\x01.*" 400 /)
      return result
    },
    failure: /^failed: .*wrong version number/s,
    success: /^open$/,
  },
])
