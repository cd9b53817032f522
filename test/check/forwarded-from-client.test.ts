import { forwardedFromClient } from "../../src/check/rules/forwarded-from-client.ts"
import { exchange } from "../support/raw-client.ts"
import { prove } from "./proof.ts"
import { testRule } from "./rule-cases.ts"

testRule(forwardedFromClient, [
  {
    name: "the client's fields, passed on",
    config: `
      server {
        listen 443 ssl;
        location / {
          proxy_pass http://127.0.0.1:3000;
          proxy_set_header X-Forwarded-For $http_x_forwarded_for;
          proxy_set_header X-Real-IP $http_x_real_ip;
          proxy_set_header X-Forwarded-Proto $http_x_forwarded_proto;
        }
      }`,
    finds: [
      "6:44 $http_x_forwarded_for -- proxy_set_header X-Forwarded-For is $http_x_forwarded_for",
      "7:38 $http_x_real_ip",
      "8:46 $http_x_forwarded_proto",
    ],
  },
  {
    name: "inherited from http, and once for several locations",
    config: `
      proxy_set_header X-Real-IP $http_x_forwarded_for;
      server { location /a { proxy_pass http://127.0.0.1:1; } location /b { proxy_pass http://127.0.0.1:1; } }`,
    finds: ["2:34 $http_x_forwarded_for"],
  },
  {
    name: "by way of a map; without TLS it may be a balancer's",
    config: `
      map $http_x_forwarded_proto $proto { default $http_x_forwarded_proto; "" $scheme; }
      server { location / { proxy_pass http://127.0.0.1:1; proxy_set_header X-Forwarded-Proto $proto; } }`,
    finds: ["3:95 $proto -- is $proto, made from $http_x_forwarded_proto: the client writes"],
  },
  {
    name: "appended to, or the connection's own",
    config: `
      server {
        location / {
          proxy_pass http://127.0.0.1:3000;
          proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
          proxy_set_header X-Forwarded-Host "$http_x_forwarded_host, $realip_remote_addr";
          proxy_set_header X-Real-IP $remote_addr;
          proxy_set_header X-Original-Forwarded-For $http_x_forwarded_for;
        }
      }`,
  },
  {
    name: "a list says who may, or programs of this machine only",
    config: `
      server {
        location /a { allow 10.0.0.0/8; deny all;
          proxy_pass http://127.0.0.1:1; proxy_set_header X-Forwarded-For $http_x_forwarded_for; }
        location /b { set_real_ip_from 10.0.0.1; real_ip_header X-Forwarded-For;
          proxy_pass http://127.0.0.1:1; proxy_set_header X-Forwarded-For $http_x_forwarded_for; }
      }
      server { listen 127.0.0.1:8080; listen unix:/run/x.sock;
        location / { proxy_pass http://127.0.0.1:1; proxy_set_header X-Real-IP $http_x_real_ip; } }`,
  },
  {
    name: "everybody is trusted",
    config: `
      server {
        set_real_ip_from 0.0.0.0/0;
        set_real_ip_from ::/0;
        location / { proxy_pass http://127.0.0.1:1; proxy_set_header X-Real-IP $remote_addr; }
      }`,
    finds: [
      "3:26 0.0.0.0/0 -- any client becomes any address by X-Real-IP",
      "4:26 ::/0 -- believes everybody",
    ],
  },
  {
    name: "several proxies, and only the last entry is taken",
    config: `
      set_real_ip_from 10.0.0.0/8;
      set_real_ip_from 192.0.2.1;
      real_ip_header X-Forwarded-For;
      server { location / { proxy_pass http://127.0.0.1:1; } }`,
    finds: ["4:7 real_ip_header -- real_ip_recursive is off here"],
  },
  {
    name: "several proxies, and all entries are read; one proxy; another header",
    config: `
      server { set_real_ip_from 10.0.0.0/8; set_real_ip_from 192.0.2.1;
        real_ip_header X-Forwarded-For; real_ip_recursive on; }
      server { set_real_ip_from 10.0.0.0/8; real_ip_header X-Forwarded-For; }
      server { set_real_ip_from 10.0.0.0/8; set_real_ip_from 192.0.2.1; real_ip_header CF-Connecting-IP; }`,
  },
  {
    name: "limits and lists by it",
    config: `
      limit_req_zone $http_x_forwarded_for zone=a:1m rate=1r/s;
      limit_conn_zone $proxy_add_x_forwarded_for zone=b:1m;
      limit_req_zone $binary_remote_addr zone=c:1m rate=1r/s;
      geo $http_x_forwarded_for $inside { default 0; 10.0.0.0/8 1; }
      server { return 404; }`,
    finds: [
      "2:22 $http_x_forwarded_for -- limit_req_zone is by $http_x_forwarded_for",
      "3:23 $proxy_add_x_forwarded_for",
      "5:11 $http_x_forwarded_for -- whoever writes another one",
    ],
  },
])

