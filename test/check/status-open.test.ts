import { statusOpen } from "../../src/check/rules/status-open.ts"
import { prove, type Stage } from "./proof.ts"
import { testRule } from "./rule-cases.ts"

testRule(statusOpen, [
  {
    name: "open to all",
    config: `
      server {
        listen 80;
        if ($host = www.example.com) { return 301 https://example.com$request_uri; }
        location /nginx_status { stub_status; }
      }`,
    finds: ["5:34 stub_status -- Everybody can read what stub_status tells: nothing keeps anybody out"],
  },
  {
    name: "allow without deny",
    config: `
      server {
        location = /status {
          stub_status on;
          allow 127.0.0.1;
          allow 10.0.0.0/8;
        }
      }`,
    finds: ["4:11 stub_status -- the allow of line 6 has no deny all behind it"],
    fixed: `
      server {
        location = /status {
          stub_status on;
          allow 127.0.0.1;
          allow 10.0.0.0/8;
          deny all;
        }
      }`,
  },
  {
    name: "allow all before deny all, and a deny of some",
    config: `
      server {
        location /a { stub_status; allow all; deny all; }
        location /b { stub_status; deny 192.0.2.1; }
      }`,
    finds: ["3:23 stub_status", "4:23 stub_status"],
  },
  {
    name: "as the guide has it",
    config: `
      server {
        listen 443 ssl;
        location /nginx_status {
          stub_status;
          allow 127.0.0.1;
          deny all;
        }
      }`,
  },
  {
    name: "the rules of the server or of http count, until a location has its own",
    config: `
      allow 10.0.0.0/8;
      deny all;
      server {
        location /a { stub_status; }
        location /b { stub_status; allow 0.0.0.0/0; }
      }`,
    finds: ["6:23 stub_status"],
  },
  {
    name: "somebody asks who it is",
    config: `
      server {
        auth_basic status;
        auth_basic_user_file users;
        location /a { stub_status; }
        location /b { auth_basic off; stub_status; }
        location /c { auth_request /who; auth_basic off; stub_status; }
        location /d { internal; auth_basic off; stub_status; }
        location /e { auth_basic off; stub_status; if ($arg_key != secret) { return 403; } }
      }
      server { ssl_verify_client on; location /a { stub_status; } }`,
    finds: ["6:39 stub_status"],
  },
  {
    name: "the server is not for everybody",
    config: `
      server { listen 127.0.0.1:8080; listen [::1]:8080; location / { stub_status; } }
      server { listen unix:/run/status.sock; location / { stub_status; } }
      server { listen 10.1.2.3:8080; location / { stub_status; } }`,
  },
  {
    name: "a public address beside that",
    config: `
      server { listen 127.0.0.1:8080; listen [::]:8080; location / { stub_status; } }`,
    finds: ["2:70 stub_status"],
  },
  {
    name: "pages of NGINX Plus and of other modules; changes through one of them",
    config: `
      server {
        location /a { api write=on; }
        location /b { vhost_traffic_status_display; vhost_traffic_status_display_format html; }
        location /c { status; }
        location /d { status zone_of_another_module; }
      }`,
    finds: [
      "3:23 api -- Everybody can read and change what api tells",
      "4:23 vhost_traffic_status_display",
      "5:23 status",
    ],
  },
])

async function askStatus({ port }: Stage): Promise<string> {
  const response = await fetch(`http://127.0.0.1:${port}/nginx_status`)
  return `${response.status} ${(await response.text()).split("\n")[0]}`
}

const OPEN = `server { listen *:{port}; location /nginx_status { RULES stub_status; } }`

prove(statusOpen, [
  {
    name: "a stranger reads it, until deny all keeps him out",
    broken: OPEN.replace("RULES", ""),
    fixed: OPEN.replace("RULES", "allow 192.0.2.7; deny all;"),
    attempt: askStatus,
    failure: /^200 Active connections: \d+/,
    success: /^403 /,
  },
  {
    name: "allow alone refuses nobody",
    broken: OPEN.replace("RULES", "allow 192.0.2.7;"),
    fixed: OPEN.replace("RULES", "allow 192.0.2.7; deny all;"),
    attempt: askStatus,
    failure: /^200 Active connections: \d+/,
    success: /^403 /,
  },
])
