import type { Difference, SeenResponse } from "./case.ts"

/** An error page of the edge itself, in the normalised form. */
export function errorPage(
  status: number,
  reason: string,
  connection: "close" | "keep-alive" = "close",
): SeenResponse {
  const title = `${status} ${reason}`
  const body =
    `<html>\r\n<head><title>${title}</title></head>\r\n<body>\r\n<center><h1>${title}</h1></center>\r\n` +
    "<hr><center>{server}/{version}</center>\r\n</body>\r\n</html>\r\n"
  const headers = [
    `Connection: ${connection}`,
    `Content-Length: ${body.length}`,
    "Content-Type: text/html",
    "Server: {server}/{version}",
  ]
  return { status, reason, version: "1.1", headers, body, framing: "length", complete: true, interim: [] }
}

/** Holdfast refuses with 400 and closes, and nothing reaches a backend. */
export function refused(why: string): Difference {
  return {
    why,
    holdfast: ({ backends }) => ({
      client: [errorPage(400, "Bad Request"), "then closed"],
      backends: Object.fromEntries(Object.keys(backends).map((name) => [name, ""])),
    }),
  }
}

/** Holdfast answers 502 in place of what nginx 1.22 makes of the backend's answer, and keeps the connection. */
export function badGateway(why: string): Difference {
  return { why, holdfast: () => ({ client: [errorPage(502, "Bad Gateway", "keep-alive"), "then kept"] }) }
}
