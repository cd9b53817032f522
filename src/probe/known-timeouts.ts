/** After how long others cut a WebSocket, each as its documentation has it. */
import type { Mend } from "./report.ts"

export interface KnownTimeout {
  /** Stable: "nginx-proxy-read-timeout". */
  readonly id: string
  /** As `identify` names it. */
  readonly product: string
  /** "nginx's proxy_read_timeout" */
  readonly name: string
  /** What it is where nobody sets it. */
  readonly defaultMs: number
  /** `defaultMs` is only what many have set: there is no default. */
  readonly isCustom?: boolean
  /** Whether it can be set at all, to another time. */
  readonly isSettable: boolean
  /** "idle": since the last bytes. "lifetime": since the handshake, whatever passes. */
  readonly counts: "idle" | "lifetime"
  /** Its own answers always say who it is: an answer that does not has not come by it. */
  readonly namesItself: boolean
  /** The connection is forgotten, and neither side told. */
  readonly isQuiet?: boolean
  readonly mend: Mend
  /** Where it is documented. */
  readonly source: string
}

const LONG_NGINX = "proxy_read_timeout 3600s;\nproxy_send_timeout 3600s;"

/** Of those who cut the connection without a Close frame, since they do not speak WebSocket. */
export const KNOWN_TIMEOUTS: readonly KnownTimeout[] = [
  {
    id: "nginx-proxy-read-timeout",
    product: "nginx",
    name: "nginx's proxy_read_timeout",
    defaultMs: 60_000,
    isSettable: true,
    counts: "idle",
    namesItself: true,
    mend: { where: "nginx, in the location of the socket", text: LONG_NGINX },
    source: "https://nginx.org/en/docs/http/websocket.html",
  },
  {
    id: "holdfast-proxy-read-timeout",
    product: "holdfast",
    name: "Holdfast's proxy_read_timeout",
    defaultMs: 60_000,
    isSettable: true,
    counts: "idle",
    namesItself: true,
    mend: { where: "Holdfast, in the location of the socket", text: LONG_NGINX },
    source: "docs/directives/proxy.md",
  },
  {
    id: "haproxy-timeout-tunnel",
    product: "haproxy",
    name: 'HAProxy\'s "timeout tunnel" (or, without one, "timeout client" or "timeout server")',
    // It has no default; this is what the configurations of distributions have for client and server.
    defaultMs: 50_000,
    isCustom: true,
    isSettable: true,
    counts: "idle",
    namesItself: false,
    mend: { where: "HAProxy, in defaults or in the backend of the socket", text: "timeout tunnel 1h" },
    source: "https://docs.haproxy.org/2.6/configuration.html#4-timeout%20tunnel",
  },
  {
    id: "apache-proxy-timeout",
    product: "apache",
    name: "Apache's ProxyTimeout",
    defaultMs: 60_000,
    isSettable: true,
    counts: "idle",
    namesItself: false,
    mend: { where: "Apache, in the virtual host", text: "ProxyTimeout 3600" },
    source: "https://httpd.apache.org/docs/2.4/mod/mod_proxy.html#proxytimeout",
  },
  {
    id: "envoy-stream-idle-timeout",
    product: "envoy",
    name: "Envoy's stream_idle_timeout",
    defaultMs: 300_000,
    isSettable: true,
    counts: "idle",
    namesItself: true,
    mend: {
      where: "Envoy, in the route of the socket",
      text: "route:\n  timeout: 0s\n  idle_timeout: 3600s",
    },
    source: "https://www.envoyproxy.io/docs/envoy/latest/faq/configuration/timeouts",
  },
  {
    id: "envoy-route-timeout",
    product: "envoy",
    name: "the timeout of Envoy's route",
    defaultMs: 15_000,
    isSettable: true,
    counts: "lifetime",
    namesItself: true,
    mend: { where: "Envoy, in the route of the socket", text: "route:\n  timeout: 0s" },
    source: "https://github.com/envoyproxy/envoy/issues/20062",
  },
  {
    id: "cloudflare-idle-timeout",
    product: "cloudflare",
    name: "Cloudflare's idle timeout",
    defaultMs: 100_000,
    isSettable: false,
    counts: "idle",
    namesItself: true,
    mend: pings(50),
    source: "https://community.cloudflare.com/t/cloudflare-websocket-timeout/5865",
  },
  {
    id: "aws-alb-idle-timeout",
    product: "aws-alb",
    name: "the idle timeout of an AWS Application or Classic Load Balancer",
    defaultMs: 60_000,
    isSettable: true,
    counts: "idle",
    namesItself: false,
    mend: {
      where: "AWS",
      text: "aws elbv2 modify-load-balancer-attributes --load-balancer-arn ARN \\\n  --attributes Key=idle_timeout.timeout_seconds,Value=3600",
    },
    source:
      "https://docs.aws.amazon.com/elasticloadbalancing/latest/application/edit-load-balancer-attributes.html",
  },
  {
    id: "aws-nlb-idle-timeout",
    product: "aws-nlb",
    name: "the idle timeout of an AWS Network Load Balancer",
    defaultMs: 350_000,
    isSettable: true,
    counts: "idle",
    namesItself: false,
    isQuiet: true,
    mend: {
      where: "AWS",
      text: "aws elbv2 modify-listener-attributes --listener-arn ARN \\\n  --attributes Key=tcp.idle_timeout.seconds,Value=3600",
    },
    source: "https://aws.amazon.com/about-aws/whats-new/2024/09/aws-network-load-balancer-tcp-idle-timeout",
  },
  {
    id: "aws-api-gateway-idle-timeout",
    product: "aws-api-gateway",
    name: "the idle timeout of AWS API Gateway",
    defaultMs: 600_000,
    isSettable: false,
    counts: "idle",
    namesItself: true,
    mend: pings(300),
    source:
      "https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-execution-service-websocket-limits-table.html",
  },
  {
    id: "aws-api-gateway-lifetime",
    product: "aws-api-gateway",
    name: "the longest life of a connection of AWS API Gateway",
    defaultMs: 7_200_000,
    isSettable: false,
    counts: "lifetime",
    namesItself: true,
    mend: { where: "the client", text: "reconnect when the connection closes" },
    source:
      "https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-execution-service-websocket-limits-table.html",
  },
  {
    id: "gcp-lb-backend-timeout",
    product: "gcp-lb",
    name: "the backend service timeout of Google Cloud's load balancer",
    defaultMs: 30_000,
    isSettable: true,
    counts: "lifetime",
    namesItself: true,
    mend: {
      where: "Google Cloud",
      text: "gcloud compute backend-services update NAME --global --timeout=86400s",
    },
    source: "https://cloud.google.com/load-balancing/docs/https#timeout-bes",
  },
  {
    id: "azure-lb-idle-timeout",
    product: "azure-lb",
    name: "the idle timeout of an Azure Load Balancer",
    defaultMs: 240_000,
    isSettable: true,
    counts: "idle",
    namesItself: false,
    isQuiet: true,
    mend: {
      where: "Azure",
      text: "az network lb rule update --resource-group GROUP --lb-name NAME --name RULE \\\n  --idle-timeout 30 --enable-tcp-reset true",
    },
    source: "https://learn.microsoft.com/en-us/azure/load-balancer/load-balancer-tcp-reset",
  },
  {
    id: "azure-front-door-idle-timeout",
    product: "azure-front-door",
    name: "the idle timeout of Azure Front Door",
    defaultMs: 300_000,
    isSettable: false,
    counts: "idle",
    namesItself: true,
    mend: pings(120),
    source: "https://learn.microsoft.com/en-us/azure/frontdoor/standard-premium/websocket",
  },
  {
    id: "azure-app-service-idle-timeout",
    product: "azure-app-service",
    name: "the idle timeout in front of Azure App Service",
    defaultMs: 230_000,
    isSettable: false,
    counts: "idle",
    namesItself: false,
    mend: pings(115),
    source:
      "https://azure-advice.com/2024/08/26/navigating-the-230-second-timeout-in-azure-app-service-technical-insights-and-developer-considerations",
  },
  {
    id: "heroku-idle-timeout",
    product: "heroku",
    name: "the idle timeout of Heroku's router (H15)",
    defaultMs: 55_000,
    isSettable: false,
    counts: "idle",
    namesItself: true,
    mend: pings(25),
    source: "https://devcenter.heroku.com/articles/http-routing#timeouts",
  },
]

