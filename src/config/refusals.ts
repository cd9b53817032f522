/**
 * What is said to directives of nginx that Holdfast does not run: one line that names the directive and what to do in
 * its place. Data by family; a directive that gets a row needs no entry any more.
 */

/** Names as they are, or all that begin with what stands before a `*`. */
interface Refusal {
  readonly names: string
  /** Follows `"name" is not supported by Holdfast: `. Plain words, one line, no stop at its end. */
  readonly hint: string
}

const CACHE_BESIDE = "put a cache (Varnish, nginx) between Holdfast and the backend, or remove the line"
const REMOVE = "remove the line"
const COMMERCIAL = "it belongs to nginx's commercial build; remove the line"

/** The first entry that fits a name counts, so that exceptions stand above their family. */
const REFUSALS: readonly Refusal[] = [
  {
    names: "fastcgi_cache* scgi_cache* uwsgi_cache* fastcgi_no_cache scgi_no_cache uwsgi_no_cache",
    hint: CACHE_BESIDE,
  },
  {
    names: "fastcgi_*",
    hint: 'run the application behind an HTTP server (for PHP: FrankenPHP, Apache, or nginx with php-fpm) and name that in "proxy_pass"',
  },
  {
    names: "uwsgi_*",
    hint: 'have uWSGI speak HTTP ("http-socket" in place of "socket") and name that address in "proxy_pass"',
  },
  {
    names: "scgi_*",
    hint: 'run the application behind an HTTP server and name that in "proxy_pass"',
  },
  {
    names: "grpc_*",
    hint: "gRPC needs HTTP/2 to the backend; send its location to nginx or Envoy, or use gRPC-Web or Connect over HTTP/1.1",
  },
  {
    names: "memcached_*",
    hint: 'have an application read memcached and answer over HTTP, and name that in "proxy_pass"',
  },
  {
    names: "stream",
    hint: "it proxies HTTP and WebSockets only; move this block to an nginx or HAProxy beside it",
  },
  {
    names:
      "mail imap_* pop3_* smtp_* xclient proxy_pass_error_message proxy_smtp_auth proxy_buffer starttls auth_http auth_http_* protocol max_errors max_commands",
    hint: "it proxies HTTP and WebSockets only; move mail to an nginx or Dovecot beside it",
  },
  {
    names:
      "ssl_preread proxy_download_rate proxy_upload_rate proxy_requests proxy_responses proxy_half_close proxy_session_drop proxy_protocol proxy_protocol_timeout proxy_timeout preread_* ssl_handshake_timeout ssl_alpn pass zone_sync zone_sync_* mqtt mqtt_*",
    hint: "it belongs to nginx's stream module; move it to an nginx or HAProxy beside it",
  },
  {
    names: "http3 http3_* quic_*",
    hint: 'there is no QUIC in Node.js yet; use "http2 on" and remove the lines for HTTP/3, "add_header Alt-Svc" among them',
  },
  {
    names: "proxy_cache_* slice",
    hint: CACHE_BESIDE,
  },
  {
    names: "ssi ssi_*",
    hint: "put the page together in the backend or in the browser",
  },
  {
    names: "sub_filter sub_filter_*",
    hint: "bodies are passed on as they are; have the application make its own links (a base path setting, or X-Forwarded-Prefix)",
  },
  {
    names: "add_before_body add_after_body addition_types",
    hint: "bodies are passed on as they are; have the backend add the text",
  },
  {
    names: "xslt_* xml_entities",
    hint: "have the backend transform the XML",
  },
  {
    names: "image_filter image_filter_*",
    hint: "use an image server (imgproxy, thumbor) as the backend of this location",
  },
  {
    names: "charset_map",
    hint: 'no body is recoded; have the backend answer in the charset that its readers expect, and name it by "charset"',
  },
  {
    names: "perl perl_*",
    hint: 'use "map" and variables, or do it in the backend',
  },
  {
    names: "js_*",
    hint: 'use "map", "split_clients" and variables, or do it in the backend or in an "auth_request" service',
  },
  {
    names: "dav_* create_full_put_path min_delete_depth",
    hint: "use a WebDAV server (Apache mod_dav, rclone serve webdav) as the backend of this location",
  },
  {
    names: "mp4 mp4_* flv hls hls_* f4f f4f_*",
    hint: "plain files are served with byte ranges, which players use to seek; remove the line, or use a media server as the backend",
  },
  {
    names: "auth_jwt auth_jwt_* auth_require",
    hint: 'check the token in a service that "auth_request" asks, or in the backend',
  },
  {
    names: "auth_oidc oidc_provider session_store",
    hint: 'run oauth2-proxy or Authelia and ask it by "auth_request"',
  },
  {
    names: "geoip_*",
    hint: 'use "geo" with a list of networks, or look the country up in the backend',
  },
  {
    names: "secure_link secure_link_*",
    hint: 'check the signature in the backend or in a service that "auth_request" asks',
  },
  {
    names: "userid userid_*",
    hint: 'have the application set its cookie, or use "add_header Set-Cookie" with "$request_id"',
  },
  {
    names: "modern_browser modern_browser_value ancient_browser ancient_browser_value",
    hint: 'use a "map" of "$http_user_agent"',
  },
  { names: "random_index", hint: 'name one file with "index"' },
  { names: "post_action", hint: 'use "mirror", or do it in the backend' },
  {
    names: "acme_*",
    hint: "get certificates by certbot or lego, and name the files in ssl_certificate and ssl_certificate_key",
  },
  {
    names: "otel_*",
    hint: 'pass the request\'s id on by "proxy_set_header X-Request-ID $request_id" and trace in the backend',
  },
  {
    names: "api status status_format upstream_conf mgmt status_zone",
    hint: 'use "stub_status" for numbers; remove the line',
  },
  {
    names: "keyval keyval_zone num_map",
    hint: 'use a "map" with an "include" and reload when it changes',
  },
  { names: "state", hint: 'list the servers in the "upstream" block, and reload when they change' },
  { names: "sticky_cookie_insert", hint: 'use "sticky cookie"' },
  {
    names: "ntlm",
    hint: "NTLM binds a login to a connection; have the backend take Kerberos, tokens or cookies",
  },
  {
    names: "tunnel_*",
    hint: "there is no forward proxy for CONNECT; use Squid or tinyproxy beside it. WebSockets need none of it",
  },
  {
    names: "ssl_ocsp ssl_ocsp_*",
    hint: 'client certificates are checked against "ssl_crl" only',
  },
  { names: "ssl_key_log proxy_ssl_key_log", hint: COMMERCIAL },
  { names: "ssl_ech_file", hint: "Node.js's TLS has no encrypted ClientHello; remove the line" },
  { names: "ssl_engine", hint: "keys are read from files; remove the line" },
  { names: "ssl", hint: 'use "listen ... ssl"' },
  { names: "proxy_ssl_*", hint: "Node.js's TLS has no such setting; remove the line" },
  {
    names: "health_check_*",
    hint: "it belongs to nginx's stream module; the time limits of the location's proxy directives hold",
  },
  { names: "degradation degrade", hint: REMOVE },
  { names: "google_perftools_profiles", hint: 'use "node --cpu-prof"; remove the line' },
  { names: "early_hints", hint: "103 answers are not passed on; remove the line" },
  { names: "internal_redirect", hint: 'use "rewrite ... last" or "error_page"' },
  { names: "session_log session_log_*", hint: COMMERCIAL },
  { names: "max_headers", hint: '"large_client_header_buffers" limits the head; remove the line' },
  { names: "proxy_bind_dynamic proxy_request_dynamic proxy_allow_upstream", hint: COMMERCIAL },
  {
    names: "proxy_socket_rcvbuf proxy_socket_sndbuf",
    hint: "the kernel sizes these buffers (sysctl net.ipv4.tcp_rmem, tcp_wmem); remove the line",
  },
]

/** Where a log's place is `syslog:…`. */
export const NO_SYSLOG =
  "logging to syslog is not supported by Holdfast: write to a file, or to stderr for journald or a log shipper"

const FAMILIES = REFUSALS.flatMap(({ names, hint }) => names.split(" ").map((name) => ({ name, hint })))

/** What to do in place of `name`, a directive of nginx; undefined where nothing is known of it. */
export function refusalHint(name: string): string | undefined {
  for (const family of FAMILIES) if (fits(name, family.name)) return family.hint
  return undefined
}

function fits(name: string, pattern: string): boolean {
  return pattern.endsWith("*") ? name.startsWith(pattern.slice(0, -1)) : name === pattern
}

/** The error for a directive of nginx that Holdfast does not run. */
export function refusal(name: string): string {
  return `"${name}" is not supported by Holdfast: ${refusalHint(name) ?? REMOVE}`
}
