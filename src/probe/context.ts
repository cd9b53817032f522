/** What a probe is about and how it gets there. */
import type { ClientOptions } from "../client/client-options.ts"
import type { DialOptions } from "../client/dial.ts"
import type { Endpoint } from "../client/endpoint.ts"

/** What the user asked for beyond the handshake. */
export interface ProbePlan {
  /** A message to send, and what the answer must have in it; undefined where the user gave none. */
  readonly send: string | undefined
  readonly expect: string | undefined
  /** How long an idle socket is watched; 0: not at all. Milliseconds. */
  readonly holdMs: number
  /** How many connections look for the backends behind; 0: none. */
  readonly sticky: number
  /** How many sockets are opened at once, and how many of them a second; 0: none. */
  readonly burst: number
  readonly burstRate: number
  /** Where plain HTTP is asked for its redirect, in place of 80. */
  readonly httpPort?: number | undefined
  /** Over 100 sockets against a host that is not loopback were agreed to. */
  readonly isBurstAgreed: boolean
  readonly backend: Endpoint | undefined
  /** Path of a configuration, and the version of nginx that it is judged by. */
  readonly config: string | undefined
  readonly configTarget: string
}

export interface ProbeContext {
  readonly endpoint: Endpoint
  /** Headers, cookies, files; `client.timeoutMs` is the longest that any single thing is waited for. */
  readonly client: ClientOptions
  readonly plan: ProbePlan
  /** For `dial`, but for the deadline. Certificates are not verified: what is wrong with them is a finding. */
  readonly dialOptions: Omit<DialOptions, "deadline">
}

export function probeContext(endpoint: Endpoint, client: ClientOptions, plan: ProbePlan): ProbeContext {
  const { tls, resolve, proxy } = client
  return { endpoint, client, plan, dialOptions: { tls, resolve, proxy, verify: false } }
}

/** The same against another endpoint, without a proxy: a backend is asked where it stands. */
export function contextOfBackend(context: ProbeContext, backend: Endpoint): ProbeContext {
  const client = { ...context.client, proxy: undefined }
  const plan = { ...context.plan, backend: undefined, config: undefined, sticky: 0, burst: 0 }
  return probeContext(backend, client, plan)
}
