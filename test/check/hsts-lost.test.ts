import { hstsLost } from "../../src/check/rules/hsts-lost.ts"
import { RawClient } from "../support/raw-client.ts"
import { prove, type Stage } from "./proof.ts"
import { testRule } from "./rule-cases.ts"

const HSTS = 'add_header Strict-Transport-Security "max-age=31536000; includeSubDomains" always;'

testRule(hstsLost, [
  {
    name: "a location of WebSockets has a field of its own",
    config: `
      server {
        ${HSTS}
        add_header X-Frame-Options DENY;
        location /ws/ {
          add_header X-Edge one;
          proxy_pass http://127.0.0.1:3000;
        }
      }`,
    finds: ["6:11 add_header -- of server (line 3) is lost in this location with X-Frame-Options"],
    fixed: `
      server {
        ${HSTS}
        add_header X-Frame-Options DENY;
        location /ws/ {
          add_header X-Edge one;
          ${HSTS}
          proxy_pass http://127.0.0.1:3000;
        }
      }`,
  },
  {
    name: "set in http, lost in an if and in a location for files",
    config: `
      ${HSTS}
      server {
        listen 443 ssl;
        location / { if ($request_method = OPTIONS) { add_header Allow GET; return 204; } }
        location /files/ { add_header Cache-Control public; }
      }`,
    finds: ["5:55 add_header -- is lost in this if", "6:28 add_header -- of http (line 2)"],
  },
  {
    name: "without always",
    config: `
      server {
        add_header Strict-Transport-Security max-age=31536000;
        location / { return 204; }
      }`,
    finds: ["3:9 add_header -- this add_header has no always"],
    fixed: `
      server {
        add_header Strict-Transport-Security max-age=31536000 always;
        location / { return 204; }
      }`,
  },
  {
    name: "lost, and without always: each is mended",
    config: `
      server {
        add_header Strict-Transport-Security 'max-age=1;';
        location / {
          add_header X-Edge one; # keep
          return 204;
        }
      }`,
    finds: ["3:9 add_header", "5:11 add_header"],
    fixed: `
      server {
        add_header Strict-Transport-Security 'max-age=1;' always;
        location / {
          add_header X-Edge one; # keep
          add_header Strict-Transport-Security 'max-age=1;' always;
          return 204;
        }
      }`,
  },
  {
    name: "it is repeated, or inherited, or merged",
    config: `
      server {
        ${HSTS}
        location / { add_header X-Edge one; ${HSTS} return 204; }
        location /ws/ { proxy_pass http://127.0.0.1:3000; }
        location /merged/ { add_header_inherit merge; add_header X-Edge one; return 204; }
        location /auth { internal; add_header X-Edge one; return 204; }
      }`,
  },
  {
    name: "it is not used, or by a server without TLS that has it from http",
    config: `
      server { add_header X-Frame-Options DENY; location / { add_header X-Edge one; } }`,
  },
  {
    name: "http sets it, and the server on port 80 only redirects",
    config: `
      ${HSTS}
      server { listen 80; location / { add_header X-Edge one; return 301 https://$host$request_uri; } }`,
  },
])

async function headOf({ port }: Stage, path: string, fields = ""): Promise<string> {
  const client = await RawClient.connect({ port })
  client.socket.write(`GET ${path} HTTP/1.1\r\nHost: localhost\r\n${fields}\r\n`)
  const { status, headers } = await client.readResponse()
  client.socket.destroy()
  const has = headers.some(([name]) => name.toLowerCase() === "strict-transport-security")
  return `${status} ${has ? "with" : "without"} the field`
}

const HANDSHAKE =
  "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"

const BROKEN = `server { listen {listen}; FIELD
  location / { OWN return 200 hello; }
  location /gone { return 404; }
  location /ws/ { proxy_pass http://{a}; proxy_http_version 1.1;
    proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection "upgrade"; } }`

const WITHOUT_ALWAYS = BROKEN.replace("FIELD", HSTS.replace(" always", "")).replace("OWN", "")
const WITH_ALWAYS = BROKEN.replace("FIELD", HSTS).replace("OWN", "")

prove(hstsLost, [
  {
    name: "an add_header in a location puts it aside",
    broken: BROKEN.replace("FIELD", HSTS).replace("OWN", "add_header X-Edge one;"),
    fixed: BROKEN.replace("FIELD", HSTS).replace("OWN", `add_header X-Edge one; ${HSTS}`),
    attempt: (stage) => headOf(stage, "/"),
    failure: /^200 without/,
    success: /^200 with /,
  },
  {
    name: "without always an error has none",
    broken: WITHOUT_ALWAYS,
    fixed: WITH_ALWAYS,
    attempt: (stage) => headOf(stage, "/gone"),
    failure: /^404 without/,
    success: /^404 with /,
  },
  {
    name: "without always the 101 of a WebSocket has none",
    broken: WITHOUT_ALWAYS,
    fixed: WITH_ALWAYS,
    attempt: (stage) => headOf(stage, "/ws/", HANDSHAKE),
    failure: /^101 without/,
    success: /^101 with /,
  },
])
