/** The configurations of a soak: one after the other, each changed in one respect, some of them broken. */
import { pick, pickInteger } from "./random.ts"

export interface Member {
  readonly port: number
  readonly weight: number
}

/** What a configuration says; `number` is what `/generation` answers under it. */
export interface Setup {
  readonly number: number
  /** Which of the certificates lies at the path that the configuration names. */
  readonly certificate: number
  readonly members: readonly Member[]
  /** How many locations there are besides those that the soak needs. */
  readonly moreLocations: number
  readonly logFields: string
  readonly readTimeoutSeconds: number
  readonly zone: boolean
}

export interface Surroundings {
  readonly port: number
  readonly isTls: boolean
  readonly workers: number
  readonly backendPorts: readonly number[]
  readonly certificates: number
  /** A port that another program listens on. */
  readonly takenPort: number
}

export const CHANGES = ["certificate", "members", "locations", "log format", "timeouts"] as const
export type Change = (typeof CHANGES)[number]

const LOG_FIELDS = [
  "$remote_addr $request_time",
  "$upstream_addr $bytes_sent",
  '"$request" $time_iso8601',
  "$ssl_protocol $connection $connection_requests",
]

export function firstSetup(surroundings: Surroundings): Setup {
  return {
    number: 1,
    certificate: 0,
    members: surroundings.backendPorts.map((port) => ({ port, weight: 1 })),
    moreLocations: 2,
    logFields: LOG_FIELDS[0] as string,
    readTimeoutSeconds: 3600,
    zone: true,
  }
}

/** `setup` with another number and changed in one respect. */
export function changed(setup: Setup, change: Change, where: Surroundings, random: () => number): Setup {
  const next = { ...setup, number: setup.number + 1 }
  switch (change) {
    case "certificate":
      return where.isTls ? { ...next, certificate: (setup.certificate + 1) % where.certificates } : next
    case "members":
      return { ...next, members: otherMembers(setup.members, where.backendPorts, random) }
    case "locations":
      return { ...next, moreLocations: pickInteger(random, 0, 8) }
    case "log format":
      return { ...next, logFields: pick(random, LOG_FIELDS) }
    case "timeouts":
      return { ...next, readTimeoutSeconds: pickInteger(random, 3000, 4000), zone: !setup.zone }
  }
}

/** One member comes or goes, at least one stays; another weight for one of them. */
function otherMembers(members: readonly Member[], ports: readonly number[], random: () => number): Member[] {
  const absent = ports.filter((port) => !members.some((member) => member.port === port))
  const weighted = members.map((member) =>
    random() < 0.3 ? { ...member, weight: pickInteger(random, 1, 4) } : member,
  )
  const comes = members.length === 1 || (absent.length > 0 && random() < 0.5)
  if (comes && absent.length > 0) return [...weighted, { port: pick(random, absent), weight: 1 }]
  const leaving = pickInteger(random, 0, weighted.length - 1)
  return weighted.length === 1 ? weighted : weighted.filter((_member, at) => at !== leaving)
}

/** A way to break a configuration. */
export interface Breakage {
  readonly name: string
  /** What the error log says then. */
  readonly expected: RegExp
  /** Directives in `http`, and at the end of the server. */
  readonly http: string
  readonly server: string
}

export function breakages(where: Surroundings): readonly Breakage[] {
  const broken = (name: string, expected: RegExp, http: string, server: string): Breakage => ({
    name,
    expected,
    http,
    server,
  })
  return [
    broken("syntax error", /\[emerg\].* unknown directive "prox_pass"/, "", "prox_pass http://backends;"),
    broken(
      "missing certificate",
      /\[emerg\].* cannot load certificate ".*gone\.crt"/,
      "server { listen 127.0.0.1:{port} ssl; server_name gone.test; ssl_certificate {prefix}/gone.crt; ssl_certificate_key {prefix}/gone.key; }",
      "",
    ),
    broken(
      "address in use",
      /\[emerg\].* still could not bind\(\)/,
      `server { listen 127.0.0.1:${where.takenPort}; }`,
      "",
    ),
    broken(
      "unresolvable host",
      /\[emerg\].* host not found in upstream "nowhere\.invalid:81"/,
      "upstream nowhere { server nowhere.invalid:81; }",
      "",
    ),
    broken("missing brace", /\[emerg\].* unexpected end of file, expecting "}"/, "server {", ""),
  ]
}

/** The text; `{prefix}` stands for the prefix folder. */
export function configurationText(setup: Setup, where: Surroundings, breakage?: Breakage): string {
  const { port, isTls, workers } = where
  const tls = isTls
    ? "ssl_certificate {prefix}/server.crt; ssl_certificate_key {prefix}/server.key; ssl_session_cache shared:soak:1m;"
    : ""
  const servers = setup.members.map((member) => `server 127.0.0.1:${member.port} weight=${member.weight};`)
  const more = Array.from(
    { length: setup.moreLocations },
    (_unused, at) => `    location /more/${setup.number}/${at} { proxy_pass http://backends; }\n`,
  )
  return `worker_processes ${workers};
error_log {prefix}/error.log notice;
events { worker_connections 16000; }
http {
  log_format soak '$status ${setup.logFields}';
  access_log {prefix}/logs/access.log soak;
  upstream backends {
    ${setup.zone ? "zone backends 64k;" : ""}
    ${servers.join("\n    ")}
  }
  server {
    listen 127.0.0.1:${port}${isTls ? " ssl" : ""};
    server_name soak.test;
    ${tls}
    location = /generation { access_log off; return 200 "${setup.number}"; }
    location /ws/ {
      proxy_pass http://backends;
      proxy_http_version 1.1;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection "upgrade";
      proxy_set_header Host $host;
      proxy_read_timeout ${setup.readTimeoutSeconds}s;
      proxy_send_timeout ${setup.readTimeoutSeconds}s;
    }
${more.join("")}    ${breakage?.server ?? ""}
  }
  ${breakage?.http.replaceAll("{port}", String(port)) ?? ""}
}
`
}
