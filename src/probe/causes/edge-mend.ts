/** What mends something at the edge, for the program that answers, or for the two most used where it is not known. */
import type { Case } from "../cause.ts"
import { identify } from "../fingerprint.ts"
import { edgeHop } from "../hops.ts"
import type { Mend, Suspect } from "../report.ts"

export interface EdgeMend {
  /** Behind "nginx, ": "in the server of example.com". */
  readonly place: string
  /** Holdfast's, too. */
  readonly nginx: string
  readonly haproxy: string
}

export function edgeMends(one: Case, { place, nginx, haproxy }: EdgeMend): Mend[] {
  const mends: Mend[] = []
  const product = edgeProduct(one)
  if (product !== "haproxy")
    mends.push({ where: `${product === "holdfast" ? "Holdfast" : "nginx"}, ${place}`, text: nginx })
  if (product !== "nginx" && product !== "holdfast")
    mends.push({ where: "HAProxy, in the frontend", text: haproxy })
  return mends
}

/** Whoever speaks TLS: named by what answered behind it, where something did. */
export function tlsHop(one: Case): string {
  return one.seen.handshake?.kind === "answer" ? edgeHop(one) : `TLS of ${one.context.endpoint.authority}`
}

export function suspect(
  id: string,
  title: string,
  more: Pick<Suspect, "hop" | "evidence" | "mend"> & { readonly certainty?: Suspect["certainty"] },
): Suspect {
  return { id, title, certainty: "certain", ...more }
}

function edgeProduct({ seen }: Case): string | undefined {
  return seen.handshake?.kind === "answer" ? identify(seen.handshake).edge?.product : undefined
}
