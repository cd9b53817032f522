/** The command line of `holdfast init`. */

import { parseCommandLine } from "../base/command-line.ts"
import { HoldfastError } from "../base/error.ts"
import { parseTarget, type Target } from "../check/target.ts"
import type { Backend, Listen, Route, Sticky } from "./plan.ts"
import {
  parseBackend,
  parseBackendName,
  parseConfiguredFile,
  parseFile,
  parseListen,
  parseName,
  parsePath,
  parseResolver,
  parseTimeout,
  shown,
  splitList,
} from "./values.ts"

export const USAGE = `Usage: holdfast init [options] [FILE]

Writes a configuration for WebSockets behind TLS that Holdfast and nginx run, tests it (-t) and checks it
(holdfast check). At a terminal it asks for what no option says. FILE is nginx.conf where left out, - for
standard output; in a folder conf.d, http.d or sites-… it is a part for the http block.

Needed, unless a terminal is there to be asked, or --yes:
  --name NAME            host name that clients use; may be repeated
  --backend ADDRESS      WebSocket server: host:port, port, [v6]:port or unix:/path, with https:// in front
                         for TLS; may be repeated
  --certificate FILE     PEM, with its chain; or --plain

Options:
  --key FILE             private key (default: the one beside the certificate)
  --plain                no TLS, for this machine alone: listens on 127.0.0.1:8080
  --path PATH            where WebSockets are (default: /ws/); each --backend belongs to the --path before it
  --app-backend ADDRESS  server of everything else; may be repeated
  --listen ADDRESS       port or address:port (default: 443); may be repeated
  --http-listen ADDRESS  where plain HTTP is redirected to https (default: 80); may be repeated
  --no-redirect          no server for plain HTTP
  --acme-webroot FOLDER  where certbot --webroot puts its answers: served by plain HTTP
  --sticky METHOD        ip_hash: a client that reconnects meets the same backend (default); none
  --timeout TIME         how long a WebSocket may be silent (default: 3600s)
  --backend-tls          the backends speak TLS
  --backend-ca FILE      authority of their certificates (default: the system's)
  --backend-name NAME    name in their certificates (default: their host name)
  --resolver ADDRESS     name server for backends that have names (default: the system's), or none
  --no-hsts              without Strict-Transport-Security
  --status-page          /nginx_status, for this machine alone
  --logs FOLDER          where logs go, or stderr (default: /var/log/holdfast or /var/log/nginx, if there)
  --pid FILE             pid file
  --include              only what belongs into an http block; --no-include: a whole nginx.conf
  --target TARGET        holdfast, or a version of nginx such as nginx/1.22 (default: holdfast)
  -o, --output FILE      the same as FILE
  --force                overwrite FILE
  -y, --yes              ask nothing: defaults for all that is not given
  -h, --help             this help

Exit status: 0 written, tested and clean; 1 written, but the test failed or there are findings; 2 not written.
`

/** What the command line says, and then the answers; undefined where nothing was said. */
export interface Given {
  names: readonly string[] | undefined
  certificate: string | undefined
  key: string | undefined
  isPlain: boolean | undefined
  /** Backends are empty where only the path was given. */
  routes: readonly Route[] | undefined
  application: readonly Backend[] | undefined
  listens: readonly Listen[] | undefined
  redirects: readonly Listen[] | undefined
  acmeWebroot: string | undefined
  sticky: Sticky | undefined
  timeout: string | undefined
  hasBackendTls: boolean | undefined
  backendCa: string | undefined
  backendName: string | undefined
  /** Null: none. */
  resolver: string | null | undefined
  /** Null: standard error. */
  logs: string | null | undefined
  pid: string | undefined
  isInclude: boolean | undefined
  /** An absolute path; "-" for standard output. */
  output: string | undefined
}

export interface InitOptions {
  readonly given: Given
  readonly target: Target
  readonly hasHsts: boolean
  readonly hasStatusPage: boolean
  readonly isForced: boolean
  readonly isYes: boolean
  readonly isHelp: boolean
}

/** Before this version nginx has no TLS 1.3 to switch on. */
const OLDEST_NGINX = "1.13.0"
export const DEFAULT_PATH = "/ws/"

