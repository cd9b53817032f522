/** Header fields by which an edge is known. */
import type { EdgeProduct } from "./identity.ts"

export interface FieldMark<Product> {
  readonly product: Product
  /** In lower case. */
  readonly field: string
  /** The value; its first group, where it has one, is the version. Left out: any value. */
  readonly pattern?: RegExp
}

/** Those that only their owner writes, and writes on every answer: the outermost first. */
export const EDGE_OWN_FIELDS: readonly FieldMark<EdgeProduct>[] = [
  // developers.cloudflare.com/fundamentals/reference/http-headers, "Added response headers"; Server as in answers that
  // github.com/Ekultek/WhatWaf/issues/344 and others show.
  { product: "cloudflare", field: "cf-ray" },
  { product: "cloudflare", field: "server", pattern: /^cloudflare$/i },
  // An answer of CloudFront's own, whole: github.com/Ekultek/WhatWaf/issues/611.
  { product: "cloudfront", field: "x-amz-cf-id" },
  { product: "cloudfront", field: "server", pattern: /^CloudFront$/ },
  // learn.microsoft.com/azure/frontdoor/front-door-http-headers-protocol: on all responses to the client.
  { product: "azure-front-door", field: "x-azure-ref" },
  // "cache-ams2100084-AMS", as github.com/mypdns/matrix/issues/121079 shows; "cache-" alone is anybody's
  // (github.com/wappalyzer/wappalyzer/pull/6588).
  { product: "fastly", field: "x-served-by", pattern: /\bcache-[a-z0-9-]+-[A-Z]{3}\b/ },
  // Of its refusals (github.com/Ekultek/WhatWaf/issues/1162 and others) and of its own storage.
  { product: "akamai", field: "server", pattern: /^AkamaiGHost$/ },
  { product: "akamai", field: "server", pattern: /^AkamaiNetStorage$/ },
  // fly.io/docs/networking/request-headers: Via "2 fly.io". The other is not documented, and in every answer shown.
  { product: "fly", field: "via", pattern: /\bfly\.io$/ },
  { product: "fly", field: "fly-request-id" },
  // None of these four is documented for answers; each is in many that people show.
  { product: "vercel", field: "x-vercel-id" },
  { product: "netlify", field: "x-nf-request-id" },
  { product: "railway", field: "server", pattern: /^railway-edge/i },
  // Render is behind a Cloudflare of its own, which is named instead where it shows.
  { product: "render", field: "x-render-origin-server" },
  // Via "1.1 vegur" of the legacy router, "1.1 heroku-router" of Router 2.0: github.com/heroku/vegur and
  // blog.heroku.com/tips-tricks-router-2dot0-migration.
  { product: "heroku", field: "via", pattern: /\b(?:vegur|heroku-router)\b/ },
  // On its own error pages only; not documented there (ngrok.com/docs/errors), but read by many clients.
  { product: "ngrok", field: "ngrok-error-code" },
  // Of HTTP APIs, as answers that people show have it, and of REST APIs: in sample answers of AWS's API references.
  { product: "aws-api-gateway", field: "apigw-requestid" },
  { product: "aws-api-gateway", field: "x-amz-apigw-id" },
  // On answers that the balancer makes itself: github.com/esi/esi-issues/issues/902 shows one.
  { product: "aws-alb", field: "server", pattern: /^awselb\/(\S+)/ },
  // Not found in Google's documentation; in many answers that people show, whatever of Google's is behind.
  { product: "gcp-lb", field: "via", pattern: /\b1\.1 google\b/ },
  // "Microsoft-Azure-Application-Gateway/v2", on its own answers.
  {
    product: "azure-application-gateway",
    field: "server",
    pattern: /^Microsoft-Azure-Application-Gateway\/(\S+)/,
  },
]

/** Server, which most edges put in place of the backend's, and others pass on. */
export const EDGE_SERVER_FIELDS: readonly FieldMark<EdgeProduct>[] = [
  // Seen by running: nginx 1.22.1, Holdfast, Caddy 2.6.2.
  { product: "nginx", field: "server", pattern: /^nginx(?:\/(\S+))?/i },
  { product: "holdfast", field: "server", pattern: /^holdfast(?:\/(\S+))?/i },
  { product: "caddy", field: "server", pattern: /^Caddy$/ },
  // Builds of nginx under other names; their pages have the same.
  { product: "nginx", field: "server", pattern: /^(?:openresty|Tengine|angie|freenginx)(?:\/(\S+))?/i },
  // envoyproxy.io: server_name of the connection manager, "envoy"; of a mesh "istio-envoy".
  { product: "envoy", field: "server", pattern: /^(?:istio-)?envoy$/ },
  // Seen by running: Apache 2.4.71, lighttpd 1.4.69, Squid 5.7, Varnish 7.1. All but Varnish and Squid have it on what
  // they pass on, too, where the backend has none.
  { product: "apache", field: "server", pattern: /^Apache(?:\/(\S+))?(?:$| )/ },
  { product: "lighttpd", field: "server", pattern: /^lighttpd(?:\/(\S+))?/ },
  { product: "squid", field: "server", pattern: /^squid(?:\/(\S+))?/i },
  { product: "varnish", field: "server", pattern: /^Varnish$/ },
  // github.com/Ekultek/WhatWaf/issues/1349. The second is http.sys, below IIS and below what listens without it; its
  // number is no version of IIS.
  { product: "iis", field: "server", pattern: /^Microsoft-IIS\/(\S+)/ },
  { product: "iis", field: "server", pattern: /^Microsoft-HTTPAPI\// },
  // Sample answers of Kong's documentation: this on its own, Via on what it passes on.
  { product: "kong", field: "server", pattern: /^kong\/(\S+)/i },
]

/** Those that a proxy adds to what it passes on: they say that it is on the way, not where. */
export const EDGE_PASSING_FIELDS: readonly FieldMark<EdgeProduct>[] = [
  { product: "kong", field: "via", pattern: /\bkong\/([^\s,]+)/i },
  { product: "envoy", field: "x-envoy-upstream-service-time" },
  // Seen by running: Varnish 7.1 (not where it pipes), Squid 5.7, Apache 2.4.71 with ProxyVia Full.
  { product: "varnish", field: "x-varnish" },
  { product: "varnish", field: "via", pattern: /\bvarnish\b(?: \(Varnish\/([\d.]+)\))?/i },
  { product: "squid", field: "via", pattern: /\(squid\/([\d.]+)\)/ },
  { product: "apache", field: "via", pattern: /\(Apache\/?([\d.]*)/ },
  // "1.1 Caddy", which 2.6.2, seen by running, does not have yet.
  { product: "caddy", field: "via", pattern: /\bCaddy\b/ },
]
