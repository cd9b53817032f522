import { workerConnections } from "../../src/check/rules/worker-connections.ts"
import { openInTurn } from "./held-sockets.ts"
import { prove } from "./proof.ts"
import { testRule } from "./rule-cases.ts"

const OLD = "nginx/1.22"
const SOCKETS = `server { location /ws { proxy_pass http://127.0.0.1:3000; proxy_set_header Upgrade $http_upgrade; } }`

testRule(workerConnections, [
  {
    name: "Debian's own 768",
    target: OLD,
    config: `worker_processes auto;
events {
  worker_connections 768;
}
http { ${SOCKETS} }`,
    finds: ["3:3 worker_connections -- room for 384 WebSockets in each worker, which take two each"],
  },
  {
    name: "768 is enough where only clients count",
    config: `events { worker_connections 768; }
http { ${SOCKETS} }`,
  },
  {
    name: "very few, in two workers",
    target: OLD,
    config: `worker_processes 2;
events { worker_connections 64; }
http { ${SOCKETS} }`,
    finds: ["2:10 worker_connections -- room for 64 WebSockets in all (worker_processes is 2)"],
  },
  {
    name: "enough, with enough files",
    target: OLD,
    config: `worker_rlimit_nofile 40000;
events { worker_connections 16384; }
http { ${SOCKETS} }`,
  },
  {
    name: "fewer files than connections",
    target: OLD,
    config: `events { worker_connections 8192; }
worker_rlimit_nofile 4096;
http { ${SOCKETS} }`,
    finds: ["2:1 worker_rlimit_nofile -- the files run out first, at 2048 WebSockets a worker"],
  },
  {
    name: "fewer files than the default of connections",
    target: OLD,
    config: `worker_rlimit_nofile 256;
events {}
http { ${SOCKETS} }`,
    finds: ["1:1 worker_rlimit_nofile -- worker_connections is 512: the default, nothing sets it"],
  },
  {
    name: "as many files as connections: in Holdfast a tunnel has two, and its place is one",
    config: `worker_rlimit_nofile 8192;
events { worker_connections 8192; }
http { ${SOCKETS} }`,
    finds: ["1:1 worker_rlimit_nofile -- at 4096 WebSockets."],
  },
  {
    name: "as many files as connections, for nginx",
    target: OLD,
    config: `worker_rlimit_nofile 8192;
events { worker_connections 8192; }
http { ${SOCKETS} }`,
  },
  {
    name: "many connections, and nothing said of files: nginx says itself at its start what it got",
    target: OLD,
    config: `events { worker_connections 10240; }
http { ${SOCKETS} }`,
  },
  {
    name: "a usual number",
    target: OLD,
    config: `worker_processes 1;
events { worker_connections 1024; }
http { ${SOCKETS} }`,
  },
  {
    name: "nothing is said",
    target: OLD,
    config: `${SOCKETS}`,
  },
  {
    name: "no WebSockets",
    target: OLD,
    config: `events { worker_connections 64; }
http { server { location / { proxy_pass http://127.0.0.1:3000; } } }`,
  },
])

const UPGRADE = `proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection "upgrade";`
const HTTP = `http { server { listen {listen}; location / { proxy_pass http://{a}; ${UPGRADE} } } }`

prove(workerConnections, [
  {
    name: "the places run out: for nginx at half their number",
    broken: `events { worker_connections 16; }
${HTTP}`,
    fixed: `worker_rlimit_nofile 4096; events { worker_connections 2048; }
${HTTP}`,
    async attempt({ port, edge }) {
      const outcome = await openInTurn(`ws://127.0.0.1:${port}/`, 20)
      if (outcome === "20 open") return outcome
      await edge.waitForLog(/\[alert\].* 16 worker_connections are not enough/)
      return outcome
    },
    // nginx has two of the sixteen for itself: its listener, and the channel to its master.
    failure: /^(?:13 failed, 7|4 failed, 16) open$/,
    success: /^20 open$/,
  },
  {
    name: "the files run out before the places",
    broken: `worker_rlimit_nofile 32; events { worker_connections 2048; }
${HTTP}`,
    fixed: `worker_rlimit_nofile 4096; events { worker_connections 2048; }
${HTTP}`,
    async attempt({ port, edge }) {
      const outcome = await openInTurn(`ws://127.0.0.1:${port}/`, 20)
      if (outcome === "20 open") return outcome
      await edge.waitForLog(
        /(?:accept4|socket)\(\) failed \(24: (?:Too many open files|No file descriptors available)\)/,
      )
      return outcome
    },
    failure: /^\d+ (?:failed, \d+ open|open, \d+ (?:refused with 500|failed))/,
    success: /^20 open$/,
    onHoldfast: false,
  },
])
