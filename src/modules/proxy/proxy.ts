/** proxy_pass and its family. ngx_http_proxy_module. */

import { isIPv4, isIPv6 } from "node:net"
import { ERROR } from "../../base/logger.ts"
import { defineModule } from "../../runtime/module.ts"
import { DONE, type PhaseResult } from "../../runtime/phases.ts"
import type { Request } from "../../runtime/request.ts"
import { tcpAddress, unixAddress } from "../../upstream/peer.ts"
import type { Upstream } from "../../upstream/upstream.ts"
import { impliedGroup, parseUpstreamAddress, type WrittenAddress } from "../upstream.ts"
import { proxyDirectives } from "./directives.ts"
import { forwardedFor } from "./forwarded-for.ts"
import { ProxiedRequest } from "./proxied-request.ts"
import { splitUrl } from "./proxy-pass.ts"
import { RequestBody } from "./request-body.ts"
import { originalTarget, upstreamMethod, upstreamUri } from "./request-head.ts"
import { compileProxy, type ProxySettings } from "./settings.ts"

const TARGET = Symbol("proxy target")

export const proxy = defineModule({
  name: "proxy",
  directives: proxyDirectives,
  location: compileProxy,
  phases: { content: passToUpstream },
  variables: {
    names: {
      proxy_host: (request) => targetOf(request)?.host,
      proxy_port: (request) => targetOf(request)?.port,
      proxy_add_x_forwarded_for: forwardedFor,
      request_body: keptBody,
    },
  },
})

/** $request_body: where the body was read into memory and is still there. */
function keptBody(request: Request): string | undefined {
  const body = request.note<RequestBody>(RequestBody)
  return body?.isRepeatable === true ? body.whole().toString("latin1") : undefined
}

interface NamedTarget {
  readonly host: string
  readonly port: string
}

function targetOf(request: Request): NamedTarget | undefined {
  return request.note<NamedTarget>(TARGET) ?? request.location.of(proxy)
}

function passToUpstream(request: Request, settings: ProxySettings): PhaseResult {
  if (settings.group === null) return passByVariables(request, settings)
  const { scheme, host } = settings
  const target = {
    method: upstreamMethod(request, settings),
    scheme,
    host,
    uri: upstreamUri(request, settings),
  }
  new ProxiedRequest(request, settings, target, settings.group).start()
  return DONE
}

/** proxy_pass with variables: the URL is known now. ngx_http_proxy_eval. */
function passByVariables(request: Request, settings: ProxySettings): PhaseResult {
  const url = settings.url?.evaluate(request) ?? ""
  const split = splitUrl(url)
  if (split === undefined) {
    request.log(ERROR, `invalid URL prefix in "${url}"`)
    return 500
  }
  const defaultPort = split.scheme === "https" ? 443 : 80
  const address = parseUpstreamAddress(split.host, defaultPort)
  if (typeof address === "string") {
    request.log(ERROR, `${address} in upstream "${split.host}"`)
    return 500
  }
  const port = address.path === "" ? String(address.port) : ""
  const host = address.path === "" ? split.host : "localhost"
  request.setNote(TARGET, { host, port })
  const group = settings.groups.get(split.host) ?? literalGroup(split.host, address, settings)
  if (group === undefined) {
    request.log(ERROR, `no resolver defined to resolve ${address.host}`)
    return 502
  }
  const uri = split.uri ?? (request.isUriChanged ? upstreamUri(request, settings) : originalTarget(request))
  const target = { method: upstreamMethod(request, settings), scheme: split.scheme, host, uri }
  new ProxiedRequest(request, settings, target, group).start()
  return DONE
}

/** An address needs no resolver; its group is made for the request. Undefined for a name. */
function literalGroup(name: string, address: WrittenAddress, settings: ProxySettings): Upstream | undefined {
  const implied = settings.groups.get(`${name}|${address.port}`)
  if (implied !== undefined) return implied
  if (address.path !== "") return impliedGroup(name, [unixAddress(address.path)])
  if (!isIPv4(address.host) && !isIPv6(address.host)) return undefined
  return impliedGroup(name, [tcpAddress(address.host, address.port)])
}
