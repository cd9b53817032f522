/** Opens a WebSocket: the connection by `dial`, the handshake by ws. */
import type { ClientRequest, IncomingMessage } from "node:http"
import { WebSocket } from "ws"
import { basic, type ClientOptions } from "../client/client-options.ts"
import { Deadline } from "../client/deadline.ts"
import { type Connection, dial } from "../client/dial.ts"
import { DialError } from "../client/dial-error.ts"
import { formatDuration } from "../client/duration.ts"
import { type Endpoint, ownOrigin } from "../client/endpoint.ts"
import { shownField } from "../client/redact.ts"
import { VERSION } from "../runtime/special-response.ts"
import { openSslText } from "../tls/openssl-error.ts"
import { OpenError, openErrorOf } from "./open-error.ts"
import { Session, type SessionListener } from "./session.ts"

export interface OpenOptions {
  /** 0: no pings of our own. */
  readonly pingEveryMs: number
  readonly client: ClientOptions
  /** Offer permessage-deflate. */
  readonly compresses: boolean
  readonly maxMessageBytes: number
}

/**
 * `opened` is called before the first message can come. Throws OpenError; nothing stays open then.
 */
export async function openSession(
  endpoint: Endpoint,
  options: OpenOptions,
  listener: SessionListener,
  opened: (session: Session) => void,
): Promise<Session> {
  const { client } = options
  const deadline = new Deadline(client.timeoutMs)
  const connection = await connectTo(endpoint, client, deadline)
  return new Promise((resolve, reject) => {
    const webSocket = new WebSocket(
      urlOf(endpoint),
      [...new Set(client.subprotocols)],
      webSocketOptions(endpoint, options, connection),
    )
    let head: IncomingMessage | undefined
    const fail = (error: OpenError): void => {
      disarm()
      webSocket.removeAllListeners()
      webSocket.on("error", () => {}).terminate()
      connection.socket.destroy()
      reject(error)
    }
    const disarm = deadline.arm(() => fail(late(deadline)))
    webSocket.once("upgrade", (response) => {
      head = response
    })
    webSocket.once("unexpected-response", (_request, response) => {
      disarm()
      void refusal(response, deadline).then(fail)
    })
    webSocket.once("error", (error: NodeJS.ErrnoException) => fail(broken(error)))
    webSocket.once("open", () => {
      disarm()
      webSocket.removeAllListeners()
      const { address, tls } = connection
      const server = head?.headers["server"]
      const info = {
        address,
        tls: tls?.getProtocol() ?? undefined,
        subprotocol: webSocket.protocol,
        extensions: webSocket.extensions,
        server: typeof server === "string" ? server : undefined,
        tookMs: deadline.elapsedMs,
      }
      const limits = { pingEveryMs: options.pingEveryMs, closeMs: client.timeoutMs }
      const session = new Session(webSocket, connection, info, listener, limits)
      opened(session)
      resolve(session)
    })
  })
}

const A_DAY_MS = 86_400_000

/** ws documents closeTimeout; its types do not have it. */
type WebSocketOptions = WebSocket.ClientOptions & { readonly closeTimeout: number }

function webSocketOptions(
  endpoint: Endpoint,
  { client, compresses, maxMessageBytes }: OpenOptions,
  { socket }: Connection,
): WebSocketOptions {
  return {
    createConnection: () => socket,
    perMessageDeflate: compresses,
    maxPayload: maxMessageBytes,
    // The session has its own, which lets a slow reader read.
    closeTimeout: A_DAY_MS,
    followRedirects: false,
    finishRequest: (request) => {
      addFields(request, endpoint, client)
      request.end()
    },
  }
}

async function connectTo(endpoint: Endpoint, client: ClientOptions, deadline: Deadline): Promise<Connection> {
  const { tls, resolve, proxy } = client
  try {
    return await dial(endpoint, { deadline, tls, resolve, proxy, verify: true })
  } catch (error) {
    if (!(error instanceof DialError)) throw error
    throw openErrorOf(error, endpoint)
  }
}

function urlOf({ secure, authority, target }: Endpoint): string {
  return `${secure ? "wss" : "ws"}://${authority}${target}`
}

