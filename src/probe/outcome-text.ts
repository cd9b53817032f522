/** How handshakes and sockets end, in a few words. */
import { printable } from "../base/visible-text.ts"
import { dialText } from "./dial-text.ts"
import type { HandshakeResult } from "./handshake.ts"
import type { SessionEnd } from "./session.ts"

/** `FIN`, `RST: ECONNRESET`, `Close 1001 "bye"` */
export function endText({ how, code, reason }: SessionEnd): string {
  if (how === "close") return `Close ${code}${reason === "" ? ", no reason" : ` "${printable(reason)}"`}`
  if (how === "violation") return `bytes that are no WebSocket: ${printable(reason)}`
  return how === "fin" ? "FIN" : `RST: ${printable(reason)}`
}

/** "503 Service Unavailable", "closed without an answer" */
export function refusalText(refusal: HandshakeResult): string {
  if (refusal.kind === "unreachable") return printable(dialText(refusal.error))
  if (refusal.kind === "answer") return printable(refusal.head.statusLine.replace(/^HTTP\/\S+ /, ""))
  if (refusal.kind === "closed") return "closed without an answer"
  return refusal.kind === "reset" ? "reset without an answer" : `no answer (${refusal.kind})`
}
