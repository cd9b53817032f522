/** Why a name or an address leads nowhere, in words. */
import type { DialError } from "../client/dial-error.ts"

/** Behind an address: "127.0.0.1:443 refuses the connection". */
export function connectFault({ code, message }: DialError): string {
  return WORDS.get(code) ?? message
}

const WORDS: ReadonlyMap<string, string> = new Map([
  ["ECONNREFUSED", "refuses the connection"],
  ["ECONNRESET", "resets the connection"],
  ["EHOSTUNREACH", "cannot be reached: a router says so (EHOSTUNREACH)"],
  ["ENETUNREACH", "not tried: this machine has no route there (ENETUNREACH)"],
  ["EADDRNOTAVAIL", "not tried: this machine has no address of that family (EADDRNOTAVAIL)"],
  ["EAFNOSUPPORT", "not tried: this machine does not know that family (EAFNOSUPPORT)"],
  ["ETIMEDOUT", "does not answer (ETIMEDOUT)"],
])

/** Why a name has no addresses. */
export function nameFault({ code, message }: DialError): string {
  if (code === "ENOTFOUND" || code === "ENODATA") return "the name has no address"
  return code === "EAI_AGAIN" ? "the name service does not answer now (EAI_AGAIN)" : message
}

/** With the address: "127.0.0.1 refuses the connection". */
export function connectText(error: DialError): string {
  return WORDS.has(error.code) ? `${error.address ?? "the server"} ${connectFault(error)}` : error.message
}
