import { proxyPassUriReplaced } from "../../src/check/rules/proxy-pass-uri-replaced.ts"
import { openSocket, prove, type Stage } from "./proof.ts"
import { testRule } from "./rule-cases.ts"

const UPGRADE = 'proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection "upgrade";'

testRule(proxyPassUriReplaced, [
  {
    name: "nothing behind the host",
    config: `
      upstream b { server 127.0.0.1:3000; }
      server {
        location /ws { proxy_pass http://b; ${UPGRADE} }
        location /socket.io/ { proxy_pass http://b; ${UPGRADE} }
      }`,
  },
  {
    name: "a slash too many",
    config: `
      server {
        location /ws { proxy_pass http://127.0.0.1:3000/; ${UPGRADE} }
      }`,
    finds: ["3:35 http://127.0.0.1:3000/ -- /ws reaches the backend as /, but /ws/chat as //chat"],
  },
  {
    name: "a slash too few",
    config: `
      server {
        location /ws/ { proxy_pass http://127.0.0.1:3000/app; ${UPGRADE} }
      }`,
    finds: ["3:36 http://127.0.0.1:3000/app -- /ws/chat as /appchat: the slash between is lost"],
  },
  {
    name: "a prefix is taken away or replaced, slash for slash",
    config: `
      server {
        location /app/ { proxy_pass http://127.0.0.1:3000/; ${UPGRADE} }
        location /ws/ { proxy_pass http://127.0.0.1:3000/websocket/; ${UPGRADE} }
        location /live { proxy_pass http://127.0.0.1:3000/live; ${UPGRADE} }
        location = /ws { proxy_pass http://127.0.0.1:3000/; ${UPGRADE} }
        location /hub { rewrite ^/hub(.*)$ /h$1 break; proxy_pass http://127.0.0.1:3000/; ${UPGRADE} }
        location /tenant/socket.io/ { proxy_pass http://127.0.0.1:3000/socket.io/; ${UPGRADE} }
      }`,
  },
  {
    name: "a path that client and server have in common is taken away",
    config: `
      server {
        location /socket.io/ { proxy_pass http://127.0.0.1:3000/; ${UPGRADE} }
        location /chat/socket.io { proxy_pass http://127.0.0.1:3000/chat; ${UPGRADE} }
      }`,
    finds: [
      '3:43 http://127.0.0.1:3000/ -- "/socket.io" for granted',
      "4:47 http://127.0.0.1:3000/chat -- reaches the backend as /chat",
    ],
  },
  {
    name: "variables, and a path that drops the request's",
    config: `
      server {
        set $backend 127.0.0.1:3000;
        location /ws/ { proxy_pass http://$backend/; ${UPGRADE} }
        location /cable { proxy_pass http://$backend$uri; ${UPGRADE} }
        location ~ ^/api/(ws/.*)$ { proxy_pass http://$backend/$1; ${UPGRADE} }
        location = /hub { proxy_pass http://$backend/h; ${UPGRADE} }
      }`,
    finds: [
      "4:36 http://$backend/ -- Every request for /ws/ reaches the backend as /, without its own path and query",
      '5:38 http://$backend$uri -- does not reach the backend: proxy_pass has variables and the path "$uri"',
      '6:48 http://$backend/$1 -- the path "/$1"',
      '7:38 http://$backend/h -- the path "/h"',
    ],
  },
  {
    name: "variables that have it all",
    config: `
      map $host $pool { default 127.0.0.1:3000; }
      server {
        set $backend 127.0.0.1:3000;
        location /ws/ { proxy_pass http://$backend; ${UPGRADE} }
        location /a { proxy_pass http://$backend$request_uri; ${UPGRADE} }
        location ~ ^/api/(.*)$ { proxy_pass http://$backend/$1$is_args$args; ${UPGRADE} }
        location = /http { proxy_pass http://$backend/xmpp?prefix=$host&$args; ${UPGRADE} }
        location /b { set $path $request_uri; proxy_pass http://$pool$path; ${UPGRADE} }
        location /c { set $url http://b:3000/; proxy_pass $url; ${UPGRADE} }
        location /d { proxy_pass $scheme://$pool; ${UPGRADE} }
      }`,
  },
  {
    name: "where no path may stand",
    config: `
      server {
        location ~ ^/ws { proxy_pass http://127.0.0.1:3000/; ${UPGRADE} }
        location @socket { proxy_pass http://127.0.0.1:3000/ws/; ${UPGRADE} }
        location /ws { if ($http_upgrade) { proxy_pass http://127.0.0.1:3000/x; } ${UPGRADE} }
      }`,
    finds: [
      "3:38 http://127.0.0.1:3000/ -- nginx does not start with this: proxy_pass in a location by a regular expression",
      "4:39 http://127.0.0.1:3000/ws/ -- in a named location",
      '5:56 http://127.0.0.1:3000/x -- in "if"',
    ],
  },
  {
    name: "no WebSockets",
    config: `
      server { location /api { proxy_pass http://127.0.0.1:3000/; } }`,
  },
])

