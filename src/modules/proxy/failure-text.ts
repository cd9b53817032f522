/** What went wrong with an upstream: in nginx's words for the log, in one of few for those who count. */
import { errnoText } from "../../base/errno.ts"
import { CRIT, ERROR } from "../../base/logger.ts"
import type { ResponseHeadParser } from "../../http/response-head.ts"
import type { FailureCause } from "../../runtime/module.ts"
import type { Request } from "../../runtime/request.ts"
import type { Peer } from "../../upstream/peer.ts"
import { localAddressOf } from "./local-address.ts"
import type { PeerLease } from "./peer-lease.ts"
import type { ProxyTarget } from "./request-head.ts"
import type { ProxySettings } from "./settings.ts"

/** What the words depend on. */
interface Asked {
  readonly request: Request
  readonly settings: ProxySettings
  readonly target: ProxyTarget
  readonly lease: PeerLease
}

/** Logs what ended the connection; `doing` is nginx's " while …". */
export function logFailure(
  asked: Asked,
  error: NodeJS.ErrnoException,
  isConnecting: boolean,
  doing: string,
): void {
  const { request, settings, target, lease } = asked
  if (error.syscall === "bind") {
    const name = localAddressOf(request, settings.bind)?.name
    return request.log(CRIT, `bind(${name}) failed (${errnoText(error)})${doing}`)
  }
  if (isConnecting && target.scheme === "https" && error.syscall !== "connect") {
    const own = settings.tls?.handshakeError(error)
    const text = own ?? `SSL_do_handshake() failed (${errnoText(error)}) while SSL handshaking to upstream`
    return request.log(error.code === "ENOENT" ? CRIT : ERROR, text)
  }
  const isOdd = isConnecting && error.code === "ENOENT"
  request.log(isOdd ? CRIT : ERROR, callFailure(error, isConnecting, lease.peer, doing))
}

/** The kind of an error that ended a connection before an answer. */
export function causeOf({ code, syscall }: NodeJS.ErrnoException, isConnecting: boolean): FailureCause {
  if (!isConnecting) return code === "ECONNRESET" || code === "EPIPE" ? "reset" : "closed"
  if (syscall !== "connect") return "tls-failed"
  if (code === "ECONNREFUSED") return "connect-refused"
  return code === "ETIMEDOUT" ? "connect-timeout" : "connect-failed"
}

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
