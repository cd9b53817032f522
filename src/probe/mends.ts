/** What puts a fault right, in the words of the program that has it; one function a remedy. */
import { otherSlash } from "./experiments.ts"
import type { BackendProduct, EdgeProduct } from "./fingerprint.ts"
import type { Mend } from "./report.ts"

/** Who is to be mended, and where: what the texts depend on. */
export interface Place {
  /** Undefined: nobody knows; nginx and HAProxy are told then. */
  readonly edge: EdgeProduct | undefined
  /** The URL's path. */
  readonly path: string
}

type Texts = Partial<Record<EdgeProduct, string>>

/** The words for the edges that are configured like nginx are nginx's. */
const LIKE_NGINX: ReadonlySet<EdgeProduct> = new Set(["nginx", "holdfast", "kong"])
const NAMES: Partial<Record<EdgeProduct, string>> = {
  nginx: "nginx",
  holdfast: "Holdfast",
  haproxy: "HAProxy",
  apache: "Apache, mod_proxy",
  lighttpd: "lighttpd, mod_proxy",
  caddy: "Caddyfile",
  envoy: "Envoy, HttpConnectionManager",
  traefik: "Traefik",
  varnish: "Varnish, VCL",
  iis: "IIS with ARR",
  cloudflare: "Cloudflare's dashboard",
  cloudfront: "CloudFront, the behaviour of that path",
  "aws-alb": "AWS, the load balancer",
  "gcp-lb": "Google Cloud, the backend service",
  squid: "squid.conf",
  heroku: "Heroku",
}
const UNKNOWN: readonly EdgeProduct[] = ["nginx", "haproxy"]

/** The whole set of nginx's directives for a WebSocket (nginx.org/en/docs/http/websocket.html). */
const NGINX_UPGRADE =
  'proxy_http_version 1.1;\nproxy_set_header Upgrade $http_upgrade;\nproxy_set_header Connection "upgrade";'

/**
 * Upgrade and Connection reach the backend. Tried: Apache 2.4.71 (upgrade= is there since 2.4.47), lighttpd 1.4.69,
 * Varnish 7.1, Squid 5.7. From documentation: nginx.org/en/docs/http/websocket.html; envoyproxy.io, HTTP upgrades;
 * developers.cloudflare.com/network/websockets; docs.aws.amazon.com/AmazonCloudFront, Use WebSockets with CloudFront
 * distributions. An Application Load Balancer's target group of version HTTP2 takes no HTTP/1.1 request at all
 * (github.com/app-sre/qontract-reconcile/pull/1929).
 */
export function mendUpgrade(place: Place): Mend[] {
  return forEdge(place, {
    nginx: NGINX_UPGRADE,
    holdfast: `${NGINX_UPGRADE}\n# or, in place of all three\nwebsocket on;`,
    haproxy:
      "# HAProxy passes Upgrade on by itself: take away what removes it\n# http-request del-header Upgrade",
    apache: `ProxyPass "${place.path}" "http://127.0.0.1:3000${place.path}" upgrade=websocket`,
    caddy: "# reverse_proxy passes Upgrade on by itself: take away\n# header_up -Upgrade",
    envoy: "upgrade_configs:\n- upgrade_type: websocket",
    traefik:
      "# Traefik passes Upgrade on by itself: take away of a middleware\n# customRequestHeaders: Upgrade, Connection",
    varnish:
      'sub vcl_recv { if (req.http.upgrade ~ "(?i)websocket") { return (pipe); } }\n' +
      "sub vcl_pipe { set bereq.http.upgrade = req.http.upgrade; set bereq.http.connection = req.http.connection; }",
    lighttpd: 'proxy.header = ( "upgrade" => "enable" )',
    // The name as browsers write it: Squid compares it letter by letter.
    squid: "http_upgrade_request_protocols websocket allow all",
    iis: "Enable-WindowsOptionalFeature -Online -FeatureName IIS-WebSockets",
    cloudflare: "Network > WebSockets: on",
    cloudfront: "origin request policy: AllViewer",
    "aws-alb": "target group, protocol version: HTTP1",
  })
}

/** A field of the handshake reaches the backend. */
export function mendLostField(place: Place, field: string): Mend[] {
  const variable = field.toLowerCase().replaceAll("-", "_")
  return forEdge(place, {
    nginx: `# in place of a line that empties it\nproxy_set_header ${field} $http_${variable};`,
    haproxy: `# take away\n# http-request del-header ${field}`,
    apache: `# take away\n# RequestHeader unset ${field}`,
    caddy: `# take away\n# header_up -${field}`,
    cloudfront: "origin request policy: AllViewer",
  })
}

