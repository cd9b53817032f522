import { upstreamTlsUnverified } from "../../src/check/rules/upstream-tls-unverified.ts"
import { TestAuthority, testAuthority } from "../support/certificates.ts"
import { openSocket, prove } from "./proof.ts"
import { testRule } from "./rule-cases.ts"
import { startTlsEcho } from "./tls-backend.ts"

testRule(upstreamTlsUnverified, [
  {
    name: "nothing is said",
    config: `
      server {
        location /ws/ {
          proxy_pass https://10.0.0.1:3000;
        }
      }`,
    finds: [
      "4:11 proxy_pass -- in place of 10.0.0.1:3000 is believed, and can read and change all messages: proxy_ssl_verify is off here: the default",
    ],
  },
  {
    name: "off is said",
    config: `
      upstream nodes { server 10.0.0.1:3000; server 10.0.0.2:3000; }
      server {
        location /ws/ { proxy_pass https://nodes; proxy_ssl_verify off; }
      }`,
    finds: ['4:51 proxy_ssl_verify -- the servers of "nodes"'],
  },
  {
    name: "off is said further out",
    config: `
      proxy_ssl_verify off;
      server { location /ws/ { set $node 10.0.0.1; proxy_pass https://$node:3000; } }`,
    finds: ["3:52 proxy_pass -- proxy_ssl_verify is off here: set in http, line 2"],
  },
  {
    name: "on, further out",
    config: `
      server {
        proxy_ssl_verify on;
        proxy_ssl_trusted_certificate ca.crt;
        location /ws/ { proxy_pass https://10.0.0.1:3000; }
      }`,
  },
  {
    name: "on outside, off in the location within",
    config: `
      server {
        proxy_ssl_verify on;
        proxy_ssl_trusted_certificate ca.crt;
        location / { location /ws/ { proxy_ssl_verify off; proxy_pass https://10.0.0.1:3000; } }
      }`,
    finds: ["5:38 proxy_ssl_verify"],
  },
  {
    name: "it does not leave the machine",
    config: `
      upstream nodes { server 127.0.0.1:3000; server unix:/run/node.sock; }
      server {
        location /ws/ { proxy_pass https://localhost:8443; }
        location /cable { proxy_pass https://nodes; }
        location /hub { proxy_pass https://[::1]:8443; }
      }`,
  },
  {
    name: "no TLS, or no WebSockets",
    config: `
      server {
        location /ws/ { proxy_pass http://10.0.0.1:3000; }
        location /api/ { proxy_pass https://10.0.0.1:3000; }
      }`,
  },
])

const { own } = await testAuthority()
const NAME = "backend.example.com"

const BROKEN = `upstream pool { server {own}; server 192.0.2.1:443 down; }
  server { listen {listen}; location /ws/ { proxy_pass https://pool; proxy_http_version 1.1;
    proxy_ssl_name ${NAME}; proxy_ssl_server_name on;
    proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection "upgrade"; } }`

prove(upstreamTlsUnverified, [
  {
    name: "a stranger with a certificate of his own making gets the messages",
    broken: BROKEN,
    fixed: BROKEN.replace(
      "proxy_ssl_name",
      `proxy_ssl_verify on; proxy_ssl_trusted_certificate ${own.certificateFile}; proxy_ssl_name`,
    ),
    startOwn: async () => {
      const stranger = await TestAuthority.create("Somebody else")
      return startTlsEcho(await stranger.issue({ names: [NAME] }))
    },
    attempt: async ({ edge, port }) => {
      const seen = await openSocket(`ws://127.0.0.1:${port}/ws/`)
      if (seen === "open") return seen
      await edge.waitForLog(
        /upstream SSL certificate verify error: \(\d+:[^)]*\) while SSL handshaking to upstream/,
      )
      return `${seen}, and a line in the log`
    },
    failure: /^open$/,
    success: /^refused with 502, and a line in the log$/,
  },
])
