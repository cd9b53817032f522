import { existsSync } from "node:fs"
import type { Edge } from "../test/support/edge.ts"
import { HOLDFAST, startHoldfast } from "../test/support/holdfast.ts"
import { nginxMissing, startNginx } from "../test/support/nginx.ts"
import { freePort } from "../test/support/ports.ts"
import { childrenOf } from "./cpu.ts"

/** A proxy under measurement. */
export interface RunningPeer {
  readonly port: number
  /** The process whose CPU time counts; to be asked for once the peer has answered. */
  findMeasuredPid(): number
  stop(): Promise<unknown>
}

/** A proxy that can be measured. */
export interface Peer {
  readonly name: string
  /** The others are compared with it. */
  readonly isReference: boolean
  /** Why it cannot run here and how to get it, or false when it can. */
  missing(): string | false
  /** Starts one worker of it in front of the backend at `backendPort` of 127.0.0.1. */
  start(backendPort: number): Promise<RunningPeer>
}

/** The one configuration that all peers run: keep-alive on both sides, nothing logged for a request. */
function configuration(port: number, backendPort: number): string {
  return `worker_processes 1;
error_log {prefix}/error.log warn;
events { worker_connections 4096; }
http {
  access_log off;
  upstream backend { server 127.0.0.1:${backendPort}; keepalive 32; keepalive_requests 100000000; }
  server {
    listen 127.0.0.1:${port};
    keepalive_requests 100000000;
    proxy_http_version 1.1;
    location / {
      proxy_pass http://backend;
      proxy_set_header Connection "";
    }
    location /ws/ {
      proxy_pass http://backend;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection "upgrade";
    }
  }
}
`
}

/** Holdfast of this checkout. The whole process counts: supervisor, worker, and what Node runs beside them. */
export const holdfast: Peer = {
  name: "holdfast",
  isReference: false,
  missing: () => (existsSync(HOLDFAST) ? false : "bin/holdfast is not there"),
  async start(backendPort) {
    const port = await freePort()
    const edge: Edge = await startHoldfast(configuration(port, backendPort))
    return { port, findMeasuredPid: () => edge.pid, stop: () => edge.stop() }
  },
}

/** Debian's nginx. Its worker counts; its master does nothing meanwhile. */
const nginx: Peer = {
  name: "nginx",
  isReference: true,
  missing: nginxMissing,
  async start(backendPort) {
    const port = await freePort()
    const edge: Edge = await startNginx(configuration(port, backendPort))
    // The master writes its pid file before it makes the worker.
    const findMeasuredPid = (): number => {
      const [worker] = childrenOf(edge.pid)
      if (worker === undefined) throw new Error("nginx has no worker")
      return worker
    }
    return { port, findMeasuredPid, stop: () => edge.stop() }
  },
}

export const PEERS: readonly Peer[] = [holdfast, nginx]
