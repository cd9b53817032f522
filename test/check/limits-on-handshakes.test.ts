import { limitsOnHandshakes } from "../../src/check/rules/limits-on-handshakes.ts"
import { HeldSockets, openTogether } from "./held-sockets.ts"
import { prove } from "./proof.ts"
import { testRule } from "./rule-cases.ts"

const PROXY = "proxy_pass http://127.0.0.1:3000; proxy_set_header Upgrade $http_upgrade;"

testRule(limitsOnHandshakes, [
  {
    name: "few handshakes of one address",
    config: `
      limit_req_zone $binary_remote_addr zone=ws:10m rate=5r/s;
      limit_req_status 429;
      server {
        location /ws {
          limit_req zone=ws burst=10 nodelay;
          ${PROXY}
        }
      }`,
    finds: ["6:11 limit_req -- 11 open their WebSocket and the others get 429"],
  },
  {
    name: "inherited from the server",
    target: "nginx/1.22",
    config: `
      limit_req_zone $remote_addr zone=all:10m rate=30r/m;
      server {
        limit_req zone=all;
        location / { ${PROXY} }
      }`,
    finds: ["4:9 limit_req -- Of the clients behind one address that come back at once, 1 open"],
  },
  {
    name: "a zone that counts all clients together",
    config: `
      limit_req_zone $server_name zone=all:10m rate=50r/s;
      server { location /ws { limit_req zone=all burst=100 nodelay; ${PROXY} } }`,
    finds: ["3:31 limit_req -- of all addresses together"],
  },
  {
    name: "all addresses are one behind a proxy, unless realip says whose they are",
    config: `
      limit_req_zone $binary_remote_addr zone=ws:10m rate=20r/s;
      server { listen 127.0.0.1:8080; location /ws { limit_req zone=ws burst=100 nodelay; ${PROXY} } }
      server { listen 127.0.0.1:8081; set_real_ip_from 127.0.0.1; location /ws { limit_req zone=ws burst=100 nodelay; ${PROXY} } }
      server { listen 8082; location /ws { limit_req zone=ws burst=100 nodelay; ${PROXY} } }`,
    finds: ["3:54 limit_req -- of all addresses together"],
  },
  {
    name: "a burst that waits for longer than its clients",
    config: `
      limit_req_zone $binary_remote_addr zone=ws:10m rate=2r/s;
      server {
        location /a { limit_req zone=ws burst=100; ${PROXY} }
        location /b { limit_req zone=ws burst=100 nodelay; ${PROXY} }
        location /c { limit_req zone=ws burst=100 delay=50; ${PROXY} }
        location /d { limit_req zone=ws burst=30; ${PROXY} }
      }`,
    finds: ["4:23 limit_req -- held back, the last for 50 seconds"],
  },
  {
    name: "a generous limit, a dry run, a key of another kind, an unknown zone",
    config: `
      limit_req_zone $binary_remote_addr zone=many:10m rate=20r/s;
      limit_req_zone $binary_remote_addr zone=few:10m rate=1r/s;
      limit_req_zone $login_key zone=login:10m rate=1r/m;
      limit_req_zone $cookie_session zone=user:10m rate=1r/s;
      server {
        location /a { limit_req zone=many burst=100 nodelay; ${PROXY} }
        location /b { limit_req zone=few; limit_req_dry_run on; ${PROXY} }
        location /c { limit_req zone=login; ${PROXY} }
        location /d { limit_req zone=user; ${PROXY} }
        location /e { limit_req zone=elsewhere; ${PROXY} }
        location /f { limit_req zone=few; proxy_pass http://127.0.0.1:3000; }
      }`,
  },
  {
    name: "places that pages need, too",
    config: `
      limit_conn_zone $binary_remote_addr zone=addr:10m;
      server {
        limit_conn addr 10;
        location /ws { ${PROXY} }
        location / { root html; }
      }`,
    finds: [
      '4:9 limit_conn -- 10 open WebSockets behind one address use up "addr", and then `location /` gets 503',
    ],
  },
  {
    name: "a limit for WebSockets alone is meant: a word where it is very low",
    config: `
      limit_conn_zone $binary_remote_addr zone=few:10m;
      limit_conn_zone $binary_remote_addr zone=more:10m;
      limit_conn_status 429;
      server {
        location /a { limit_conn few 3; ${PROXY} }
        location /b { limit_conn more 10; ${PROXY} }
        location / { root html; }
      }`,
    finds: [
      '6:23 limit_conn -- 3 open WebSockets behind one address use up "few", and a further one gets 429',
    ],
  },
  {
    name: "all clients have one count",
    config: `
      limit_conn_zone $server_name zone=all:10m;
      server { location /ws { limit_conn all 100; ${PROXY} } }`,
    finds: ["3:31 limit_conn -- 100 open WebSockets of all addresses together"],
  },
  {
    name: "high limits, a dry run, pages that have a zone of their own",
    config: `
      limit_conn_zone $binary_remote_addr zone=addr:10m;
      limit_conn_zone $server_name zone=all:10m;
      limit_conn_zone $binary_remote_addr zone=ws:10m;
      server {
        limit_conn addr 5;
        limit_conn_dry_run off;
        location /a { limit_conn all 5000; ${PROXY} }
        location /b { limit_conn ws 50; ${PROXY} }
        location /c { limit_conn_dry_run on; ${PROXY} }
        location / { root html; }
      }`,
  },
])

