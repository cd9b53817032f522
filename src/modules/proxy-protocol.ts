/** `$proxy_protocol_…`: what the PROXY protocol has told of the connection. ngx_http_variable_proxy_protocol_addr. */
import { ERROR } from "../base/logger.ts"
import { directives } from "../config/row.ts"
import { findTlv, TLV_BROKEN, tlvOfName } from "../http/proxy-protocol-tlv.ts"
import { defineModule } from "../runtime/module.ts"
import type { VariableGetter } from "../runtime/variables.ts"
import { portText } from "./core-variables.ts"

export const proxyProtocol = defineModule({
  name: "proxy_protocol",
  directives: directives({}),
  variables: {
    names: {
      proxy_protocol_addr: ({ client }) => client.proxyHeader?.sourceAddress,
      proxy_protocol_port: ({ client }) =>
        client.proxyHeader === null ? undefined : portText(client.proxyHeader.sourcePort),
      proxy_protocol_server_addr: ({ client }) => client.proxyHeader?.destinationAddress,
      proxy_protocol_server_port: ({ client }) =>
        client.proxyHeader === null ? undefined : portText(client.proxyHeader.destinationPort),
    },
    families: { proxy_protocol_tlv_: tlvGetter },
  },
})

function tlvGetter(name: string): VariableGetter {
  const known = tlvOfName(name)
  return (request) => {
    const header = request.client.proxyHeader
    if (header === null) return undefined
    if (known === undefined) {
      request.log(ERROR, `unknown PROXY protocol TLV "${name}"`)
      return undefined
    }
    const value = findTlv(header.tlvs, known)
    if (value !== TLV_BROKEN) return value
    request.log(ERROR, "broken PROXY protocol TLV")
    return undefined
  }
}
