/** Requests over plain HTTP, which everybody on the way can read: nothing that the user gave goes along. */
import type { Endpoint } from "../client/endpoint.ts"
import { withoutSecrets } from "../client/endpoint.ts"
import { type ProbeContext, probeContext } from "./context.ts"

/** The same without header fields, cookies and client certificates. */
export function withoutCredentials(context: ProbeContext, endpoint: Endpoint): ProbeContext {
  const { client, plan } = context
  const tls = { ...client.tls, cert: undefined, key: undefined }
  return probeContext(withoutUserinfo(endpoint), { ...client, headers: [], cookies: [], tls }, plan)
}

/** The endpoint without user, password and the values of the query that look like credentials. */
export function withoutUserinfo(endpoint: Endpoint): Endpoint {
  return { ...endpoint, userinfo: undefined, target: withoutSecrets(endpoint.target) }
}
