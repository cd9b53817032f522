import { errorsSwallowed } from "../../src/check/rules/errors-swallowed.ts"
import { openSocket, prove } from "./proof.ts"
import { testRule } from "./rule-cases.ts"

const SOCKET =
  'proxy_pass http://127.0.0.1:3000; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection "upgrade";'

testRule(errorsSwallowed, [
  {
    name: "a redirect to the login",
    config: `
      server {
        location /socket.io/ {
          auth_request /auth;
          error_page 401 =302 https://login.example.com/;
          ${SOCKET}
        }
      }`,
    finds: [
      "5:11 error_page -- A handshake that is refused with 401 (auth_request) is answered with 302 (`error_page 401 =302 https://login.example.com/`)",
    ],
  },
  {
    name: "inherited",
    config: `
      server {
        error_page 401 403 https://example.com/login;
        auth_basic "staff";
        deny 192.0.2.1;
        location /ws/ { ${SOCKET} }
      }`,
    finds: [
      "6:9 location -- refused with 401 or 403 (auth_basic) is answered with 302 (`error_page 401 403 https://example.com/login`; inherited from server, line 3)",
    ],
  },
  {
    name: "pages that keep the status",
    config: `
      error_page 500 502 503 504 /50x.html;
      server {
        error_page 404 /404.html;
        proxy_intercept_errors on;
        location /ws/ { ${SOCKET} }
        location /cable { error_page 502 @down; ${SOCKET} }
        location @down { return 503 "later"; }
      }`,
    // The location's own list replaces the others.
  },
  {
    name: "a page with another status",
    config: `
      server {
        error_page 502 504 =200 /maintenance.html;
        location /ws/ { ${SOCKET} }
        location = /maintenance.html { internal; }
      }`,
    finds: ["4:9 location -- refused with 502 or 504 (the backend is down or slow) is answered with 200"],
  },
  {
    name: "a named location that redirects, one that answers, one for another backend",
    config: `
      server {
        location /ws/ { error_page 502 @login; ${SOCKET} }
        location /cable { error_page 502 = @page; ${SOCKET} }
        location /hub { error_page 502 = @other; ${SOCKET} }
        location /live { error_page 502 = @spare; ${SOCKET} }
        location /wss { error_page 502 = @moved; ${SOCKET} }
        location @login { return 302 /login; }
        location @page { return 200 "later"; }
        location @other { ${SOCKET} }
        location @spare { proxy_pass http://127.0.0.1:4000; }
        location @moved { rewrite ^ /login permanent; }
      }`,
    finds: [
      "3:25 error_page -- is answered with 302 (",
      "4:27 error_page -- is answered with 200 (",
      "7:25 error_page -- is answered with 301 (",
    ],
  },
  {
    name: "only where that status may come",
    config: `
      server {
        error_page 401 403 404 426 429 =200 /index.html;
        location /ws/ { ${SOCKET} }
        location /cable { auth_basic off; ${SOCKET} }
        location /hub { proxy_intercept_errors on; ${SOCKET} }
        location /live { limit_req zone=a; limit_req_status 429; ${SOCKET} }
        location /wss { if ($http_origin = "") { return 403; } ${SOCKET} }
      }`,
    finds: [
      "6:9 location -- refused with 401 or 403 or 404 or 426 or 429 (by the backend: proxy_intercept_errors is on)",
      "7:9 location -- refused with 429 (limit_req)",
      "8:9 location -- refused with 403 (return 403)",
    ],
  },
  {
    name: "the sign-in page of a login service",
    config: `
      server {
        location /oauth2/ { proxy_pass http://127.0.0.1:4180; }
        location / {
          auth_request /oauth2/auth;
          error_page 401 = /oauth2/sign_in;
          ${SOCKET}
        }
      }`,
    finds: ["6:11 error_page -- is answered with whatever `location /oauth2/` answers"],
  },
  {
    name: "pages beside sockets that have a location of their own",
    config: `
      server {
        auth_request /auth;
        error_page 401 =302 https://login.example.com/;
        location / { ${SOCKET} }
        location /socket.io/ { ${SOCKET} }
      }`,
    finds: ["6:9 location -- inherited from server, line 4"],
  },
  {
    name: "no WebSockets",
    config: `
      server { location / { error_page 502 =200 /x.html; proxy_pass http://127.0.0.1:3000; } }`,
  },
])

const UPGRADE = `proxy_http_version 1.1;
  proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection "upgrade";`

prove(errorsSwallowed, [
  {
    name: "a refusal becomes a redirect",
    broken: `server { listen {listen}; error_page 403 =302 https://login.example.com/;
      location /ws/ { deny all; proxy_pass http://{a}; ${UPGRADE} } }`,
    fixed: `server { listen {listen}; error_page 403 =302 https://login.example.com/;
      location /ws/ { error_page 502 /50x.html; deny all; proxy_pass http://{a}; ${UPGRADE} } }`,
    attempt: ({ port }) => openSocket(`ws://127.0.0.1:${port}/ws/`),
    failure: /^refused with 302$/,
    success: /^refused with 403$/,
  },
  {
    name: "a backend that is down becomes a page",
    broken: `server { listen {listen}; error_page 502 = @page; location @page { return 200 later; }
      location /ws/ { proxy_pass http://{listen2}; ${UPGRADE} } }`,
    fixed: `server { listen {listen}; error_page 502 @page; location @page { return 200 later; }
      location /ws/ { proxy_pass http://{listen2}; ${UPGRADE} } }`,
    attempt: ({ port }) => openSocket(`ws://127.0.0.1:${port}/ws/`),
    failure: /^refused with 200$/,
    success: /^refused with 502$/,
  },
  {
    name: "the backend's refusal is taken over",
    broken: `server { listen {listen}; proxy_intercept_errors on; error_page 401 @login; location @login { return 302 /login; }
      location /ws/ { proxy_pass http://{listen2}; ${UPGRADE} } }
      server { listen {listen2}; return 401; }`,
    fixed: `server { listen {listen}; error_page 401 @login; location @login { return 302 /login; }
      location /ws/ { proxy_pass http://{listen2}; ${UPGRADE} } }
      server { listen {listen2}; return 401; }`,
    attempt: ({ port }) => openSocket(`ws://127.0.0.1:${port}/ws/`),
    failure: /^refused with 302$/,
    success: /^refused with 401$/,
  },
])
