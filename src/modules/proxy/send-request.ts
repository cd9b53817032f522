/** The request on its way to the upstream: head and body, as much as the connection takes. */
import { joinHeadAndBody } from "../../http/serialize.ts"
import type { Request } from "../../runtime/request.ts"
import type { Template } from "../../runtime/template.ts"
import type { UpstreamConnection } from "../../upstream/connection.ts"
import type { OutgoingBody } from "./request-body.ts"
import { buildRequestHead, NO_BODY, type ProxyTarget } from "./request-head.ts"
import type { ProxySettings } from "./settings.ts"

/** Bodies up to this are copied behind the head, so that both leave in one write. */
const JOINED_BODY_BYTES = 16 * 1024

/** Sends the head and what there is of the body; false when the connection takes no more for now. */
export function sendRequest(
  request: Request,
  settings: ProxySettings,
  target: ProxyTarget,
  body: OutgoingBody | null,
  connection: UpstreamConnection,
): boolean {
  if (settings.body !== null) return sendOwnBody(request, settings, target, settings.body, connection)
  if (body === null) return connection.write(buildRequestHead(request, settings, target, NO_BODY))
  body.begin()
  const head = buildRequestHead(request, settings, target, body.announcedBytes)
  const piece = body.take()
  if (piece === null || piece.length === 0) return connection.write(head)
  if (piece.length <= JOINED_BODY_BYTES) return connection.write(joinHeadAndBody(head, piece))
  connection.write(head)
  return body.isShared ? connection.write(piece) : connection.give(piece)
}

/** proxy_set_body: what it says, in place of what the client sent. */
function sendOwnBody(
  request: Request,
  settings: ProxySettings,
  target: ProxyTarget,
  body: Template,
  connection: UpstreamConnection,
): boolean {
  const text = body.evaluate(request)
  return connection.write(buildRequestHead(request, settings, target, text.length) + text)
}
