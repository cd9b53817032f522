/** Error pages that edges make themselves. */
import type { EdgeProduct } from "./identity.ts"

export interface PageMark {
  readonly product: EdgeProduct
  /** The body; the group "version", where it has one, is the page's own word for it, "reason" what it says of the cause. */
  readonly pattern: RegExp
  /** Only with these statuses; left out: with any. */
  readonly statuses?: readonly number[]
  /** Only where the field Server has this, or where there is none: the words alone could be anybody's. */
  readonly server?: RegExp | null
  /** Only beside this field (its name in lower case), with such a value. */
  readonly field?: readonly [key: string, value: RegExp]
  /** Only where the names of all fields (lower case, with commas) have this: their order tells programs apart. */
  readonly order?: RegExp
}

/** Go's net/http, server.go, extraHeader.Write: a handler that writes status and text alone, and sets no type. */
const GO_ORDER = /(?:^|,)date,content-length,content-type(?:,connection)?$/

export const EDGE_PAGES: readonly PageMark[] = [
  // nginx 1.22.1 and Holdfast, seen by running; src/http/ngx_http_special_response.c. Between title and foot stands, for
  // some causes, a sentence of its own.
  foot("nginx", "(?:nginx|openresty|tengine|angie|freenginx)", "i"),
  foot("holdfast", "holdfast", ""),
  // Both as people show them: "<hr><center>cloudflare</center>", "…Microsoft-Azure-Application-Gateway/v2…".
  foot("cloudflare", "cloudflare", ""),
  foot("azure-application-gateway", "Microsoft-Azure-Application-Gateway", ""),
  // Application Load Balancer: nginx's page without its foot (github.com/esi/esi-issues/issues/902).
  {
    product: "aws-alb",
    pattern:
      /^<html>\r?\n<head><title>\d{3} [^<]+<\/title><\/head>\r?\n<body[^>]*>\r?\n<center><h1>[^<]+<\/h1><\/center>\r?\n<\/body>/,
    server: /^awselb/,
  },
  // HAProxy 2.6, seen by running; http_err_msgs of src/http.c.
  {
    product: "haproxy",
    pattern:
      /^<html><body><h1>\d{3} [^<]+<\/h1>\n\.?(?<reason>Your browser sent an invalid request\.|You need a valid user and password to access this content\.|Request forbidden by administrative rules\.|The resource could not be found\.|A request was made of a resource using a request method not supported by that resource|Your browser didn't send a complete request in time\.|The request entity exceeds the maximum allowed\.|You have sent too many requests in a given amount of time\.|An internal server error occurred\.|The server does not support the functionality required to fulfill the request\.|The server returned an invalid or incomplete response\.|No server is available to handle this request\.|The server didn't respond in time\.|The resource is no longer available and will not be available again\.|Request sent to a non-authoritative server\.|The server cannot process the contained instructions\.|Your browser sent early data\.)\n<\/body><\/html>/,
  },
  // Envoy: local replies of source/common/http/conn_manager_impl.cc and of its filters; what stands behind "reset
  // reason: " is source/common/http/utility.cc, resetReasonToString. The short ones only beside its name: others have
  // such words, too.
  {
    product: "envoy",
    pattern:
      /^(?<reason>upstream connect error or disconnect\/reset before headers[^\r\n]*|(?:no healthy upstream|upstream request timeout)$)/,
  },
  {
    product: "envoy",
    pattern:
      /^(?<reason>RBAC: access denied|local_rate_limited|stream timeout|request timeout|request header timeout|downstream duration timeout|envoy overloaded)$/,
    server: /envoy/,
  },
  // Traefik: pkg/server/service/loadbalancer/wrr/wrr.go, by http.Error.
  {
    product: "traefik",
    pattern: /^(?<reason>no available server)\n$/,
    statuses: [503],
    server: null,
    field: ["x-content-type-options", /^nosniff$/],
  },
  // Traefik: pkg/proxy/httputil/proxy.go, ErrorHandler: the status text alone. Koa and Express (sendStatus) say the same
  // with the same type, in another order.
  {
    product: "traefik",
    pattern: /^(?<reason>Bad Gateway|Gateway Timeout)$/,
    statuses: [502, 504],
    server: null,
    field: ["content-type", /^text\/plain; charset=utf-8$/],
    order: GO_ORDER,
  },
  // Apache 2.4.71, seen by running, with ServerSignature On and Off; older ones have another DOCTYPE. 504 as people show
  // it. It passes the Server of a backend on.
  {
    product: "apache",
    pattern: /<address>Apache\/?(?<version>[\d.]*)[^<]* Server at [^<]+ Port \d+<\/address>/,
  },
  {
    product: "apache",
    pattern:
      /<title>(?:50[0234]) [^<]+<\/title>\n<\/head><body>\n<h1>[^<]+<\/h1>\n<p>(?<reason>The proxy server received an invalid\s+response from an upstream server\.|The gateway did not receive a timely response|The server is temporarily unable to service your\s+request)/,
  },
  {
    product: "apache",
    pattern:
      /^<!DOCTYPE HTML PUBLIC "-\/\/(?:IETF|W3C)\/\/DTD HTML [\d.]+\/\/EN"[^>]*>\n<html><head>\n<title>\d{3} [^<]+<\/title>\n<\/head><body>\n<h1>[^<]+<\/h1>\n<p>/,
    server: /^Apache\b(?!-)/,
  },
  // http.sys (github.com/postmanlabs/postman-app-support/issues/14137), and the short and the detailed page of IIS
  // (github.com/Ekultek/WhatWaf/issues/1349, 1367). "502 - Web server received an invalid response while acting as a
  // gateway or proxy server." is that of ARR.
  { product: "iis", pattern: /<h2>Bad Request - Invalid (?<reason>[^<]+)<\/h2>/, server: /^Microsoft-/ },
  { product: "iis", pattern: /<h2>(?<reason>\d{3} - [^<]+)<\/h2>/, server: /^Microsoft-IIS/ },
  {
    product: "iis",
    pattern: /<h[23]>HTTP Error \d{3}\.?\d* - (?<reason>[^<]+)<\/h[23]>/,
    server: /^Microsoft-/,
  },
  // lighttpd 1.4.69, seen by running: not a word of its own, so only beside its name.
  {
    product: "lighttpd",
    pattern:
      /^<\?xml version="1\.0" encoding="iso-8859-1"\?>[\s\S]*<title>\d{3} [^<]+<\/title>\s+<\/head>\s+<body>\s+<h1>\d{3} [^<]+<\/h1>\s+<\/body>/,
    server: /^lighttpd/,
  },
  // Cloudflare: "error code: 521" is what clients get that do not ask for HTML, as they show it; the pages as in
  // github.com/Ekultek/WhatWaf/issues/630, 344. "Just a moment..." is its challenge.
  { product: "cloudflare", pattern: /^(?<reason>error code: \d{3,4})$/ },
  { product: "cloudflare", pattern: /<title>[^<]*\| (?<reason>5\d\d: [^<]+)<\/title>/ },
  {
    product: "cloudflare",
    pattern: /<title>(?<reason>Attention Required! \| Cloudflare|Just a moment\.\.\.)<\/title>/,
  },
  // github.com/Ekultek/WhatWaf/issues/611.
  { product: "cloudfront", pattern: /Generated by cloudfront \(CloudFront\)/ },
  // API Gateway: the types are those of
  // docs.aws.amazon.com/apigateway/latest/developerguide/supported-gateway-response-types.html, which has no texts;
  // "Missing Authentication Token" (REST), "Not Found" (HTTP) and "Forbidden" (WebSocket) as people show them. The
  // others are not confirmed. An application below it may say some of them, too.
  ...["x-amzn-requestid", "apigw-requestid"].map(
    (key): PageMark => ({
      product: "aws-api-gateway",
      pattern:
        /^\{"message": ?"(?<reason>Missing Authentication Token|Forbidden|Internal server error|Limit Exceeded|Too Many Requests|Not Found)"/,
      field: [key, /./],
    }),
  ),
  // Google's front ends, as people show them: "<h1>Error: Server Error</h1>\n<h2>The server encountered a temporary
  // error and could not complete your request.<p>Please try again in 30 seconds.</h2>". Via is not always there.
  {
    product: "gcp-lb",
    pattern: /<h1>Error: (?:Server Error|Bad Request|Not Found|Forbidden)<\/h1>\s*<h2>(?<reason>[^<]+)/,
  },
  // github.com/Azure/static-web-apps/issues/774; github.com/shifa123/Can-I-take-over-xyz-v2/issues/2.
  {
    product: "azure-front-door",
    pattern:
      /<h2>Our services aren't available right now<\/h2>|Oops! We weren't able to find your Azure Front Door Service configuration/,
  },
  // "Fastly error: unknown domain: example.com.", by which lists of domains that can be taken over know it.
  { product: "fastly", pattern: /^(?:\s|<[^>]*>)*(?<reason>Fastly error: [^<\n]+)/ },
  // github.com/Ekultek/WhatWaf/issues/1162: "Reference #18.ef3a2f17.1619133194.15bcf105", its marks as references on the
  // wire.
  { product: "akamai", pattern: /Reference&#32;&#35;|Reference #\d+\.[0-9a-f]+\.\d+\.[0-9a-f]+/ },
  // Varnish 7.1, seen by running: a backend that is down, and synth.
  { product: "varnish", pattern: /<h3>Guru Meditation:<\/h3>/ },
  // Squid 5.7, seen by running.
  {
    product: "squid",
    pattern: /<!-- ERR_[A-Z_]+ -->|Generated [^<]+ by [^<]+ \(squid\/(?<version>[\d.]+)\)/,
  },
  // github.com/petersolopov/carbonara/issues/31.
  { product: "heroku", pattern: /\/\/www\.herokucdn\.com\/error-pages\/(?<reason>[a-z-]+)\.html/ },
  // "failure to get a peer" is Kong's kong/runloop/balancer; the page of a route that is missing stands everywhere.
  {
    product: "kong",
    pattern:
      /^\{\s*"message": ?"(?<reason>no Route matched with those values|failure to get a peer from the ring-balancer)"/,
  },
  // Its pages name their code, which any text may: only beside its field.
  { product: "ngrok", pattern: /(?<reason>ERR_NGROK_\d+)/, field: ["ngrok-error-code", /./] },
  // {"status":"error","code":502,"message":"Application failed to respond",…}, as people show it.
  { product: "railway", pattern: /^\{"status":"error","code":\d+,"message":"(?<reason>Application[^"]+)"/ },
]

/** nginx's own layout with a name of its own at the foot. */
function foot(product: EdgeProduct, name: string, flags: string): PageMark {
  const reason = "(?:<h1>[^<]*</h1></center>\\r?\\n<center>(?<reason>[^<]+)</center>[\\s\\S]*)?"
  return {
    product,
    pattern: new RegExp(`${reason}<hr><center>(?<version>${name}(?:/[^<]+)?)</center>`, flags),
  }
}
