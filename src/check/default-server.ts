/** Which server takes the requests that name none. ngx_http_add_addresses. */
import type { Listen, Model, Server } from "./model.ts"

/** The servers that get, at one of their addresses, the requests whose Host no server has. */
export function defaultServers({ servers }: Model): ReadonlySet<Server> {
  const first = new Map<string, Server>()
  const marked = new Map<string, Server>()
  for (const server of servers) {
    for (const address of addressesOf(server)) if (!first.has(address)) first.set(address, server)
    for (const listen of server.listens) if (isMarked(listen)) marked.set(addressOf(listen), server)
  }
  return new Set([...first].map(([address, server]) => marked.get(address) ?? server))
}

/** Whether a Host that reaches the server may be any name: it is the default, or its names leave that open. */
export function takesAnyHost(server: Server, defaults: ReadonlySet<Server>): boolean {
  return defaults.has(server) || server.names.some((name) => /\.\*$|^~(?!.*\$$)/.test(name))
}

function addressesOf({ listens }: Server): string[] {
  return listens.length === 0 ? ["*:80"] : listens.map(addressOf)
}

function addressOf({ host, port }: Listen): string {
  return `${host}:${port}`
}

function isMarked({ parameters }: Listen): boolean {
  return parameters.includes("default_server") || parameters.includes("default")
}
