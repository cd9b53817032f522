import { keepaliveWithoutEffect } from "../../src/check/rules/keepalive-without-effect.ts"
import { prove, type Stage } from "./proof.ts"
import { testRule } from "./rule-cases.ts"

const OLD = "nginx/1.22"
const DOCUMENTED_MAP = `map $http_upgrade $connection_upgrade { default upgrade; '' close; }`

testRule(keepaliveWithoutEffect, [
  {
    name: "nothing is said, on an old nginx",
    target: OLD,
    config: `
      upstream app {
        server 127.0.0.1:8080;
        keepalive 32;
      }
      server {
        location / {
          proxy_pass http://app;
        }
      }`,
    finds: ["4:9 keepalive -- Connection is close here: the default, nothing sets it"],
    fixed: `
      upstream app {
        server 127.0.0.1:8080;
        keepalive 32;
      }
      server {
        location / {
          proxy_pass http://app;
          proxy_http_version 1.1;
          proxy_set_header Connection "";
        }
      }`,
  },
  {
    name: "the same where keep-alive is the default",
    config: `
      upstream app { server 127.0.0.1:8080; keepalive 32; }
      server { location / { proxy_pass http://app; } }`,
  },
  {
    name: "fields further out, which one of its own would hide",
    target: OLD,
    config: `
      upstream app { server 127.0.0.1:8080; keepalive 32; }
      server {
        proxy_http_version 1.1;
        proxy_set_header Host $host;
        proxy_set_header X-Note "a; b";
        location / {
          proxy_pass http://app;
        }
      }`,
    finds: ["2:45 keepalive"],
    fixed: `
      upstream app { server 127.0.0.1:8080; keepalive 32; }
      server {
        proxy_http_version 1.1;
        proxy_set_header Host $host;
        proxy_set_header X-Note "a; b";
        location / {
          proxy_pass http://app;
          proxy_set_header Host $host;
          proxy_set_header X-Note "a; b";
          proxy_set_header Connection "";
        }
      }`,
  },
  {
    name: "HTTP/1.0 and close are said, for any target",
    config: `
      upstream app { server 127.0.0.1:8080; keepalive 32; }
      server {
        location /a { proxy_pass http://app; proxy_http_version 1.0; }
        location /b { proxy_pass http://app; proxy_set_header Connection close; }
      }`,
    finds: ["2:45 keepalive -- `location /a` (line 4), `location /b` (line 5)"],
    fixed: `
      upstream app { server 127.0.0.1:8080; keepalive 32; }
      server {
        location /a { proxy_pass http://app; proxy_http_version 1.1; }
        location /b { proxy_pass http://app; proxy_set_header Connection ""; }
      }`,
  },
  {
    name: "the documented map closes plain requests, whatever the target",
    config: `
      ${DOCUMENTED_MAP}
      upstream app { server 127.0.0.1:8080; keepalive 32; }
      server {
        location / {
          proxy_pass http://app;
          proxy_http_version 1.1;
          proxy_set_header Upgrade $http_upgrade;
          proxy_set_header Connection $connection_upgrade;
        }
      }`,
    finds: ["3:45 keepalive -- $connection_upgrade (line 9) is close for requests without Upgrade"],
  },
  {
    name: "the same on a path for WebSockets alone",
    target: OLD,
    config: `
      ${DOCUMENTED_MAP}
      upstream app { server 127.0.0.1:8080; keepalive 32; }
      server {
        location /ws/ {
          proxy_pass http://app;
          proxy_http_version 1.1;
          proxy_set_header Upgrade $http_upgrade;
          proxy_set_header Connection $connection_upgrade;
        }
      }`,
  },
  {
    name: "a location for WebSockets that lost what they need",
    target: OLD,
    config: `
      upstream app { server 127.0.0.1:8080; keepalive 32; }
      server {
        proxy_http_version 1.1;
        proxy_set_header Upgrade $http_upgrade;
        proxy_set_header Connection upgrade;
        location /ws/ { proxy_pass http://app; proxy_set_header Host $host; }
      }`,
  },
  {
    name: "WebSockets whose Connection or version is wrong: other rules' matter",
    config: `
      upstream app { server 127.0.0.1:8080; keepalive 32; }
      server {
        location /a { proxy_pass http://app; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection close; }
        location /b { proxy_pass http://app; proxy_set_header Upgrade $http_upgrade; proxy_http_version 1.0; }
      }`,
  },
  {
    name: "the field is right, and the version is not",
    config: `
      upstream app { server 127.0.0.1:8080; keepalive 32; }
      proxy_set_header Connection "";
      server { location / { proxy_pass http://app; proxy_http_version 1.0; } }`,
    finds: ["2:45 keepalive -- proxy_http_version is 1.0 here"],
    fixed: `
      upstream app { server 127.0.0.1:8080; keepalive 32; }
      proxy_set_header Connection "";
      server { location / { proxy_pass http://app; proxy_http_version 1.1; } }`,
  },
  {
    name: "a map that leaves plain requests open",
    target: OLD,
    config: `
      map $http_upgrade $connection_upgrade { default upgrade; "" ""; }
      upstream app { server 127.0.0.1:8080; keepalive 32; }
      server {
        proxy_http_version 1.1;
        location / {
          proxy_pass http://app;
          proxy_set_header Upgrade $http_upgrade;
          proxy_set_header Connection $connection_upgrade;
        }
      }`,
  },
  {
    name: "a hard-coded upgrade",
    target: OLD,
    config: `
      upstream ws { server 127.0.0.1:3000; keepalive 64; }
      server {
        location / {
          proxy_pass http://ws;
          proxy_http_version 1.1;
          proxy_set_header Upgrade $http_upgrade;
          proxy_set_header Connection "upgrade";
        }
      }`,
  },
  {
    name: "one location of several, beside one that keeps",
    target: OLD,
    config: `
      upstream app { server 127.0.0.1:8080; keepalive 32; }
      server {
        location / { proxy_pass http://app; }
        location /api { proxy_pass http://app; proxy_http_version 1.1; proxy_set_header Connection ""; }
      }`,
    finds: ['2:45 keepalive -- keepalive 32 of "app" does nothing for `location /` (line 4), where'],
  },
  {
    name: "what the client or an unknown map says",
    target: OLD,
    config: `
      map $http_x $connection { default close; }
      upstream app { server 127.0.0.1:8080; keepalive 32; }
      server {
        proxy_http_version 1.1;
        location /a { proxy_pass http://app; proxy_set_header Connection $http_connection; }
        location /b { proxy_pass http://app; proxy_set_header Connection $connection; }
        location /c { proxy_pass http://app; proxy_set_header Connection keep-alive; }
      }`,
  },
  {
    name: "no group, no keepalive, or another protocol's",
    target: OLD,
    config: `
      upstream app { server 127.0.0.1:8080; }
      upstream none { server 127.0.0.1:8080; keepalive 0; }
      upstream php { server 127.0.0.1:9000; keepalive 8; }
      server {
        location / { proxy_pass http://app; }
        location /b { proxy_pass http://127.0.0.1:8080; }
        location /n { proxy_pass http://none; }
        location /p { fastcgi_pass php; fastcgi_keep_conn on; }
        location /q { proxy_pass http://php; }
      }`,
  },
])

