/** Parameters of `listen` that hold for all servers of an address: `ssl`, `http2`. ngx_http_add_addresses. */
import type { Listen, Server } from "./model.ts"

/** The same for "80", "*:80" and "0.0.0.0:80". */
export function addressOf({ host, port }: Listen): string {
  return `${host === "0.0.0.0" ? "*" : host}:${port}`
}

/** Addresses of which any server says that they have TLS, or QUIC, which has none without. */
export function tlsAddresses(servers: readonly Server[]): ReadonlySet<string> {
  const found = new Set<string>()
  for (const { listens } of servers)
    for (const listen of listens)
      if (listen.isSsl || listen.parameters.includes("quic")) found.add(addressOf(listen))
  return found
}