/** A field of the backend's answer reaches the client. */
export function mendHiddenField(place: Place, field: string): Mend[] {
  return forEdge(place, {
    nginx: `proxy_pass_header ${field};\n# and without\n# proxy_hide_header ${field};`,
    haproxy: `# take away\n# http-response del-header ${field}`,
    apache: `# take away\n# Header unset ${field}`,
    caddy: `# take away\n# header_down -${field}`,
    envoy: `# take away of response_headers_to_remove\n# - ${field.toLowerCase()}`,
  })
}

/** An answer's field that the edge adds. */
export function mendAddedField(place: Place, field: string): Mend[] {
  return forEdge(place, {
    nginx: `# take away\n# add_header ${field} …;`,
    haproxy: `# take away\n# http-response set-header ${field}`,
    apache: `# take away\n# Header set ${field}`,
    caddy: `# take away\n# header_down ${field}`,
  })
}

/** Host as the client sent it. */
export function mendHost(place: Place): Mend[] {
  return forEdge(place, {
    nginx: "proxy_set_header Host $http_host;",
    haproxy: "# HAProxy passes Host on by itself: take away\n# http-request set-header Host",
    apache: "ProxyPreserveHost On",
    caddy: "# take away\n# header_up Host {upstream_hostport}",
    traefik: "passHostHeader: true",
    envoy: "# take away\n# host_rewrite_literal",
    cloudfront: "origin request policy: AllViewer",
  })
}

/** `path` is answered as the other one is. */
export function mendSlash(place: Place): Mend[] {
  const { path } = place
  const other = otherSlash(path)
  return [
    { where: "the client, which asks for a path that is not quite the socket's", text: other },
    ...forEdge(
      place,
      {
        nginx: `location = ${path} {\n    rewrite ^ ${other} last;\n}`,
        haproxy: `http-request set-path ${other} if { path ${path} }`,
        caddy: `rewrite ${path} ${other}`,
        apache: `RewriteRule "^${path}$" "${other}" [PT]`,
      },
      "in the server of that name, so that both work",
    ),
  ]
}

/** A location, route or rule of its own for the socket. */
export function mendRoute(place: Place): Mend[] {
  const { path } = place
  return forEdge(
    place,
    {
      nginx: `location ${path} {\n    proxy_pass http://127.0.0.1:3000;\n    ${NGINX_UPGRADE.replaceAll("\n", "\n    ")}\n}`,
      haproxy: `acl socket path_beg ${path}\nuse_backend sockets if socket`,
      apache: `ProxyPass "${path}" "http://127.0.0.1:3000${path}" upgrade=websocket`,
      caddy: `reverse_proxy ${path}* 127.0.0.1:3000`,
      traefik: `rule: PathPrefix(\`${path}\`)`,
      envoy: `routes:\n- match: { prefix: "${path}" }\n  route: { cluster: sockets }`,
      "aws-alb": `listener rule: path is ${path}*\nforward to: the target group of the sockets`,
    },
    "in the server of that name",
  )
}

/** No redirect where the socket is. */
export function mendNoRedirect(place: Place): Mend[] {
  return forEdge(
    place,
    {
      nginx: `# the redirect of this server must not meet the socket\nlocation ${place.path} { proxy_pass http://127.0.0.1:3000; }`,
      haproxy: `http-request redirect scheme https unless { ssl_fc } or { path_beg ${place.path} }`,
      apache: `RewriteCond %{HTTP:Upgrade} !websocket [NC]`,
    },
    "in the server that redirects",
  )
}

/** The backend gets the path that the client asked for. */
export function mendPathKept(place: Place): Mend[] {
  return forEdge(
    place,
    {
      nginx: "proxy_pass http://127.0.0.1:3000;",
      haproxy: "# take away\n# http-request replace-path or set-path",
      apache: `ProxyPass "${place.path}" "http://127.0.0.1:3000${place.path}" upgrade=websocket`,
      caddy: `# in place of handle_path\nhandle ${place.path}* {\n    reverse_proxy 127.0.0.1:3000\n}`,
      traefik: "# take away\n# stripPrefix",
      envoy: "# take away\n# prefix_rewrite",
    },
    `in the location of ${place.path}: no path behind the address`,
  )
}

export function mendBackendAddress(place: Place): Mend[] {
  return forEdge(place, {
    nginx: "# the address on which the application listens\nproxy_pass http://127.0.0.1:3000;",
    haproxy: "# the address on which the application listens\nserver s1 127.0.0.1:3000 check",
    apache: `ProxyPass "${place.path}" "http://127.0.0.1:3000${place.path}" upgrade=websocket`,
    caddy: "reverse_proxy 127.0.0.1:3000",
    traefik: "loadBalancer: { servers: [ { url: http://127.0.0.1:3000 } ] }",
    envoy:
      "# which endpoints Envoy takes for healthy, by its admin port\ncurl http://127.0.0.1:9901/clusters",
    "aws-alb": "aws elbv2 describe-target-health --target-group-arn ARN",
    "gcp-lb": "gcloud compute backend-services get-health NAME --global",
    heroku: "heroku ps:scale web=1",
  })
}

