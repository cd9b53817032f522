/**
 * health_check, match: servers of a group are asked from time to time, and get no requests while they do not answer
 * as they should. ngx_http_upstream_hc_module, whose source is not public: its documentation is what this follows.
 * `type=websocket` is Holdfast's own: a real handshake, a ping where it is wanted, a goodbye.
 */
import { ANY, directives, HTTP, LOCATION, type ValueContext } from "../../config/row.ts"
import type { Scope } from "../../config/scope.ts"
import { parseMilliseconds, parseNumber } from "../../config/values.ts"
import { defineModule, type LocationContext } from "../../runtime/module.ts"
import { checkKey } from "../../upstream/health.ts"
import type { Upstream } from "../../upstream/upstream.ts"
import { MAX_CHECKS } from "../../upstream/zone.ts"
import type { WrittenName } from "../core/server-name.ts"
import { proxy } from "../proxy/proxy.ts"
import { GroupChecks } from "./group-checks.ts"
import { ANY_SUCCESS, type Match, type Matches, parseMatch } from "./match.ts"
import { type CheckOptions, planCheck } from "./plan.ts"

const MAX_PORT = 65_535

export const healthCheck = defineModule({
  name: "health_check",
  directives: directives({
    health_check: {
      in: LOCATION,
      args: [0, ANY],
      parse: parseHealthCheck,
      inherit: false,
      syntax:
        "[interval=time] [jitter=time] [fails=number] [passes=number] [uri=URI] [mandatory [persistent]] [match=name] [port=number] [type=http | type=websocket [ping]] [keepalive_time=time]",
      doc: "Asks the servers of the group that `proxy_pass` names, which must have a `zone`, every `interval=5s` (and up to `jitter=`) for `uri=/`, on their own port or `port=`, as the location's proxy settings say. After `fails=1` failed checks in a row a server gets no requests until `passes=1` in a row have passed; `mandatory`: nor before a first check has, after a reload again unless `persistent`. What must come is 2xx or 3xx, or what the `match=` block says. `keepalive_time=` keeps connections for that long. `type=websocket` is Holdfast's own: a WebSocket is opened, has to answer a ping where `ping` stands, and is closed with 1000. One worker checks for all. Tunnels to a server that became unhealthy live on, unless the group says `drain close`.",
    },
    match: {
      in: HTTP,
      args: 1,
      entries: parseMatch,
      syntax: "name",
      doc: "What an answer to a health check has to be: `status [!] code|from-to …`, `header Name [=|!=|~|!~ value]`, `header ! Name`, `body ~|!~ regex` (of its first 256k), `require $variable …` (none empty or 0). All tests must hold.",
    },
  }),
  main: (_conf, context) => new HealthChecks(context.generation),
  location: addCheck,
  activate: (checks: HealthChecks) => checks.start(),
  dispose: (checks: HealthChecks) => checks.stop(),
})

/** The checks of a generation. */
class HealthChecks {
  /** Part of what makes a check another one after a reload. */
  readonly generation: number
  readonly #groups = new Map<Upstream, GroupChecks>()

  constructor(generation: number) {
    this.generation = generation
  }

  of(group: Upstream, lockMemory: SharedArrayBuffer, context: LocationContext): GroupChecks {
    const known = this.#groups.get(group)
    if (known !== undefined) return known
    const made = new GroupChecks(group, lockMemory, context.services)
    this.#groups.set(group, made)
    return made
  }

