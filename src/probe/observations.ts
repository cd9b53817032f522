/** All that a probe has seen so far; each step adds its part. */
import type { Experiments } from "./experiments.ts"
import type { HandshakeResult } from "./handshake.ts"
import type { AddressesSeen } from "./steps/addresses.ts"
import type { BurstSeen } from "./steps/burst.ts"
import type { ConfigSeen } from "./steps/config.ts"
import type { HoldSeen } from "./steps/hold.ts"
import type { Http2Seen } from "./steps/http2.ts"
import type { MessagesSeen } from "./steps/messages.ts"
import type { RedirectSeen } from "./steps/redirect.ts"
import type { StickySeen } from "./steps/sticky.ts"
import type { TlsSeen } from "./steps/tls.ts"

export interface Observations {
  addresses?: AddressesSeen
  /** Undefined for ws: */
  tls?: TlsSeen
  redirect?: RedirectSeen
  handshake?: HandshakeResult
  /** The same request, changed in one way each; only where the handshake failed. */
  experiments?: Experiments
  http2?: Http2Seen
  messages?: MessagesSeen
  hold?: HoldSeen
  sticky?: StickySeen
  burst?: BurstSeen
  /** What `check` finds at the location of `--config`. */
  config?: ConfigSeen
  /** The same against `--backend`. */
  backend?: Observations
}
