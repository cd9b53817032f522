/** From what was said to a plan: defaults for the rest, and what does not go together. */

import { getServers } from "node:dns"
import { accessSync, constants, existsSync, statSync } from "node:fs"
import { hostname } from "node:os"
import { basename, dirname, join, resolve } from "node:path"
import { HoldfastError } from "../base/error.ts"
import type { Target } from "../check/target.ts"
import { defaultCertificate, defaultKey } from "./certificate.ts"
import { DEFAULT_PATH, type Given, type InitOptions } from "./options.ts"
import type { Backend, BackendTls, Group, KeyPair, Listen, Plan, Route, SocketLocation } from "./plan.ts"
import { isLoopbackName, parseBackend, parseListen, parseResolver } from "./values.ts"

export const DEFAULT_OUTPUT = "nginx.conf"
export const DEFAULT_BACKEND = "127.0.0.1:3000"
export const DEFAULT_TIMEOUT = "3600s"

/** The options without which nothing can be written, of those that were not given. */
export function missingOptions(given: Given): string[] {
  const { names, routes, certificate, isPlain } = given
  const missing: string[] = []
  if (names === undefined) missing.push("--name")
  if (routes === undefined || routes.some(({ backends }) => backends.length === 0)) missing.push("--backend")
  if (certificate === undefined && isPlain !== true) missing.push("--certificate (or --plain)")
  return missing
}

/** This machine's name where it is a whole one. */
export function defaultName(): string {
  const name = hostname().toLowerCase()
  return /^[a-z0-9-]+(?:\.[a-z0-9-]+)+$/.test(name) ? name : "localhost"
}

/** A name that only this machine knows gets no certificate from anybody. */
export function isPlainByDefault(names: readonly string[]): boolean {
  return names.every(isLoopbackName)
}

/** Where systems keep the authorities that they trust: Debian, Red Hat, Alpine and macOS. */
const AUTHORITIES = [
  "/etc/ssl/certs/ca-certificates.crt",
  "/etc/pki/tls/certs/ca-bundle.crt",
  "/etc/ssl/cert.pem",
]

export function defaultBackendCa(): string {
  return AUTHORITIES.find((path) => existsSync(path)) ?? (AUTHORITIES[0] as string)
}

/** The one host name of the backends; undefined where they have several, or none. */
export function defaultBackendName(backends: readonly Backend[]): string | undefined {
  const names = new Set(backends.map(({ hostName }) => hostName))
  const [name] = names
  return names.size === 1 && name !== "" ? name : undefined
}

/** The first name server of this machine; null where the target looks names up once only. */
export function defaultResolver(target: Target): string | null {
  const [server] = getServers()
  if (server === undefined || !target.since("1.27.3")) return null
  try {
    return parseResolver(server)
  } catch {
    return null
  }
}

/** Whether a file in that folder is a part of what another one includes. */
export function isIncludeByDefault(output: string): boolean {
  return /^(?:conf\.d|http\.d|sites-(?:available|enabled))$/.test(basename(dirname(output)))
}

/**
 * Throws USAGE where the choices do not go together. `takenNames` gives the upstreams that stand beside an include; it
 * is asked for no other file.
 */
export function planOf(options: InitOptions, output: string, takenNames: () => ReadonlySet<string>): Plan {
  const { given, target, hasHsts, hasStatusPage } = options
  const names = given.names ?? [defaultName()]
  const keyPair = keyPairOf(given, names)
  const isInclude = given.isInclude ?? isIncludeByDefault(output)
  const { sockets, application } = groupsFor(given, names, isInclude ? takenNames() : new Set())
  const listens = given.listens ?? [parseListen(keyPair === null ? "127.0.0.1:8080" : "443")]
  const redirects = keyPair === null ? [] : (given.redirects ?? [parseListen("80")])
  checkListens(keyPair, listens, redirects, given)
  return {
    target,
    isInclude,
    names,
    keyPair,
    listens,
    redirects,
    acmeWebroot: given.acmeWebroot ?? null,
    sockets,
    application,
    sticky: given.sticky ?? "ip_hash",
    timeout: given.timeout ?? DEFAULT_TIMEOUT,
    resolver: given.resolver === undefined ? defaultResolver(target) : given.resolver,
    logs: given.logs === undefined ? defaultLogs(target) : given.logs,
    pid: given.pid ?? defaultPid(target, output),
    // A browser that has it for localhost asks every program there by https.
    hasHsts: hasHsts && keyPair !== null && !names.some(isLoopbackName),
    hasStatusPage,
  }
}

function keyPairOf(given: Given, names: readonly string[]): KeyPair | null {
  const { certificate: path, isPlain = path === undefined && isPlainByDefault(names) } = given
  if (isPlain) return null
  const certificate = path ?? defaultCertificate(names[0] ?? "")
  return { certificate, key: given.key ?? defaultKey(certificate) }
}

