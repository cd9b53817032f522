import { proxyPassFromRequest } from "../../src/check/rules/proxy-pass-from-request.ts"
import { exchange } from "../support/raw-client.ts"
import { prove } from "./proof.ts"
import { testRule } from "./rule-cases.ts"

testRule(proxyPassFromRequest, [
  {
    name: "the host is an argument of the request",
    config: `
      server { location /fetch { proxy_pass http://$arg_host; } }`,
    finds: ["2:45 http://$arg_host -- the request says what $arg_host is"],
  },
  {
    name: "the whole URL is",
    config: `
      server { location /fetch { proxy_pass $arg_url; } }`,
    finds: ["2:45 $arg_url -- The client chooses the host"],
  },
  {
    name: "behind the scheme of the request",
    config: `
      server { location / { proxy_pass $scheme://$http_host:8443; } }`,
    finds: ["2:40 $scheme://$http_host:8443 -- the request says what $http_host is"],
  },
  {
    name: "a field, by way of set and if",
    config: `
      server {
        location / {
          set $target app.internal;
          if ($http_x_target) { set $target $http_x_target; }
          proxy_pass http://$target:8080;
        }
      }`,
    finds: ["6:22 http://$target:8080 -- its host comes from $http_x_target"],
  },
  {
    name: "a map passes it on",
    config: `
      map $arg_to $backend { a 10.0.0.1; default $arg_to; }
      server { location / { proxy_pass http://$backend; } }`,
    finds: ["3:40 http://$backend -- its host comes from $arg_to"],
  },
  {
    name: "a map has fixed values",
    config: `
      map $arg_to $backend { a 10.0.0.1; default 10.0.0.2; }
      server { location / { proxy_pass http://$backend; } }`,
  },
  {
    name: "$host in the default server, in one with names, and $http_host in that",
    config: `
      server { listen 80; server_name a.example; location / { proxy_pass http://$host; } }
      server { listen 80; server_name b.example *.b.example;
        location / { proxy_pass http://$host:81; }
        location /own { proxy_pass http://$http_host; } }`,
    finds: ["2:74 http://$host", "5:36 http://$http_host"],
  },
  {
    name: "another server is marked as the default",
    config: `
      server { listen 80; server_name a.example; location / { proxy_pass http://$host; } }
      server { listen 80 default_server; return 444; }`,
  },
  {
    name: "captures of the path as a host, before and behind fixed text",
    config: `
      server {
        location ~ ^/a/([^/]+)/ { proxy_pass http://$1.internal:80; }
        location ~ ^/b(.*)$ { proxy_pass http://app.internal$1; }
        location ~ ^/c/([a-z0-9-]+)/ { proxy_pass http://$1.internal:80; }
        location ~ ^/d/(?<name>alpha|beta)/ { proxy_pass http://$name; }
        location ~ ^/e/(.*)$ { proxy_pass http://app.internal/$1; }
        location ~ ^/f/ { proxy_pass http://app.internal$request_uri; }
      }`,
    finds: ["3:46 http://$1.internal:80", "4:42 http://app.internal$1"],
  },
  {
    name: "one label, with and without somebody who knows local names",
    target: "nginx/1.22",
    config: `
      server {
        location ~ ^/a/([a-z]+)/ { proxy_pass http://$1; }
        location ~ ^/b/([a-z]+)/ { resolver 127.0.0.11; proxy_pass http://$1; }
      }`,
    finds: ["4:68 http://$1 -- among all hosts of the local network"],
  },
  {
    name: "the port only",
    config: `
      server { location ~ "^/proxy/(\\d{4,5})/(.*)$" { proxy_pass http://127.0.0.1:$1/$2; } }`,
    finds: ["2:66 http://127.0.0.1:$1/$2 -- chooses the port"],
  },
  {
    name: "a condition looks at it first, and one that only asks whether it is there",
    config: `
      server {
        location /a { if ($arg_u !~ ^good) { return 403; } proxy_pass http://$arg_u; }
        location /b { if ($arg_u = "") { return 403; } proxy_pass http://$arg_u; }
      }`,
    finds: ["4:67 http://$arg_u"],
  },
  {
    name: "only the backend leads there, and only few may come",
    config: `
      server {
        location /a { internal; proxy_pass http://$arg_u; }
        location /b { allow 10.0.0.0/8; deny all; proxy_pass http://$arg_u; }
      }`,
    finds: ["4:62 http://$arg_u"],
  },
  {
    name: "no variable",
    config: `
      upstream app { server 127.0.0.1:3000; }
      server { location / { proxy_pass http://app; } }`,
  },
])

/** Asks for a server that the configuration does not name: what answers? */
async function answerOf(port: number, request: string): Promise<string> {
  const { status, body } = await exchange({ port }, `${request}\r\n\r\n`)
  return `${status} ${body.toString()}`
}

prove(proxyPassFromRequest, [
  {
    name: "an argument leads anywhere",
    broken: "server { listen {listen}; location / { proxy_pass http://$arg_to; } }",
    fixed: `map $arg_to $backend { default ""; b {b}; } server { listen {listen};
      location / { if ($backend = "") { return 404; } proxy_pass http://$backend; } }`,
    attempt: ({ port, backends }) =>
      answerOf(port, `GET /?to=127.0.0.1:${backends[0].port} HTTP/1.1\r\nHost: x`),
    failure: /^200 a GET/,
    success: /^404 /,
  },
  {
    name: "a question mark ends the host before its fixed ending",
    broken: "server { listen {listen}; location ~ ^/([^/]+)/ { proxy_pass http://$1.internal; } }",
    fixed: "server { listen {listen}; location ~ ^/([a-z0-9-]+)/ { proxy_pass http://$1.internal; } }",
    attempt: ({ port, backends }) =>
      answerOf(port, `GET /127.0.0.1:${backends[0].port}%3f/ HTTP/1.1\r\nHost: x`),
    failure: /^200 a GET/,
    success: /^404 /,
  },
  {
    name: "$http_host is free where the request line names the server",
    broken: `server { listen {listen} default_server; return 444; }
      server { listen {listen}; server_name app.example; location / { proxy_pass http://$http_host; } }`,
    fixed: `server { listen {listen} default_server; return 444; }
      server { listen {listen}; server_name app.example; location / { proxy_pass http://$host; } }`,
    attempt: ({ port, backends }) =>
      answerOf(port, `GET http://app.example/ HTTP/1.1\r\nHost: 127.0.0.1:${backends[0].port}`),
    failure: /^200 a GET/,
    success: /^502 /,
  },
])
