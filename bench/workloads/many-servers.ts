import { removeTempFolder } from "../../test/support/temp.ts"
import type { Bench, Family, WorkResult } from "../bench.ts"
import { runProgram } from "../load/programs.ts"
import { measureEach } from "../measure.ts"
import { type Edge, holdfast, nginx } from "../peers/edges.ts"
import { packageNote, withPackage } from "../peers/installed.ts"
import { makeSetup } from "../peers/running-peer.ts"

const SERVERS = 2000
const MIN_ROUNDS = 3

/** An nginx.conf with many servers: how long its check takes, and how long a reload until the new one answers. */
export const manyServers: Family = {
  name: "many-servers",
  title: "A file with 2,000 server blocks",
  async measure(bench) {
    const test = "-t"
    const reload = "reload to the first answer of the new configuration"
    if (!bench.wants(`many-servers ${test} ${reload}`)) return []
    await using stack = new AsyncDisposableStack()
    const wanted = [holdfast, nginx].filter((edge) => bench.peers.includes(edge))
    const edges = await withPackage(stack, wanted)
    const rounds = bench.isQuick ? 1 : Math.max(MIN_ROUNDS, bench.rounds)
    const work = `${SERVERS.toLocaleString("en")} servers`
    const { values, failures } = await measureEach(bench, edges, work, rounds, async (peer) => {
      const edge = edges.find(({ name }) => name === peer.name) as Edge
      return await measureOnce(bench, edge)
    })
    return [test, reload].map((name, column): WorkResult => {
      const peers = [...values].map(([peer, summaries]) => ({
        peer: peer.name,
        isReference: peer.isReference,
        value: summaries[column],
        note: column === 0 ? `CPU ${summaries[2].median.toFixed(0)} ms${packageNote(peer)}` : undefined,
      }))
      return {
        family: "many-servers",
        work: `${work}, ${name}`,
        measure: "time",
        unit: "ms",
        peers,
        failures,
      }
    })
  },
}

/** Times of -t and of a reload, then the CPU time of -t; all in milliseconds. */
async function measureOnce(bench: Bench, edge: Edge): Promise<number[]> {
  await using stack = new AsyncDisposableStack()
  const setup = await makeSetup(1, 1)
  stack.defer(() => removeTempFolder(setup.folder))
  const command = edge.prepareWith(configuration(setup.port, "first"), setup.folder)
  const cpuBefore = bench.times.endedChildrenCpuMicros()
  const start = performance.now()
  await runProgram(command.command, [...command.args, "-t"])
  const testMs = performance.now() - start
  const testCpuMs = (bench.times.endedChildrenCpuMicros() - cpuBefore) / 1000
  const running = stack.use(bench.runner.spawn(command, setup.port))
  await running.answered((body) => body === "first")
  edge.prepareWith(configuration(setup.port, "second"), setup.folder)
  const signalled = performance.now()
  running.signal("SIGHUP")
  await running.answered((body) => body === "second")
  const reloadMs = performance.now() - signalled
  return [testMs, reloadMs, testCpuMs]
}

/** Names, a proxied location, a WebSocket and an answer of its own for each server, as generated files have them. */
function configuration(port: number, generation: string): string {
  let servers = ""
  for (let i = 0; i < SERVERS; i++)
    servers += `  server {
    listen 127.0.0.1:${port};
    server_name host${i}.example.com *.host${i}.example.com;
    location / { proxy_pass http://backend; proxy_set_header Host $host; }
    location /ws/ {
      proxy_pass http://backend;
      proxy_http_version 1.1;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection "upgrade";
      proxy_read_timeout 3600s;
    }
    location = /healthz { return 200 "host${i}"; }
  }
`
  return `worker_processes 1;
error_log error.log warn;
events { worker_connections 1024; }
http {
  access_log off;
  server_names_hash_max_size 16384;
  server_names_hash_bucket_size 128;
  upstream backend { server 127.0.0.1:9; keepalive 32; }
  server { listen 127.0.0.1:${port} default_server; return 200 ${generation}; }
${servers}}
`
}
