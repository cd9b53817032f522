/** Configurations that are known to be right: the guide's own, and the one of nginx's documentation. */
import assert from "node:assert/strict"
import { describe, test } from "node:test"
import { checkTree } from "../../src/check/engine.ts"
import { RULES } from "../../src/check/rules/index.ts"
import { parseTarget } from "../../src/check/target.ts"
import { readTree } from "../../src/check/tree.ts"

const GUIDE = `events {}
http {
upstream ws_backend {
    ip_hash;
    server 192.168.10.20:3000;
    server 192.168.10.21:3000;
    keepalive 64;
}

upstream app_backend {
    server 192.168.10.20:8080;
    server 192.168.10.21:8080;
    keepalive 32;
}

server {
    listen 80;
    server_name solvethenetwork.com;
    return 301 https://$host$request_uri;
}

server {
    listen 443 ssl;
    server_name solvethenetwork.com;

    ssl_certificate /etc/nginx/ssl/solvethenetwork.com.crt;
    ssl_certificate_key /etc/nginx/ssl/solvethenetwork.com.key;
    ssl_protocols TLSv1.2 TLSv1.3;
    ssl_ciphers ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:!aNULL:!MD5;
    ssl_prefer_server_ciphers on;
    ssl_session_cache shared:SSL:10m;
    ssl_session_timeout 10m;

    add_header Strict-Transport-Security "max-age=31536000; includeSubDomains" always;

    access_log /var/log/nginx/solvethenetwork_access.log;
    error_log /var/log/nginx/solvethenetwork_error.log warn;

    # Standard HTTP application
    location / {
        proxy_pass http://app_backend;
        proxy_set_header Host $host;
        proxy_set_header X-Real-IP $remote_addr;
        proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
        proxy_set_header X-Forwarded-Proto $scheme;
    }

    # WebSocket endpoint
    location /ws/ {
        proxy_pass http://ws_backend;
        proxy_http_version 1.1;
        proxy_set_header Upgrade $http_upgrade;
        proxy_set_header Connection "upgrade";
        proxy_set_header Host $host;
        proxy_set_header X-Real-IP $remote_addr;
        proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
        proxy_set_header X-Forwarded-Proto $scheme;
        proxy_read_timeout 3600s;
        proxy_send_timeout 3600s;
        proxy_connect_timeout 10s;
        proxy_buffering off;
        proxy_cache off;
    }
}
}
`

/** https://nginx.org/en/docs/http/websocket.html, with the timeout that its last paragraph speaks of. */
const DOCUMENTED = `events {}
http {
    map $http_upgrade $connection_upgrade {
        default upgrade;
        ''      close;
    }

    server {
        listen 127.0.0.1:8080;

        location /chat/ {
            proxy_pass http://127.0.0.1:3000;
            proxy_http_version 1.1;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection $connection_upgrade;
            proxy_set_header Host $http_host;
            proxy_read_timeout 300s;
        }
    }
}
`

/** "line: rule: message" */
function findingsOf(text: string, target: string): string[] {
  const tree = readTree("nginx.conf", "./", () => ({ text, encoding: "utf8" }))
  const { findings } = checkTree(tree, parseTarget(target), RULES)
  return findings.map(({ line, ruleId, severity, message }) => `${line}: ${severity}: ${ruleId}: ${message}`)
}

describe("no false alarm", () => {
  for (const target of ["holdfast", "nginx/1.31", "nginx/1.29.7"]) {
    test(`the guide's full configuration for ${target}`, () => {
      assert.deepEqual(findingsOf(GUIDE, target), [])
    })
  }
  for (const target of ["holdfast", "nginx/1.31", "nginx/1.22", "nginx/1.18"]) {
    test(`nginx's documented example for ${target}`, () => {
      assert.deepEqual(findingsOf(DOCUMENTED, target), [])
    })
  }

  test("the guide's full configuration for nginx/1.22: keepalive on app_backend does nothing", () => {
    const [first = "", ...rest] = findingsOf(GUIDE, "nginx/1.22")
    assert.match(first, /^13: warning: keepalive-without-effect: /)
    assert.deepEqual(rest, [])
  })
})