const FIXED = `upstream app { server {a}; keepalive 8; }
      server { listen {listen}; location / { proxy_pass http://app; proxy_http_version 1.1; proxy_set_header Connection ""; } }`

/** How many connections three requests make at the backend. */
async function countConnections({ port, backends: [backend] }: Stage): Promise<string> {
  for (let i = 0; i < 3; i++) await (await fetch(`http://127.0.0.1:${port}/`)).text()
  const ports = new Set(backend.requests.map(({ socket }) => socket.remotePort ?? socket))
  return `${ports.size} connections`
}

prove(keepaliveWithoutEffect, [
  {
    name: "each request opens a connection",
    broken: `upstream app { server {a}; keepalive 8; }
      server { listen {listen}; location / { proxy_pass http://app; } }`,
    fixed: FIXED,
    attempt: countConnections,
    failure: /^3 connections$/,
    success: /^1 connections$/,
  },
  {
    name: "the documented map closes them, too",
    broken: `${DOCUMENTED_MAP}
      upstream app { server {a}; keepalive 8; }
      server { listen {listen}; location / { proxy_pass http://app; proxy_http_version 1.1;
        proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection $connection_upgrade; } }`,
    fixed: FIXED,
    attempt: countConnections,
    failure: /^3 connections$/,
    success: /^1 connections$/,
  },
])
