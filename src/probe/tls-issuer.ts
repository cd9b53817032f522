/** Fetches the certificate of an issuer, as Chrome does where a server leaves it out. */
import type { X509Certificate } from "node:crypto"
import { HoldfastError } from "../base/error.ts"
import { parseEndpoint } from "../client/endpoint.ts"
import type { ProbeContext } from "./context.ts"
import { tryHandshake } from "./handshake.ts"
import { withoutCredentials } from "./plain-http.ts"
import { parseIssuer } from "./tls-chain.ts"

/** Undefined where it is not to be had. Never throws for what a peer does. */
export async function fetchIssuer(context: ProbeContext, url: string): Promise<X509Certificate | undefined> {
  try {
    const endpoint = parseEndpoint(url)
    const changes = { isPlain: true, origin: null }
    const answer = await tryHandshake(withoutCredentials(context, endpoint), changes, endpoint)
    if (answer.kind !== "answer" || answer.head.status !== 200) return undefined
    return parseIssuer(Buffer.from(answer.body, "latin1"))
  } catch (error) {
    // A certificate may have anything in the place of a URL.
    if (error instanceof HoldfastError) return undefined
    throw error
  }
}
