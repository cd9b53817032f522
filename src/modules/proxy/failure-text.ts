/** What went wrong with an upstream, in nginx's words. */
import { errnoText } from "../../base/errno.ts"
import type { ResponseHeadParser } from "../../http/response-head.ts"
import type { Peer } from "../../upstream/peer.ts"

/** A failed system call; `doing` is nginx's " while …". */
export function callFailure(
  error: NodeJS.ErrnoException,
  isConnecting: boolean,
  peer: Peer | null,
  doing: string,
): string {
  const call = isConnecting ? "connect" : error.syscall === "write" ? "send" : "recv"
  const path = peer?.address.path ?? ""
  const to = isConnecting && path !== "" ? ` to unix:${path}` : ""
  return `${call}()${to} failed (${errnoText(error)})${doing}`
}

/** A bad field is named as nginx names it; an answer that is no HTTP at all has the words that all know. */
export function badHeadText({ errorReason, errorDetail }: ResponseHeadParser): string {
  const isNamed = errorDetail.startsWith(`${errorReason}: `)
  const hint = isNamed || errorDetail === "" || errorDetail === errorReason ? "" : ` (${errorDetail})`
  return `${isNamed ? errorDetail : errorReason} while reading response header from upstream${hint}`
}