const UPGRADE = `proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection "upgrade";`

function limited(limit: string): string {
  return `limit_req_zone $binary_remote_addr zone=ws:1m rate=1r/s;
    server { listen {listen}; location / { limit_req ${limit}; proxy_pass http://{a}; ${UPGRADE} } }`
}

prove(limitsOnHandshakes, [
  {
    name: "clients that come back together are refused",
    broken: limited("zone=ws burst=2 nodelay"),
    fixed: limited("zone=ws burst=200 nodelay"),
    async attempt({ port, edge }) {
      const outcome = await openTogether(`ws://127.0.0.1:${port}/ws`, 10)
      if (outcome.includes("refused"))
        await edge.waitForLog(/limiting requests, excess: \d+\.\d+ by zone "ws", client: 127\.0\.0\.1/)
      return outcome
    },
    failure: /^3 open, 7 refused with 503$/,
    success: /^10 open$/,
  },
  {
    name: "a burst that waits makes handshakes slow",
    broken: limited("zone=ws burst=250"),
    fixed: limited("zone=ws burst=250 nodelay"),
    async attempt({ port, edge }) {
      const outcome = await openTogether(`ws://127.0.0.1:${port}/ws`, 5)
      if (outcome !== "5 open") await edge.waitForLog(/delaying request, excess: \d+\.\d+, by zone "ws"/)
      return outcome
    },
    // After a second and a half the client gives up.
    failure: /^3 failed, 2 open$/,
    success: /^5 open$/,
  },
  {
    name: "open WebSockets take the places of pages",
    broken: `limit_conn_zone $binary_remote_addr zone=addr:1m;
      server { listen {listen}; limit_conn addr 2;
        location /ws { proxy_pass http://{a}; ${UPGRADE} }
        location / { proxy_pass http://{b}; } }`,
    fixed: `limit_conn_zone $binary_remote_addr zone=addr:1m;
      limit_conn_zone $binary_remote_addr zone=sockets:1m;
      server { listen {listen}; limit_conn addr 2;
        location /ws { limit_conn sockets 1000; proxy_pass http://{a}; ${UPGRADE} }
        location / { proxy_pass http://{b}; } }`,
    async attempt({ port, edge }) {
      await using sockets = new HeldSockets()
      const outcome = await sockets.open(`ws://127.0.0.1:${port}/ws`, 2)
      const page = await fetch(`http://127.0.0.1:${port}/`, { headers: { Connection: "close" } })
      await page.text()
      if (page.status === 503)
        await edge.waitForLog(/limiting connections by zone "addr", client: 127\.0\.0\.1/)
      return `${outcome}, page ${page.status}`
    },
    failure: /^2 open, page 503$/,
    success: /^2 open, page 200$/,
  },
])