  start(): void {
    for (const checks of this.#groups.values()) checks.start()
  }

  stop(): void {
    for (const checks of this.#groups.values()) checks.stop()
  }
}

interface CheckConf {
  readonly health_check: CheckOptions | undefined
  readonly match: Matches | undefined
}

/** Nothing is done for the location's requests: what it says goes to the group's checks. */
function addCheck(conf: CheckConf, context: LocationContext): undefined {
  const options = conf.health_check
  if (options === undefined) return
  const directive = context.directiveOf("health_check")
  const fail = (message: string): never => {
    if (directive === undefined) throw new Error(message)
    return context.blame(directive).fail(message)
  }
  const settings = context.location.of(proxy)
  if (settings === undefined) return fail('no "proxy_pass" in the location of "health_check"')
  const { group } = settings
  if (group === null) return fail('"health_check" cannot be used with variables in "proxy_pass"')
  const { lockMemory } = group
  if (lockMemory === null) return fail(`health checks require upstream "${settings.host}" in shared memory`)
  const match = matchOf(options, conf.match, fail)
  const all = context.main(healthCheck)
  const checks = all.of(group, lockMemory, context)
  if (checks.size === MAX_CHECKS)
    return fail(`upstream "${group.name}" has more than ${MAX_CHECKS} health checks`)
  const serverName = serverNameOf(context.scope)
  checks.add(planCheck(options, match, context.location, settings, group, serverName), {
    key: keyOf(options, all.generation),
    isMandatory: options.isMandatory,
  })
  return undefined
}

function matchOf(
  options: CheckOptions,
  matches: Matches | undefined,
  fail: (message: string) => never,
): Match {
  if (options.match === "") return ANY_SUCCESS
  const match = matches?.get(options.match)
  if (match === undefined) return fail(`unknown match "${options.match}"`)
  if (options.type === "websocket" && match.bodies.length > 0)
    return fail(`match "${match.name}" tests a body, which a WebSocket does not have`)
  return match
}

/** What is known of a peer goes over to the check of the same key after a reload: not with `mandatory` alone. */
function keyOf(options: CheckOptions, generation: number): number {
  const { type, uri, match, port, pings, isMandatory, isPersistent } = options
  const nonce = isMandatory && !isPersistent ? generation : 0
  return checkKey([type, uri, match, port, pings, nonce].join("\n"))
}

/** $server_name: the first name of the server around. */
function serverNameOf(scope: Scope): string {
  for (let level: Scope | null = scope; level !== null; level = level.parent) {
    const names = level.own.get("server_name")?.value as readonly (readonly WrittenName[])[] | undefined
    if (names !== undefined) return names[0]?.[0]?.text ?? ""
  }
  return ""
}

// --- the parameters

type Writable<T> = { -readonly [K in keyof T]: T[K] }

function parseHealthCheck(args: readonly string[], context: ValueContext): CheckOptions {
  const options: Writable<CheckOptions> = {
    intervalMs: 5000,
    jitterMs: 0,
    fails: 1,
    passes: 1,
    uri: "/",
    isMandatory: false,
    isPersistent: false,
    match: "",
    port: 0,
    type: "http",
    pings: false,
    keepaliveMs: 0,
  }
  for (const arg of args)
    if (!applyWord(arg, options) && !applyParameter(arg, options, context))
      context.fail(`invalid parameter "${arg}"`)
  if (options.isPersistent && !options.isMandatory) context.fail('"persistent" requires "mandatory"')
  if (options.pings && options.type !== "websocket") context.fail('"ping" requires "type=websocket"')
  if (options.keepaliveMs > 0 && options.type === "websocket")
    context.fail('"keepalive_time" cannot be used with "type=websocket"')
  return options
}

function applyWord(word: string, options: Writable<CheckOptions>): boolean {
  if (word === "mandatory") options.isMandatory = true
  else if (word === "persistent") options.isPersistent = true
  else if (word === "ping") options.pings = true
  else return false
  return true
}

function applyParameter(arg: string, options: Writable<CheckOptions>, context: ValueContext): boolean {
  const equals = arg.indexOf("=")
  if (equals === -1) return false
  const name = arg.slice(0, equals)
  const value = arg.slice(equals + 1)
  if (name === "interval") options.intervalMs = timeOf(arg, value, context, 1)
  else if (name === "jitter") options.jitterMs = timeOf(arg, value, context, 0)
  else if (name === "keepalive_time") options.keepaliveMs = timeOf(arg, value, context, 1)
  else if (name === "fails") options.fails = countOf(arg, value, context)
  else if (name === "passes") options.passes = countOf(arg, value, context)
  else if (name === "port") {
    options.port = countOf(arg, value, context)
    if (options.port > MAX_PORT) context.fail(`invalid port "${value}"`)
  } else if (name === "uri") {
    if (!/^\/[^\s]*$/.test(value)) context.fail(`invalid URI "${value}"`)
    options.uri = value
  } else if (name === "match") {
    if (value === "") return false
    options.match = value
  } else if (name === "type") applyType(value, options, context)
  else return false
  return true
}

function applyType(value: string, options: Writable<CheckOptions>, context: ValueContext): void {
  if (value === "grpc") context.fail('the "grpc" type of "health_check" is not supported by Holdfast')
  if (value !== "http" && value !== "websocket") return context.fail(`invalid type "${value}"`)
  options.type = value
}

function timeOf(arg: string, text: string, context: ValueContext, leastMs: number): number {
  const time = parseMilliseconds(text)
  return time === undefined || time < leastMs ? context.fail(`invalid parameter "${arg}"`) : time
}

function countOf(arg: string, text: string, context: ValueContext): number {
  return parseNumber(text) || context.fail(`invalid parameter "${arg}"`)
}
