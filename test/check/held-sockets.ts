/** WebSockets that stay open for a while, for proofs of limits and of times. */
import { setTimeout as pause } from "node:timers/promises"
import { WebSocket } from "ws"

/** Opens `count` WebSockets at once, and ends them when each is open or refused: "3 open, 2 refused with 503". */
export async function openTogether(url: string, count: number): Promise<string> {
  const held: WebSocket[] = []
  const outcomes = await Promise.all(Array.from({ length: count }, () => openOne(url, held)))
  for (const webSocket of held) webSocket.terminate()
  return countOutcomes(outcomes)
}

/** As `openTogether`, one after the other. */
export async function openInTurn(url: string, count: number): Promise<string> {
  await using sockets = new HeldSockets()
  return await sockets.open(url, count)
}

/** Owns the WebSockets that it opens. */
export class HeldSockets {
  readonly held: WebSocket[] = []

  async open(url: string, count: number): Promise<string> {
    const outcomes: string[] = []
    for (let i = 0; i < count; i++) outcomes.push(await openOne(url, this.held))
    return countOutcomes(outcomes)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const webSocket of this.held) webSocket.terminate()
  }
}

function countOutcomes(outcomes: readonly string[]): string {
  const counts = Map.groupBy([...outcomes].sort(), (outcome) => outcome)
  return [...counts].map(([outcome, all]) => `${all.length} ${outcome}`).join(", ")
}

/** An edge that is full may accept and never answer. */
const HANDSHAKE_MS = 1500

function openOne(url: string, held: WebSocket[]): Promise<string> {
  const webSocket = new WebSocket(url, { handshakeTimeout: HANDSHAKE_MS })
  return new Promise((resolve) => {
    webSocket.on("open", () => {
      held.push(webSocket)
      resolve("open")
    })
    webSocket.on("unexpected-response", (request, response) => {
      request.destroy()
      resolve(`refused with ${response.statusCode}`)
    })
    webSocket.on("error", () => resolve("failed"))
  })
}

/** Opens one, leaves it alone for so long, and says whether it is "still open" or "closed with 1006". */
export async function watchSocket(url: string, ms: number): Promise<string> {
  const held: WebSocket[] = []
  const outcome = await openOne(url, held)
  const [webSocket] = held
  if (webSocket === undefined) return outcome
  const result = await fateOf(webSocket, ms)
  webSocket.terminate()
  return result
}

/** Waits for the end of an open one, no longer than `ms`. */
export function fateOf(webSocket: WebSocket, ms: number): Promise<string> {
  const closed = new Promise<string>((resolve) => {
    webSocket.once("close", (code) => resolve(`closed with ${code}`))
  })
  // That nothing happens has no event: the only way is to give it the time.
  return Promise.race([closed, pause(ms, "still open")])
}
