import { websocketHostHeader } from "../../src/check/rules/websocket-host-header.ts"
import { startPickyBackend } from "./picky-backends.ts"
import { openSocket, type Proof, prove } from "./proof.ts"
import { testRule } from "./rule-cases.ts"

const FORWARDED = "proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection upgrade;"

testRule(websocketHostHeader, [
  {
    name: "not forwarded to a server of which nothing is known",
    config: `
      upstream chat { server 127.0.0.1:3000; }
      server { location /ws { proxy_pass http://chat; ${FORWARDED} } }`,
    finds: ['3:31 proxy_pass -- Host is "chat" here: the default, $proxy_host; nothing sets it.'],
  },
  {
    name: "not forwarded, and another location does so for that backend",
    config: `
      server {
        location / { proxy_pass http://127.0.0.1:3000; proxy_set_header Host $host; }
        location /ws {
          proxy_pass http://127.0.0.1:3000;
          ${FORWARDED}
        }
      }`,
    finds: ["5:11 proxy_pass -- (line 3 forwards Host to the same backend)"],
    fixed: `
      server {
        location / { proxy_pass http://127.0.0.1:3000; proxy_set_header Host $host; }
        location /ws {
          proxy_pass http://127.0.0.1:3000;
          ${FORWARDED}
          proxy_set_header Host $host;
        }
      }`,
  },
  {
    name: "not forwarded to Action Cable, on a port of its own",
    config: `
      server {
        listen 8443 ssl;
        location /cable {
          proxy_pass http://127.0.0.1:3000;
          ${FORWARDED}
        }
      }`,
    finds: ['5:11 proxy_pass -- as is usual at "/cable"'],
    // A listener with ssl needs a certificate, which is no matter of this rule.
  },
  {
    name: "X-Forwarded-Host alone",
    config: `
      server { location /cable { proxy_pass http://127.0.0.1:3000; ${FORWARDED}
        proxy_set_header X-Forwarded-Host $http_host; } }`,
    finds: ["2:34 proxy_pass -- and does not take X-Forwarded-Host for it"],
  },
  {
    name: "a host of the internet has its own name",
    config: `
      server { location /ws { proxy_pass https://api.example.com; ${FORWARDED} } }`,
  },
  {
    name: "the upstream is called as the server is, variables, and lost by inheritance",
    config: `
      upstream chat.example.com { server 127.0.0.1:3000; }
      server {
        server_name chat.example.com;
        location /ws/1 { proxy_pass http://chat.example.com; ${FORWARDED} }
        location /ws/2 { proxy_pass http://$arg_b; ${FORWARDED} }
      }
      server {
        server_name b.example.com;
        proxy_set_header Host $host;
        location /ws/3 { proxy_pass http://127.0.0.1:3000; ${FORWARDED} }
      }`,
  },
  {
    name: "$host on a port of TLS that Origin names",
    target: "nginx/1.22",
    config: `
      server {
        listen 443 ssl;
        listen 8443 ssl;
        location /ws { proxy_pass http://127.0.0.1:3000; ${FORWARDED} proxy_set_header Host $host; }
      }`,
    finds: ["5:157 $host -- browsers that come to port 8443 send Origin with it"],
  },
  {
    name: "$host on a plain port, which may be a container's",
    config: `
      server {
        listen 8080;
        location /ws { proxy_pass http://127.0.0.1:3000; ${FORWARDED} proxy_set_header Host $host; }
      }`,
    finds: ["4:157 $host -- without the port"],
  },
  {
    name: "$host on usual ports, loopback, behind a proxy, or with the port beside it",
    config: `
      server { listen 80; listen [::]:443 ssl; location /ws { proxy_pass http://127.0.0.1:3000; ${FORWARDED} proxy_set_header Host $host; } }
      server { listen 127.0.0.1:8080; location /ws { proxy_pass http://127.0.0.1:3000; ${FORWARDED} proxy_set_header Host $host; } }
      server { listen 8080; set_real_ip_from 10.0.0.0/8; location /ws { proxy_pass http://127.0.0.1:3000; ${FORWARDED} proxy_set_header Host $host; } }
      server { listen 8081; location /ws { proxy_pass http://127.0.0.1:3000; ${FORWARDED} proxy_set_header Host $host; proxy_set_header X-Forwarded-Port $server_port; } }
      server { listen 8082; location /ws { proxy_pass http://127.0.0.1:3000; ${FORWARDED} proxy_set_header Host $http_host; } }
      server { listen 8083; location /ws { proxy_pass http://127.0.0.1:3000; ${FORWARDED} proxy_set_header Host $host:$server_port; } }`,
  },
  {
    name: "a fixed text that is no name of the server",
    config: `
      server {
        server_name chat.example.com *.chat.example.com;
        location /ws { proxy_pass http://127.0.0.1:3000; ${FORWARDED} proxy_set_header Host localhost:3000; }
      }`,
    finds: ["4:157 localhost:3000 -- Origin is of chat.example.com and 1 other"],
  },
  {
    name: "a fixed text that is one, or that is the backend's, or where any name is served",
    config: `
      server {
        server_name .example.com www.example.*;
        location /ws/1 { proxy_pass http://127.0.0.1:3000; ${FORWARDED} proxy_set_header Host a.example.com; }
        location /ws/2 { proxy_pass http://127.0.0.1:3000; ${FORWARDED} proxy_set_header Host www.example.net; }
        location /ws/3 { proxy_pass https://app.example.net; ${FORWARDED} proxy_set_header Host app.example.net; }
        location /ws/4 { proxy_pass http://127.0.0.1:3000; ${FORWARDED} proxy_set_header Host 127.0.0.1; }
      }
      server {
        server_name _;
        location /ws/5 { proxy_pass http://127.0.0.1:3000; ${FORWARDED} proxy_set_header Host app; }
      }`,
  },
  {
    name: "an include that is not there may forward it",
    config: `
      server { location /ws { include proxy_params; proxy_pass http://127.0.0.1:3000; ${FORWARDED} } }`,
  },
  {
    name: "$hostname, and nothing at all",
    config: `
      server {
        location /ws/1 { proxy_pass http://127.0.0.1:3000; ${FORWARDED} proxy_set_header Host $hostname; }
        location /ws/2 { proxy_pass http://127.0.0.1:3000; ${FORWARDED} proxy_set_header Host ""; }
      }`,
    finds: [
      "3:159 $hostname -- this machine's own name",
      '4:159 "" -- without Host must be answered with 400',
    ],
    fixed: `
      server {
        location /ws/1 { proxy_pass http://127.0.0.1:3000; ${FORWARDED} proxy_set_header Host $http_host; }
        location /ws/2 { proxy_pass http://127.0.0.1:3000; ${FORWARDED} proxy_set_header Host $http_host; }
      }`,
  },
  {
    name: "websocket on forwards it, and plain locations are no matter",
    config: `
      server {
        location /ws { websocket on; proxy_pass http://127.0.0.1:3000; }
        location /api { proxy_pass http://127.0.0.1:3000; }
      }`,
  },
])

