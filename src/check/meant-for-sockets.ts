/** Which of the locations that could serve WebSockets are there for them. */
import { isSocketPath, type Location, proxyHeader } from "./model.ts"

/**
 * False for one that forwards Upgrade only because all of its server or of http does, and whose path says nothing
 * of sockets: `location /api/` beside others. The one for "/" counts, since it takes what no other does.
 */
export function isMeantForSockets({ node, path, forwardsUpgrade }: Location): boolean {
  if (!forwardsUpgrade || path === "/" || isSocketPath(path)) return true
  const field = proxyHeader(node, "upgrade")
  return field === null || field.parent === node
}
