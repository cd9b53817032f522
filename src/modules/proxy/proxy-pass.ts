/** `proxy_pass`: where to. ngx_http_proxy_pass, ngx_parse_url. */
import { LOCATION, type ValueContext } from "../../config/row.ts"
import { type Template, template } from "../../runtime/template.ts"
import { groupNames, needAddress, parseUpstreamAddress, type WrittenAddress } from "../upstream.ts"

/** The argument of `proxy_pass`, read. */
export interface ProxyPass {
  readonly scheme: "http" | "https"
  /** The whole URL where variables are in it; null where it is fixed. */
  readonly url: Template | null
  /** "127.0.0.1:3000", "ws_backend": $proxy_host, and the group's name. "" with variables. */
  readonly host: string
  readonly address: WrittenAddress | null
  /** What replaces the location's part of the URI; undefined: the URI goes as it is. */
  readonly uri: string | undefined
  readonly context: ValueContext
}

/** Reads a URL whose variables are resolved: undefined where it is none. */
export function splitUrl(
  url: string,
): { scheme: "http" | "https"; host: string; uri: string | undefined } | undefined {
  const lower = url.slice(0, 8).toLowerCase()
  const scheme = lower.startsWith("http://") ? "http" : lower.startsWith("https://") ? "https" : undefined
  if (scheme === undefined) return undefined
  const rest = url.slice(scheme.length + 3)
  const end = rest.startsWith("unix:") ? endOfUnixPath(rest) : endOfHost(rest)
  const host = rest.slice(0, end)
  if (end === rest.length) return { scheme, host, uri: undefined }
  // `http://unix:/path:/uri`: the colon belongs to neither.
  const uri = rest.slice(rest[end] === ":" ? end + 1 : end)
  return { scheme, host, uri: uri.startsWith("?") ? `/${uri}` : uri }
}

function endOfHost(rest: string): number {
  for (let i = 0; i < rest.length; i++) if (rest[i] === "/" || rest[i] === "?") return i
  return rest.length
}

function endOfUnixPath(rest: string): number {
  const colon = rest.indexOf(":", "unix:".length)
  return colon === -1 ? rest.length : colon
}

export function parseProxyPass(args: readonly string[], context: ValueContext): ProxyPass {
  const text = args[0] as string
  if (text.includes("$"))
    return { scheme: "http", url: template(text, context), host: "", address: null, uri: undefined, context }
  const split = splitUrl(text)
  if (split === undefined) return context.fail("invalid URL prefix")
  const address = parseUpstreamAddress(split.host, split.scheme === "https" ? 443 : 80)
  if (typeof address === "string")
    return context.fail(`${address} in upstream "${text.slice(split.scheme.length + 3)}"`)
  if (split.uri !== undefined) refuseUriPart(context)
  if (address.path === "") needAddressUnlessGroup(address, context)
  return { scheme: split.scheme, url: null, host: split.host, address, uri: split.uri, context }
}

/** A name of an `upstream` block is no host name; blocks may come later in the file. */
function needAddressUnlessGroup(address: WrittenAddress, context: ValueContext): void {
  context.onComplete(() => {
    if (!groupNames(context).has(address.text)) needAddress(address, context)
  })
}

function refuseUriPart(context: ValueContext): void {
  const { scope } = context
  const first = scope.directive?.args[0]?.text ?? ""
  const isPlain = scope.context === LOCATION && !first.startsWith("~") && !first.startsWith("@")
  if (isPlain) return
  context.fail(
    '"proxy_pass" cannot have URI part in location given by regular expression, or inside named location, or inside "if" statement, or inside "limit_except" block',
  )
}
