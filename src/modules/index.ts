/** All modules, in the order in which handlers of one phase and header filters run. */
import type { Module } from "../runtime/module.ts"
import { access } from "./access.ts"
import { accessLog } from "./access-log.ts"
import { satisfy } from "./access-satisfy.ts"
import { authBasic } from "./auth-basic.ts"
import { authDelay } from "./auth-delay.ts"
import { authRequest } from "./auth-request.ts"
import { autoindex } from "./autoindex.ts"
import { charset } from "./charset.ts"
import { core } from "./core/core.ts"
import { coreVariables } from "./core-variables.ts"
import { emptyGif } from "./empty-gif.ts"
import { errorLog } from "./error-log.ts"
import { expires } from "./expires.ts"
import { geo } from "./geo.ts"
import { gunzip } from "./gunzip.ts"
import { gzip } from "./gzip/gzip.ts"
import { gzipClient } from "./gzip/gzip-client.ts"
import { gzipStatic } from "./gzip-static.ts"
import { handshakes } from "./handshakes.ts"
import { headers } from "./headers.ts"
import { healthCheck } from "./health-check/health-check.ts"
import { http2 } from "./http2.ts"
import { indexFile } from "./index-file.ts"
import { limitConn } from "./limit-conn/limit-conn.ts"
import { limitExcept } from "./limit-except.ts"
import { limitRate, limitRateStart } from "./limit-rate/limit-rate.ts"
import { limitReq } from "./limit-req/limit-req.ts"
import { map } from "./map.ts"
import { mirror } from "./mirror.ts"
import { proxy } from "./proxy/proxy.ts"
import { proxyProtocol } from "./proxy-protocol.ts"
import { proxySsl } from "./proxy-ssl.ts"
import { realip } from "./realip.ts"
import { referer } from "./referer.ts"
import { resolverModule } from "./resolver.ts"
import { rewrite } from "./rewrite/rewrite.ts"
import { splitClients } from "./split-clients.ts"
import { ssl } from "./ssl.ts"
import { staticFiles } from "./static/static.ts"
import { stubStatus } from "./stub-status.ts"
import { trailers } from "./trailers.ts"
import { tryFiles } from "./try-files.ts"
import { upstreamModule } from "./upstream.ts"
import { upstreamVariables } from "./upstream-variables.ts"
import { websocket } from "./websocket.ts"

export type AnyModule = Module<unknown, unknown>

/** A fresh list with each module's index set; modules themselves hold no state but that. */
export const MODULES: readonly AnyModule[] = numbered([
  core,
  errorLog,
  resolverModule,
  upstreamModule,
  http2,
  ssl,
  proxySsl,
  proxyProtocol,
  realip,
  limitRate,
  limitRateStart,
  limitExcept,
  rewrite,
  limitReq,
  limitConn,
  access,
  authBasic,
  authRequest,
  authDelay,
  satisfy,
  tryFiles,
  mirror,
  stubStatus,
  emptyGif,
  websocket,
  proxy,
  healthCheck,
  indexFile,
  autoindex,
  gzipStatic,
  staticFiles,
  expires,
  headers,
  trailers,
  referer,
  gzipClient,
  gunzip,
  gzip,
  charset,
  handshakes,
  accessLog,
  coreVariables,
  upstreamVariables,
  map,
  geo,
  splitClients,
] as unknown as AnyModule[])

function numbered(modules: AnyModule[]): readonly AnyModule[] {
  modules.forEach((module, index) => {
    module.index = index
  })
  return modules
}