function checkListens(
  keyPair: KeyPair | null,
  listens: readonly Listen[],
  redirects: readonly Listen[],
  given: Given,
): void {
  const open = keyPair === null ? listens.find(({ isLoopback }) => !isLoopback) : undefined
  if (open !== undefined)
    throw usage(
      `--plain is for this machine alone: --listen ${open.text} must be a loopback address, such as 127.0.0.1:${open.port}`,
    )
  const shared = redirects.find(({ text }) => listens.some((listen) => listen.text === text))
  if (shared !== undefined) throw usage(`--listen and --http-listen cannot both be ${shared.text}`)
  if (keyPair === null && given.redirects?.length)
    throw usage("--http-listen redirects to TLS: not with --plain")
  if (given.acmeWebroot !== undefined && redirects.length === 0)
    throw usage("--acme-webroot needs the server for plain HTTP")
}

function groupsFor(
  given: Given,
  names: readonly string[],
  taken: ReadonlySet<string>,
): { sockets: SocketLocation[]; application: Group | null } {
  const fallback = [parseBackend(DEFAULT_BACKEND)]
  const routes = (given.routes ?? [{ path: DEFAULT_PATH, backends: fallback }]).map(({ path, backends }) => ({
    path,
    backends: backends.length === 0 ? fallback : backends,
  }))
  const groups = new Groups(given, names, taken)
  const sockets = routes.map((route) => ({ path: route.path, group: groups.forRoute(route) }))
  const application =
    given.application === undefined || given.application.length === 0
      ? null
      : groups.make("app_backend", given.application)
  if (application !== null && routes.some(({ path }) => path === "/"))
    throw usage("--path / takes all requests: nothing is left for --app-backend")
  return { sockets, application }
}

/** Names and makes the groups; routes with the same servers share one. */
class Groups {
  readonly #given: Given
  readonly #site: string
  /** Names of other files' groups. */
  readonly #others: ReadonlySet<string>
  readonly #own = new Set<string>()
  readonly #byServers = new Map<string, Group>()

  constructor(given: Given, names: readonly string[], others: ReadonlySet<string>) {
    this.#given = given
    this.#site = slug(names[0] ?? "")
    this.#others = others
  }

  forRoute({ path, backends }: Route): Group {
    const servers = JSON.stringify(backends)
    const known = this.#byServers.get(servers)
    if (known !== undefined) return known
    const wanted = this.#byServers.size === 0 ? "ws_backend" : `ws_${slug(path)}_backend`
    const group = this.make(wanted, backends)
    this.#byServers.set(servers, group)
    return group
  }

  make(wanted: string, backends: readonly Backend[]): Group {
    return { name: this.#free(wanted), backends, tls: backendTlsOf(backends, this.#given) }
  }

  #free(wanted: string): string {
    const first = this.#others.has(wanted) ? `${wanted}_${this.#site}` : wanted
    let name = first
    for (let number = 2; this.#others.has(name) || this.#own.has(name); number++) name = `${first}_${number}`
    this.#own.add(name)
    return name
  }
}

function slug(text: string): string {
  const words = text.toLowerCase().split(/[^a-z0-9]+/)
  return (
    words
      .filter((word) => word !== "")
      .join("_")
      .slice(0, 32) || "other"
  )
}

/** Whether the backends speak TLS. Throws USAGE where some do and others do not. */
export function isTls(backends: readonly Backend[], hasBackendTls: boolean | undefined): boolean {
  const schemes = new Set(backends.map(({ scheme }) => scheme ?? (hasBackendTls === true ? "https" : "http")))
  if (schemes.size > 1)
    throw usage(
      `${backends.map(({ address }) => address).join(", ")}: either all speak TLS (https://) or none`,
    )
  return schemes.has("https")
}

function backendTlsOf(backends: readonly Backend[], given: Given): BackendTls | null {
  if (!isTls(backends, given.hasBackendTls)) return null
  const name = given.backendName ?? defaultBackendName(backends)
  if (name === undefined)
    throw usage(
      `--backend-name is needed: the name in the certificate of ${backends.map(({ address }) => address).join(", ")}`,
    )
  return { authorityFile: given.backendCa ?? defaultBackendCa(), name }
}

/** Null where there is no folder that can be written to. */
function defaultLogs({ isHoldfast }: Target): string | null {
  const folders = ["/var/log/holdfast", "/var/log/nginx"]
  return (isHoldfast ? folders : folders.reverse()).find(isWritableFolder) ?? null
}

/** Null where the program's own default will do. */
function defaultPid({ isHoldfast }: Target, output: string): string | null {
  if (!isHoldfast || isWritableFolder("/var/lib/holdfast/logs")) return null
  const folder = ["/run/holdfast", "/run"].find(isWritableFolder) ?? dirname(resolve(output))
  return join(folder, "holdfast.pid")
}

function isWritableFolder(path: string): boolean {
  try {
    accessSync(path, constants.W_OK)
    return statSync(path).isDirectory()
  } catch {
    return false
  }
}

function usage(message: string): HoldfastError {
  return new HoldfastError("USAGE", message)
}
