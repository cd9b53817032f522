/** Addresses in X-Forwarded-For and its like, from the last to the first. ngx_http_get_forwarded_addr. */
import { type IpAddress, type Network, parseIpAddress } from "../base/cidr.ts"
import { formatIpAddress } from "../base/ip-text.ts"
import { parseNumber } from "../config/values.ts"

/** Whose word is taken. */
export interface TrustedProxies {
  readonly networks: readonly Network[]
  readonly trustsUnix: boolean
}

/** An address that stood in a field. */
export interface ForwardedAddress {
  readonly address: IpAddress
  /** As nginx writes it. */
  readonly text: string
  /** 0 where none stood there. */
  readonly port: number
}

/**
 * Whom a request that came from `own` (null: a unix socket) comes from by `values`, the fields in their order: the
 * last address of the last one; with `isRecursive`, the last that is not itself trusted. Undefined where `own` is not
 * trusted, or nothing readable stands there.
 */
export function findForwarded(
  own: IpAddress | null,
  values: readonly string[],
  proxies: TrustedProxies,
  isRecursive: boolean,
): ForwardedAddress | undefined {
  let current = own
  let found: ForwardedAddress | undefined
  for (let i = values.length - 1; i >= 0; i--) {
    const value = values[i] as string
    let end = value.length
    let start: number
    do {
      if (!isTrusted(current, proxies)) return found
      while (end > 1 && isSeparator(value, end - 1)) end--
      start = startOfLast(value, end)
      const next = parseForwarded(value.slice(start, end))
      if (next === undefined) return found
      found = next
      current = next.address
      end = start - 1
    } while (isRecursive && start > 0)
    if (!isRecursive) return found
  }
  return found
}

/** Where the last part of `text` before `end` begins. As in nginx, a separator at the very start is none. */
function startOfLast(text: string, end: number): number {
  let at = end - 1
  while (at > 0 && !isSeparator(text, at)) at--
  return at > 0 ? at + 1 : 0
}

function isSeparator(text: string, at: number): boolean {
  const code = text.charCodeAt(at)
  return code === 32 || code === 44
}

/** An IPv4 address in IPv6 form counts as IPv4. ngx_cidr_match. */
function isTrusted(address: IpAddress | null, { networks, trustsUnix }: TrustedProxies): boolean {
  if (address === null) return trustsUnix
  const plain = address.unmapped()
  for (let i = 0; i < networks.length; i++) if ((networks[i] as Network).contains(plain)) return true
  return false
}

const MAX_PORT = 65_535

/** `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]:80`; undefined for anything else. ngx_parse_addr_port. */
export function parseForwarded(text: string): ForwardedAddress | undefined {
  if (text.includes("%")) return undefined
  const whole = parseIpAddress(text)
  if (whole !== undefined) return { address: whole, text: formatIpAddress(whole), port: 0 }
  const isBracketed = text.startsWith("[")
  const hostEnd = isBracketed ? text.indexOf("]") : text.indexOf(":")
  if (hostEnd === -1) return undefined
  const colon = isBracketed ? hostEnd + 1 : hostEnd
  if (text[colon] !== ":") return undefined
  const port = parseNumber(text.slice(colon + 1))
  if (port === undefined || port < 1 || port > MAX_PORT) return undefined
  const address = parseIpAddress(text.slice(isBracketed ? 1 : 0, hostEnd))
  return address === undefined ? undefined : { address, text: formatIpAddress(address), port }
}
