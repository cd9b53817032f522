import type { Request } from "../../runtime/request.ts"

/** $proxy_add_x_forwarded_for: what came, and the client's address behind it. */
export function forwardedFor(request: Request): string {
  const came = request.headers.getJoined("x-forwarded-for")
  return came === undefined ? request.remote.address : `${came}, ${request.remote.address}`
}
