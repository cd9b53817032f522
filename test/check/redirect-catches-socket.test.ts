import { redirectCatchesSocket } from "../../src/check/rules/redirect-catches-socket.ts"
import { openSocket, prove } from "./proof.ts"
import { testRule } from "./rule-cases.ts"

const SOCKET =
  'proxy_pass http://127.0.0.1:3000; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection "upgrade";'

testRule(redirectCatchesSocket, [
  {
    name: "a return of the server",
    config: `
      server {
        listen 80;
        return 301 https://$host$request_uri;
        location /ws/ { ${SOCKET} }
      }`,
    finds: [
      "4:9 return -- `return 301` in the server comes before its locations: the WebSocket `location /ws/`, line 5, is never reached",
    ],
  },
  {
    name: "after the locations it comes before them all the same",
    config: `
      server {
        location /ws/ { ${SOCKET} }
        return https://example.com;
      }`,
    finds: ["4:9 return -- `return` (302) in the server"],
  },
  {
    name: "once, for all that it comes before",
    config: `
      server {
        proxy_set_header Upgrade $http_upgrade;
        return 301 https://$host$request_uri;
        location /api/ { proxy_pass http://127.0.0.1:3000; }
        location /ws/ { proxy_pass http://127.0.0.1:3000; }
      }`,
    finds: ["4:9 return -- the WebSocket `location /ws/`, line 6"],
  },
  {
    name: "the server of port 80 redirects, the one of port 443 has the sockets",
    config: `
      server { listen 80; return 301 https://$host$request_uri; }
      server { listen 443 ssl; location /ws/ { ${SOCKET} } }`,
  },
  {
    name: "the redirect is in a location of its own",
    config: `
      server {
        listen 80;
        location / { return 301 https://$host$request_uri; }
        location /ws/ { ${SOCKET} }
      }`,
  },
  {
    name: "rewrites that take the socket's path, and such that do not",
    config: `
      server {
        rewrite ^/old/(.*)$ /new/$1 permanent;
        rewrite ^([^.]*[^/])$ $1/ permanent;
        location = /ws { ${SOCKET} }
      }
      server {
        rewrite ^/cable$ https://cable.example.com/;
        location /cable { ${SOCKET} }
      }
      server {
        rewrite ^([^.]*[^/])$ $1/ permanent;
        location /ws/ { ${SOCKET} }
      }
      server {
        rewrite ^/ws$ /socket last;
        rewrite ^ /moved redirect;
        location = /ws { ${SOCKET} }
      }`,
    finds: ["4:9 rewrite -- The redirect by `rewrite` (301) in the server", "8:9 rewrite"],
  },
  {
    name: "$scheme of a server without TLS",
    config: `
      server {
        listen 80;
        if ($scheme = http) { return 301 https://$host$request_uri; }
        location /ws/ { ${SOCKET} }
      }
      server {
        listen 8080;
        if ($scheme != "https") { rewrite ^ https://$host$request_uri? permanent; }
        location /ws/ { ${SOCKET} }
      }`,
    finds: ["4:31 return", "9:35 rewrite"],
  },
  {
    name: "$scheme of a server with both, and conditions that depend on the client",
    config: `
      server {
        listen 80;
        listen 443 ssl;
        if ($scheme = http) { return 301 https://$host$request_uri; }
        if ($http_x_forwarded_proto = http) { return 301 https://$host$request_uri; }
        if ($request_uri ~ ^/old) { return 410; }
        location /ws/ { if ($http_origin = "") { return 403; } ${SOCKET} }
      }`,
  },
  {
    name: "$scheme where another server of the address has ssl",
    config: `
      server {
        listen 443;
        if ($scheme = http) { return 301 https://$host$request_uri; }
        location /ws/ { ${SOCKET} }
      }
      server { listen 443 ssl; }`,
  },
  {
    name: "redirects by the name",
    config: `
      server {
        if ($host = www.example.com) { return 301 https://example.com$request_uri; }
        if ($host != "example.com") { rewrite ^ https://example.com$request_uri? permanent; }
        if ($host = old.example.com) { return 403; }
        location /ws/ { ${SOCKET} }
      }
      server {
        if ($host = www.example.com) { return 301 https://example.com$request_uri; }
        return 404;
      }`,
    finds: [
      "3:40 return -- A WebSocket to www.example.com is answered with a redirect",
      "4:39 rewrite -- A WebSocket to any name but example.com",
    ],
  },
  {
    name: "a condition that the socket's path meets",
    config: `
      server {
        if ($uri !~ ^/(api|assets)/) { return 302 /maintenance.html; }
        location /ws/ { ${SOCKET} }
      }`,
    finds: ["3:40 return"],
  },
  {
    name: "the front page of a location for more than sockets",
    config: `
      server {
        rewrite ^/$ /login redirect;
        if ($request_uri = /) { return 302 /login; }
        if ($uri !~ ^/(api|ws)) { return 302 /maintenance.html; }
        location / { ${SOCKET} }
      }`,
  },
  {
    name: "all of such a location",
    config: `
      server {
        rewrite ^/(.*)$ https://example.com/$1;
        location / { ${SOCKET} }
      }`,
    finds: ["3:9 rewrite"],
  },
  {
    name: "a return of the location itself",
    config: `
      server {
        location /ws/ { return 301 https://$host$request_uri; ${SOCKET} }
      }`,
    finds: ["3:25 return -- do not reach proxy_pass here: `return 301` comes first"],
  },
  {
    name: "a way to choose a location",
    config: `
      server {
        error_page 418 = @socket;
        return 418;
        location @socket { ${SOCKET} }
        location /ws/ { ${SOCKET} }
      }
      server {
        break;
        return 404;
        location /ws/ { ${SOCKET} }
      }`,
  },
  {
    name: "a redirect to the path with the slash",
    config: `
      server {
        location = /ws { return 301 /ws/; }
        location /ws/ { ${SOCKET} }
        location = /grafana { return 301 $scheme://$http_host/grafana/; }
        location /grafana/ { ${SOCKET} }
        location /cable { return 308 https://$host$uri/; }
        location /cable/ { ${SOCKET} }
      }`,
    finds: [
      "3:26 return -- A WebSocket client that opens /ws gets a redirect to /ws/, which it does not follow",
      "7:27 return -- opens /cable gets a redirect to /cable/",
    ],
  },
])

