/** The additional fields (type, length, value) of the PROXY protocol's version 2. ngx_proxy_protocol_get_tlv. */

/** Which field a name stands for. */
export interface TlvName {
  readonly type: number
  /** It lies inside the field PP2_TYPE_SSL. */
  readonly isInSsl: boolean
  /** The result of the client certificate's verification, which PP2_TYPE_SSL begins with. */
  readonly isVerify: boolean
}

/** The fields are cut short somewhere. */
export const TLV_BROKEN = Symbol("broken TLV")

const TYPE_SSL = 0x20
const TYPES: Readonly<Record<string, number | undefined>> = {
  alpn: 0x01,
  authority: 0x02,
  unique_id: 0x05,
  ssl: TYPE_SSL,
  netns: 0x30,
}
const SSL_TYPES: Readonly<Record<string, number | undefined>> = {
  version: 0x21,
  cn: 0x22,
  cipher: 0x23,
  sig_alg: 0x24,
  key_alg: 0x25,
}
/** What stands before a field's value: type and length; before the fields inside of PP2_TYPE_SSL: flags and result. */
const TLV_HEAD_BYTES = 3
const SSL_HEAD_BYTES = 5

/** The field of a name such as `alpn`, `ssl_cn`, `0xea`; undefined for one that is not known. */
export function tlvOfName(name: string): TlvName | undefined {
  const isInSsl = name.startsWith("ssl_")
  const rest = isInSsl ? name.slice("ssl_".length) : name
  if (isInSsl && rest === "verify") return { type: TYPE_SSL, isInSsl: false, isVerify: true }
  if (/^0x[0-9a-f]+$/i.test(rest)) return { type: Number(rest), isInSsl, isVerify: false }
  const types = isInSsl ? SSL_TYPES : TYPES
  const type = Object.hasOwn(types, rest) ? types[rest] : undefined
  return type === undefined ? undefined : { type, isInSsl, isVerify: false }
}

/** The value as latin1; undefined where there is none. */
export function findTlv(tlvs: Buffer | null, name: TlvName): string | typeof TLV_BROKEN | undefined {
  if (tlvs === null) return undefined
  if (!name.isInSsl && !name.isVerify) return textOf(lookUp(tlvs, name.type))
  const ssl = lookUp(tlvs, TYPE_SSL)
  if (ssl === undefined || ssl === TLV_BROKEN) return ssl
  if (ssl.length < SSL_HEAD_BYTES) return undefined
  if (name.isVerify) return String(ssl.readUInt32BE(1))
  return textOf(lookUp(ssl.subarray(SSL_HEAD_BYTES), name.type))
}

function textOf(value: Buffer | typeof TLV_BROKEN | undefined): string | typeof TLV_BROKEN | undefined {
  return typeof value === "object" ? value.toString("latin1") : value
}

function lookUp(tlvs: Buffer, type: number): Buffer | typeof TLV_BROKEN | undefined {
  let at = 0
  while (at < tlvs.length) {
    if (tlvs.length - at < TLV_HEAD_BYTES) return TLV_BROKEN
    const start = at + TLV_HEAD_BYTES
    const end = start + tlvs.readUInt16BE(at + 1)
    if (end > tlvs.length) return TLV_BROKEN
    if (tlvs[at] === type) return tlvs.subarray(start, end)
    at = end
  }
  return undefined
}