/** Opens a WebSocket and says under which path the backend saw it. */
async function seenPath({ port, backends: [a] }: Stage, path: string): Promise<string> {
  const result = await openSocket(`ws://127.0.0.1:${port}${path}`)
  return `${result} ${a.requests[0]?.url}`
}

const SETTINGS = `proxy_http_version 1.1; ${UPGRADE}`

prove(proxyPassUriReplaced, [
  {
    name: "a slash too many",
    broken: `server { listen {listen}; location /ws { proxy_pass http://{a}/; ${SETTINGS} } }`,
    fixed: `server { listen {listen}; location /ws { proxy_pass http://{a}; ${SETTINGS} } }`,
    attempt: (stage) => seenPath(stage, "/ws/chat?a=b"),
    failure: /^open \/\/chat\?a=b$/,
    success: /^open \/ws\/chat\?a=b$/,
  },
  {
    name: "a slash too few",
    broken: `server { listen {listen}; location /ws/ { proxy_pass http://{a}/app; ${SETTINGS} } }`,
    fixed: `server { listen {listen}; location /ws/ { proxy_pass http://{a}/app/; ${SETTINGS} } }`,
    attempt: (stage) => seenPath(stage, "/ws/chat"),
    failure: /^open \/appchat$/,
    success: /^open \/app\/chat$/,
  },
  {
    name: "the path that Socket.IO has on both sides",
    broken: `server { listen {listen}; location /socket.io/ { proxy_pass http://{a}/; ${SETTINGS} } }`,
    fixed: `server { listen {listen}; location /socket.io/ { proxy_pass http://{a}; ${SETTINGS} } }`,
    attempt: (stage) => seenPath(stage, "/socket.io/?EIO=4"),
    failure: /^open \/\?EIO=4$/,
    success: /^open \/socket\.io\/\?EIO=4$/,
  },
  {
    name: "variables drop path and query",
    broken: `server { listen {listen}; set $to {a}; location /ws/ { proxy_pass http://$to/; ${SETTINGS} } }`,
    fixed: `server { listen {listen}; set $to {a}; location /ws/ { proxy_pass http://$to$request_uri; ${SETTINGS} } }`,
    attempt: (stage) => seenPath(stage, "/ws/chat?token=1"),
    failure: /^open \/$/,
    success: /^open \/ws\/chat\?token=1$/,
  },
  {
    name: "a capture has no query",
    broken: `server { listen {listen}; set $to {a}; location ~ ^/api/(ws.*) { proxy_pass http://$to/$1; ${SETTINGS} } }`,
    fixed: `server { listen {listen}; set $to {a}; location ~ ^/api/(ws.*) { proxy_pass http://$to/$1$is_args$args; ${SETTINGS} } }`,
    attempt: (stage) => seenPath(stage, "/api/ws?token=1"),
    failure: /^open \/ws$/,
    success: /^open \/ws\?token=1$/,
  },
])
