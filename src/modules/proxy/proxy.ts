/** proxy_pass and its family. ngx_http_proxy_module. */

import { isIPv4, isIPv6 } from "node:net"
import { ERROR } from "../../base/logger.ts"
import type { Location } from "../../runtime/location.ts"
import { defineModule } from "../../runtime/module.ts"
import { DONE, type PhaseResult } from "../../runtime/phases.ts"
import type { Request } from "../../runtime/request.ts"
import { tcpAddress, unixAddress } from "../../upstream/peer.ts"
import type { Upstream } from "../../upstream/upstream.ts"
import { resolverModule } from "../resolver.ts"
import { impliedGroup, parseUpstreamAddress, type WrittenAddress } from "../upstream.ts"
import { proxyDirectives } from "./directives.ts"
import { forwardedFor } from "./forwarded-for.ts"
import { NameLookup } from "./name-lookup.ts"
import type { GroupLookup } from "./peer-lease.ts"
import { ProxiedRequest } from "./proxied-request.ts"
import { splitUrl } from "./proxy-pass.ts"
import { requestBodyText } from "./request-body.ts"
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
      request_body: requestBodyText,
    },
    changeable: ["proxy_host", "proxy_port"],
  },
})

interface NamedTarget {
  /** Where it was named: an internal redirect may lead to another one. */
  readonly location: Location
  readonly host: string
  readonly port: string
}

function targetOf(request: Request): Pick<NamedTarget, "host" | "port"> | undefined {
  const named = request.note<NamedTarget>(TARGET)
  return named?.location === request.location ? named : request.location.of(proxy)
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
  // Here nginx wants something behind the slashes, where it reads the URL of a file it does not.
  if (split === undefined || url.length === split.scheme.length + 3) {
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
  request.setNote(TARGET, { location: request.location, host, port })
  const group = settings.groups.get(split.host) ?? groupOf(request, split.host, address, settings)
  const uri = split.uri ?? (request.isUriChanged ? upstreamUri(request, settings) : originalTarget(request))
  const target = { method: upstreamMethod(request, settings), scheme: split.scheme, host, uri }
  new ProxiedRequest(request, settings, target, group).start()
  return DONE
}

/** What is no `upstream` block: its group is made for the request. */
function groupOf(
  request: Request,
  name: string,
  address: WrittenAddress,
  settings: ProxySettings,
): Upstream | GroupLookup {
  const implied = settings.groups.get(`${name}|${address.port}`)
  if (implied !== undefined) return implied
  if (address.path !== "") return impliedGroup(name, [unixAddress(address.path)])
  if (isIPv4(address.host) || isIPv6(address.host))
    return impliedGroup(name, [tcpAddress(address.host, address.port)])
  return new NameLookup(request, address, request.location.of(resolverModule))
}
