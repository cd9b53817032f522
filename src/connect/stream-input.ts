/** Standard input that is no terminal with a prompt: lines, or bytes as they come. */
import type { Readable } from "node:stream"
import { HoldfastError } from "../base/error.ts"
import { type Action, type ActionOptions, actionOf } from "./actions.ts"

const LINE_FEED = 0x0a
const CARRIAGE_RETURN = 0x0d

/** An action a line. Reads no further than what is asked for. Throws USAGE with the number of the line. */
export async function* lineActions(input: Readable, options: ActionOptions): AsyncGenerator<Action> {
  let number = 0
  for await (const line of linesOf(input, options.maxMessageBytes)) {
    number++
    yield named(number, () => actionOf(line, options))
  }
}

/** Pieces as they are read, each a binary message. */
export async function* rawActions(input: Readable): AsyncGenerator<Action> {
  for await (const piece of input) yield { kind: "message", data: piece as Buffer, isBinary: true }
}

/** Lines without their ends, LF or CRLF. What stands behind the last of them is a line, too. Throws USAGE. */
async function* linesOf(input: Readable, maxBytes: number): AsyncGenerator<Buffer> {
  let begun: Buffer[] = []
  let begunBytes = 0
  let number = 1
  const add = (part: Buffer): void => {
    begun.push(part)
    begunBytes += part.length
    if (begunBytes > maxBytes)
      throw new HoldfastError("USAGE", `line ${number} of the input is longer than --max-message allows`)
  }
  for await (const piece of input as AsyncIterable<Buffer>) {
    let from = 0
    for (let at = piece.indexOf(LINE_FEED); at >= 0; at = piece.indexOf(LINE_FEED, from)) {
      add(piece.subarray(from, at))
      yield withoutReturn(begun)
      begun = []
      begunBytes = 0
      from = at + 1
      number++
    }
    if (from < piece.length) add(piece.subarray(from))
  }
  if (begunBytes > 0) yield withoutReturn(begun)
}

function withoutReturn(parts: readonly Buffer[]): Buffer {
  const line = parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts)
  return line.at(-1) === CARRIAGE_RETURN ? line.subarray(0, -1) : line
}

function named(number: number, action: () => Action): Action {
  try {
    return action()
  } catch (error) {
    if (!(error instanceof HoldfastError)) throw error
    throw new HoldfastError(error.code, `line ${number} of the input: ${error.message}`)
  }
}
