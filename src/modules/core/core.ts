/** ngx_http_core_module: the settings that the engine itself reads, for each server and location. */
import type { Conf } from "../../config/row.ts"
import type { CoreSettings, ErrorPage } from "../../runtime/location.ts"
import { defineModule, type Module } from "../../runtime/module.ts"
import { documentVariables } from "./document-root.ts"
import { httpDirectives, type WrittenErrorPage } from "./http-directives.ts"

const DEFAULT_TYPES: ReadonlyMap<string, string> = new Map([
  ["html", "text/html"],
  ["gif", "image/gif"],
  ["jpg", "image/jpeg"],
])

type CoreConf = Conf<typeof httpDirectives>

/** Levels that say nothing of their own have one configuration, and one object of settings made of it. */
type SharedSettings = WeakMap<CoreConf, CoreSettings>

export const core: Module<CoreSettings, SharedSettings> = defineModule({
  name: "core",
  directives: httpDirectives,
  main: (): SharedSettings => new WeakMap(),
  location: (conf, context): CoreSettings => {
    const shared = context.main(core)
    let settings = shared.get(conf)
    if (settings === undefined) {
      settings = coreSettings(conf, `${context.prefix}html`)
      shared.set(conf, settings)
    }
    return settings
  },
  variables: { names: documentVariables },
})

function coreSettings(conf: CoreConf, documentRoot: string): CoreSettings {
  return {
    keepaliveTimeoutMs: conf.keepalive_timeout.timeoutMs,
    keepaliveHeaderSeconds: conf.keepalive_timeout.headerSeconds,
    keepaliveRequests: conf.keepalive_requests,
    keepaliveTimeMs: conf.keepalive_time,
    clientBodyTimeoutMs: conf.client_body_timeout,
    clientMaxBodyBytes: conf.client_max_body_size,
    clientBodyBufferBytes: conf.client_body_buffer_size,
    sendTimeoutMs: conf.send_timeout,
    lingeringClose: conf.lingering_close,
    lingeringTimeMs: conf.lingering_time,
    lingeringTimeoutMs: conf.lingering_timeout,
    resetTimedoutConnection: conf.reset_timedout_connection,
    tcpNodelay: conf.tcp_nodelay,
    serverTokens: conf.server_tokens,
    defaultType: conf.default_type,
    types: conf.types ?? DEFAULT_TYPES,
    errorPages: errorPages(conf.error_page),
    recursiveErrorPages: conf.recursive_error_pages,
    isInternal: conf.internal === true,
    documentRoot,
    absoluteRedirect: conf.absolute_redirect,
    serverNameInRedirect: conf.server_name_in_redirect,
    portInRedirect: conf.port_in_redirect,
    logNotFound: conf.log_not_found,
    chunkedTransferEncoding: conf.chunked_transfer_encoding,
  }
}

/** The first directive that names a status counts, as in nginx. */
function errorPages(written: readonly WrittenErrorPage[]): ReadonlyMap<number, ErrorPage> | null {
  if (written.length === 0) return null
  const pages = new Map<number, ErrorPage>()
  for (const { statuses, page } of written)
    for (const status of statuses) if (!pages.has(status)) pages.set(status, page)
  return pages
}