/** `isSecure`: whether the backend speaks TLS. */
export function mendBackendScheme(place: Place, isSecure: boolean): Mend[] {
  const scheme = isSecure ? "https" : "http"
  const verify =
    "\nproxy_ssl_trusted_certificate /etc/nginx/backend-ca.pem;\nproxy_ssl_verify on;\nproxy_ssl_server_name on;"
  return forEdge(place, {
    nginx: `proxy_pass ${scheme}://127.0.0.1:3000;${isSecure ? verify : ""}`,
    haproxy: isSecure
      ? "server s1 127.0.0.1:3000 ssl verify required ca-file /etc/haproxy/backend-ca.pem"
      : "# without ssl\nserver s1 127.0.0.1:3000 check",
    apache: `${isSecure ? "SSLProxyEngine on\n" : ""}ProxyPass "${place.path}" "${scheme}://127.0.0.1:3000${place.path}" upgrade=websocket`,
    caddy: `reverse_proxy ${scheme}://127.0.0.1:3000`,
  })
}

/** The edge shows a certificate to a backend that wants one. */
export function mendClientCertificate(place: Place): Mend[] {
  return forEdge(place, {
    nginx:
      "proxy_ssl_certificate /etc/nginx/edge.crt;\nproxy_ssl_certificate_key /etc/nginx/edge.key;\nproxy_ssl_server_name on;",
    haproxy: "server s1 127.0.0.1:3000 ssl crt /etc/haproxy/edge.pem",
    apache: "SSLProxyMachineCertificateFile /etc/apache2/edge.pem",
    caddy: "transport http {\n    tls_client_auth edge.crt edge.key\n}",
  })
}

/** Where an application says why. */
export function mendInLog({ path }: Place): Mend {
  return {
    where: "the application: its log of that moment (a crash, a refusal, a lock, a full queue), at",
    text: `GET ${path} HTTP/1.1, Upgrade: websocket`,
  }
}

export function mendTimeouts(place: Place): Mend[] {
  return forEdge(place, {
    nginx: "proxy_connect_timeout 10s;\nproxy_read_timeout 3600s;",
    haproxy: "timeout connect 10s\ntimeout server 60s\ntimeout tunnel 1h",
    apache: "ProxyTimeout 3600",
    envoy: "timeout: 0s",
    "aws-alb": "idle_timeout.timeout_seconds = 3600",
    "gcp-lb": "timeoutSec: 3600",
  })
}

export function mendBigHeaders(place: Place): Mend[] {
  return forEdge(
    place,
    {
      nginx: "client_header_buffer_size 4k;\nlarge_client_header_buffers 8 32k;",
      haproxy: "# global\ntune.bufsize 65536",
      apache: "LimitRequestFieldSize 32768",
    },
    "in http or in the default server of that port",
  )
}

/** Browsers cannot send Authorization with a WebSocket. */
export function mendNoPassword(place: Place, isBackends = false): Mend[] {
  const edges = forEdge(place, {
    nginx: "auth_basic off;\nauth_request off;",
    haproxy: `http-request auth unless { path_beg ${place.path} }`,
    apache: "Require all granted",
    // caddyserver.com/docs/caddyfile/directives/basic_auth: renamed in 2.8.0.
    caddy: `# before Caddy 2.8 it is basicauth\n@page not path ${place.path}*\nbasic_auth @page {\n    …\n}`,
  })
  return [
    ...(isBackends ? [] : edges),
    {
      where: "the application: what a browser can send with a WebSocket",
      text: "a session cookie, or a ticket in the query",
    },
  ]
}

export function mendAccess(place: Place): Mend[] {
  return forEdge(place, {
    nginx: "# deny, satisfy, limit_except or auth_request\n# refuses\nallow 192.0.2.0/24;",
    haproxy: `http-request allow if { path_beg ${place.path} }`,
    apache: "Require all granted",
    cloudflare: "Security > (Analytics >) Events: the rule that blocked it",
  })
}

