/** All rules, in the order of the documentation. */
import type { Rule } from "../rule.ts"
import { anyProtocolUpgrade } from "./any-protocol-upgrade.ts"
import { errorsSwallowed } from "./errors-swallowed.ts"
import { eventStreamCompressed } from "./event-stream-compressed.ts"
import { forwardedFromClient } from "./forwarded-from-client.ts"
import { headerInjectionByUri } from "./header-injection-by-uri.ts"
import { headersLostByInheritance } from "./headers-lost-by-inheritance.ts"
import { holdfastOnlyDirective } from "./holdfast-only-directive.ts"
import { hstsLost } from "./hsts-lost.ts"
import { http2WithoutTls } from "./http2-without-tls.ts"
import { ifWithProxySettings } from "./if-with-proxy-settings.ts"
import { includeMissing } from "./include-missing.ts"
import { ipHashBehindProxy } from "./ip-hash-behind-proxy.ts"
import { ipHashNat } from "./ip-hash-nat.ts"
import { keepaliveWithoutEffect } from "./keepalive-without-effect.ts"
import { limitsOnHandshakes } from "./limits-on-handshakes.ts"
import { locationShadowed } from "./location-shadowed.ts"
import { nextUpstreamRetries } from "./next-upstream-retries.ts"
import { pollingFallbackBuffered } from "./polling-fallback-buffered.ts"
import { proxyPassFromRequest } from "./proxy-pass-from-request.ts"
import { proxyPassUriReplaced } from "./proxy-pass-uri-replaced.ts"
import { redirectCatchesSocket } from "./redirect-catches-socket.ts"
import { staleDns } from "./stale-dns.ts"
import { statusOpen } from "./status-open.ts"
import { suppression } from "./suppression.ts"
import { upstreamTlsName } from "./upstream-tls-name.ts"
import { upstreamTlsUnverified } from "./upstream-tls-unverified.ts"
import { upstreamWithoutStickiness } from "./upstream-without-stickiness.ts"
import { weakTls } from "./weak-tls.ts"
import { websocketConnectionHeader } from "./websocket-connection-header.ts"
import { websocketHostHeader } from "./websocket-host-header.ts"
import { websocketHttpVersion } from "./websocket-http-version.ts"
import { websocketOriginUnchecked } from "./websocket-origin-unchecked.ts"
import { websocketPlainPort } from "./websocket-plain-port.ts"
import { websocketReadTimeout } from "./websocket-read-timeout.ts"
import { websocketSendTimeout } from "./websocket-send-timeout.ts"
import { websocketUpgradeHeader } from "./websocket-upgrade-header.ts"
import { workerConnections } from "./worker-connections.ts"
import { workerShutdownTimeout } from "./worker-shutdown-timeout.ts"

export const RULES: readonly Rule[] = [
  websocketHttpVersion,
  websocketUpgradeHeader,
  websocketConnectionHeader,
  headersLostByInheritance,
  websocketHostHeader,
  anyProtocolUpgrade,
  websocketOriginUnchecked,
  websocketReadTimeout,
  websocketSendTimeout,
  pollingFallbackBuffered,
  eventStreamCompressed,
  keepaliveWithoutEffect,
  nextUpstreamRetries,
  limitsOnHandshakes,
  workerConnections,
  workerShutdownTimeout,
  locationShadowed,
  redirectCatchesSocket,
  proxyPassUriReplaced,
  ifWithProxySettings,
  errorsSwallowed,
  websocketPlainPort,
  http2WithoutTls,
  upstreamWithoutStickiness,
  ipHashBehindProxy,
  ipHashNat,
  forwardedFromClient,
  upstreamTlsUnverified,
  upstreamTlsName,
  weakTls,
  hstsLost,
  statusOpen,
  headerInjectionByUri,
  proxyPassFromRequest,
  staleDns,
  includeMissing,
  holdfastOnlyDirective,
  suppression,
]
