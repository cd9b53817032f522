/** What is to be done with a connection, and the lines that ask for it. */
import { isUtf8 } from "node:buffer"
import { readFileSync, statSync } from "node:fs"
import { HoldfastError } from "../base/error.ts"
import { isSendableCloseCode, MAX_CONTROL_PAYLOAD_BYTES, NORMAL_CLOSURE } from "../websocket/frames.ts"
import { parseHex } from "./hex.ts"

export type Action =
  | { readonly kind: "message"; readonly data: Buffer; readonly isBinary: boolean }
  | { readonly kind: "ping" | "pong"; readonly payload: Buffer }
  | { readonly kind: "close"; readonly code: number; readonly reason: string }
  | { readonly kind: "reconnect" }
  | { readonly kind: "help" }

export interface ActionOptions {
  /** Lines are hexadecimal digits of binary messages. */
  readonly isBinary: boolean
  /** A slash begins a command. */
  readonly hasCommands: boolean
  readonly maxMessageBytes: number
}

export const COMMANDS_HELP = [
  "/ping [TEXT]           send a ping; its pong is shown with the round-trip time",
  "/pong [TEXT]           send a pong that nobody asked for",
  "/text TEXT             send TEXT, which may be empty",
  "/binary HEX            send these bytes as a binary message",
  "/file PATH             send a file as a binary message",
  "/close [CODE] [REASON] close the connection (1000)",
  "/reconnect             close it and connect again",
  "/help                  this list",
  "//…                    send a line that begins with a slash",
] as const

/** The commands' names, for completion. */
export const COMMAND_NAMES = [
  "/ping",
  "/pong",
  "/text",
  "/binary",
  "/file",
  "/close",
  "/reconnect",
  "/help",
] as const

/** What a line without its end asks for. Throws USAGE and FILE. */
export function actionOf(line: Buffer, options: ActionOptions): Action {
  if (options.hasCommands && line[0] === SLASH) {
    if (line[1] !== SLASH) return commandOf(line.toString("utf8"), options)
    return textOf(line.subarray(1))
  }
  if (options.isBinary) return { kind: "message", data: parseHex(line.toString("latin1")), isBinary: true }
  return textOf(line)
}

const SLASH = 0x2f

function textOf(data: Buffer): Action {
  if (!isUtf8(data))
    throw usage("not UTF-8: it cannot be a text message (RFC 6455 §5.6); --binary or --raw sends bytes")
  return { kind: "message", data, isBinary: false }
}

function commandOf(line: string, options: ActionOptions): Action {
  const [, name = "", rest = ""] = /^\/(\S*)\s?(.*)$/s.exec(line) ?? []
  switch (name) {
    case "ping":
    case "pong":
      return { kind: name, payload: payloadOf(rest) }
    case "text":
      return { kind: "message", data: Buffer.from(rest, "utf8"), isBinary: false }
    case "binary":
      return { kind: "message", data: parseHex(rest), isBinary: true }
    case "file":
      return { kind: "message", data: fileOf(rest.trim(), options.maxMessageBytes), isBinary: true }
    case "close":
      return closeOf(rest.trim())
    case "reconnect":
    case "help":
      return { kind: name }
    default:
      throw usage(`there is no command /${name}; /help lists them, // sends a line that begins with a slash`)
  }
}

function payloadOf(text: string): Buffer {
  const payload = Buffer.from(text, "utf8")
  if (payload.length > MAX_CONTROL_PAYLOAD_BYTES)
    throw usage(`a ping or pong has at most ${MAX_CONTROL_PAYLOAD_BYTES} bytes (RFC 6455 §5.5)`)
  return payload
}

const MAX_REASON_BYTES = MAX_CONTROL_PAYLOAD_BYTES - 2

function closeOf(text: string): Action {
  const [, digits, reason = ""] = /^(?:(\d+)(?:\s+|$))?(.*)$/s.exec(text) ?? []
  const code = digits === undefined ? NORMAL_CLOSURE : Number(digits)
  if (!isSendableCloseCode(code))
    throw usage(`${code} is no code that a Close frame may have (RFC 6455 §7.4)`)
  if (Buffer.byteLength(reason) > MAX_REASON_BYTES)
    throw usage(`a reason has at most ${MAX_REASON_BYTES} bytes (RFC 6455 §5.5)`)
  return { kind: "close", code, reason }
}

function fileOf(path: string, maxBytes: number): Buffer {
  try {
    const stat = statSync(path)
    if (stat.isFile() && stat.size <= maxBytes) return readFileSync(path)
    throw new Error(stat.isFile() ? `it has ${stat.size} bytes, more than --max-message` : "it is no file")
  } catch (error) {
    throw new HoldfastError("FILE", `cannot send "${path}": ${(error as Error).message}`)
  }
}

function usage(message: string): HoldfastError {
  return new HoldfastError("USAGE", message)
}
