/** What the causes of the step "messages" know of who is where. */
import type { Case } from "../cause.ts"
import { type Identity, identify } from "../fingerprint.ts"
import type { Place } from "../mends.ts"

/** Where the edge is to be mended. */
export function placeOf(one: Case): Place {
  return { edge: identityOf(one).edge?.product, path: one.context.endpoint.target.split("?", 1)[0] ?? "/" }
}

/** Who shows in the answer to the handshake. */
export function identityOf({ seen }: Case): Partial<Identity> {
  return seen.handshake?.kind === "answer" ? identify(seen.handshake) : {}
}
