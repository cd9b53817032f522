import { locationShadowed } from "../../src/check/rules/location-shadowed.ts"
import { openSocket, prove } from "./proof.ts"
import { testRule } from "./rule-cases.ts"

const SOCKET =
  'proxy_pass http://127.0.0.1:3000; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection "upgrade";'

testRule(locationShadowed, [
  {
    name: "a regular expression goes before a longer prefix",
    config: `
      server {
        location /ws/ { ${SOCKET} }
        location ~ ^/ws { return 404; }
      }`,
    finds: [
      "3:18 /ws/ -- `location ~ ^/ws`, line 4, takes it (a regular expression goes before a prefix without ^~)",
    ],
    fixed: `
      server {
        location ^~ /ws/ { ${SOCKET} }
        location ~ ^/ws { return 404; }
      }`,
  },
  {
    name: "a regular expression for everything",
    config: `
      server {
        location / { ${SOCKET} }
        location ~ / { return 404; }
      }`,
    finds: ["3:18 / -- `location ~ /`, line 4"],
  },
  {
    name: "in any letters",
    config: `
      server {
        location ~* ^/SOCKET\\.IO/ { return 404; }
        location /socket.io/ { ${SOCKET} }
      }`,
    finds: ["4:18 /socket.io/"],
    fixed: `
      server {
        location ~* ^/SOCKET\\.IO/ { return 404; }
        location ^~ /socket.io/ { ${SOCKET} }
      }`,
  },
  {
    name: "the prefix has ^~",
    config: `
      server {
        location ~ ^/ws { return 404; }
        location ^~ /ws/ { ${SOCKET} }
      }`,
  },
  {
    name: "regular expressions of files and dots",
    config: `
      server {
        location / { ${SOCKET} }
        location /ws/ { ${SOCKET} }
        location ~* \\.(?:js|css|php)$ { return 404; }
        location ~ /\\. { deny all; }
        location ~ ^/$ { return 404; }
        location = / { return 404; }
      }`,
  },
  {
    name: "regular expressions that leave the sockets",
    config: `
      server {
        location / { ${SOCKET} }
        location ~ ^/(?!ws) { return 404; }
      }
      server {
        location /app/ { ${SOCKET} }
        location ~ ^/app/(?!socket\\.io) { return 404; }
      }`,
  },
  {
    name: "Upgrade is forwarded by all of the server, and the path is for something else",
    config: `
      server {
        proxy_set_header Upgrade $http_upgrade;
        location /api/ { proxy_pass http://127.0.0.1:3000; }
        location ~ ^/api/ { return 404; }
        location /cable { proxy_pass http://127.0.0.1:3000; }
        location ~ ^/ca { return 404; }
      }`,
    finds: ["6:18 /cable"],
  },
  {
    name: "the other one is for sockets, too",
    config: `
      server {
        location /ws/ { ${SOCKET} }
        location ~ ^/ws/ { ${SOCKET} }
      }`,
  },
  {
    name: "the other one hands on",
    config: `
      server {
        location /socket/ { ${SOCKET} }
        location ~ ^/socket/(.*) { rewrite ^ /ws/$1 last; }
        location ~ ^/ { try_files $uri @sockets; }
        location @sockets { ${SOCKET} }
      }`,
  },
  {
    name: "the order of regular expressions",
    config: `
      server {
        location ~ ^/api/ { proxy_pass http://127.0.0.1:4000; }
        location ~ ^/api/ws/(\\d+)$ { ${SOCKET} }
      }`,
    finds: ["4:20 ^/api/ws/(\\d+)$ -- No request for /api/ws/0 comes here"],
  },
  {
    name: "a prefix with ^~ keeps a regular expression out",
    config: `
      server {
        location ~ ^/app/ws$ { ${SOCKET} }
        location ^~ /app/ { return 404; }
      }`,
    finds: ["3:20 ^/app/ws$ -- it ends the search before"],
  },
  {
    name: "a nested location",
    config: `
      server {
        location /app/ {
          location /app/ws/ { ${SOCKET} }
          location ~ ws { return 404; }
        }
      }`,
    finds: ["4:20 /app/ws/ -- line 5"],
  },
  {
    name: "an exact one takes the path itself",
    config: `
      server {
        location /ws/ { ${SOCKET} }
        location = /ws/ { return 404; }
      }`,
    finds: ["3:18 /ws/ -- A request for exactly /ws/ goes to `location = /ws/`, line 4"],
  },
  {
    name: "with the slash, and without",
    config: `
      server {
        location /ws { ${SOCKET} }
        location /ws/ { alias /srv/; }
        location /cable/ { ${SOCKET} }
        location /cable { alias /srv/; }
      }`,
    finds: ["3:18 /ws -- A request for exactly /ws/", "5:18 /cable/ -- A request for exactly /cable goes"],
  },
  {
    name: "a longer path that is another's",
    config: `
      server {
        location /ws { ${SOCKET} }
        location /ws/metrics { return 404; }
        location /ws-docs/ { return 404; }
      }`,
  },
  {
    name: "an expression that cannot be read",
    config: `
      server {
        location /ws/ { ${SOCKET} }
        location ~ (?>^/w)s { return 404; }
      }`,
  },
])

prove(locationShadowed, [
  {
    name: "a regular expression takes the socket's path",
    broken: `server { listen {listen};
      location /ws/ { proxy_pass http://{a}; proxy_http_version 1.1;
        proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection "upgrade"; }
      location ~ ^/ws { } }`,
    fixed: `server { listen {listen};
      location ^~ /ws/ { proxy_pass http://{a}; proxy_http_version 1.1;
        proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection "upgrade"; }
      location ~ ^/ws { } }`,
    attempt: async ({ port, edge }) => {
      const result = await openSocket(`ws://127.0.0.1:${port}/ws/`)
      if (result !== "open" && edge.name === "nginx")
        await edge.waitForLog(/is not found \(2: No such file or directory\)/)
      return result
    },
    failure: /^refused with 404$/,
    success: /^open$/,
  },
  {
    name: "an exact location takes the socket's path",
    broken: `server { listen {listen}; location /ws { proxy_pass http://{a}; proxy_http_version 1.1;
        proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection "upgrade"; }
      location = /ws { return 404; } }`,
    fixed: `server { listen {listen}; location /ws { proxy_pass http://{a}; proxy_http_version 1.1;
        proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection "upgrade"; } }`,
    attempt: ({ port }) => openSocket(`ws://127.0.0.1:${port}/ws`),
    failure: /^refused with/,
    success: /^open$/,
  },
])
