/** proxy_bind: the address that connections to upstreams are made from. ngx_http_upstream_bind_set_slot. */
import { isIP, isIPv6 } from "node:net"
import { ERROR } from "../../base/logger.ts"
import type { ValueContext } from "../../config/row.ts"
import { parseNumber } from "../../config/values.ts"
import type { Request } from "../../runtime/request.ts"
import { type Template, template } from "../../runtime/template.ts"
import type { LocalAddress } from "../../upstream/connection.ts"

const MAX_PORT = 65_535

/** What `proxy_bind` says; undefined for `off`. */
export interface ProxyBind {
  readonly text: Template
  /** Where no variable is in it. */
  readonly fixed: LocalAddress | null
}

/** Parser of the row. */
export function parseBind(args: readonly string[], context: ValueContext): ProxyBind | undefined {
  const [address = "", parameter] = args
  if (args.length === 1 && address === "off") return undefined
  const text = template(address, context)
  const fixed = text.constant === undefined ? null : parseLocalAddress(address)
  if (fixed === undefined) return context.fail(`invalid address "${address}"`)
  if (parameter === "transparent")
    context.fail(
      `"${context.directive.name} ${address} transparent" is not supported by Holdfast: Node.js cannot set IP_TRANSPARENT; pass the client's address on in a header field, or by the PROXY protocol`,
    )
  if (parameter !== undefined) context.fail(`invalid parameter "${parameter}"`)
  return { text, fixed }
}

/** An address with or without a port; one of IPv6 has brackets where it has a port. ngx_parse_addr_port. */
export function parseLocalAddress(text: string): LocalAddress | undefined {
  if (isIP(text) !== 0) return { name: text, address: text, port: 0 }
  const colon = text.lastIndexOf(":")
  const port = parseNumber(text.slice(colon + 1)) ?? 0
  if (colon === -1 || port < 1 || port > MAX_PORT) return undefined
  const host = text.slice(0, colon)
  const isBracketed = host.startsWith("[") && host.endsWith("]")
  const address = isBracketed ? host.slice(1, -1) : host
  if (isIP(address) === 0 || isIPv6(address) !== isBracketed) return undefined
  return { name: text, address, port }
}

/** The address for `request`; null for the system's choice. Found once a request. ngx_http_upstream_set_local. */
export function localAddressOf(request: Request, bind: ProxyBind | null): LocalAddress | null {
  if (bind === null || bind.fixed !== null) return bind === null ? null : bind.fixed
  const known = request.note<LocalAddress | null>(bind)
  if (known !== undefined) return known
  const text = bind.text.evaluate(request)
  const found = text === "" ? null : (parseLocalAddress(text) ?? null)
  if (found === null && text !== "") request.log(ERROR, `invalid local address "${text}"`)
  request.setNote(bind, found)
  return found
}
