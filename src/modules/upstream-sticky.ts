/** sticky: the requests of one client stay with one server. ngx_http_upstream_sticky_module. */
import { ANY, directives, UPSTREAM, type ValueContext } from "../config/row.ts"
import { parseMilliseconds, parseSize, parseWholeSeconds } from "../config/values.ts"
import type { BuildContext } from "../runtime/module.ts"
import { resolveVariable, template } from "../runtime/template.ts"
import type { VariableGetter } from "../runtime/variables.ts"
import { Sticky } from "../upstream/balancers/sticky.ts"
import { isSameSite, type StickyCookieOptions } from "../upstream/balancers/sticky-cookie.ts"
import { StickySessions } from "../upstream/balancers/sticky-sessions.ts"
import { sharedTable } from "../upstream/zone.ts"
import type { UpstreamGroups } from "./upstream-groups.ts"
import { addSticky, type WrittenLearning, type WrittenSticky } from "./upstream-method.ts"

const MIN_ZONE_BYTES = 8 * 4096
const DEFAULT_TIMEOUT_MS = 600_000

export const stickyRows = directives({
  sticky: {
    in: UPSTREAM,
    args: [2, ANY],
    parse: parseSticky,
    inherit: false,
    syntax:
      "cookie name [expires=time] [domain=domain] [httponly] [samesite=strict|lax|none|$variable] [secure] [path=path], or route $variable …, or learn create=$variable lookup=$variable zone=name:size [timeout=time] [header]",
    differs: "`sync` of `learn` is refused.",
    doc: "Binds clients to servers: by a `cookie` of the proxy's own, by a `route` that variables name, or by sessions that it learns from the servers' answers (`learn`; a session that begins with a tunnel is learnt with the 101).",
  },
})

function parseSticky(args: readonly string[], context: ValueContext): true {
  const [way, ...rest] = args
  if (way === "cookie") addSticky(parseCookie(rest, context), context)
  else if (way === "route")
    addSticky({ lookup: variables(rest, context), cookie: null, learning: null }, context)
  else if (way === "learn") addSticky(parseLearn(rest, context), context)
  else context.fail(`unknown parameter "${way}"`)
  return true
}

/** The variables that `texts` name, each with its dollar sign. */
function variables(texts: readonly string[], context: ValueContext): readonly VariableGetter[] {
  const getters: VariableGetter[] = []
  for (const text of texts) {
    if (!text.startsWith("$")) context.fail(`invalid variable name "${text}"`)
    addVariable(getters, text.slice(1), context)
  }
  return getters
}

/** Variables may be defined by later lines. */
function addVariable(getters: VariableGetter[], name: string, context: ValueContext): void {
  if (name === "") context.fail('invalid variable name "$"')
  context.onComplete(() => {
    getters.push(resolveVariable(name, context))
  })
}

type Writable<T> = { -readonly [Name in keyof T]: T[Name] }

function parseCookie(args: readonly string[], context: ValueContext): WrittenSticky {
  const name = args[0] as string
  if (name === "") context.failDirective("empty cookie name")
  const cookie: Writable<StickyCookieOptions> = {
    name,
    expires: undefined,
    domain: undefined,
    path: undefined,
    isHttpOnly: false,
    isSecure: false,
    sameSite: undefined,
  }
  for (const arg of args.slice(1)) applyCookieParameter(arg, cookie, context)
  const lookup: VariableGetter[] = []
  addVariable(lookup, `cookie_${name}`, context)
  return { lookup, cookie, learning: null }
}

function applyCookieParameter(
  arg: string,
  cookie: Writable<StickyCookieOptions>,
  context: ValueContext,
): void {
  const once = (parameter: string, isSet: boolean): void => {
    if (isSet) context.failDirective(`parameter "${parameter}" is duplicate`)
  }
  if (arg.startsWith("domain=")) {
    once("domain", cookie.domain !== undefined)
    if (arg === "domain=") context.failDirective('no value for "domain"')
    cookie.domain = template(arg.slice(7), context)
  } else if (arg.startsWith("path=")) {
    once("path", cookie.path !== undefined)
    if (arg === "path=") context.failDirective('no value for "path"')
    cookie.path = arg.slice(5)
  } else if (arg.startsWith("expires=")) {
    once("expires", cookie.expires !== undefined)
    cookie.expires = parseExpires(arg.slice(8), context)
  } else if (arg === "httponly") {
    once("httponly", cookie.isHttpOnly)
    cookie.isHttpOnly = true
  } else if (arg === "secure") {
    once("secure", cookie.isSecure)
    cookie.isSecure = true
  } else if (arg.startsWith("samesite=")) {
    once("samesite", cookie.sameSite !== undefined)
    cookie.sameSite = template(arg.slice(9), context)
    const { constant } = cookie.sameSite
    if (constant !== undefined && !isSameSite(constant))
      context.failDirective('invalid "samesite" parameter value')
  } else context.fail(`unknown parameter "${arg}"`)
}

