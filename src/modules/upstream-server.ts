/** The `server` lines of an `upstream` block, and addresses to connect to. ngx_http_upstream_server. */
import { isIPv4, isIPv6 } from "node:net"
import { type AddressFault, parseAddress } from "../config/address.ts"
import type { ValueContext } from "../config/row.ts"
import { parseMilliseconds, parseNumber, parseWholeSeconds } from "../config/values.ts"
import type { BuildContext } from "../runtime/module.ts"
import { MAX_SID_BYTES } from "../upstream/balancers/sticky-sessions.ts"
import { type PeerAddress, type PeerOptions, tcpAddress, unixAddress } from "../upstream/peer.ts"
import { methodOf } from "./upstream-method.ts"

/** A place to connect to, as written: its addresses are known once names are resolved. */
export interface WrittenAddress {
  readonly text: string
  /** A name or an address without brackets; "" for a unix socket. */
  readonly host: string
  readonly port: number
  /** Whether the port was written. */
  readonly hasPort: boolean
  /** The unix socket's path, or "". */
  readonly path: string
}

/** Reads `host[:port]`, `[v6][:port]` or `unix:path`; a text tells what is wrong. ngx_parse_url. */
export function parseUpstreamAddress(text: string, defaultPort: number): WrittenAddress | AddressFault {
  const found = parseAddress(text, { defaultPort })
  if (typeof found === "string") return found
  const { host, port, hasPort, path } = found
  return { text, host, port, hasPort, path }
}

/** The addresses of `written`. Undefined when its name has none. */
export function resolveWritten(written: WrittenAddress, context: BuildContext): PeerAddress[] | undefined {
  if (written.path !== "") return [unixAddress(written.path)]
  if (isIPv4(written.host) || isIPv6(written.host)) return [tcpAddress(written.host, written.port)]
  return context.services.addresses(written.host)?.map((host) => tcpAddress(host, written.port))
}

/** Asks for the resolution of a name, where `written` is one. */
export function needAddress(written: WrittenAddress, context: ValueContext): void {
  if (written.host !== "" && !isIPv4(written.host) && !isIPv6(written.host)) context.needAddress(written.host)
}

export type ServerParameters = Omit<PeerOptions, "address" | "server">

/** One `server` line. */
export interface WrittenServer {
  readonly address: WrittenAddress
  readonly parameters: ServerParameters
  /** `resolve`: the address is a name whose addresses are found at run time. */
  readonly isResolved: boolean
  /** `service`; "" where it has none. */
  readonly service: string
  readonly context: ValueContext
}

export function parseServer(args: readonly string[], context: ValueContext): WrittenServer {
  const text = args[0] as string
  const parameters: ServerParameters = {
    weight: 1,
    maxConns: 0,
    maxFails: 1,
    failTimeoutMs: 10_000,
    backup: false,
    down: false,
  }
  const words = readResolveWords(args.slice(1), context)
  for (const arg of words.others)
    if (!applyWord(arg, parameters, context) && !applyParameter(arg, parameters, context))
      context.fail(`invalid parameter "${arg}"`)
  const { service } = words
  if (service !== "" && !words.isResolved)
    context.fail(`service upstream "${text}" requires "resolve" parameter`)
  const address = parseUpstreamAddress(text, 80)
  if (typeof address === "string") return context.fail(`${address} in upstream "${text}"`)
  const isName = address.path === "" && !isIPv4(address.host) && !isIPv6(address.host)
  if (service !== "" && address.hasPort) context.fail(`service upstream "${text}" may not have port`)
  if (service !== "" && !isName) context.fail(`service upstream "${text}" requires domain name`)
  const isResolved = words.isResolved && isName
  if (!isResolved) needAddress(address, context)
  return { address, parameters, isResolved, service, context }
}

interface ResolveWords {
  isResolved: boolean
  service: string
  readonly others: string[]
}

function readResolveWords(args: readonly string[], context: ValueContext): ResolveWords {
  const words: ResolveWords = { isResolved: false, service: "", others: [] }
  for (const arg of args)
    if (arg === "resolve") words.isResolved = true
    else if (arg.startsWith("service=")) {
      words.service = arg.slice("service=".length)
      if (words.service === "") context.fail("service is empty")
    } else words.others.push(arg)
  return words
}

function applyWord(word: string, parameters: ServerParameters, context: ValueContext): boolean {
  if (word === "backup") {
    // As in nginx, a method that stands below does not see it.
    if (!methodOf(context.scope).takesBackups)
      context.fail('balancing method does not support parameter "backup"')
    parameters.backup = true
  } else if (word === "down" || word === "drain") {
    // The last of the two counts.
    parameters.down = word === "down"
    parameters.draining = word === "drain"
  } else return false
  return true
}

function applyParameter(arg: string, parameters: ServerParameters, context: ValueContext): boolean {
  const equals = arg.indexOf("=")
  const name = equals === -1 ? arg : arg.slice(0, equals)
  if (equals === -1) return false
  const value = arg.slice(equals + 1)
  if (name === "route") {
    if (value === "") context.fail("route is empty")
    if (value.length > MAX_SID_BYTES) context.fail(`route is longer than ${MAX_SID_BYTES}`)
    parameters.route = value
    return true
  }
  if (name === "slow_start") {
    // As with "backup", a method that stands below does not see it.
    if (!methodOf(context.scope).takesSlowStart)
      context.fail(`balancing method does not support parameter "${arg}"`)
    const time = parseMilliseconds(value)
    if (time === undefined) return false
    parameters.slowStartMs = time
    return true
  }
  if (name === "fail_timeout") {
    const timeout = parseWholeSeconds(value)
    if (timeout === undefined) return false
    parameters.failTimeoutMs = timeout
    return true
  }
  const count = parseNumber(value)
  if (name === "weight" && count) parameters.weight = count
  else if (name === "max_fails" && count !== undefined) parameters.maxFails = count
  else if (name === "max_conns" && count !== undefined) parameters.maxConns = count
  else return false
  return true
}
