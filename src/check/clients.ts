/** Whether clients come through another proxy, so that the address that nginx sees is not theirs. */
import { isLocal } from "./backends.ts"
import { effective, effectiveList } from "./effective.ts"
import { placeOf } from "./location-text.ts"
import type { Listen, Location, Model } from "./model.ts"
import type { Node } from "./tree.ts"

/** No proof: it is so on the machine of whoever tries a configuration, too. */
export const LISTENS_HERE_ONLY =
  "the server listens on this machine only, so that another program in front of it takes the clients, and no set_real_ip_from with real_ip_header brings their addresses back"

/** How the configuration shows that $remote_addr is a proxy's at `location`; null where it shows nothing of the kind. */
export function proxyBeforeUs({ node, server }: Location, { http, target }: Model): string | null {
  const trustsSome = effectiveList(node, "set_real_ip_from").nodes.length > 0
  const wrapped = server.listens.find(({ parameters }) => parameters.includes("proxy_protocol"))
  const takesWrapped = trustsSome && effective(node, "real_ip_header", target)?.origin !== null
  if (wrapped !== undefined && !takesWrapped)
    return `"listen ${wrapped.node.args.join(" ")}" says that clients come through a load balancer, and set_real_ip_from with real_ip_header proxy_protocol, which would put their addresses in place of its own, is not there`
  if (trustsSome) return null
  if (server.listens.length > 0 && server.listens.every(isLocalListen)) return LISTENS_HERE_ONLY
  const use = usesOf(server.node) ?? usesOfHttp(http)
  if (use === undefined) return null
  return `${placeOf(use, node)} takes the client's address from a field that another proxy sets (${use.name} … ${use.args.find(isClientField) ?? ""}), and no set_real_ip_from with real_ip_header does so for the rest`
}

function isLocalListen({ host }: Listen): boolean {
  return host.startsWith("unix:") || isLocal(host.replace(/^\[|\]$/g, ""))
}

/** Everybody's log format has X-Forwarded-For, and passing it on says nothing of who set it. */
const NO_SIGN = new Set(["log_format", "access_log"])

function isClientField(text: string): boolean {
  return /\$\{?http_(?:cf_connecting_ip|true_client_ip|fastly_client_ip|x_forwarded_for)\b/.test(text)
}

function isSign({ name, args }: Node): boolean {
  if (NO_SIGN.has(name) || !args.some(isClientField)) return false
  return name !== "proxy_set_header" || !/^x-forwarded-for$/i.test(args[0] ?? "")
}

function usesOf(block: Node): Node | undefined {
  for (const child of block.children ?? []) {
    if (isSign(child)) return child
    const inner = usesOf(child)
    if (inner !== undefined) return inner
  }
  return undefined
}

function usesOfHttp(http: Node | null): Node | undefined {
  return http?.children?.find(
    (child) => child.name !== "server" && child.name !== "upstream" && isSign(child),
  )
}
