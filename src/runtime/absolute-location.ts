import type { Request } from "./request.ts"

/**
 * Gives a Location that is a path scheme, host and port, as absolute_redirect, server_name_in_redirect and
 * port_in_redirect say. ngx_http_header_filter.
 */
export function absoluteLocation(request: Request): void {
  const { settings } = request.location
  const location = request.response.headers.get("location")
  if (location === undefined || !location.startsWith("/") || !settings.absoluteRedirect) return
  const { client } = request
  const scheme = client.tls === null ? "http" : "https"
  const host = settings.serverNameInRedirect ? request.server.name : request.sentHost || client.serverAddress
  const isDefaultPort = client.serverPort === (client.tls === null ? 80 : 443) || client.serverPort === 0
  const port = settings.portInRedirect && !isDefaultPort ? `:${client.serverPort}` : ""
  request.response.headers.set("Location", `${scheme}://${host}${port}${location}`)
}
