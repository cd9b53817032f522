/** The nginx.conf files of the growth curves, and what is to be asked for so that all of a file is used. */
import { loopbackAddress } from "../load/protocol.ts"
import type { PeerSetup } from "../peers/peer.ts"

const MAX_IDLE_CONNECTIONS = 1024

// Names as services have them, so that prefixes are of many lengths.
const AREAS = ["api", "accounts", "shop", "media", "internal", "partners", "search", "administration"]
const SERVICES = ["users", "orders", "inventory", "mail", "notifications", "billing", "chat", "reports", "v2"]

/** An nginx.conf of which a part can be larger or smaller, and the targets (host and path) that meet all of it. */
export interface Extent {
  readonly targets: readonly string[]
  configuration(setup: PeerSetup): string
}

/** As many servers, chosen by the name that the client asks for: `hostN.example.com`, or `*.hostN.example.com`. */
export function servers(count: number, isWildcard: boolean): Extent {
  const names = numbers(count).map((index) => `host${index}.example.com`)
  return {
    targets: names.map((name) => (isWildcard ? `www.${name}/` : `${name}/`)),
    configuration(setup) {
      const blocks = names.map((name) => server(setup, isWildcard ? `*.${name}` : name, proxied("/")))
      return file(setup, [backendAt(setup, 0)], blocks)
    },
  }
}

/** One server with as many prefix locations, and `location /` besides. */
export function locations(count: number): Extent {
  const prefixes = numbers(count).map(prefixOf)
  return {
    targets: prefixes.map((prefix) => `www.example.com${prefix}items/17`),
    configuration(setup) {
      const all = ["/", ...prefixes].map(proxied).join("")
      return file(setup, [backendAt(setup, 0)], [server(setup, "www.example.com", all)])
    },
  }
}

/** One upstream with as many servers, one of which is chosen for each request by `method`: a line of the upstream. */
export function peers(count: number, method: "" | "ip_hash;"): Pick<Extent, "configuration"> {
  return {
    configuration: (setup) =>
      file(setup, [method, ...numbers(count).map((index) => backendAt(setup, index))], []),
  }
}

function numbers(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index)
}

/** `/api/users-0/`, `/accounts/users-1/` … */
function prefixOf(index: number): string {
  const service = SERVICES[Math.floor(index / AREAS.length) % SERVICES.length]
  return `/${AREAS[index % AREAS.length]}/${service}-${index}/`
}

function backendAt({ backendPort }: PeerSetup, index: number): string {
  return `server ${loopbackAddress(index)}:${backendPort};`
}

/** A location as generated files have it: what it needs is said in it, and not inherited. */
function proxied(prefix: string): string {
  return `
    location ${prefix} {
      proxy_pass http://backend;
      proxy_set_header Host $host;
      proxy_set_header Connection "";
    }`
}

function server({ port }: PeerSetup, name: string, content: string): string {
  return `
  server {
    listen 127.0.0.1:${port};
    server_name ${name};${content}
  }`
}

function file({ folder, port }: PeerSetup, backends: readonly string[], blocks: readonly string[]): string {
  return `worker_processes 1;
worker_rlimit_nofile 20000;
error_log ${folder}/error.log warn;
events { worker_connections 18000; }
http {
  access_log off;
  server_names_hash_max_size 16384;
  server_names_hash_bucket_size 128;
  keepalive_requests 100000000;
  proxy_http_version 1.1;
  upstream backend {
    ${backends.join("\n    ")}
    keepalive ${MAX_IDLE_CONNECTIONS};
    keepalive_requests 100000000;
  }
  server {
    listen 127.0.0.1:${port} default_server backlog=4096;
    server_name localhost;${proxied("/")}
  }${blocks.join("")}
}
`
}