function ask(port: number, header: string): ReturnType<typeof exchange> {
  return exchange({ port }, `GET / HTTP/1.1\r\nHost: a\r\n${header}: 10.0.0.1\r\n\r\n`)
}

prove(forwardedFromClient, [
  {
    name: "the backend believes what the client wrote",
    broken: `server { listen *:{port}; location / {
      proxy_pass http://{a}; proxy_set_header X-Real-IP $http_x_real_ip; } }`,
    fixed: `server { listen *:{port}; location / {
      proxy_pass http://{a}; proxy_set_header X-Real-IP $remote_addr; } }`,
    attempt: async ({ port, backends }) => {
      await ask(port, "X-Real-IP")
      return String(backends[0].requests[0]?.headers["x-real-ip"])
    },
    failure: /^10\.0\.0\.1$/,
    success: /^127\.0\.0\.1$/,
  },
  {
    name: "a client is let in by the address that it wrote",
    broken: `server { listen *:{port}; set_real_ip_from 0.0.0.0/0;
      location / { allow 10.0.0.1; deny all; proxy_pass http://{a}; } }`,
    fixed: `server { listen *:{port}; set_real_ip_from 192.0.2.1;
      location / { allow 10.0.0.1; deny all; proxy_pass http://{a}; } }`,
    attempt: async ({ port }) => String((await ask(port, "X-Real-IP")).status),
    failure: /^200$/,
    success: /^403$/,
  },
  {
    name: "a limit by what the client writes is none",
    broken: `limit_req_zone $http_x_forwarded_for zone=a:1m rate=1r/m;
      server { listen *:{port}; location / { limit_req zone=a; proxy_pass http://{a}; } }`,
    fixed: `limit_req_zone $binary_remote_addr zone=a:1m rate=1r/m;
      server { listen *:{port}; location / { limit_req zone=a; proxy_pass http://{a}; } }`,
    attempt: async ({ port }) => {
      const request = (address: string) =>
        exchange({ port }, `GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: ${address}\r\n\r\n`)
      return `${(await request("10.0.0.1")).status} ${(await request("10.0.0.2")).status}`
    },
    failure: /^200 200$/,
    success: /^200 503$/,
  },
  {
    name: "two proxies, and the first one's address is taken for the client's",
    broken: `server { listen *:{port}; set_real_ip_from 127.0.0.1; set_real_ip_from 192.0.2.1;
      real_ip_header X-Forwarded-For; location / { proxy_pass http://{a}; proxy_set_header X-Real-IP $remote_addr; } }`,
    fixed: `server { listen *:{port}; set_real_ip_from 127.0.0.1; set_real_ip_from 192.0.2.1; real_ip_recursive on;
      real_ip_header X-Forwarded-For; location / { proxy_pass http://{a}; proxy_set_header X-Real-IP $remote_addr; } }`,
    attempt: async ({ port, backends }) => {
      await exchange({ port }, "GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 203.0.113.9, 192.0.2.1\r\n\r\n")
      return String(backends[0].requests[0]?.headers["x-real-ip"])
    },
    failure: /^192\.0\.2\.1$/,
    success: /^203\.0\.113\.9$/,
  },
])
