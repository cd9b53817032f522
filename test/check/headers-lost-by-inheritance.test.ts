import { headersLostByInheritance } from "../../src/check/rules/headers-lost-by-inheritance.ts"
import { openSocket, prove } from "./proof.ts"
import { testRule } from "./rule-cases.ts"

const FORWARDED = "proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection upgrade;"

testRule(headersLostByInheritance, [
  {
    name: "the guide's: the server's Host is lost by the location's Upgrade",
    config: `
      server {
        proxy_set_header Host $host;
        proxy_set_header X-Real-IP $remote_addr;
        location /ws/ {
          proxy_pass http://127.0.0.1:3000;
          proxy_set_header Upgrade $http_upgrade;
          proxy_set_header Connection "upgrade";
        }
      }`,
    finds: [
      "7:11 proxy_set_header -- of location /ws/ hides what server (line 3, 4) sets: Host and X-Real-IP are not sent.",
    ],
    fixed: `
      server {
        proxy_set_header Host $host;
        proxy_set_header X-Real-IP $remote_addr;
        location /ws/ {
          proxy_pass http://127.0.0.1:3000;
          proxy_set_header Upgrade $http_upgrade;
          proxy_set_header Connection "upgrade";
          proxy_set_header Host $host;
          proxy_set_header X-Real-IP $remote_addr;
        }
      }`,
  },
  {
    name: "Upgrade and Connection are lost",
    config: `
      server {
        ${FORWARDED}
        location /ws {
          proxy_set_header Host $host;
          proxy_pass http://127.0.0.1:3000;
        }
      }`,
    finds: ["5:11 proxy_set_header -- Upgrade and Connection are not sent, and no WebSocket opens"],
    fixed: `
      server {
        ${FORWARDED}
        location /ws {
          proxy_set_header Host $host;
          proxy_pass http://127.0.0.1:3000;
          proxy_set_header Upgrade $http_upgrade;
          proxy_set_header Connection upgrade;
        }
      }`,
  },
  {
    name: "the server hides what http sets, once for two locations",
    config: `
      proxy_set_header X-Real-IP $remote_addr;
      server {
        ${FORWARDED}
        location /ws/a { proxy_pass http://127.0.0.1:3000; }
        location /ws/b { proxy_pass http://127.0.0.1:3000; }
        location / { proxy_pass http://127.0.0.1:3000; }
      }`,
    finds: ["4:9 proxy_set_header -- of server hides what http (line 2) sets: X-Real-IP is not sent."],
    fixed: `
      proxy_set_header X-Real-IP $remote_addr;
      server {
        ${FORWARDED}
        proxy_set_header X-Real-IP $remote_addr;
        location /ws/a { proxy_pass http://127.0.0.1:3000; }
        location /ws/b { proxy_pass http://127.0.0.1:3000; }
        location / { proxy_pass http://127.0.0.1:3000; }
      }`,
  },
  {
    name: "a nested location hides what the outer one sets",
    config: `
      server {
        location / {
          ${FORWARDED}
          location /live/ { proxy_pass http://127.0.0.1:3000; proxy_set_header Host $host; }
        }
      }`,
    finds: ["5:63 proxy_set_header -- of location /live/ hides what location / (line 4) sets"],
  },
  {
    name: "quotes and variables are copied as they are",
    config: `
      server {
        proxy_set_header X-Name "a; \\"b\\" $host";
        location /ws { proxy_pass http://127.0.0.1:3000; ${FORWARDED} }
      }`,
    finds: ["4:58 proxy_set_header"],
    fixed: `
      server {
        proxy_set_header X-Name "a; \\"b\\" $host";
        location /ws { proxy_pass http://127.0.0.1:3000; ${FORWARDED} proxy_set_header X-Name "a; \\"b\\" $host"; }
      }`,
  },
  {
    name: "a plain location: worth knowing, no more",
    config: `
      server {
        proxy_set_header Host $host;
        ${FORWARDED}
        location /api { proxy_pass http://127.0.0.1:3000; proxy_set_header X-Api 1; }
      }`,
    finds: ["5:59 proxy_set_header -- Host is not sent."],
  },
  {
    name: "all are repeated, in another case of letters and with other values",
    config: `
      server {
        proxy_set_header Host $host;
        location /ws { proxy_pass http://127.0.0.1:3000; ${FORWARDED} proxy_set_header HOST example.com; }
      }`,
  },
  {
    name: "an empty Connection is no loss for WebSockets",
    config: `
      proxy_set_header Connection "";
      server { location /ws { proxy_pass http://127.0.0.1:3000; proxy_set_header Upgrade $http_upgrade; } }`,
  },
  {
    name: "none of its own, and no proxy",
    config: `
      server {
        ${FORWARDED} proxy_set_header Host $host;
        location /ws { proxy_pass http://127.0.0.1:3000; }
        location /files { root /srv; proxy_set_header X-A b; add_header X-A b; }
      }`,
  },
  {
    name: "an include that is not there may repeat them",
    config: `
      server {
        proxy_set_header Host $host;
        location /ws { include proxy_params; proxy_pass http://127.0.0.1:3000; ${FORWARDED} }
      }`,
  },
  {
    name: "websocket on gives the usual ones",
    config: `
      server {
        proxy_set_header Host $host;
        proxy_set_header X-Team a;
        location /ws/1 { websocket on; proxy_pass http://127.0.0.1:3000; proxy_set_header X-A b; }
      }`,
    finds: ["5:74 proxy_set_header -- X-Team is not sent."],
  },
  {
    name: "add_header: what answers lack, HSTS apart",
    config: `
      server {
        add_header Strict-Transport-Security max-age=1;
        add_header X-Frame-Options DENY;
        location /ws { proxy_pass http://127.0.0.1:3000; ${FORWARDED} add_header X-A b; }
        location /api { proxy_pass http://127.0.0.1:3000; add_header X-Frame-Options SAMEORIGIN; }
      }`,
    finds: [
      "5:135 add_header -- The add_header of location /ws hides what server (line 4) sets: answers have no X-Frame-Options here.",
    ],
  },
  {
    name: "add_header_inherit merge",
    target: "nginx/1.31",
    config: `
      server {
        add_header_inherit merge;
        add_header X-Frame-Options DENY;
        location /ws { proxy_pass http://127.0.0.1:3000; ${FORWARDED} add_header X-A b; }
      }`,
  },
])

