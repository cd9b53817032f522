import { upstreamTlsName } from "../../src/check/rules/upstream-tls-name.ts"
import { issueCertificate, testAuthority } from "../support/certificates.ts"
import { openSocket, prove, type Stage } from "./proof.ts"
import { testRule } from "./rule-cases.ts"
import { startTlsEcho } from "./tls-backend.ts"

const GROUP = "upstream ws_backend { server 10.0.0.1:3000; }"
const VERIFY = "proxy_ssl_verify on; proxy_ssl_trusted_certificate ca.crt;"
const OLD = "nginx/1.22"

testRule(upstreamTlsName, [
  {
    name: "verified by the name of the group",
    config: `
      ${GROUP}
      server { location /ws/ { proxy_pass https://ws_backend; ${VERIFY} } }`,
    finds: ['3:32 proxy_pass -- must show a certificate for the name "ws_backend", or the answer is 502'],
  },
  {
    name: "the name of the group is written out, and sent by SNI",
    config: `
      ${GROUP}
      server {
        proxy_ssl_server_name on;
        location /ws/ { proxy_pass https://ws_backend; proxy_ssl_name $proxy_host; }
      }`,
    finds: ['5:56 proxy_ssl_name -- are asked for a site "ws_backend" by SNI'],
  },
  {
    name: "neither verified nor sent: the name does not matter",
    config: `
      ${GROUP}
      server { location /ws/ { proxy_pass https://ws_backend; } }`,
  },
  {
    name: "the right name is given and sent",
    config: `
      ${GROUP}
      server {
        proxy_ssl_name backend.example.com;
        proxy_ssl_server_name on;
        location /ws/ { proxy_pass https://ws_backend; ${VERIFY} }
      }`,
  },
  {
    name: "a group with the name of a site, which is not sent",
    config: `
      upstream backend.example.com { server 10.0.0.1:3000; }
      server {
        location /ws/ {
          proxy_pass https://backend.example.com;
        }
      }`,
    finds: ['5:11 proxy_pass -- not told that "backend.example.com" is wanted'],
    fixed: `
      upstream backend.example.com { server 10.0.0.1:3000; }
      server {
        location /ws/ {
          proxy_pass https://backend.example.com;
          proxy_ssl_server_name on;
        }
      }`,
  },
  {
    name: "a name is given, and sending it is switched off",
    config: `
      ${GROUP}
      server {
        location /ws/ {
          proxy_pass https://ws_backend;
          proxy_ssl_name backend.example.com;
          proxy_ssl_server_name off;
        }
      }`,
    finds: ["7:11 proxy_ssl_server_name -- proxy_ssl_server_name is off here"],
    fixed: `
      ${GROUP}
      server {
        location /ws/ {
          proxy_pass https://ws_backend;
          proxy_ssl_name backend.example.com;
          proxy_ssl_server_name on;
        }
      }`,
  },
  {
    name: "a certificate's IP addresses do not count for nginx",
    target: OLD,
    config: `
      server { location /ws/ { proxy_pass https://10.0.0.1:3000; ${VERIFY} } }`,
    finds: ["2:32 proxy_pass -- nginx does not look at the IP addresses in a certificate"],
  },
  {
    name: "for Holdfast they do",
    config: `
      server { location /ws/ { proxy_pass https://10.0.0.1:3000; ${VERIFY} } }`,
  },
  {
    name: "a name that requests make, a backend on this machine, one without TLS, no WebSockets",
    config: `
      ${GROUP}
      server {
        location /ws/ { proxy_pass https://ws_backend; proxy_ssl_name $host; ${VERIFY} }
        location /cable { proxy_pass https://localhost:8443; }
        location /hub { proxy_pass http://backend.example.com; }
        location /api/ { proxy_pass https://backend.example.com; }
      }`,
  },
])

const NAME = "backend.example.com"
const { own } = await testAuthority()
const right = await issueCertificate([NAME])
const other = await issueCertificate(["other.example.com"])
const byAddress = await issueCertificate(["other.example.com", "127.0.0.1"])

function locationWith(group: string, settings: string): string {
  return `upstream ${group} { server {own}; server 192.0.2.1:443 down; }
    server { listen {listen}; location /ws/ { proxy_pass https://${group}; proxy_http_version 1.1;
      proxy_ssl_verify on; proxy_ssl_trusted_certificate ${own.certificateFile}; ${settings}
      proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection "upgrade"; } }`
}

async function openOrLog({ edge, port }: Stage): Promise<string> {
  const seen = await openSocket(`ws://127.0.0.1:${port}/ws/`)
  if (seen === "open") return seen
  const [line] = await edge.waitForLog(/upstream SSL certificate does not match "[^"]*"/)
  return `${seen}: ${line}`
}

prove(upstreamTlsName, [
  {
    name: "the certificate is compared with the name of the group",
    broken: locationWith("ws_backend", ""),
    fixed: locationWith("ws_backend", `proxy_ssl_name ${NAME}; proxy_ssl_server_name on;`),
    startOwn: () => startTlsEcho(right),
    attempt: openOrLog,
    failure: /^refused with 502: upstream SSL certificate does not match "ws_backend"$/,
    success: /^open$/,
  },
  {
    name: "a backend with several sites shows the wrong certificate without SNI",
    broken: locationWith(NAME, ""),
    fixed: locationWith(NAME, "proxy_ssl_server_name on;"),
    startOwn: () => startTlsEcho(other, { name: NAME, certificate: right }),
    attempt: openOrLog,
    failure: /^refused with 502: upstream SSL certificate does not match "backend\.example\.com"$/,
    success: /^open$/,
  },
  {
    name: "the IP address in a certificate does not count",
    broken: locationWith("unused", "").replace("https://unused", "https://{own}"),
    fixed: locationWith("unused", `proxy_ssl_name ${NAME}; proxy_ssl_server_name on;`).replace(
      "https://unused",
      "https://{own}",
    ),
    startOwn: () => startTlsEcho(byAddress, { name: NAME, certificate: right }),
    attempt: openOrLog,
    failure: /^refused with 502: upstream SSL certificate does not match "127\.0\.0\.1"$/,
    success: /^open$/,
  },
])
