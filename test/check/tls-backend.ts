/** A backend of WebSockets over TLS, for proofs. */
import { once } from "node:events"
import { createServer } from "node:https"
import type { AddressInfo } from "node:net"
import { createSecureContext } from "node:tls"
import { WebSocketServer } from "ws"
import type { Certificate } from "../support/certificates.ts"
import type { OwnBackend } from "./proof.ts"

/** Echoes. Shows `certificate`, and to who asks for `byName`'s name by SNI that one. */
export async function startTlsEcho(
  certificate: Certificate,
  byName?: { readonly name: string; readonly certificate: Certificate },
): Promise<OwnBackend> {
  const server = createServer({
    cert: certificate.certificate,
    key: certificate.key,
    SNICallback: (name, answer) =>
      answer(null, name === byName?.name ? contextOf(byName.certificate) : undefined),
  })
  const webSockets = new WebSocketServer({ server })
  webSockets.on("connection", (webSocket) => {
    webSocket.on("error", () => {})
    webSocket.on("message", (data: Buffer) => webSocket.send(data.toString()))
  })
  // An edge that does not like the certificate hangs up.
  server.on("tlsClientError", () => {})
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  const close = async (): Promise<void> => {
    for (const client of webSockets.clients) client.terminate()
    webSockets.close()
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
  return { port: (server.address() as AddressInfo).port, [Symbol.asyncDispose]: close }
}

function contextOf({ certificate, key }: Certificate): ReturnType<typeof createSecureContext> {
  return createSecureContext({ cert: certificate, key })
}
