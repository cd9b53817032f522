/** What a configuration is judged for: Holdfast, or a version of nginx with the defaults and features that it had. */
import { HoldfastError } from "../base/error.ts"

type Version = readonly [major: number, minor: number, patch: number]

export interface Target {
  /** "holdfast", "nginx/1.22" */
  readonly name: string
  readonly isHoldfast: boolean
  /** Whether it has what nginx got in `version` ("1.29.7"). Holdfast has nginx 1.30's. */
  since(version: string): boolean
  /** The default of a directive, as its documentation writes it; undefined where there is none. */
  defaultOf(directive: string): readonly string[] | undefined
}

/** Defaults that a rule asks for; several where they changed: the last one whose version the target has counts. */
const DEFAULTS: Readonly<Record<string, readonly (readonly [since: string, value: string])[]>> = {
  proxy_http_version: [
    ["0.0.0", "1.0"],
    ["1.29.7", "1.1"],
  ],
  // In an upstream block.
  keepalive: [["1.29.7", "32 local"]],
  proxy_read_timeout: [["0.0.0", "60s"]],
  proxy_send_timeout: [["0.0.0", "60s"]],
  proxy_connect_timeout: [["0.0.0", "60s"]],
  proxy_buffering: [["0.0.0", "on"]],
  proxy_request_buffering: [["0.0.0", "on"]],
  proxy_ssl_verify: [["0.0.0", "off"]],
  proxy_ssl_server_name: [["0.0.0", "off"]],
  proxy_ssl_name: [["0.0.0", "$proxy_host"]],
  proxy_next_upstream: [["0.0.0", "error timeout"]],
  proxy_intercept_errors: [["0.0.0", "off"]],
  proxy_redirect: [["0.0.0", "default"]],
  worker_connections: [["0.0.0", "512"]],
  worker_processes: [["0.0.0", "1"]],
  gzip: [["0.0.0", "off"]],
  ssl_protocols: [
    ["0.0.0", "TLSv1 TLSv1.1 TLSv1.2"],
    ["1.23.4", "TLSv1 TLSv1.1 TLSv1.2 TLSv1.3"],
    ["1.27.3", "TLSv1.2 TLSv1.3"],
  ],
  ssl_ciphers: [["0.0.0", "HIGH:!aNULL:!MD5"]],
  ssl_prefer_server_ciphers: [["0.0.0", "off"]],
  keepalive_timeout: [["0.0.0", "75s"]],
  real_ip_header: [["0.0.0", "X-Real-IP"]],
  satisfy: [["0.0.0", "all"]],
  client_max_body_size: [["0.0.0", "1m"]],
}

/** The version of nginx whose directives and defaults Holdfast has. */
const HOLDFAST_IS: Version = [1, 31, 0]
const OLDEST: Version = [1, 3, 13]

/** Reads `holdfast`, `nginx`, `nginx/1.22` or `nginx/1.22.1`. Throws USAGE. */
export function parseTarget(text: string): Target {
  if (text === "holdfast" || text === "nginx") return new VersionTarget(text, HOLDFAST_IS)
  const found = /^nginx\/(\d+)\.(\d+)(?:\.(\d+))?$/.exec(text)
  if (found === null) throw new HoldfastError("USAGE", `invalid target "${text}": holdfast, or nginx/1.22`)
  // "1.22" is all of that branch, whose last version is what people run.
  const version: Version = [Number(found[1]), Number(found[2]), Number(found[3] ?? 999)]
  if (isBefore(version, OLDEST))
    throw new HoldfastError("USAGE", `target "${text}" is too old: nginx proxies WebSockets since 1.3.13`)
  return new VersionTarget(text, version)
}

class VersionTarget implements Target {
  readonly name: string
  readonly isHoldfast: boolean
  readonly #version: Version

  constructor(name: string, version: Version) {
    this.name = name
    this.isHoldfast = name === "holdfast"
    this.#version = version
  }

  since(version: string): boolean {
    return !isBefore(this.#version, version.split(".").map(Number) as unknown as Version)
  }

  defaultOf(directive: string): readonly string[] | undefined {
    const changes = DEFAULTS[directive]
    return changes?.findLast(([since]) => this.since(since))?.[1].split(" ")
  }
}

function isBefore(a: Version, b: Version): boolean {
  for (let i = 0; i < 3; i++) {
    const difference = (a[i] as number) - (b[i] as number)
    if (difference !== 0) return difference < 0
  }
  return false
}
