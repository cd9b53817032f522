/** What a WebSocket does of itself, and what it answers to the first message. */
import { randomBytes } from "node:crypto"
import { printable } from "../base/visible-text.ts"
import type { ProbeContext } from "./context.ts"
import { leave, openTalk, payloadOf, type Talk } from "./messages-talk.ts"
import type { Session, SessionEnd, SessionEvent } from "./session.ts"

type Message = Extract<SessionEvent, { kind: "message" }>

/**
 * "echo": our text came back. "met": what --send asked for came, "unmet": it did not. "held": our text came back only
 * when more was sent. "other": something else came, or is spoken. "silent": nothing. "ended": the session ended on our text.
 * "early": it ended, or broke the protocol, before anything was sent.
 */
export type AnswerKind = "echo" | "met" | "unmet" | "held" | "other" | "silent" | "ended" | "early"

export interface AnswerSeen {
  readonly kind: AnswerKind
  /** From our message to its answer, or to the end; of "early" from the handshake. 0 with neither. Milliseconds. */
  readonly ms: number
  readonly end: SessionEnd | undefined
  /** The messages that came before ours, and after it: the start of each, printable. At most three of each. */
  readonly before: readonly string[]
  readonly after: readonly string[]
  /** By what came first: "Engine.IO (Socket.IO)". Nothing was said then. */
  readonly protocol?: string | undefined
  /** Of "held": how much had to be sent before the answer came. */
  readonly heldBytes: number
  /** Of "echo": the server puts a text of its own before or behind ours. */
  readonly isWrapped?: boolean
}

const MIN_QUIET_MS = 200
const MAX_QUIET_MS = 1000
/** An echo is not waited for any longer: most servers have none. On a slow path it may take that much more. */
const ECHO_MS = 2000
const MAX_ECHO_MS = 5000
const MAX_LISTED = 3
const MAX_SHOWN = 120
const NONE = { ms: 0, end: undefined, before: [], after: [], heldBytes: 0 }

/** Listens for a moment, then says something and listens again. */
export async function hearAnswer({ session, answer }: Talk, context: ProbeContext): Promise<AnswerSeen> {
  const { timeoutMs } = context.client
  const before: string[] = []
  const severalTripsMs = 3 * (answer.firstByteMs ?? 0)
  const quietMs = Math.min(Math.max(severalTripsMs, MIN_QUIET_MS), MAX_QUIET_MS, timeoutMs)
  let protocol: string | undefined
  const early = await listen(session, quietMs, (message) => {
    if (!message.isBinary) protocol ??= protocolOf(message.data)
    note(before, message)
  })
  if (early !== undefined) return { ...NONE, kind: "early", ms: early.afterMs, end: early, before }
  const { send, expect } = context.plan
  if (send === undefined && protocol !== undefined) return { ...NONE, kind: "other", before, protocol }
  const found =
    send === undefined
      ? await hearEcho(session, context, { severalTripsMs, timeoutMs })
      : await hearOut(session, send, expect, timeoutMs)
  return { ...found, before }
}

/** The end, where it comes within `limitMs`. What comes before that is heard. */
async function listen(
  session: Session,
  limitMs: number,
  hear: (message: Message) => void,
): Promise<SessionEnd | undefined> {
  const endMs = performance.now() + limitMs
  for (;;) {
    const leftMs = Math.max(endMs - performance.now(), 0)
    const event = await session.take(({ kind }) => kind === "message" || kind === "end", leftMs)
    // Who never stops sending is not listened to for ever.
    if (event === undefined || leftMs === 0) return session.end
    if (event.kind === "end") return event.end
    if (event.kind === "message") hear(event)
  }
}

/** Whether an answer has what `--expect` wants; any answer will do where it wants nothing. */
async function hearOut(
  session: Session,
  text: string,
  expect: string | undefined,
  limitMs: number,
): Promise<AnswerSeen> {
  const after: string[] = []
  const startedMs = performance.now()
  session.send(Buffer.from(text, "utf8"))
  const event = await session.take((one) => {
    if (one.kind !== "message") return one.kind === "end"
    const isIt = expect === undefined || one.data.includes(expect)
    note(after, one)
    return isIt
  }, limitMs)
  const ms = performance.now() - startedMs
  const kind = event?.kind === "message" ? "met" : "unmet"
  return { ...NONE, kind, ms, end: session.end, after }
}

/** How long may be waited. Milliseconds. */
interface Patience {
  /** Of a path on which the handshake took a third of it. */
  readonly severalTripsMs: number
  readonly timeoutMs: number
}

function echoMs({ severalTripsMs, timeoutMs }: Patience): number {
  return Math.min(Math.max(ECHO_MS, severalTripsMs), MAX_ECHO_MS, timeoutMs)
}

async function hearEcho(session: Session, context: ProbeContext, patience: Patience): Promise<AnswerSeen> {
  const echo = new Echo(session)
  const startedMs = performance.now()
  const found = await echo.ask(echoMs(patience))
  const ms = performance.now() - startedMs
  const { after, isWrapped } = echo
  if (found) return { ...NONE, kind: "echo", ms, after, isWrapped }
  if (session.end !== undefined) return { ...NONE, kind: "ended", ms, end: session.end, after }
  if (after.length > 0) return { ...NONE, kind: "other", ms, after }
  return (await isHeld(session, echo, context, patience)) ?? { ...NONE, kind: "silent", after }
}