/** How a server that speaks WebSocket says that the time is over. */
export interface KnownGoodbye {
  readonly codes: readonly number[]
  readonly reason: RegExp
  /** Only after about that time: the bytes alone do not say it. */
  readonly afterMs?: number
  /** One sentence, as a suspect's title. */
  readonly title: string
  readonly mend: Mend
  readonly source: string
}

export const KNOWN_GOODBYES: readonly KnownGoodbye[] = [
  {
    codes: [1000],
    reason: /^$/,
    afterMs: 60_000,
    title: "Phoenix (Cowboy) closes what sends it nothing: 60 s is its default",
    mend: {
      where: "Phoenix, in the endpoint",
      text: 'socket "/socket", MyAppWeb.UserSocket,\n  websocket: [timeout: 3_600_000]',
    },
    source: "https://hexdocs.pm/phoenix/Phoenix.Endpoint.html#socket/3-websocket-configuration",
  },
  {
    codes: [1000, 1001],
    reason: /^(Connection )?Idle (Timeout$|for \d+ms)/i,
    title: "Jetty closes idle sockets: its idle timeout",
    mend: { where: "Jetty", text: "container.setIdleTimeout(Duration.ofHours(1));" },
    source: "https://github.com/jetty/jetty.project/issues/2637",
  },
  {
    codes: [1011],
    reason: /keepalive ping timeout/i,
    title: "python3-websockets got no answer to its pings, though probe answers each: one way loses them",
    mend: {
      where: "the application, where websockets.serve is called",
      text: "ping_interval=20, ping_timeout=20",
    },
    source: "https://websockets.readthedocs.io/en/latest/topics/timeouts.html",
  },
  {
    codes: [4408],
    reason: /initiali[sz]ation timeout/i,
    title: "The application waits for its first message (connection_init) and got none",
    mend: { where: "the application, where graphql-ws is set up", text: "connectionInitWaitTimeout: 10_000" },
    source: "https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md",
  },
]

/** What a program that sends pings every `everySeconds` writes, as ws has it. */
export function pings(everySeconds: number): Mend {
  return {
    where: `the application, with ws (others have it as a setting): a ping every ${everySeconds} s`,
    text: `setInterval(() => {\n  for (const client of server.clients) client.ping()\n}, ${everySeconds}_000)`,
  }
}

/** How far off a time that was measured may be: what is in between takes its time, too. */
const TOLERANCE_MS = 600
const TOLERANCE_SHARE = 0.015

/** Whether a cut after `ms` may be one after `known`. */
export function isNear(ms: number, known: number): boolean {
  return Math.abs(ms - known) <= Math.max(TOLERANCE_MS, known * TOLERANCE_SHARE)
}