/** Throws USAGE. */
export function parseInitOptions(args: readonly string[]): InitOptions {
  const { values, positionals, tokens } = parseWords(args)
  const one = <T>(name: keyof typeof values & string, parse: (text: string) => T): T | undefined => {
    const text = values[name]
    return typeof text === "string" ? named(name, () => parse(text)) : undefined
  }
  const list = <T>(name: keyof typeof values & string, parse: (text: string) => T): T[] | undefined => {
    const texts = values[name]
    return Array.isArray(texts) ? named(name, () => listOf(texts, parse)) : undefined
  }
  const target = parseTarget(values.target)
  if (!target.since(OLDEST_NGINX)) throw usage(`--target: init writes for nginx ${OLDEST_NGINX} and later`)
  if (values.plain && (values.certificate ?? values.key) !== undefined)
    throw usage("--plain cannot go with --certificate or --key")
  const given: Given = {
    names: list("name", parseName),
    certificate: one("certificate", parseConfiguredFile),
    key: one("key", parseConfiguredFile),
    isPlain: values.plain,
    routes: routesOf(tokens),
    application: list("app-backend", parseBackend),
    listens: list("listen", parseListen),
    redirects: values.redirect === false ? [] : list("http-listen", parseListen),
    acmeWebroot: one("acme-webroot", parseConfiguredFile),
    sticky: one("sticky", parseSticky),
    timeout: one("timeout", parseTimeout),
    hasBackendTls: values["backend-tls"],
    backendCa: one("backend-ca", parseConfiguredFile),
    backendName: one("backend-name", parseBackendName),
    resolver: one("resolver", (text) => (text === "none" ? null : parseResolver(text))),
    logs: one("logs", (text) => (text === "stderr" ? null : parseConfiguredFile(text))),
    pid: one("pid", parseFile),
    isInclude: values.include,
    output: outputOf(positionals, values.output),
  }
  return {
    given,
    target,
    hasHsts: values.hsts,
    hasStatusPage: values["status-page"],
    isForced: values.force,
    isYes: values.yes,
    isHelp: values.help,
  }
}

function parseWords(args: readonly string[]) {
  return parseCommandLine({
    args: [...args],
    allowPositionals: true,
    allowNegative: true,
    tokens: true,
    options: {
      name: { type: "string", multiple: true },
      certificate: { type: "string" },
      key: { type: "string" },
      plain: { type: "boolean" },
      path: { type: "string", multiple: true },
      backend: { type: "string", multiple: true },
      "app-backend": { type: "string", multiple: true },
      listen: { type: "string", multiple: true },
      "http-listen": { type: "string", multiple: true },
      redirect: { type: "boolean" },
      "acme-webroot": { type: "string" },
      sticky: { type: "string" },
      timeout: { type: "string" },
      "backend-tls": { type: "boolean" },
      "backend-ca": { type: "string" },
      "backend-name": { type: "string" },
      resolver: { type: "string" },
      hsts: { type: "boolean", default: true },
      "status-page": { type: "boolean", default: false },
      logs: { type: "string" },
      pid: { type: "string" },
      include: { type: "boolean" },
      target: { type: "string", default: "holdfast" },
      output: { type: "string", short: "o" },
      force: { type: "boolean", default: false },
      yes: { type: "boolean", short: "y", default: false },
      help: { type: "boolean", short: "h", default: false },
    },
  })
}

type Tokens = ReturnType<typeof parseWords>["tokens"]

/** Paths with the backends that follow them; paths in a row share theirs. Undefined where there is neither. */
function routesOf(tokens: Tokens): Route[] | undefined {
  const paths: string[] = []
  const groups: { paths: string[]; texts: string[] }[] = []
  const early: string[] = []
  for (const token of tokens) {
    if (token.kind !== "option" || token.value === undefined) continue
    const { name, value } = token
    const last = groups.at(-1)
    if (name === "path") {
      const path = named("path", () => parsePath(value))
      if (paths.includes(path)) throw usage(`--path ${path} is given twice`)
      paths.push(path)
      if (last === undefined || last.texts.length > 0) groups.push({ paths: [path], texts: [] })
      else last.paths.push(path)
    } else if (name === "backend") (last?.texts ?? early).push(value)
  }
  if (early.length > 0 && groups.length > 1)
    throw usage("--backend stands before the first of several --path: it belongs behind its own")
  if (groups.length === 0 && early.length > 0) groups.push({ paths: [DEFAULT_PATH], texts: [] })
  groups[0]?.texts.unshift(...early)
  const routes = groups.flatMap((group) => {
    const backends = group.texts.length === 0 ? [] : named("backend", () => listOf(group.texts, parseBackend))
    return group.paths.map((path) => ({ path, backends }))
  })
  return routes.length === 0 ? undefined : routes
}

/** Each of `texts` may hold several, with commas or blanks between them. */
export function listOf<T>(texts: readonly string[], parse: (text: string) => T): T[] {
  const parsed = texts.flatMap(splitList).map(parse)
  const known = new Map(parsed.map((value) => [JSON.stringify(value), value]))
  if (known.size === 0) throw usage("a value is missing")
  return [...known.values()]
}

function outputOf(positionals: readonly string[], option: string | undefined): string | undefined {
  const all = option === undefined ? positionals : [...positionals, option]
  if (all.length > 1) throw usage("one FILE can be written, not several")
  return all[0] === undefined ? undefined : parseOutput(all[0])
}

/** A file to write, or "-". */
export function parseOutput(text: string): string {
  return text === "-" ? text : parseFile(text)
}

export function parseSticky(text: string): Sticky {
  if (text !== "ip_hash" && text !== "none") throw usage(`${shown(text)} is neither ip_hash nor none`)
  return text
}

function named<T>(option: string, parse: () => T): T {
  try {
    return parse()
  } catch (error) {
    if (error instanceof HoldfastError) throw usage(`--${option}: ${error.message}`)
    throw error
  }
}

function usage(message: string): HoldfastError {
  return new HoldfastError("USAGE", message)
}
