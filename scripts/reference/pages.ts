/** The pages of the reference: which modules each holds, and which module of nginx it stands for. */
import type { Rows } from "../../src/config/row.ts"
import { mainDirectives } from "../../src/modules/core/main-directives.ts"
import { MODULES } from "../../src/modules/index.ts"
import type { VariableRows } from "../../src/runtime/variables.ts"
import { includeRow } from "../../src/server/read.ts"

export interface Page {
  /** Its file's name without the ending. */
  readonly name: string
  readonly title: string
  /** nginx's module, or what it is if it is none of nginx's. */
  readonly origin: string
  /** The modules' names, in the order of the page. */
  readonly modules: readonly string[]
}

const PAGES: readonly Page[] = [
  page("main", "Main and events", "ngx_core_module, ngx_event_core_module", "main"),
  page(
    "core",
    "HTTP core",
    "ngx_http_core_module",
    "core core_variables satisfy try_files limit_except limit_rate",
  ),
  page("http2", "HTTP/2", "ngx_http_v2_module", "http2"),
  page("upstream", "Upstreams", "ngx_http_upstream_module", "upstream upstream_variables"),
  page("health-check", "Health checks", "ngx_http_upstream_hc_module", "health_check healthCheck"),
  page("proxy", "Proxy", "ngx_http_proxy_module", "proxy"),
  page("proxy-ssl", "TLS to upstreams", "ngx_http_proxy_module", "proxySsl"),
  page("websocket", "WebSockets", "Holdfast's own", "websocket"),
  page("resolver", "Resolver", "ngx_http_core_module", "resolver"),
  page("ssl", "TLS to clients", "ngx_http_ssl_module", "ssl"),
  page("rewrite", "Rewrite", "ngx_http_rewrite_module", "rewrite"),
  page(
    "static",
    "Static files",
    "ngx_http_static_module, ngx_http_index_module, ngx_http_autoindex_module",
    "static index autoindex gzip_static empty_gif",
  ),
  page("access", "Access", "ngx_http_access_module", "access"),
  page("auth-basic", "Passwords", "ngx_http_auth_basic_module", "auth_basic auth_delay"),
  page("auth-request", "Access by subrequest", "ngx_http_auth_request_module", "auth_request"),
  page("limit-req", "Limits of requests", "ngx_http_limit_req_module", "limit_req"),
  page("limit-conn", "Limits of connections", "ngx_http_limit_conn_module", "limit_conn"),
  page("realip", "Real addresses", "ngx_http_realip_module", "realip"),
  page("proxy-protocol", "PROXY protocol", "ngx_http_core_module", "proxy_protocol"),
  page("referer", "Referers", "ngx_http_referer_module", "referer"),
  page("headers", "Header fields of answers", "ngx_http_headers_module", "headers expires trailers"),
  page("gzip", "Compression", "ngx_http_gzip_module, ngx_http_gunzip_module", "gzip gzip_client gunzip"),
  page("charset", "Charsets", "ngx_http_charset_module", "charset"),
  page("mirror", "Mirror", "ngx_http_mirror_module", "mirror"),
  page("map", "Map", "ngx_http_map_module", "map"),
  page("geo", "Geo", "ngx_http_geo_module", "geo"),
  page("split-clients", "Split clients", "ngx_http_split_clients_module", "split_clients"),
  page("log", "Logs", "ngx_http_log_module, ngx_core_module", "access_log error_log"),
  page("stub-status", "Status", "ngx_http_stub_status_module", "stub_status"),
]

/** A module as the reference needs it. */
export interface DocumentedModule {
  readonly name: string
  readonly directives: Rows
  readonly variables: VariableRows | undefined
}

export interface FilledPage extends Page {
  readonly contents: readonly DocumentedModule[]
}

/** All pages that say something. A module that no page names has one of its own, at the end. */
export function filledPages(): FilledPage[] {
  const modules: DocumentedModule[] = [
    { name: "main", directives: { ...mainDirectives, ...includeRow }, variables: undefined },
    ...MODULES,
  ]
  const named = new Set(PAGES.flatMap((known) => known.modules))
  const others = modules
    .filter(({ name }) => !named.has(name))
    .map(({ name }) => page(fileName(name), name, "", name))
  return [...PAGES, ...others]
    .map((known) => ({ ...known, contents: modules.filter(({ name }) => known.modules.includes(name)) }))
    .filter(({ contents }) => contents.some(saysSomething))
}

function saysSomething({ directives, variables }: DocumentedModule): boolean {
  return (
    Object.keys(directives).length > 0 || (variables !== undefined && variableNames(variables).length > 0)
  )
}

/** The names of a module's variables; those of families end with `_`. */
export function variableNames(variables: VariableRows): string[] {
  const { names = {}, late = {}, families = {} } = variables
  return [...Object.keys(names), ...Object.keys(late), ...Object.keys(families)]
}

function page(name: string, title: string, origin: string, modules: string): Page {
  return { name, title, origin, modules: modules.split(" ") }
}

function fileName(module: string): string {
  return module.replaceAll("_", "-").replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
}