/** Limits on requests in a time. */
export function mendRate(place: Place): Mend[] {
  return forEdge(place, {
    nginx:
      "# in http: limit_req_zone $binary_remote_addr zone=sockets:10m\n#   rate=10r/s;\nlimit_req zone=sockets burst=50 nodelay;\nlimit_req_status 429;",
    haproxy: `http-request deny deny_status 429 if { sc_http_req_rate(0) gt 100 }`,
    traefik: "rateLimit: { average: 100, burst: 50 }",
    // In the old and in the new dashboard.
    cloudflare: "Security > WAF (or Security rules) > Rate limiting rules",
  })
}

/** Limits on connections at the same time: a WebSocket counts as long as it lives. */
export function mendConnections(place: Place): Mend[] {
  return forEdge(place, {
    nginx:
      "# a WebSocket counts as long as it is open; in http:\n# limit_conn_zone $binary_remote_addr zone=sockets:10m;\nlimit_conn sockets 100;",
    haproxy: "server s1 127.0.0.1:3000 maxconn 4096",
  })
}

export function mendPlainPort(place: Place): Mend[] {
  return forEdge(
    place,
    { nginx: "listen 80;", haproxy: "bind :80" },
    "if the socket is to be had without TLS, where it listens: a port without ssl",
  )
}

/** Where applications have their list of origins. */
const ORIGIN_LISTS: Partial<Record<BackendProduct, (origin: string) => string>> = {
  websockets: (origin) => `serve(…, origins=["${origin}"])`,
  actioncable: (origin) => `config.action_cable.allowed_request_origins = ["${origin}"]`,
  rails: (origin) => `config.action_cable.allowed_request_origins = ["${origin}"]`,
  phoenix: (origin) => `check_origin: ["${origin}"]`,
  "engine.io": (origin) => `cors: { origin: "${origin}" }`,
  gorilla: () => "CheckOrigin: func(r *http.Request) bool { … }",
  "coder-websocket": (origin) => `OriginPatterns: []string{"${URL.parse(origin)?.host ?? origin}"}`,
  tornado: () => "def check_origin(self, origin):",
}

/** A page's origin in the list of those that the application allows. */
export function mendOrigins(origin: string, backend: BackendProduct | undefined): Mend[] {
  const text = backend === undefined ? undefined : ORIGIN_LISTS[backend]?.(origin)
  if (text !== undefined) return [{ where: `the application (${backend})`, text }]
  return [
    {
      where:
        "the application: its list of origins (Rails: allowed_request_origins, Phoenix: check_origin, Socket.IO: cors.origin)",
      text: origin,
    },
  ]
}

/** What nginx's error log has where it is `text`; nothing for other edges. */
export function mendByLog({ edge }: Place, text: string): Mend[] {
  if (edge !== undefined && !LIKE_NGINX.has(edge)) return []
  return [{ where: "nginx's error log says so, if it is that", text }]
}

/** What nginx's error log has for each cause of a 502 that comes at once: the answer is the same for all. */
export function mendByLogOf502({ edge }: Place): Mend[] {
  if (edge !== undefined && !LIKE_NGINX.has(edge)) return []
  const lines = [
    "connect() failed       # nothing listens there",
    "no resolver defined    # the name in proxy_pass",
    "could not be resolved  # the same",
    "prematurely closed     # it breaks off, or wants TLS",
    "SSL_do_handshake()     # TLS to the backend",
    "certificate verify     # the same: its certificate",
    "too big header         # proxy_buffer_size",
    "no valid HTTP/1.0      # it speaks something else",
  ]
  return [{ where: "nginx's error log tells them apart", text: lines.join("\n") }]
}

/** Services in front of a proxy of one's own, which may be the one. */
const SERVICES: ReadonlySet<EdgeProduct> = new Set([
  "cloudflare",
  "cloudfront",
  "aws-alb",
  "gcp-lb",
  "azure-front-door",
  "azure-application-gateway",
  "fastly",
  "akamai",
])

/** The texts for `edge`, those of nginx where it is like nginx, those of nginx and HAProxy where it is unknown. */
function forEdge({ edge, path }: Place, texts: Texts, nginxWhere = `in the location of ${path}`): Mend[] {
  const known = edge === undefined ? UNKNOWN : SERVICES.has(edge) ? [edge, ...UNKNOWN] : [edge]
  const mends = known.flatMap((product) => mendOf(product, texts, nginxWhere))
  return mends.length > 0 ? mends : UNKNOWN.flatMap((product) => mendOf(product, texts, nginxWhere))
}

function mendOf(product: EdgeProduct, texts: Texts, nginxWhere: string): Mend[] {
  const isNginx = LIKE_NGINX.has(product)
  const text = texts[product] ?? (isNginx ? texts.nginx : undefined)
  const name = NAMES[product] ?? product
  return text === undefined ? [] : [{ where: isNginx ? `${name}, ${nginxWhere}` : name, text }]
}