/** A field that the user gives takes the place of ours of that name. */
function addFields(request: ClientRequest, endpoint: Endpoint, client: ClientOptions): void {
  const { headers, cookies, origin } = client
  request.setHeader("User-Agent", `holdfast-connect/${VERSION}`)
  if (origin !== "none") request.setHeader("Origin", origin ?? ownOrigin(endpoint))
  if (cookies.length > 0) request.setHeader("Cookie", cookies.join("; "))
  if (endpoint.userinfo !== undefined) request.setHeader("Authorization", basic(endpoint.userinfo))
  for (const [name] of headers) request.removeHeader(name)
  for (const [name, value] of headers) request.appendHeader(name, value)
}

const MAX_BODY_BYTES = 8192
const MAX_BODY_MS = 1000
const MAX_BODY_LINES = 5
const MAX_LINE_LENGTH = 200
const SHOWN_FIELDS = ["server", "via", "location", "retry-after", "www-authenticate"] as const
/** Answers that may be others a moment later. RFC 9110 §15.5.9, RFC 8470, RFC 6585. */
const PASSING_STATUSES: ReadonlySet<number> = new Set([408, 425, 429])

async function refusal(response: IncomingMessage, deadline: Deadline): Promise<OpenError> {
  const { statusCode: status = 0, statusMessage = "", headers } = response
  const fields = SHOWN_FIELDS.flatMap((name) => {
    const value = headers[name]
    return value === undefined ? [] : [shownField(name, String(value))]
  })
  const body = await firstBytes(response, deadline)
  return new OpenError("handshake", `the handshake was refused: ${status} ${statusMessage}`.trimEnd(), {
    status,
    details: [...fields, ...linesOf(body)],
    isPassing: status >= 500 || PASSING_STATUSES.has(status),
  })
}

function firstBytes(response: IncomingMessage, deadline: Deadline): Promise<string> {
  return new Promise((resolve) => {
    const pieces: Buffer[] = []
    let length = 0
    const done = (): void => {
      disarm()
      response.destroy()
      resolve(Buffer.concat(pieces).subarray(0, MAX_BODY_BYTES).toString("utf8"))
    }
    const disarm = new Deadline(Math.min(deadline.leftMs, MAX_BODY_MS)).arm(done)
    response.on("data", (piece: Buffer) => {
      pieces.push(piece)
      length += piece.length
      if (length >= MAX_BODY_BYTES) done()
    })
    response.once("end", done).once("close", done).on("error", done)
  })
}

/** What a page says, without its tags. */
function linesOf(body: string): string[] {
  const isPage = /^\s*<(?:!doctype|html|head|body)/i.test(body)
  const text = isPage
    ? body.replaceAll(/<!--.*?-->|<(style|script|title)\b.*?<\/\1>/gis, "").replaceAll(/<[^>]*>/g, "\n")
    : body
  const lines = text.split("\n").map((line) => line.trim())
  return lines
    .filter((line) => line !== "")
    .slice(0, MAX_BODY_LINES)
    .map((line) => (line.length > MAX_LINE_LENGTH ? `${line.slice(0, MAX_LINE_LENGTH)}…` : line))
}

function late(deadline: Deadline): OpenError {
  const text = `no answer to the handshake within ${formatDuration(deadline.limitMs)}`
  return new OpenError("handshake", text, { isPassing: true })
}

function broken(error: NodeJS.ErrnoException): OpenError {
  const { code = "", message } = error
  const refused = (text: string, isPassing = false): OpenError =>
    new OpenError("handshake", text, { isPassing, cause: error })
  if (code === "ECONNRESET")
    return refused("the connection was closed in place of an answer to the handshake", true)
  if (code.startsWith("HPE_")) return refused(`the answer to the handshake is no HTTP: ${message} (${code})`)
  // With TLS 1.3 a server looks at the client's certificate when the client takes its handshake for done.
  if (code.startsWith("ERR_SSL_")) {
    const hint = code.includes("CERTIFICATE_REQUIRED") ? " (--cert and --key give one)" : ""
    return refused(`the server ended TLS: ${openSslText(error)}${hint}`)
  }
  return refused(`the answer does not accept the handshake: ${message}`)
}
