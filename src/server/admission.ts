/** The way of a request whose head is there into its phases, or past them. ngx_http_process_request. */
import { INFO } from "../base/logger.ts"
import type { Target } from "../http/target.ts"
import { finalize, startPhases } from "../runtime/phases.ts"
import type { Request } from "../runtime/request.ts"
import type { ServerNames } from "../runtime/server-names.ts"

/** Gives the request the server of the name that its client sent. */
export function placeRequest(request: Request, names: ServerNames): void {
  const server = names.find(request.sentHost, request)
  request.server = server
  request.location = server.location
  if (request.sentHost === "") request.host = server.name
}

/**
 * Starts the phases, or answers what must not reach them. `target`: undefined where it could not be read. `refusal`:
 * a status that the listener refuses the request with, or 0.
 */
export function admitRequest(request: Request, target: Target | undefined, refusal: number): void {
  const { head } = request
  if (target === undefined || target.uri === "*")
    return refuseRequest(request, 400, "client sent invalid request while reading client request line")
  if (refusal !== 0) return finalize(request, refusal)
  if (head.method !== "TRACE" && head.method !== "CONNECT") return startPhases(request)
  request.isLast = true
  refuseRequest(request, 405, `client sent ${head.method} method while reading client request headers`)
}

export function refuseRequest(request: Request, status: number, reason: string): void {
  request.log(INFO, reason)
  finalize(request, status)
}
