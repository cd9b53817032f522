/**
 * set_real_ip_from, real_ip_header, real_ip_recursive: whom a request comes from, where a proxy that is trusted tells
 * it. ngx_http_realip_module. The server's rules are looked at first, those of the location before access is decided.
 */
import { type Network, parseNetwork } from "../base/cidr.ts"
import { directives, HTTP, LOCATION, SERVER, type ValueContext } from "../config/row.ts"
import { flag } from "../config/values.ts"
import type { Remote } from "../runtime/client.ts"
import { type BuildContext, defineModule } from "../runtime/module.ts"
import { NEXT, type PhaseResult } from "../runtime/phases.ts"
import type { Request } from "../runtime/request.ts"
import { portText, workerState } from "./core-variables.ts"
import { type ForwardedAddress, findForwarded, type TrustedProxies } from "./realip-forwarded.ts"

const ALL = HTTP | SERVER | LOCATION

/** All fields of the name, the last first. */
const FORWARDED_FOR = 0
/** The first field of the name. */
const FIELD = 1
const PROXY_PROTOCOL = 2

interface Source {
  readonly kind: number
  /** The field's name in lower case. */
  readonly key: string
}

/** One `set_real_ip_from`. */
interface WrittenProxy {
  /** Null for `unix:` and for a name. */
  readonly network: Network | null
  readonly isUnix: boolean
  /** A host name, or "". */
  readonly host: string
  readonly context: ValueContext
}

interface RealIp extends TrustedProxies {
  readonly source: Source
  readonly isRecursive: boolean
}

export const realip = defineModule({
  name: "realip",
  directives: directives({
    set_real_ip_from: {
      in: ALL,
      args: 1,
      list: parseProxy,
      syntax: "address | CIDR | unix:",
      doc: "A proxy that is trusted to tell whom a request comes from.",
    },
    real_ip_header: {
      in: ALL,
      args: 1,
      parse: parseSource,
      default: "X-Real-IP",
      syntax: "field | X-Real-IP | X-Forwarded-For | proxy_protocol",
      doc: "The field that tells the client's address, or `proxy_protocol`.",
    },
    real_ip_recursive: {
      in: ALL,
      value: flag,
      default: "off",
      doc: "Whether trusted proxies in the field are passed over: the last address that is not trusted counts.",
    },
  }),
  location: (conf, context): RealIp | undefined => {
    const written = conf.set_real_ip_from
    if (written.length === 0) return undefined
    return {
      networks: written.flatMap((proxy) => networksOf(proxy, context)),
      trustsUnix: written.some((proxy) => proxy.isUnix),
      source: conf.real_ip_header,
      isRecursive: conf.real_ip_recursive,
    }
  },
  phases: { serverRewrite: takeRealAddress, preaccess: takeRealAddress },
  variables: {
    names: {
      realip_remote_addr: (request) => request.client.address,
      realip_remote_port: (request) => portText(request.client.port),
    },
  },
})

function parseProxy(args: readonly string[], context: ValueContext): WrittenProxy {
  const text = args[0] as string
  if (text === "unix:") return { network: null, isUnix: true, host: "", context }
  const parsed = parseNetwork(text)
  if (parsed === undefined) {
    if (text === "" || text.includes("/")) context.fail(`host not found in set_real_ip_from "${text}"`)
    context.needAddress(text)
    return { network: null, isUnix: false, host: text, context }
  }
  if (parsed.hasLowBits) context.warn(`low address bits of ${text} are meaningless`)
  return { network: parsed.network, isUnix: false, host: "", context }
}

function networksOf({ network, host, context: written }: WrittenProxy, context: BuildContext): Network[] {
  if (network !== null) return [network]
  if (host === "") return []
  const addresses = context.services.addresses(host)
  if (addresses === undefined) return written.fail(`host not found in set_real_ip_from "${host}"`)
  return addresses.flatMap((address) => parseNetwork(address)?.network ?? [])
}

function parseSource(args: readonly string[]): Source {
  const text = args[0] as string
  if (text === "proxy_protocol") return { kind: PROXY_PROTOCOL, key: "" }
  // Written otherwise it is a field like any other, of which the first one counts.
  return { kind: text === "X-Forwarded-For" ? FORWARDED_FOR : FIELD, key: text.toLowerCase() }
}

function takeRealAddress(request: Request, conf: RealIp): PhaseResult {
  if (request.remote !== request.client) return NEXT
  const values = valuesOf(request, conf.source)
  if (values.length === 0) return NEXT
  const { client } = request
  const own = client.address === "unix:" ? null : workerState(request).addressOf(client)
  if (own === undefined) return NEXT
  const found = findForwarded(own, values, conf, conf.isRecursive)
  if (found !== undefined) request.remote = remoteOf(found, request, conf.source)
  return NEXT
}

const NO_VALUES: readonly string[] = []

/** In their order. */
function valuesOf({ headers, client }: Request, { kind, key }: Source): readonly string[] {
  if (kind === PROXY_PROTOCOL)
    return client.proxyHeader === null ? NO_VALUES : [client.proxyHeader.sourceAddress]
  const values: string[] = []
  const { keys } = headers
  for (let i = 0; i < keys.length; i++) {
    if (keys[i] !== key) continue
    values.push(headers.values[i] as string)
    if (kind === FIELD) break
  }
  return values
}

function remoteOf({ text, port }: ForwardedAddress, { client }: Request, { kind }: Source): Remote {
  return { address: text, port: kind === PROXY_PROTOCOL ? (client.proxyHeader?.sourcePort ?? 0) : port }
}
