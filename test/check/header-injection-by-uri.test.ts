import { headerInjectionByUri } from "../../src/check/rules/header-injection-by-uri.ts"
import { exchangeToEnd } from "../support/raw-client.ts"
import { prove } from "./proof.ts"
import { testRule } from "./rule-cases.ts"

testRule(headerInjectionByUri, [
  {
    name: "a redirect to the same path",
    target: "nginx/1.31",
    config: `
      server { return 301 https://$host$uri$is_args$args; }`,
    finds: ["2:27 https://$host$uri$is_args$args -- $uri is the path after decoding"],
    fixed: `
      server { return 301 https://$host$request_uri; }`,
  },
  {
    name: "without a host before it the text cannot be replaced, and after a rewrite",
    target: "nginx/1.31",
    config: `
      server {
        location /a { return 301 $uri?$args; }
        location /b { rewrite ^/b(.*)$ $1; return 301 https://$host$uri?$args; }
      }`,
    finds: ["3:34 $uri?$args", "4:55 https://$host$uri?$args"],
  },
  {
    name: "a body is no header",
    target: "nginx/1.31",
    config: `
      server { return 200 $uri; }`,
  },
  {
    name: "an exact location has one path, and a narrow expression no line ends",
    target: "nginx/1.31",
    config: `
      server {
        location = /a { return 301 https://$host$uri/; }
        location ~ ^/[a-z]+$ { return 301 $uri/; }
        location / { return 301 https://$host$request_uri; }
      }`,
  },
  {
    name: "captures: of all but a slash, of a dot, of a word",
    target: "nginx/1.31",
    config: `
      server {
        location ~ ^/a/([^/]*)$ { return 302 https://h/$1; }
        location ~ ^/b/(.*)$ { return 302 https://h/$1; }
        location ~ ^/c/(?<word>[\\w-]+)$ { return 302 https://h/$word; }
      }`,
    finds: ["3:46 https://h/$1 -- $1 is the path after decoding"],
  },
  {
    name: "rewrite encodes its own captures only",
    target: "nginx/1.31",
    config: `
      server {
        location /a { rewrite ^/a/([^/]*)$ https://h/$1 redirect; }
        location /b { rewrite ^ https://h$uri? permanent; }
        location /c { rewrite ^/c/([^/]*)$ /d/$1 last; }
      }`,
    finds: ["4:33 https://h$uri?"],
  },
  {
    name: "add_header, proxy_set_header and proxy_pass",
    target: "nginx/1.31",
    config: `
      server {
        location /a { add_header X-Path $uri; return 204; }
        location /b { proxy_set_header X-Path "$document_uri"; proxy_pass http://127.0.0.1:3000; }
        location /c { proxy_pass http://127.0.0.1:3000$uri; }
      }`,
    finds: [
      "3:41 $uri -- a response header",
      '4:47 "$document_uri" -- a field to the backend',
      "5:34 http://127.0.0.1:3000$uri -- the request line to the backend",
    ],
  },
  {
    name: "by way of set and of a map",
    target: "nginx/1.31",
    config: `
      map $uri $new { default ""; "~^/old/([^/]*)$" /new/$1; }
      server {
        set $path $uri;
        location /a { return 301 https://h$path; }
        location /old { return 301 https://h$new; }
      }`,
    finds: ["5:34 https://h$path -- $uri, of which that is made", "6:36 https://h$new"],
  },
  {
    name: "captures of something that has no line ends",
    target: "nginx/1.31",
    config: `
      map $http_x_name $name { default ""; ~^([^/]*)$ $1; }
      server {
        if ($http_x_a ~ ([^/]*)) { return 301 https://h/$1; }
        location / { proxy_set_header X-Name $name; proxy_pass http://127.0.0.1:3000; }
      }`,
  },
  {
    name: "Holdfast writes no line end of a path",
    config: `
      server { location / { return 302 https://$host$uri; } }`,
  },
])

const LINK = "/x/a%0d%0aX-Injected:%20yes"

async function headOf(port: number, path: string): Promise<string> {
  const text = await exchangeToEnd({ port }, `GET ${path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n`)
  return /^X-Injected: yes\r$/m.test(text) ? "injected" : text.slice(0, text.indexOf("\r\n"))
}

prove(headerInjectionByUri, [
  {
    name: "a redirect",
    broken: "server { listen {listen}; return 301 https://$host$uri$is_args$args; }",
    fixed: "server { listen {listen}; return 301 https://$host$request_uri; }",
    attempt: ({ port }) => headOf(port, LINK),
    failure: /^injected$/,
    success: /^HTTP\/1.1 301 /,
  },
  {
    name: "a capture of all but a slash",
    broken: "server { listen {listen}; location ~ ^/x/([^/]*)$ { return 302 https://h/$1; } }",
    fixed:
      "server { listen {listen}; location ~ ^/x/([^/\\s]*)$ { return 302 https://h/$1; } location / { return 404; } }",
    attempt: ({ port }) => headOf(port, LINK),
    failure: /^injected$/,
    success: /^HTTP\/1.1 404 /,
  },
  {
    name: "a header of the answer",
    broken: "server { listen {listen}; location / { add_header X-Path $uri; return 204; } }",
    fixed: "server { listen {listen}; location / { add_header X-Path $request_uri; return 204; } }",
    attempt: ({ port }) => headOf(port, LINK),
    failure: /^injected$/,
    success: /^HTTP\/1.1 204 /,
  },
  {
    name: "a field of the backend's request",
    broken: "server { listen {listen}; location / { proxy_set_header X-Path $uri; proxy_pass http://{a}; } }",
    fixed:
      "server { listen {listen}; location / { proxy_set_header X-Path $request_uri; proxy_pass http://{a}; } }",
    attempt: async ({ port, backends }) => {
      await headOf(port, LINK)
      return backends[0].requests[0]?.headers["x-injected"] === "yes" ? "injected" : "as it was"
    },
    failure: /^injected$/,
    success: /^as it was$/,
  },
  {
    name: "the request line to the backend: a blank in the path",
    broken: "server { listen {listen}; location / { proxy_pass http://{a}$uri; } }",
    fixed: "server { listen {listen}; location / { proxy_pass http://{a}$request_uri; } }",
    attempt: ({ port }) => headOf(port, "/a%20b"),
    failure: /^HTTP\/1.1 400 /,
    success: /^HTTP\/1.1 200 /,
  },
])