const UPGRADE = `proxy_pass http://{a}; proxy_http_version 1.1;
  proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection "upgrade";`

prove(redirectCatchesSocket, [
  {
    name: "a return of the server comes before the location",
    broken: `server { listen {listen}; return 301 http://{listen2}$request_uri; location /ws/ { ${UPGRADE} } }`,
    fixed: `server { listen {listen}; location / { return 301 http://{listen2}$request_uri; }
      location /ws/ { ${UPGRADE} } }`,
    attempt: ({ port }) => openSocket(`ws://127.0.0.1:${port}/ws/`),
    failure: /^refused with 301$/,
    success: /^open$/,
  },
  {
    name: "a rewrite that adds a slash",
    broken: `server { listen {listen}; rewrite ^([^.]*[^/])$ $1/ permanent; location /ws { ${UPGRADE} } }`,
    fixed: `server { listen {listen}; location / { rewrite ^([^.]*[^/])$ $1/ permanent; } location /ws { ${UPGRADE} } }`,
    attempt: ({ port }) => openSocket(`ws://127.0.0.1:${port}/ws`),
    failure: /^refused with 301$/,
    success: /^open$/,
  },
  {
    name: "$scheme where there is no TLS",
    broken: `server { listen {listen}; if ($scheme = http) { return 302 http://{listen2}; } location /ws { ${UPGRADE} } }`,
    fixed: `server { listen {listen}; location /ws { ${UPGRADE} } }`,
    attempt: ({ port }) => openSocket(`ws://127.0.0.1:${port}/ws`),
    failure: /^refused with 302$/,
    success: /^open$/,
  },
  {
    name: "a redirect to the path with the slash",
    broken: `server { listen {listen}; location = /ws { return 301 /ws/; } location /ws/ { ${UPGRADE} } }`,
    fixed: `server { listen {listen}; location = /ws { ${UPGRADE} } location /ws/ { ${UPGRADE} } }`,
    attempt: ({ port }) => openSocket(`ws://127.0.0.1:${port}/ws`),
    failure: /^refused with 301$/,
    success: /^open$/,
  },
])
