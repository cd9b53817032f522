/** Why there was no connection, in words. */
import type { DialError } from "../client/dial-error.ts"
import { connectText, nameFault } from "./connect-text.ts"
import { failureOf } from "./tls-attempt.ts"
import { failureText } from "./tls-text.ts"

/** The whole of it. */
export function dialText(error: DialError): string {
  if (error.stage === "resolve") return nameFault(error)
  if (error.stage === "tls") return `TLS: ${failureText(failureOf(error, ""))}`
  return error.stage === "connect" ? connectText(error) : error.message
}