prove(headersLostByInheritance, [
  {
    name: "one line in the location takes Upgrade and Connection away",
    broken: `server { listen {listen}; proxy_http_version 1.1; ${FORWARDED}
      location /ws/ { proxy_pass http://{a}; proxy_set_header Host $host; } }`,
    fixed: `server { listen {listen}; proxy_http_version 1.1; ${FORWARDED}
      location /ws/ { proxy_pass http://{a}; proxy_set_header Host $host; ${FORWARDED} } }`,
    attempt: ({ port }) => openSocket(`ws://127.0.0.1:${port}/ws/`),
    failure: /^refused with 200$/,
    success: /^open$/,
  },
  {
    name: "Upgrade and Connection in the location take Host and the client's address away",
    broken: `upstream chat { server {a}; }
      server { listen {listen}; proxy_http_version 1.1;
      proxy_set_header Host $host; proxy_set_header X-Real-IP $remote_addr;
      location /ws/ { proxy_pass http://chat; ${FORWARDED} } }`,
    fixed: `upstream chat { server {a}; }
      server { listen {listen}; proxy_http_version 1.1;
      location /ws/ { proxy_pass http://chat; ${FORWARDED}
        proxy_set_header Host $host; proxy_set_header X-Real-IP $remote_addr; } }`,
    attempt: async ({ port, backends: [a] }) => {
      const seen = await openSocket(`ws://127.0.0.1:${port}/ws/`, { Host: "example.com" })
      const headers = a.requests.at(-1)?.headers
      return `${seen}: ${headers?.host} ${headers?.["x-real-ip"]}`
    },
    failure: /^open: chat undefined$/,
    success: /^open: example\.com 127\.0\.0\.1$/,
  },
  {
    name: "one add_header in the location takes those of the server away",
    broken: `server { listen {listen}; add_header X-Frame-Options DENY;
      location /api { proxy_pass http://{a}; add_header X-A b; } }`,
    fixed: `server { listen {listen}; add_header X-Frame-Options DENY;
      location /api { proxy_pass http://{a}; add_header X-A b; add_header X-Frame-Options DENY; } }`,
    attempt: async ({ port }) => {
      const { headers } = await fetch(`http://127.0.0.1:${port}/api`)
      return `${headers.get("x-a")} ${headers.get("x-frame-options")}`
    },
    failure: /^b null$/,
    success: /^b DENY$/,
  },
])