const MAX_WRAPPING_BYTES = 64

/** Asks for an echo, and knows it when it comes. */
class Echo {
  /** What else came. */
  readonly after: string[] = []
  isWrapped = false
  readonly #session: Session
  #text = Buffer.alloc(0)

  constructor(session: Session) {
    this.#session = session
  }

  /** Whether a text of its own comes back. */
  ask(limitMs: number): Promise<boolean> {
    this.#text = Buffer.from(`holdfast-probe ${randomBytes(4).toString("hex")}`)
    this.#session.send(this.#text)
    return this.wait(limitMs)
  }

  async wait(limitMs: number): Promise<boolean> {
    const event = await this.#session.take((one) => this.has(one) || one.kind === "end", limitMs)
    return event?.kind === "message"
  }

  has(one: SessionEvent): boolean {
    if (one.kind !== "message") return false
    const isWhole = one.data.equals(this.#text)
    const isWrapped = !isWhole && isWrapping(one.data, this.#text)
    if (!isWhole) note(this.after, one)
    if (isWrapped) this.isWrapped = true
    return isWhole || isWrapped
  }
}

/** JSON around a text is the message of an application, which is not to be sent a megabyte. */
function isWrapping(data: Buffer, text: Buffer): boolean {
  return (
    data.length <= text.length + MAX_WRAPPING_BYTES &&
    !/^[{[]/.test(data.toString("latin1", 0, 1)) &&
    data.includes(text)
  )
}

/** Servers end who has sent many more pings than they could answer so far. */
const PUSH_PINGS = 40
const PUSHES = 3
const PUSH_BYTES = 120
const PUSH_MS = 1000

/**
 * Something on the way may wait for more before it sends on what it has. Where a pong comes it does not; else more is
 * sent: pings, which are nothing to the application. What is only late comes by itself the next time.
 */
async function isHeld(
  session: Session,
  echo: Echo,
  context: ProbeContext,
  patience: Patience,
): Promise<AnswerSeen | undefined> {
  const waitMs = Math.min(Math.max(PUSH_MS, patience.severalTripsMs), MAX_ECHO_MS, patience.timeoutMs)
  const startedMs = performance.now()
  session.ping(payloadOf(PUSH_BYTES))
  const first = await session.take(
    (one) => one.kind === "pong" || one.kind === "end" || echo.has(one),
    waitMs,
  )
  const late = (): AnswerSeen => {
    const { after, isWrapped } = echo
    return { ...NONE, kind: "echo", ms: performance.now() - startedMs, after, isWrapped }
  }
  if (first?.kind === "message") return late()
  if (first !== undefined) return undefined
  const pushedMs = performance.now()
  let pings = 0
  let hasCome = false
  while (!hasCome && session.end === undefined && pings < PUSHES * PUSH_PINGS) {
    for (let count = 0; count < PUSH_PINGS; count++) session.ping(payloadOf(PUSH_BYTES))
    pings += PUSH_PINGS
    hasCome = await echo.wait(waitMs / PUSHES)
  }
  const ms = performance.now() - pushedMs
  if (!hasCome && session.end === undefined) return undefined
  if (await echoesAgain(context, patience)) return late()
  return hasCome ? { ...NONE, kind: "held", ms, heldBytes: pings * PUSH_BYTES } : undefined
}

async function echoesAgain(context: ProbeContext, patience: Patience): Promise<boolean> {
  const talk = await openTalk(context)
  if (!("session" in talk)) return false
  const isEcho = await new Echo(talk.session).ask(echoMs(patience))
  await leave(talk)
  return isEcho
}

/** What servers of well-known protocols say first. A text that is none of theirs would only end the session. */
const GREETINGS: readonly (readonly [RegExp, string])[] = [
  [/^0\{"sid":/, "Engine.IO (Socket.IO)"],
  [/^o$/, "SockJS"],
  [/^\{"type":"welcome"/, "Action Cable"],
  [/^\{"event":"pusher:connection_established"/, "the protocol of Pusher"],
  [/^\{"server_id":/, "DDP (Meteor)"],
  [/^\{"type":"auth_required"/, "the protocol of Home Assistant"],
]

function protocolOf(data: Buffer): string | undefined {
  const text = data.subarray(0, MAX_SHOWN).toString("latin1")
  return GREETINGS.find(([pattern]) => pattern.test(text))?.[1]
}

function note(heard: string[], message: Message): void {
  if (heard.length < MAX_LISTED) heard.push(shownMessage(message.data, message.isBinary))
}

const SECRET_VALUE =
  /("[^"]*(?:token|secret|password|api_?key|auth|session|jwt|ticket|sid|cookie)[^"]*"\s*:\s*")[^"]+/gi

/** A message for people: its start, without what looks like a credential, quoted; of binary ones the bytes. */
export function shownMessage(data: Buffer, isBinary: boolean): string {
  const more = data.length > MAX_SHOWN ? ` … (${data.length} bytes)` : ""
  if (isBinary) return `binary: ${data.subarray(0, MAX_SHOWN / 4).toString("hex")}${more}`
  const text = data
    .subarray(0, 4 * MAX_SHOWN)
    .toString("utf8")
    .replace(SECRET_VALUE, "$1***")
  return `"${printable(text.slice(0, MAX_SHOWN))}"${more}`
}