/** What Action Cable, gorilla/websocket, Tornado and others do. */
const startOwn: Proof["startOwn"] = () =>
  startPickyBackend(({ headers }) => headers.origin === `http://${headers.host}`, 403)

const server = (fields: string, names = ""): string =>
  `server { listen {listen}; ${names} location /ws { proxy_pass http://{own}; proxy_http_version 1.1; ${FORWARDED} ${fields} } }`

prove(websocketHostHeader, [
  {
    name: "a backend that compares Origin with Host refuses the upstream's name",
    startOwn,
    broken: server(""),
    fixed: server("proxy_set_header Host $http_host;"),
    attempt: ({ port }) =>
      openSocket(`ws://127.0.0.1:${port}/ws`, { Host: "example.com", Origin: "http://example.com" }),
    failure: /^refused with 403$/,
    success: /^open$/,
  },
  {
    name: "$host has no port, Origin has",
    startOwn,
    broken: server("proxy_set_header Host $host;").replace("{listen}", "{port}"),
    fixed: server("proxy_set_header Host $http_host;").replace("{listen}", "{port}"),
    attempt: ({ port }) => openSocket(`ws://127.0.0.1:${port}/ws`, { Origin: `http://127.0.0.1:${port}` }),
    failure: /^refused with 403$/,
    success: /^open$/,
  },
  {
    name: "a fixed text is not where the browser is",
    startOwn,
    broken: server("proxy_set_header Host localhost;", "server_name example.com;"),
    fixed: server("proxy_set_header Host $http_host;", "server_name example.com;"),
    attempt: ({ port }) =>
      openSocket(`ws://127.0.0.1:${port}/ws`, { Host: "example.com", Origin: "http://example.com" }),
    failure: /^refused with 403$/,
    success: /^open$/,
  },
  {
    name: "no Host at all",
    startOwn: () => startPickyBackend(() => true, 403),
    broken: server('proxy_set_header Host "";'),
    fixed: server("proxy_set_header Host $http_host;"),
    attempt: async ({ port }) => `status ${(await fetch(`http://127.0.0.1:${port}/ws`)).status}`,
    failure: /^status 400$/,
    success: /^status 200$/,
  },
])
