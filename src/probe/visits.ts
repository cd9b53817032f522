/** Short connections that only look who answers. */
import { NORMAL_CLOSURE } from "../websocket/frames.ts"
import type { Sight } from "./backend-names.ts"
import type { ProbeContext } from "./context.ts"
import { openHandshake, type Upgraded } from "./handshake.ts"
import { Session } from "./session.ts"

const MAX_MESSAGE_BYTES = 1024 * 1024
/** What is kept of a first message. */
const MAX_KEPT = 2000
const GOODBYE_MS = 1000
/** Who greets does it at once. */
const GREETING_MS = 500
const ANSWER_MS = 1000
const WHOAMI = "whoami"

export class Visits {
  readonly #context: ProbeContext
  readonly #leaving = new Set<Promise<void>>()
  /** Whether the first that was listened to greeted; undefined before. */
  #greets: boolean | undefined

  constructor(context: ProbeContext) {
    this.#context = context
  }

  /**
   * Opens a connection that sends `cookies` (`name=value` each), too, and leaves again. `listens`: it waits for a first
   * message, or sends one and waits for the answer. Undefined where it did not open.
   */
  async visit(cookies: readonly string[], listens: boolean): Promise<Sight | undefined> {
    const { client } = this.#context
    const opened = await openHandshake({
      ...this.#context,
      client: { ...client, cookies: merged(client.cookies, cookies) },
    })
    if (!("answer" in opened)) return undefined
    const session = sessionOf(opened)
    const message = listens ? await this.#listen(session) : ""
    this.#leave(session)
    return { ...sightOf(opened), message }
  }

  /** Resolves when all have left. */
  async end(): Promise<void> {
    await Promise.all(this.#leaving)
  }

  async #listen(session: Session): Promise<string> {
    const { timeoutMs } = this.#context.client
    const { send } = this.#context.plan
    if (send === undefined && this.#greets !== false) {
      const greeting = await session.message(Math.min(GREETING_MS, timeoutMs))
      this.#greets ??= greeting !== undefined
      if (this.#greets) return textOf(greeting?.data)
    }
    const asked = send ?? WHOAMI
    session.send(Buffer.from(asked))
    const answer = textOf((await session.message(Math.min(ANSWER_MS, timeoutMs)))?.data)
    // An echo says nothing of who it is.
    return answer === asked ? "" : answer
  }

  #leave(session: Session): void {
    session.close(NORMAL_CLOSURE)
    const left = session.ended(GOODBYE_MS).then(() => {
      session.destroy()
      this.#leaving.delete(left)
    })
    this.#leaving.add(left)
  }
}

function sessionOf({ answer, connection, rest }: Upgraded): Session {
  const extensions = answer.head.headers.getJoined("sec-websocket-extensions") ?? ""
  return new Session(connection.socket, { rest, extensions, maxMessageBytes: MAX_MESSAGE_BYTES })
}

function sightOf({ answer }: Upgraded): Omit<Sight, "message"> {
  const { keys, values } = answer.head.headers
  const headers = keys.map((key, index) => [key, values[index] as string] as const)
  const fields = headers.filter(([key]) => key === "set-cookie").map(([, value]) => parseSetCookie(value))
  const cookies = fields.filter(({ isTakenBack }) => !isTakenBack)
  return {
    headers,
    cookies: new Map(cookies.map(({ name, value }) => [name, value])),
    paths: new Map(cookies.flatMap(({ name, path }) => (path === undefined ? [] : [[name, path]]))),
    secure: cookies.filter(({ isSecure }) => isSecure).map(({ name }) => name),
  }
}

/** Set-Cookie, RFC 6265 §4.1.1. */
function parseSetCookie(field: string) {
  const [pair = "", ...attributes] = field.split(";").map((part) => part.trim())
  const equals = pair.indexOf("=")
  const value = pair.slice(equals + 1).trim()
  const path = attributes
    .map((text) => /^path\s*=\s*(\/.*)$/i.exec(text)?.[1])
    .find((one) => one !== undefined)
  return {
    name: pair.slice(0, Math.max(equals, 0)).trim(),
    value,
    path,
    isSecure: attributes.some((text) => /^secure$/i.test(text)),
    isTakenBack:
      equals < 1 || value === "" || attributes.some((text) => /^max-age\s*=\s*(0|-\d+)$/i.test(text)),
  }
}

/** A cookie that was set takes the place of the user's of that name. */
function merged(given: readonly string[], set: readonly string[]): string[] {
  const names = new Set(set.map(nameOf))
  return [...given.filter((pair) => !names.has(nameOf(pair))), ...set]
}

function nameOf(pair: string): string {
  return pair.slice(0, pair.indexOf("="))
}

function textOf(data: Buffer | undefined): string {
  return data?.subarray(0, MAX_KEPT).toString("utf8") ?? ""
}
