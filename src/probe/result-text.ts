/** A handshake's result in a few words, as evidence has it. */

import { printable } from "../base/visible-text.ts"
import { formatDuration } from "../client/duration.ts"
import { dialText } from "./dial-text.ts"
import type { HandshakeResult, NoAnswer } from "./handshake.ts"

const KINDS: Readonly<Record<NoAnswer["kind"], string>> = {
  closed: "the connection is closed without an answer",
  reset: "the connection is reset (RST)",
  silent: "no answer",
  malformed: "what comes is no HTTP",
  endless: "an answer without an end",
}

/** "101", "403 Forbidden", "no answer after 10 s", "101, but there is no Upgrade header". */
export function outcomeText(result: HandshakeResult): string {
  if (result.kind === "unreachable") return printable(dialText(result.error))
  if (result.kind !== "answer") return noAnswerText(result)
  const status = statusText(result)
  return result.fault === undefined || result.head.status !== 101
    ? status
    : `101, but ${printable(result.fault)}`
}

/** "403 Forbidden"; "101". */
export function statusText({ head }: { readonly head: { status: number; statusLine: string } }): string {
  return head.status === 101 ? "101" : printable(head.statusLine.replace(/^HTTP\/\S+ /, "").trim())
}

export function noAnswerText({ kind, totalMs }: NoAnswer): string {
  const after = kind === "silent" || kind === "endless" ? ` after ${formatDuration(totalMs)}` : ""
  return `${KINDS[kind]}${after}`
}
