import { websocketHttpVersion } from "../../src/check/rules/websocket-http-version.ts"
import { openSocket, prove } from "./proof.ts"
import { testRule } from "./rule-cases.ts"

const OLD = "nginx/1.22"

testRule(websocketHttpVersion, [
  {
    name: "nothing is said, on an old nginx",
    target: OLD,
    config: `
      server {
        location /ws/ {
          proxy_pass http://127.0.0.1:3000;
          proxy_set_header Upgrade $http_upgrade;
          proxy_set_header Connection "upgrade";
        }
      }`,
    finds: ["4:11 proxy_pass -- proxy_http_version is 1.0 here: the default, nothing sets it"],
    fixed: `
      server {
        location /ws/ {
          proxy_pass http://127.0.0.1:3000;
          proxy_set_header Upgrade $http_upgrade;
          proxy_set_header Connection "upgrade";
          proxy_http_version 1.1;
        }
      }`,
  },
  {
    name: "the same where 1.1 is the default",
    config: `
      server {
        location /ws/ {
          proxy_pass http://127.0.0.1:3000;
          proxy_set_header Upgrade $http_upgrade;
          proxy_set_header Connection "upgrade";
        }
      }`,
  },
  {
    name: "1.0 is said in the location",
    config: `
      server {
        location = /ws {
          proxy_http_version 1.0;
          proxy_pass http://127.0.0.1:3000;
          proxy_set_header Upgrade $http_upgrade;
        }
      }`,
    finds: ["4:11 proxy_http_version -- proxy_http_version is 1.0 here"],
    fixed: `
      server {
        location = /ws {
          proxy_http_version 1.1;
          proxy_pass http://127.0.0.1:3000;
          proxy_set_header Upgrade $http_upgrade;
        }
      }`,
  },
  {
    name: "1.0 is said further out",
    config: `
      proxy_http_version 1.0;
      server { location /socket.io/ { proxy_pass http://127.0.0.1:3000; } }`,
    finds: ["3:39 proxy_pass -- set in http, line 2"],
    fixed: `
      proxy_http_version 1.0;
      server { location /socket.io/ { proxy_pass http://127.0.0.1:3000; proxy_http_version 1.1; } }`,
  },
  {
    name: "1.1 is inherited",
    target: OLD,
    config: `
      server {
        proxy_http_version 1.1;
        location /cable { proxy_pass http://127.0.0.1:3000; }
      }`,
  },
  {
    name: "no location of WebSockets",
    target: OLD,
    config: `
      server { location /api/ { proxy_pass http://127.0.0.1:3000; } }`,
  },
  {
    name: "it is not proxied",
    target: OLD,
    config: `
      server { location /ws/ { return 404; } }`,
  },
])

prove(websocketHttpVersion, [
  {
    name: "an upgrade over HTTP/1.0 is none",
    broken: `server { listen {listen}; location /ws/ {
      proxy_pass http://{python}; proxy_http_version 1.0;
      proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection "upgrade"; } }`,
    fixed: `server { listen {listen}; location /ws/ {
      proxy_pass http://{python}; proxy_http_version 1.1;
      proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection "upgrade"; } }`,
    attempt: ({ port }) => openSocket(`ws://127.0.0.1:${port}/ws/`),
    failure: /^refused with (?:400|426|500|502)$/,
    success: /^open$/,
  },
])
