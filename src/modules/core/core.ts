/** ngx_http_core_module: the settings that the engine itself reads, for each server and location. */
import type { Conf } from "../../config/row.ts"
import type { CoreSettings, DocumentRoot, ErrorPage } from "../../runtime/location.ts"
import { defineModule, type Module } from "../../runtime/module.ts"
import { type TempFolder, tempFolder } from "../../runtime/temp-file.ts"
import { DefaultTempPath } from "../../runtime/temp-path.ts"
import { Template } from "../../runtime/template.ts"
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
      const path = conf.client_body_temp_path ?? new DefaultTempPath(context.prefix, "client_body_temp", [])
      const bodyTemp = tempFolder(path, context.services)
      settings = coreSettings(conf, conf.root ?? defaultRoot(context.prefix), bodyTemp)
      shared.set(conf, settings)
    }
    return settings
  },
  variables: { names: documentVariables },
})

function defaultRoot(prefix: string): DocumentRoot {
  const path = `${prefix}html`
  return { path: new Template(path, [path]), prefix, alias: 0 }
}

function coreSettings(conf: CoreConf, documentRoot: DocumentRoot, clientBodyTemp: TempFolder): CoreSettings {
  return {
    keepaliveTimeoutMs: conf.keepalive_timeout.timeoutMs,
    keepaliveHeaderSeconds: conf.keepalive_timeout.headerSeconds,
    keepaliveRequests: conf.keepalive_requests,
    keepaliveTimeMs: conf.keepalive_time,
    clientBodyTimeoutMs: conf.client_body_timeout,
    clientMaxBodyBytes: conf.client_max_body_size,
    clientBodyBufferBytes: conf.client_body_buffer_size,
    clientBodyInFile: conf.client_body_in_file_only,
    clientBodyTemp,
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
    etag: conf.etag,
    ifModifiedSince: conf.if_modified_since,
    maxRanges: conf.max_ranges,
    absoluteRedirect: conf.absolute_redirect,
    serverNameInRedirect: conf.server_name_in_redirect,
    portInRedirect: conf.port_in_redirect,
    logNotFound: conf.log_not_found,
    logSubrequest: conf.log_subrequest,
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
