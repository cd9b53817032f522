import { suppression } from "../../src/check/rules/suppression.ts"
import { websocketReadTimeout } from "../../src/check/rules/websocket-read-timeout.ts"
import { testRule } from "./rule-cases.ts"

const LOCATION = "location /ws/ { proxy_pass http://127.0.0.1:3000; }"

testRule(suppression, [
  {
    name: "without a reason",
    config: `
      # holdfast-disable-next-line suppression
      server { ${LOCATION} }`,
    finds: ["2:7 # holdfast-disable-next-line -- gives no reason"],
  },
  {
    name: "an empty reason",
    config: `
      # holdfast-disable-next-line suppression --
      server { ${LOCATION} }`,
    finds: ["2:7 # holdfast-disable-next-line -- gives no reason"],
  },
  {
    name: "without a rule",
    config: `
      server { ${LOCATION} # holdfast-disable-next-line -- because
      }`,
    finds: [`2:${17 + LOCATION.length} # holdfast-disable-next-line -- names no rule`],
  },
  {
    name: "a rule that does not exist",
    config: `
      # holdfast-disable-next-line suppression, web-sockets -- because
      server { ${LOCATION} }`,
    finds: ['2:7 # holdfast-disable-next-line -- names "web-sockets", which is no rule'],
  },
  {
    name: "with rule and reason",
    config: `
      # holdfast-disable-next-line suppression -- the reason -- is long
      server { ${LOCATION} }`,
  },
  {
    name: "other comments",
    config: `
      # holdfast-disable is no such comment, and # holdfast: websocket is another
      server { ${LOCATION} }`,
  },
])

testRule(websocketReadTimeout, [
  {
    name: "the next line is silenced, and no other",
    config: `
      server {
        location /ws/ {
          # holdfast-disable-next-line websocket-read-timeout -- the backend pings every 10 seconds
          proxy_pass http://127.0.0.1:3000;
        }
        location /live/ {
          proxy_pass http://127.0.0.1:3000;
        }
      }`,
    finds: ["8:11 proxy_pass"],
  },
  {
    name: "several comments above one line",
    config: `
      server {
        location /ws/ {
          # holdfast-disable-next-line websocket-read-timeout -- the backend pings every 10 seconds
          # holdfast-disable-next-line websocket-read-timeout -- and once more
          proxy_pass http://127.0.0.1:3000;
        }
      }`,
  },
  {
    name: "an argument of several lines",
    config: `
      server {
        location /ws/ {
          proxy_pass http://127.0.0.1:3000;
          # holdfast-disable-next-line websocket-read-timeout -- pings
          proxy_read_timeout
            10s;
        }
      }`,
  },
  {
    name: "a comment says that it serves WebSockets",
    config: `
      server {
        # holdfast: websocket
        location /feed { proxy_pass http://127.0.0.1:3000; }
        location /more { # holdfast: websocket
          proxy_pass http://127.0.0.1:3000;
        }
        location /rest { proxy_pass http://127.0.0.1:3000; }
      }`,
    finds: ["4:26 proxy_pass -- a comment says so", "6:11 proxy_pass -- a comment says so"],
  },
  {
    name: "a comment says that it does not",
    config: `
      server {
        # holdfast: no-websocket
        location /ws/ { proxy_pass http://127.0.0.1:3000; }
        location /graphql { # holdfast: no-websocket
          proxy_pass http://127.0.0.1:3000;
        }
      }`,
  },
  {
    name: "--location says so",
    paths: ["/feed"],
    config: `
      server { location /feed { proxy_pass http://127.0.0.1:3000; } }`,
    finds: ["2:33 proxy_pass -- --location says so"],
  },
])