function parseExpires(text: string, context: ValueContext): number | "max" {
  if (text === "max") return "max"
  const ms = parseWholeSeconds(text)
  return ms === undefined ? context.failDirective('invalid "expires" parameter value') : ms / 1000
}

function parseLearn(args: readonly string[], context: ValueContext): WrittenSticky {
  const create: VariableGetter[] = []
  const lookup: VariableGetter[] = []
  let [hasCreate, hasLookup, afterHead] = [false, false, false]
  let zone: { name: string; sizeBytes: number } | undefined
  let timeoutMs: number | undefined
  for (const arg of args) {
    if (arg.startsWith("zone=")) {
      if (zone !== undefined) context.failDirective("duplicate zone")
      zone = parseZone(arg.slice(5), context)
    } else if (arg.startsWith("timeout=")) {
      if (timeoutMs !== undefined) context.failDirective("duplicate timeout")
      timeoutMs = parseMilliseconds(arg.slice(8)) || context.failDirective("invalid timeout")
    } else if (arg.startsWith("create=")) {
      addVariable(create, variableOf(arg, "create", context), context)
      hasCreate = true
    } else if (arg.startsWith("lookup=")) {
      addVariable(lookup, variableOf(arg, "lookup", context), context)
      hasLookup = true
    } else if (arg === "header") afterHead = true
    else if (arg === "sync")
      context.fail('the "sync" parameter of "sticky learn" is not supported by Holdfast')
    else context.fail(`unknown parameter "${arg}"`)
  }
  if (!hasLookup) context.failDirective('"lookup" parameter is not specified')
  if (!hasCreate) context.failDirective('"create" parameter is not specified')
  if (zone === undefined) return context.failDirective('"zone" parameter is not specified')
  claimZone(zone.name, context)
  const learning: WrittenLearning = {
    create,
    zone: zone.name,
    sizeBytes: zone.sizeBytes,
    timeoutMs: timeoutMs ?? DEFAULT_TIMEOUT_MS,
    afterHead,
    context,
  }
  return { lookup, cookie: null, learning }
}

function variableOf(arg: string, parameter: string, context: ValueContext): string {
  const text = arg.slice(parameter.length + 1)
  if (!text.startsWith("$")) context.failDirective(`missing variable in the "${parameter}" parameter`)
  return text.slice(1)
}

function parseZone(text: string, context: ValueContext): { name: string; sizeBytes: number } {
  const colon = text.indexOf(":")
  if (colon === -1) context.failDirective("zone size is not specified")
  if (colon === 0) context.failDirective("zone name is not specified")
  const sizeBytes = parseSize(text.slice(colon + 1)) ?? context.failDirective("invalid zone size")
  if (sizeBytes < MIN_ZONE_BYTES) context.failDirective("zone is too small")
  return { name: text.slice(0, colon), sizeBytes }
}

const ZONES = Symbol("sticky zones")

/** A zone belongs to one group. */
function claimZone(name: string, context: ValueContext): void {
  const zones = context.note(ZONES, () => new Map<string, string>())
  const owner = zones.get(name)
  if (owner !== undefined) context.fail(`sticky zone "${name}" is already used in upstream "${owner}"`)
  zones.set(name, context.scope.directive?.args[0]?.text ?? "")
}

/** Makes what `written` says for `group`. `previous`: the groups of the generation before, which zones belong to. */
export function buildSticky(
  written: WrittenSticky,
  group: string,
  previous: UpstreamGroups | undefined,
  context: BuildContext,
): Sticky {
  const { lookup, cookie, learning } = written
  if (learning === null) return new Sticky({ lookup, cookie, learning, memoryNames: [] })
  const { zone, sizeBytes, timeoutMs, create, afterHead } = learning
  const owner = previous?.stickyOwner(zone, sizeBytes)
  if (owner !== undefined && owner !== group)
    learning.context.fail(
      `sticky zone "${zone}" is used in upstream "${group}" while previously it was used in upstream "${owner}"`,
    )
  const table = sharedTable(zone, sizeBytes, (name, bytes) => context.services.sharedMemory(name, bytes))
  const sessions = new StickySessions(table, timeoutMs)
  return new Sticky({
    lookup,
    cookie,
    learning: { create, sessions, afterHead, zone, log: context.mainLog },
    memoryNames: table.names,
  })
}
